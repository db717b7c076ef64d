//! When somebody on the way has to be looked at again. The daemon looks every
//! quarter hour; a course leaves out the looks before which nothing can have
//! changed, for it plays months in a moment.
//!
//! Invariant: a course decides the same at the same instants as if it looked
//! every quarter hour; a test compares the two.

use std::collections::BTreeSet;

use super::turns::Turns;
use super::{Course, PlayedEnrollment};
use crate::catalog::{ReadyBody, ReadyPlaybook, ReadyWait, ReadyWaitOn};
use crate::clock::Instant;
use crate::enrollment::{Phase, State, next_quarter};
use crate::facts::{Cell, History, Subject};
use crate::playbook::case::Case;
use crate::rehearsal::moment;
use crate::rehearsal::world::World;
use crate::rule::Rule;
use crate::rule::functions::change_instants_until;

/// The looks at who waits.
#[derive(Clone, Debug)]
pub(super) enum Rechecks {
    /// Nobody waits for anything.
    Never,
    EveryQuarter,
    /// Only then, and behind what the course itself does, can a waiting rule turn.
    Behind(Turns),
}

/// What is asked again and again at one place of a course.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RecheckedPlace {
    /// Where somebody on the way stands.
    on_the_way: Option<Option<String>>,
    /// The steps whose tasks are open.
    tasks: BTreeSet<String>,
    /// Whether a goal may still count after the end.
    is_goal_open: bool,
}

impl Rechecks {
    /// Those of a course between two instants.
    pub fn new(
        place: &RecheckedPlace,
        playbook: &ReadyPlaybook,
        case: &Case,
        world: &World,
        (from, until): (Instant, Instant),
    ) -> Rechecks {
        if *place == RecheckedPlace::default() {
            return Rechecks::Never;
        }
        // Who is away today is back tomorrow, and whose tasks they are depends on it.
        if world.has_absences() {
            return Rechecks::EveryQuarter;
        }
        let Some(mut turns) = turns(place, playbook, &world.history, (from, until)) else {
            return Rechecks::EveryQuarter;
        };
        let start = case.at.to_utc();
        // What a case changes has changed at that very instant.
        turns.extend(case.then.iter().map(|change| just_before(moment(start, change.after))));
        Rechecks::Behind(turns)
    }

    /// The next look after an instant, where something was done at `touched` last;
    /// `None` where nothing can change any more.
    fn next_after(&self, now: Instant, touched: Option<Instant>, recheck: chrono::Duration) -> Option<Instant> {
        match self {
            Rechecks::Never => None,
            Rechecks::EveryQuarter => Some(next_quarter(now, recheck)),
            Rechecks::Behind(turns) => {
                // What came in this quarter has not been looked at yet.
                let quarter = next_quarter(now, recheck) - recheck;
                let touched = touched.filter(|touched| *touched >= quarter);
                let next = turns.next_from(quarter).into_iter().chain(touched).min();
                next.map(|instant| next_quarter(instant, recheck))
            }
        }
    }
}

/// How far a course is: where this stays, nothing was done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    happened: usize,
    passages: usize,
    tasks: usize,
    planned: usize,
    /// Of who is on the way.
    place: Option<StandingPlace>,
}

/// Where somebody on the way stands.
#[derive(Clone, Debug, PartialEq)]
struct StandingPlace {
    step: Option<String>,
    phase: Phase,
    due_at: Option<Instant>,
    /// What is undecided.
    reason: Option<String>,
}

impl Course<'_> {
    /// The next look at who waits, at open tasks and at late goals.
    pub(super) fn next_recheck(&self, now: Instant) -> Option<Instant> {
        self.rechecks.next_after(now, self.touched, self.config.recheck)
    }

    pub(super) fn standing(&self) -> Standing {
        let place = self.current().map(|current| {
            let enrollment = &self.played[current].enrollment;
            StandingPlace {
                step: enrollment.step.clone(),
                phase: enrollment.phase,
                due_at: enrollment.due_at,
                reason: enrollment.reason.clone(),
            }
        });
        Standing {
            happened: self.happened.len() - self.remarks,
            passages: self.passages.len(),
            tasks: self.tasks.len(),
            planned: self.planned.len(),
            place,
        }
    }

    /// Puts the next look at who waits off until something can have changed.
    pub(super) fn postpone(&mut self, now: Instant) {
        let next = self.next_recheck(now);
        let (Rechecks::Behind(_), Some(current)) = (&self.rechecks, self.current()) else { return };
        let enrollment = &mut self.played[current].enrollment;
        // What could not be decided is asked again; what begins, begins.
        let waits = enrollment.state == State::Active && enrollment.phase != Phase::Begin;
        if !waits || enrollment.reason.is_some() || enrollment.look_at.is_none_or(|look| look <= now) {
            return;
        }
        enrollment.look_at = [next, enrollment.due_at.filter(|due| *due > now)].into_iter().flatten().min();
    }

    /// Finds the looks from an instant on anew, for the world is another one.
    pub(super) fn renew_rechecks(&mut self, now: Instant, until: Instant) {
        self.rechecked = self.rechecked_place(now);
        self.rechecks = Rechecks::new(&self.rechecked, self.playbook, self.case, &self.world, (now, until));
    }

    fn rechecked_place(&self, now: Instant) -> RecheckedPlace {
        let is_open = |played: &PlayedEnrollment| played.enrollment.goal_until.is_some_and(|until| until >= now);
        RecheckedPlace {
            on_the_way: self.current().map(|current| self.played[current].enrollment.step.clone()),
            tasks: self.tasks.iter().map(|task| task.step.clone()).collect(),
            is_goal_open: self.played.iter().any(is_open),
        }
    }

    /// After something was done at an instant: it is counted from that instant on.
    pub(super) fn touch(&mut self, now: Instant, until: Instant) {
        self.touched = Some(now);
        let follows = matches!(&self.rechecks, Rechecks::Behind(turns) if turns.follow_course);
        if follows || self.rechecked != self.rechecked_place(now) {
            self.renew_rechecks(now, until);
        }
    }

    /// After a change at an instant: what was put off is looked at in this quarter.
    pub(super) fn look_soon(&mut self, now: Instant, until: Instant) {
        self.renew_rechecks(now, until);
        let soon = next_quarter(just_before(now), self.config.recheck);
        let Some(current) = self.current() else { return };
        let enrollment = &mut self.played[current].enrollment;
        if enrollment.phase != Phase::Begin {
            enrollment.look_at = Some(enrollment.look_at.map_or(soon, |look| look.min(soon)));
        }
    }
}

fn just_before(instant: Instant) -> Instant {
    instant - chrono::TimeDelta::microseconds(1)
}

/// When one of the rules that are asked again and again can turn; `None` where
/// that is not known.
fn turns(
    place: &RecheckedPlace,
    playbook: &ReadyPlaybook,
    history: &History,
    period: (Instant, Instant),
) -> Option<Turns> {
    let wait = place.on_the_way.iter().flatten().find_map(|step| wait_at(playbook, step));
    // A date that the clock moves is another one at every look.
    if wait.is_some_and(|wait| matches!(&wait.on, ReadyWaitOn::Date(rule) if rule.reads_clock())) {
        return None;
    }
    let mut turns = Turns::of(&rechecked(place, wait, playbook), playbook, history, period)?;
    for column in ["status", "stage", "timezone"] {
        turns.extend(change_instants_until(&Cell::column(Subject::Account, column), history, period.1)?);
    }
    let left = history.contacts.iter().filter_map(|contact| contact.time("left_at"));
    turns.extend(left.map(just_before));
    Some(turns)
}

/// The wait that a step is.
fn wait_at<'p>(playbook: &'p ReadyPlaybook, step: &str) -> Option<&'p ReadyWait> {
    match &playbook.steps[playbook.step(step)?].body {
        ReadyBody::Wait(wait) => Some(wait),
        _ => None,
    }
}

/// The rules that are asked about whoever waits, about open tasks and about late goals.
/// What a branch cannot decide is asked every quarter hour.
fn rechecked<'p>(place: &RecheckedPlace, wait: Option<&'p ReadyWait>, playbook: &'p ReadyPlaybook) -> Vec<&'p Rule> {
    let mut rules: Vec<&Rule> = Vec::new();
    if place.on_the_way.is_some() {
        rules.extend(playbook.exit.iter().chain(&playbook.suppress));
    }
    if place.on_the_way.is_some() || place.is_goal_open {
        rules.extend(&playbook.goal);
    }
    match wait.map(|wait| &wait.on) {
        Some(ReadyWaitOn::Date(rule) | ReadyWaitOn::Until { condition: rule, .. }) => rules.push(rule),
        Some(ReadyWaitOn::For(_)) | None => {}
    }
    rules.extend(place.tasks.iter().filter_map(|step| playbook.closing_rule(step)).map(|(_, rule)| rule));
    rules
}
