//! The way ahead of an enrollment as things stand: what would come of its steps
//! if nothing changed but the time. Pure.
//!
//! Facts stay as they were read. A mail counts as sent when it is planned, a
//! task stays open and a survey unanswered, so each wait for a person takes
//! its whole time.

use std::sync::Arc;

use super::advance::{Look, MessageEnd, Transition, advance};
use super::state::{Enrollment, Phase, State};
use crate::clock::Instant;
use crate::effect::{Effect, EffectBody, MessageDraft};
use crate::facts::Progress;
use crate::rule::Context;

/// One consequence on the way, and when it would come.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectAhead {
    pub at: Instant,
    pub effect: Effect,
}

/// All that comes after a first look whose transition is `first`, its own
/// effects included, in order. `look` is what that first look used. It ends
/// where a step cannot be decided.
pub fn look_ahead(look: &Look<'_>, first: &Transition) -> Vec<EffectAhead> {
    let mut now = look.context.facts.as_of;
    let mut ahead: Vec<EffectAhead> = first.effects.iter().map(|effect| at_instant(now, effect)).collect();
    let mut progress = look.context.progress.as_deref().cloned().unwrap_or_else(|| look.enrollment.at_entry());
    let mut enrollment = first.enrollment.clone();
    while enrollment.state == State::Active {
        record_sent(&mut progress, &ahead);
        let Some(next) = next_look(&enrollment, now) else { break };
        let context = at_a_later_instant(look.context, &progress, &enrollment, next);
        let messages = [MessageEnd(Some(next))];
        let transition = advance(&Look { enrollment: &enrollment, context: &context, messages: &messages, ..*look });
        if next == now && is_where_it_was(&enrollment, &transition.enrollment) {
            break;
        }
        now = next;
        ahead.extend(transition.effects.iter().map(|effect| at_instant(now, effect)));
        enrollment = transition.enrollment;
    }
    ahead
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
fn at_a_later_instant(seen: &Context, progress: &Progress, enrollment: &Enrollment, at: Instant) -> Context {
    let mut facts = (*seen.facts).clone();
    facts.as_of = at;
    let progress = Progress { step_at: enrollment.step_at, ..progress.clone() };
    Context { facts: Arc::new(facts), progress: Some(Arc::new(progress)), zone: seen.zone }
}
