//! When somebody on the way has to be looked at again. A case is played on every
//! quarter hour, as the daemon looks. A backtest plays months of many subjects,
//! and leaves out the looks before which nothing can have changed.

use super::{Course, Slots};
use crate::catalog::{ReadyBody, ReadyPlaybook, ReadyWaitOn};
use crate::clock::Instant;
use crate::enrollment::{Phase, State, next_quarter};
use crate::facts::{Cell, History, Subject};
use crate::rule::Rule;
use crate::rule::functions::change_instants;
use crate::rule::functions::global::{CLOCK_FUNCTIONS, NOW};

/// The looks at who waits.
#[derive(Clone, Debug)]
pub(super) enum Rechecks {
    EveryQuarter,
    /// Only behind these instants, in order, can a waiting rule turn.
    Behind(Vec<Instant>),
}

impl Rechecks {
    pub fn new(playbook: &ReadyPlaybook, slots: &Slots<'_>, history: &History) -> Rechecks {
        let behind = match slots {
            Slots::All(_) => None,
            Slots::Chosen { .. } => changes(playbook, history),
        };
        behind.map_or(Rechecks::EveryQuarter, Rechecks::Behind)
    }

    /// Asks for a look after an instant: something new waits from then on, which
    /// no look has judged yet.
    pub fn add(&mut self, now: Instant) {
        if let Rechecks::Behind(instants) = self {
            instants.insert(instants.partition_point(|instant| *instant < now), now);
        }
    }

    /// The next look after an instant; `None` where nothing can change any more.
    pub fn next_after(&self, now: Instant, recheck: chrono::Duration) -> Option<Instant> {
        match self {
            Rechecks::EveryQuarter => Some(next_quarter(now, recheck)),
            Rechecks::Behind(instants) => {
                let next = instants.partition_point(|instant| *instant < now);
                instants.get(next).map(|instant| next_quarter(*instant, recheck))
            }
        }
    }
}

impl Course<'_> {
    /// Puts the next look at who waits off until something can have changed.
    pub(super) fn postpone(&mut self, now: Instant) {
        let (Rechecks::Behind(_), Some(current)) = (&self.rechecks, self.current()) else { return };
        let enrollment = &mut self.played[current].enrollment;
        // What could not be decided is asked again; what begins, begins.
        let waits = enrollment.state == State::Active && enrollment.phase != Phase::Begin;
        if !waits || enrollment.reason.is_some() || enrollment.look_at.is_none_or(|look| look <= now) {
            return;
        }
        let next = self.rechecks.next_after(now, self.config.recheck);
        enrollment.look_at = [next, enrollment.due_at.filter(|due| *due > now)].into_iter().flatten().min();
    }
}

/// Behind which instants a rule that is asked again and again can turn; `None`
/// where time alone can turn one.
fn changes(playbook: &ReadyPlaybook, history: &History) -> Option<Vec<Instant>> {
    let rules = rechecked(playbook);
    let clocked = |text: &String| CLOCK_FUNCTIONS.iter().chain([&NOW]).any(|word| text.contains(word));
    let scripts = rules.iter().flat_map(|rule| rule.modules()).filter_map(|module| playbook.scripts.get(module));
    if rules.iter().any(|rule| rule.reads_clock()) || scripts.into_iter().any(clocked) {
        return None;
    }
    let status = ["status", "stage", "timezone"].map(|column| Cell::column(Subject::Account, column));
    let left = history.contacts.iter().filter_map(|contact| contact.time("left_at"));
    let mut instants: Vec<Instant> = left.map(|at| at - chrono::TimeDelta::microseconds(1)).collect();
    for cell in rules.iter().flat_map(|rule| rule.cells()).chain(&status) {
        instants.extend(change_instants(cell, history)?);
    }
    instants.sort_unstable();
    instants.dedup();
    Some(instants)
}

/// The rules that are asked about whoever waits, and about open tasks.
fn rechecked(playbook: &ReadyPlaybook) -> Vec<&Rule> {
    let mut rules: Vec<&Rule> = playbook.goal.iter().chain(&playbook.exit).chain(&playbook.suppress).collect();
    for step in &playbook.steps {
        match &step.body {
            ReadyBody::Wait(wait) => match &wait.on {
                ReadyWaitOn::Date(rule) | ReadyWaitOn::Until { condition: rule, .. } => rules.push(rule),
                ReadyWaitOn::For(_) => {}
            },
            ReadyBody::Branch { arms, .. } => rules.extend(arms.iter().map(|(rule, _)| rule)),
            ReadyBody::Action(_) => rules.extend(playbook.closing_rule(&step.id).map(|(_, rule)| rule)),
            ReadyBody::End(_) => {}
        }
    }
    rules
}
