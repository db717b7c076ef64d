//! What would come of a held run, in words: how many mails and tasks, whose work it
//! is, in what else those are who wait, and how their mails read.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::WebState;
use super::language::{phrase, say};
use super::page::{Trouble, account_name};
use super::stored_words::stored_words;
use super::turn::in_turn;
use super::workload::WorkloadView;
use crate::clock::Instant;
use crate::delivery::render;
use crate::effect::kind;
use crate::enrollment::Enrollment;
use crate::facts::SubjectId;
use crate::playbook::guardrails::Ramp;
use crate::store::views::web::{HeldOfCsm, HeldRow, RunRow, largest_account};
use crate::worker::runs::approval_outlook::{ApprovalOutlook, HeldRun, look_at_held};
use crate::worker::runs::plan::PlannedEffect;
use crate::worker::shared::Shared;

/// How many of those who wait are looked at.
const LOOKED_AT: i64 = 500;

/// How many mails of one account are shown.
const MAILS: usize = 10;

#[derive(Serialize)]
pub(super) struct OutlookView {
    /// Why nobody can say.
    trouble: Option<String>,
    /// How many were looked at, where that is not all.
    only: Option<usize>,
    /// How they enter: `The first 10, then 100 after 15 minutes, and so on`; `None`
    /// where all do at once.
    ramp: Option<String>,
    figures: Vec<Figure>,
    workload: Vec<WorkloadView>,
    rendered: Vec<RenderedMails>,
    /// Whether the playbook has changed since its last run.
    is_changed: bool,
    #[serde(skip)]
    found: ApprovalOutlook,
}

#[derive(Serialize)]
struct Figure {
    label: &'static str,
    value: usize,
}

/// The mails of one account.
#[derive(Serialize)]
struct RenderedMails {
    /// Which account it is, with its `name` in braces.
    which: &'static str,
    name: String,
    mails: Vec<RenderedMail>,
    more: usize,
}

#[derive(Serialize)]
struct RenderedMail {
    when: String,
    step: String,
    to: String,
    subject: String,
    body: String,
}

impl OutlookView {
    /// Of those who wait in a held run, with the mails of the first, of the largest
    /// and of a chosen account. `named` are those on the page, `csms` whose all of them are.
    pub async fn of(
        web: &WebState,
        run: &RunRow,
        named: &[HeldRow],
        chosen: Option<&str>,
        csms: &[HeldOfCsm],
    ) -> Result<OutlookView, Trouble> {
        let now = web.clock.now();
        let largest = largest_account(csms);
        let waiting = csms.iter().map(|one| one.waiting).sum::<i64>().unsigned_abs() as usize;
        let first = web.store.held_sample(&run.playbook, run.slot, 1).await?.pop().map(|one| one.account_id);
        let mut wanted: Vec<String> = named.iter().map(|one| one.account_id.clone()).collect();
        wanted.extend(largest.into_iter().chain(first.as_deref()).chain(chosen).map(str::to_owned));
        let held = web.store.some_held_enrollments(&run.playbook, run.slot, &wanted, LOOKED_AT).await?;
        let of = |account: &str| held.iter().map(Enrollment::subject).find(|subject| subject.account == account);
        let mut rendered: Vec<(&'static str, SubjectId)> = Vec::new();
        for (which, account) in [
            (phrase!("Chosen: {name}"), chosen),
            (phrase!("The first: {name}"), first.as_deref()),
            (phrase!("The largest: {name}"), largest),
        ] {
            if let Some(subject) = account.and_then(of)
                && !rendered.iter().any(|(_, known)| *known == subject)
            {
                rendered.push((which, subject));
            }
        }
        let shown: Vec<SubjectId> = rendered.iter().map(|(_, subject)| subject.clone()).collect();
        let looked_at = held.len();
        let look = look_at(web.shared.clone(), run.clone(), held, shown.clone(), now);
        let (found, trouble) = match in_turn(web, look).await {
            Ok(found) => match found? {
                Ok(found) => (found, None),
                Err(why) => (ApprovalOutlook::default(), Some(stored_words(&why, web.zone))),
            },
            Err(no_answer) => (ApprovalOutlook::default(), Some(say!("{reason}.", reason = no_answer.words()))),
        };
        let all = waiting.max(looked_at);
        let entered = web.store.count_enrolled(&run.playbook, run.slot).await?.all.unsigned_abs();
        let position = RampPosition { batch: run.ramp_batch.unsigned_abs(), entered };
        let names = web.store.account_names(&shown.iter().map(|one| one.account.clone()).collect::<Vec<_>>()).await?;
        let rendered = rendered.into_iter().map(|(which, subject)| {
            let name = account_name(names.get(&subject.account).cloned(), &subject.account);
            render_mails(which, name, &subject, &found.mails)
        });
        Ok(OutlookView {
            only: (looked_at < all).then_some(looked_at),
            ramp: found.ramp.map(|ramp| in_words(ramp, position, all)),
            figures: figures(&found, looked_at),
            workload: found.workload.iter().map(WorkloadView::of).collect(),
            rendered: rendered.collect(),
            is_changed: found.new.is_some(),
            trouble,
            found,
        })
    }

    /// Whether the revision before would not have enrolled them.
    pub fn is_new(&self, subject: &SubjectId) -> bool {
        self.found.new.as_ref().is_some_and(|new| new.contains(subject))
    }

    /// Whether their reason to enter is gone.
    pub fn is_gone(&self, subject: &SubjectId) -> bool {
        self.found.gone.contains(subject)
    }

    /// The other playbooks in which their account is.
    pub fn others_of(&self, subject: &SubjectId) -> Vec<String> {
        self.found.others.get(subject).into_iter().flatten().cloned().collect()
    }
}

async fn look_at(
    shared: Arc<Shared>,
    run: RunRow,
    held: Vec<Enrollment>,
    shown: Vec<SubjectId>,
    now: Instant,
) -> anyhow::Result<Result<ApprovalOutlook, String>> {
    let this = HeldRun { playbook: &run.playbook, revision: &run.revision, slot: run.slot };
    look_at_held(&shared, this, &held, &shown, now).await
}

fn figures(found: &ApprovalOutlook, looked_at: usize) -> Vec<Figure> {
    let subjects_with = |kind: &str| {
        let subjects: BTreeSet<&SubjectId> =
            found.effects.iter().filter(|effect| effect.kind == kind).map(|effect| &effect.subject).collect();
        subjects.len()
    };
    let count = |kind: &str| found.effects.iter().filter(|effect| effect.kind == kind).count();
    let mut figures = vec![
        Figure { label: phrase!("Would enter"), value: looked_at - found.gone.len() },
        Figure { label: phrase!("Mails to customers"), value: count(kind::MAIL) },
        Figure { label: phrase!("Who get mail"), value: subjects_with(kind::MAIL) },
        Figure { label: phrase!("Tasks"), value: count(kind::TASK) },
        Figure { label: phrase!("Also in another playbook"), value: found.others.len() },
    ];
    if let Some(new) = &found.new {
        figures.push(Figure { label: phrase!("New by the change"), value: new.len() });
    }
    figures
}

/// How far a run is with its ramp.
#[derive(Clone, Copy)]
struct RampPosition {
    /// The number of the next batch; that of the first is 0.
    batch: u32,
    /// How many have entered.
    entered: u64,
}

/// `The next 10, then 90 more after 15 minutes`, of so many who wait. As the release counts.
fn in_words(ramp: Ramp, position: RampPosition, all: usize) -> String {
    let all = all as u64;
    let first = ramp.so_far(position.batch).saturating_sub(position.entered).min(all);
    if first >= all {
        return say!("All {n} are in the next batch", n = all);
    }
    let second = ramp.batch(position.batch.saturating_add(1)).min(all - first);
    let minutes = ramp.every.num_minutes();
    let every = match (minutes % 60, minutes) {
        (0, 60) => say!("an hour"),
        (0, minutes) => say!("{n} hours", n = minutes / 60),
        (_, minutes) => say!("{n} minutes", n = minutes),
    };
    if first + second < all {
        return say!(
            "The next {first}, then {second} more after {time}, and so on",
            first = first,
            second = second,
            time = every
        );
    }
    say!("The next {first}, then {second} more after {time}", first = first, second = second, time = every)
}

fn render_mails(which: &'static str, name: String, subject: &SubjectId, mails: &[PlannedEffect]) -> RenderedMails {
    let of_subject: Vec<&PlannedEffect> = mails.iter().filter(|mail| mail.subject == *subject).collect();
    let view = |mail: &&PlannedEffect| {
        let text = mail.text.clone();
        // As the text part of the mail reads.
        let (title, body) = text.map(|text| (text.subject, render(&text.body).text)).unwrap_or_default();
        RenderedMail {
            when: after(mail.after),
            step: mail.step.clone(),
            to: mail.to.clone().unwrap_or_default(),
            subject: title,
            body,
        }
    };
    RenderedMails {
        which,
        name,
        more: of_subject.len().saturating_sub(MAILS),
        mails: of_subject.iter().take(MAILS).map(view).collect(),
    }
}

/// `at once`, `after 3 days`.
fn after(span: chrono::Duration) -> String {
    let (days, hours, minutes) = (span.num_days(), span.num_hours(), span.num_minutes());
    match (days, hours, minutes) {
        (0, 0, 0) => say!("at once"),
        (0, 0, minutes) => say!(minutes, "after {n} minute", "after {n} minutes", n = minutes),
        (0, hours, _) => say!(hours, "after {n} hour", "after {n} hours", n = hours),
        (days, ..) => say!(days, "after {n} day", "after {n} days", n = days),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_said_in_words() {
        let ramp = Ramp::default();
        let begin = RampPosition { batch: 0, entered: 0 };
        // The canary of a first run was the first batch, and some of its places were left.
        let later = RampPosition { batch: 1, entered: 8 };
        assert_eq!(in_words(ramp, later, 500), "The next 102, then 398 more after 15 minutes");
        assert_eq!(in_words(ramp, begin, 5), "All 5 are in the next batch");
        assert_eq!(in_words(ramp, begin, 42), "The next 10, then 32 more after 15 minutes");
        assert_eq!(in_words(ramp, begin, 500), "The next 10, then 100 more after 15 minutes, and so on");
        let slow = Ramp { every: chrono::Duration::hours(2), ..ramp };
        assert_eq!(in_words(slow, begin, 11), "The next 10, then 1 more after 2 hours");
    }
}
