//! The way ahead of an enrollment as things stand: what would come of its steps
//! if nothing changed but the time. Pure.
//!
//! Facts stay as they were read, but for what the steps themselves do. A mail counts as sent when it is planned, a
//! task stays open and a survey unanswered, so each wait for a person takes
//! its whole time.

use std::sync::Arc;

use chrono_tz::Tz;

use super::advance::{Look, MessageEnd, Transition, advance};
use super::own_acts::own_acts;
use super::state::{Enrollment, Phase, State};
use crate::clock::Instant;
use crate::effect::{Effect, EffectBody, MessageDraft};
use crate::facts::{Facts, OwnActs, Progress};
use crate::rule::Context;
use crate::rule::functions::count_own_acts;

/// One consequence on the way, and when it would come.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectAhead {
    pub at: Instant,
    pub effect: Effect,
}

/// The way ahead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WayAhead {
    /// In order.
    pub effects: Vec<EffectAhead>,
    /// When it would end; `None` where that is not known.
    pub ends_at: Option<Instant>,
    /// As it would be at the end, or where nobody knows what comes next; `None` where
    /// nothing can be seen of it.
    pub enrollment: Option<Enrollment>,
}

/// All that comes after a first look whose transition is `first`, its own
/// effects included, in order. `look` is what that first look used. It ends
/// where a step cannot be decided.
pub fn look_ahead(look: &Look<'_>, first: &Transition) -> WayAhead {
    let mut now = look.context.facts.as_of;
    let mut ahead: Vec<EffectAhead> = first.effects.iter().map(|effect| at_instant(now, effect)).collect();
    let mut progress = look.context.progress.as_deref().cloned().unwrap_or_else(|| look.enrollment.at_entry());
    let mut enrollment = first.enrollment.clone();
    let (mut facts, mut open_tasks) = (look.context.facts.clone(), look.open_tasks.clone());
    let mut mailed = mails_of(&enrollment, &first.effects);
    while enrollment.state == State::Active {
        record_sent(&mut progress, &ahead);
        let Some(next) = next_look(&enrollment, now) else { break };
        let seen = if next == now { count_own_acts(&facts, &mailed) } else { facts.clone() };
        let context = at_a_later_instant(&seen, look.context.zone, &progress, &enrollment, next);
        let messages = [MessageEnd(Some(next))];
        let transition = advance(&Look {
            enrollment: &enrollment,
            context: &context,
            messages: &messages,
            open_tasks: &open_tasks,
            ..*look
        });
        if next == now && is_where_it_was(&enrollment, &transition.enrollment) {
            break;
        }
        now = next;
        mailed = mails_of(&transition.enrollment, &transition.effects);
        let acts = own_acts(&transition.enrollment, &transition.effects, &mut open_tasks);
        facts = count_own_acts(&facts, &acts);
        ahead.extend(transition.effects.iter().map(|effect| at_instant(now, effect)));
        enrollment = transition.enrollment;
    }
    let ends_at = (enrollment.state != State::Active).then_some(now);
    WayAhead { effects: ahead, ends_at, enrollment: Some(enrollment) }
}

/// What the mails among effects change in facts of the same instant, as if each
/// was sent at once.
fn mails_of(enrollment: &Enrollment, effects: &[Effect]) -> OwnActs {
    let mut acts = OwnActs::default();
    for effect in effects.iter().filter(|_| !enrollment.shadow && !enrollment.is_ghost()) {
        if let EffectBody::Message(MessageDraft::Mail(draft)) = &effect.body {
            acts.mailed = true;
            acts.mailed_contact |= draft.contact == enrollment.contact;
        }
    }
    acts
}

fn at_instant(at: Instant, effect: &Effect) -> EffectAhead {
    EffectAhead { at, effect: effect.clone() }
}

/// When something can come of it next; `None` where that is not known.
fn next_look(enrollment: &Enrollment, now: Instant) -> Option<Instant> {
    match (enrollment.phase, enrollment.due_at) {
        (_, Some(due)) => Some(due.max(now)),
        (Phase::Sending, None) => Some(now),
        (Phase::Begin | Phase::Waiting, None) => None,
    }
}

/// Whether a look left an enrollment where it was.
pub fn is_where_it_was(before: &Enrollment, after: &Enrollment) -> bool {
    let place = |one: &Enrollment| (one.state, one.phase, one.step_at, one.due_at);
    place(before) == place(after) && before.step == after.step
}

fn record_sent(progress: &mut Progress, ahead: &[EffectAhead]) {
    let mails = ahead.iter().filter(|one| matches!(one.effect.body, EffectBody::Message(MessageDraft::Mail(_))));
    progress.sent.extend(mails.map(|mail| mail.effect.step.clone()));
}

/// The same facts at a later instant, and how far the enrollment is by then.
fn at_a_later_instant(seen: &Facts, zone: Tz, progress: &Progress, enrollment: &Enrollment, at: Instant) -> Context {
    let mut facts = seen.clone();
    facts.as_of = at;
    let progress = Progress { step_at: enrollment.step_at, ..progress.clone() };
    Context { facts: Arc::new(facts), progress: Some(Arc::new(progress)), zone }
}
