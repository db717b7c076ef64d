//! What a look asked for: tasks opened, mails planned, notices collected.

use std::collections::HashMap;

use super::{Course, Planned};
use crate::action::staff::{Held, Staff};
use crate::action::{self, Situation};
use crate::clock::Instant;
use crate::delivery::render;
use crate::effect::{Effect, EffectBody, LabelDraft, MessageDraft, NoticeDraft, TaskDraft, WebhookDraft, kind};
use crate::enrollment::{MessageEnd, OpenTasks, own_acts};
use crate::facts::history::{LabelRecord, TaskRecord};
use crate::facts::{Csm, PlanRecord};
use crate::message::channel::Channel;
use crate::playbook::{Step, StepForm};
use crate::rehearsal::happened::{Consequence, Occurrence, What};
use crate::rehearsal::wording;
use crate::rule::Context;
use crate::rule::functions::fold::FoldError;

/// A task that nobody has done yet.
pub(super) struct OpenTask {
    pub step: String,
    /// Which of the step's tasks, where a script asks for several.
    ordinal: i32,
    /// Whose it is.
    assignee: Option<String>,
    pool: Option<String>,
    due_at: Option<Instant>,
    pub keep: bool,
    /// The latest enrollment that asked for it.
    pub played: usize,
    /// Its row in the account's own history; a shadow has none.
    pub record: Option<usize>,
}

impl Course<'_> {
    /// Does what a look asked for.
    pub(super) fn carry_out(&mut self, index: usize, effects: Vec<Effect>, now: Instant) -> Result<(), FoldError> {
        let mails: Vec<Planned> = effects
            .iter()
            .filter_map(|effect| match &effect.body {
                EffectBody::Message(MessageDraft::Mail(draft)) => Some((effect, draft)),
                _ => None,
            })
            .enumerate()
            .map(|(place, (effect, draft))| Planned {
                played: index,
                place,
                id: effect.id,
                step: effect.step.clone(),
                draft: draft.clone(),
                next_at: now,
                held_until: None,
                held_by: None,
                over_budget: false,
            })
            .collect();
        if !mails.is_empty() {
            self.played[index].messages = vec![MessageEnd(None); mails.len()];
        }
        self.count_acts(index, &effects, now);
        let mut fates = self.fates(&mails, now)?;
        let mut mails = mails.into_iter();
        for Effect { id, step, ordinal, body } in effects {
            match body {
                EffectBody::Task(draft) => {
                    self.open(index, step, ordinal, draft, now);
                }
                EffectBody::Referral { playbook } => {
                    self.happen(now, format!("`{step}` asked to enter the playbook {playbook}, which is not played"));
                }
                EffectBody::Label(draft) => self.set_label(index, draft, now),
                EffectBody::Plan { plan } => self.give_plan(index, plan, now),
                EffectBody::Report(report) => self.happen(now, format!("the report {} was made", report.report)),
                // In the order of the text, tasks and notices between them.
                EffectBody::Message(MessageDraft::Mail(_)) => {
                    if let (Some(mail), Some(fate)) = (mails.next(), fates.remove(&id)) {
                        self.act(mail, fate, now)?;
                    }
                }
                EffectBody::Message(MessageDraft::Notice(draft)) => {
                    let noun = if draft.is_markdown { "list mail" } else { Channel::Notice.name() };
                    let text = format!("{noun} `{step}` to {}: {}", draft.audience, wording::beginning(&draft.text));
                    self.happen(now, text);
                    self.occur(now, What::Effect(Box::new(notice(&step, &draft))));
                }
                EffectBody::Message(MessageDraft::Webhook(draft)) => {
                    let text = format!("webhook `{step}` to {}: {}", draft.variable, wording::beginning(&draft.body));
                    self.happen(now, text);
                    self.occur(now, What::Effect(Box::new(webhook(&step, &draft))));
                }
                EffectBody::Message(MessageDraft::Skipped { to, reason, .. }) => {
                    let to = to.map_or(String::new(), |to| format!(" to {to}"));
                    // Whom a script writes to is not known beforehand: nobody was made up for it.
                    let unknown = reason == "no recipient" && self.case.fixtures.contacts.is_none();
                    let help = if unknown { "; list who is there under `contacts:`" } else { "" };
                    self.note(now, Some(&step), format!("the mail `{step}`{to} was skipped: {reason}{help}"), false);
                }
                EffectBody::Message(MessageDraft::Failed { reason, .. }) => {
                    self.note(now, Some(&step), format!("the step `{step}` failed: {reason}"), true);
                }
            }
        }
        Ok(())
    }

    /// Keeps what an enrollment did at this instant: its mail is written after that.
    fn count_acts(&mut self, index: usize, effects: &[Effect], now: Instant) {
        let mut open = self.open_tasks();
        let played = &mut self.played[index];
        let acts = own_acts(&played.enrollment, effects, &mut open);
        let before = played.acts_at(now);
        before.labels.extend(acts.labels);
        before.opened_tasks += acts.opened_tasks;
    }

    /// The tasks that are open.
    pub(super) fn open_tasks(&self) -> OpenTasks {
        self.tasks.iter().map(|task| (task.step.clone(), task.ordinal)).collect()
    }

    fn set_label(&mut self, index: usize, LabelDraft { name, value }: LabelDraft, now: Instant) {
        let what = match &value {
            Some(value) => format!("the label `{name}` was set to “{value}”"),
            None => format!("the label `{name}` was removed"),
        };
        self.happen(now, what);
        if !self.played[index].enrollment.shadow {
            let contact = self.world.enrolled();
            self.world.history.labels.push(LabelRecord { contact, name, value, at: now });
        }
    }

    /// Who has the plan keeps it.
    fn give_plan(&mut self, index: usize, plan: String, now: Instant) {
        self.happen(now, format!("the account got the success plan {plan}"));
        let plans = &mut self.world.history.plans;
        if !self.played[index].enrollment.shadow && !plans.iter().any(|had| had.plan == plan) {
            plans.push(PlanRecord { plan, since: now, by_step: true });
        }
    }

    pub(super) fn occur(&mut self, now: Instant, mut what: What) {
        let after = self.offset(now);
        if let What::Effect(consequence) = &mut what {
            // A survey is a mail, and a case expects it as a survey.
            let step = Step::walk(&self.playbook.playbook.steps).into_iter().find(|step| step.id == consequence.step);
            let form = step.and_then(|step| action::kind(&step.kind)).map(|kind| kind.form());
            if let Some(StepForm { name, expected: Some(expected), .. }) = form
                && expected.effect == consequence.effect
            {
                consequence.key = name;
            }
        }
        self.occurrences.push(Occurrence { after, what });
    }

    /// Notes in the account's own history how a task ended.
    pub(super) fn end_record(&mut self, record: Option<usize>, now: Instant, done: bool) {
        if let Some(task) = record.and_then(|record| self.world.history.tasks.get_mut(record)) {
            (task.ended_at, task.done) = (Some(now), done);
        }
    }

    fn open(&mut self, index: usize, step: String, ordinal: i32, draft: TaskDraft, now: Instant) {
        if let Some(open) = self.tasks.iter_mut().find(|task| task.step == step && task.ordinal == ordinal) {
            (open.keep, open.played, open.due_at) = (draft.keep, index, draft.due_at);
            // Whoever has it from a pool keeps it.
            if open.pool.is_none() || open.pool != draft.pool {
                (open.assignee, open.pool) = (draft.assignee, draft.pool);
            }
            self.happen(now, format!("the task `{step}` is still open and was refreshed"));
            return;
        }
        let record = (!self.played[index].enrollment.shadow).then_some(self.world.history.tasks.len());
        if record.is_some() {
            let contact = self.world.enrolled();
            self.world.history.tasks.push(TaskRecord { contact, created_at: now, ended_at: None, done: false });
        }
        self.tasks.push(OpenTask {
            step: step.clone(),
            ordinal,
            assignee: draft.assignee.clone(),
            pool: draft.pool.clone(),
            due_at: draft.due_at,
            keep: draft.keep,
            played: index,
            record,
        });
        let people = &self.world.people;
        let (csm, manager) = (people.csm.as_ref(), people.manager.as_ref());
        let is = |person: Option<&Csm>| person.is_some_and(|person| Some(&person.id) == draft.assignee.as_ref());
        let role = if let Some(pool) = &draft.pool {
            Some(format!("pool:{pool}"))
        } else if is(csm) {
            Some("csm".to_owned())
        } else if is(manager) {
            Some("manager".to_owned())
        } else {
            None
        };
        let to = role.as_deref().or(draft.assignee.as_deref()).unwrap_or("nobody");
        let covers = draft.reason.as_ref().map_or(String::new(), |reason| format!(" (who {reason})"));
        let due =
            draft.due_at.map_or(String::new(), |due| format!(", due {}", wording::instant(due, self.playbook.zone)));
        self.happen(now, format!("task `{step}` for {to}{covers}{due}: {}", draft.title));
        self.occur(now, What::Effect(Box::new(task(&step, role.as_deref(), &draft))));
    }

    /// Gives tasks of colleagues who are away to their cover. Nobody of a case
    /// leaves the company.
    pub(super) fn hand_over(&mut self, now: Instant) {
        let mut staff = self.staff();
        for place in 0..self.tasks.len() {
            let task = &self.tasks[place];
            let Some(holder) = task.assignee.as_deref().filter(|holder| staff.find(holder).is_some()) else { continue };
            let pool = task.pool.as_ref().and_then(|pool| self.config.pools.get(pool));
            let held = Held { holder, pool: pool.map(|members| &**members), due_at: task.due_at, csm: None };
            if let Some(handover) = staff.handover(&held, now, self.playbook.zone) {
                staff.assign(&handover.to);
                let text = format!("the task `{}` went on to {}, who {}", task.step, handover.to, handover.reason);
                self.happen(now, text);
                self.tasks[place].assignee = Some(handover.to);
            }
        }
    }

    /// The colleagues of the case with what the case gave them to do.
    pub(super) fn staff(&self) -> Staff {
        let colleagues = || self.world.colleagues(&self.config.pools, self.playbook.zone);
        let mut staff = self.idle_staff.get_or_init(|| Staff::new(colleagues(), HashMap::new())).clone();
        for assignee in self.tasks.iter().filter_map(|task| task.assignee.as_deref()) {
            staff.assign(assignee);
        }
        staff
    }

    pub(super) fn situation<'b>(&'b self, context: &'b Context, staff: &'b Staff) -> Situation<'b> {
        Situation {
            sandbox: &self.playbook.sandbox,
            context,
            people: &self.world.people,
            staff,
            playbook: &self.playbook.playbook.id,
            alerts_to: self.alerts_to(),
            zone: self.playbook.zone,
            calendar: &self.calendar,
            variants: Some(&self.case.variants),
        }
    }
}

/// A task. `role` is `csm`, `manager` or `pool:NAME`, if it is for one of these.
fn task(step: &str, role: Option<&str>, draft: &TaskDraft) -> Consequence {
    let lines = [draft.title.as_str()].into_iter().chain(draft.description.as_deref());
    let lines = lines.chain(draft.checklist.iter().map(String::as_str));
    Consequence {
        step: step.to_owned(),
        effect: kind::TASK,
        key: kind::TASK,
        verb: "was created for",
        addressee: role.or(draft.assignee.as_deref()).unwrap_or("nobody").to_owned(),
        names: role.into_iter().map(str::to_owned).collect(),
        addresses: draft.assignee.iter().cloned().collect(),
        subject: Some(draft.title.clone()),
        text: lines.collect::<Vec<_>>().join("\n"),
        rendered: None,
        variant: None,
    }
}

/// A notice to a colleague or to a channel.
fn notice(step: &str, draft: &NoticeDraft) -> Consequence {
    let audience = &draft.audience;
    Consequence {
        step: step.to_owned(),
        effect: if draft.is_markdown { kind::MAIL } else { kind::NOTICE },
        key: kind::NOTICE,
        verb: "was sent to",
        addressee: draft.to.as_ref().map_or_else(|| audience.clone(), |to| format!("{audience} ({to})")),
        names: vec![audience.clone()],
        addresses: draft.to.iter().cloned().collect(),
        subject: Some(draft.subject.clone()),
        text: match draft.is_markdown {
            true => format!("{}\n{}", draft.subject, render(&draft.text).text),
            false => format!("{}\n{}", draft.subject, draft.text),
        },
        rendered: None,
        variant: None,
    }
}

/// A body that was posted to another system.
fn webhook(step: &str, draft: &WebhookDraft) -> Consequence {
    Consequence {
        step: step.to_owned(),
        effect: kind::WEBHOOK,
        key: kind::WEBHOOK,
        verb: "was sent to",
        addressee: draft.variable.clone(),
        names: vec![draft.variable.clone()],
        addresses: Vec::new(),
        subject: None,
        text: draft.body.clone(),
        rendered: None,
        variant: None,
    }
}
