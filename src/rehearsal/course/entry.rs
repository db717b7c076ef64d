//! A run: who enters, and why somebody does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::entry_turns::RunOutcome;
use super::{Course, PlayedEnrollment};
use crate::clock::Instant;
use crate::enrollment::holdout::Drawn;
use crate::enrollment::{Admission, Decision, Enrollment, History, MatchChange, Skip, admit};
use crate::facts::history::EnrollmentRecord;
use crate::facts::{Facts, OwnActs};
use crate::rule::functions::fold::FoldError;

impl Course<'_> {
    /// The run of one slot.
    pub(super) fn run(&mut self, now: Instant) -> Result<RunOutcome, FoldError> {
        // Whatever the condition says, an account that is on its way stays so.
        let inside = self.current().is_some();
        if inside && !self.playbook.follows_edges() {
            self.look_at_events(now, false);
            return Ok(RunOutcome::Other);
        }
        let facts = Arc::new(self.facts(&self.playbook.entry_layout, None, now)?);
        self.looks.push(Arc::clone(&facts));
        let own = &self.playbook.playbook.id;
        let earlier = self.played.iter().map(|played| &played.enrollment);
        let history = History {
            active: inside || self.case.fixtures.in_playbook.iter().any(|id| *id.text == **own),
            keys: earlier.clone().map(|enrollment| enrollment.entry_key.clone()).collect(),
            stopped: false,
            last_started: earlier.map(|enrollment| enrollment.started_at).max(),
            matched_since: self.matched_since,
            overtaken: false,
            first_run: now == self.start,
            began: self.began,
            // No case is held out.
            drawn: Drawn::Outside,
        };
        let Decision { admission, match_change } = admit(self.playbook, Arc::clone(&facts), &history, &self.calendar);
        match match_change {
            MatchChange::Unchanged => {}
            MatchChange::Rose(matched) => self.matched_since = Some(matched),
            MatchChange::Fell => self.matched_since = None,
        }
        self.look_at_events(now, matches!(&admission, Admission::Skip(skip) if skip.may_end()));
        let undecided = match &admission {
            Admission::Skip(Skip::Undecided(undecided)) => Some(undecided.to_string()),
            _ => None,
        };
        self.keep_undecided("who enters", undecided, now);
        if inside {
            return Ok(RunOutcome::Other);
        }
        // Of an event and of the portfolio more counts than the condition.
        let is_plain = self.playbook.on.is_none() && self.playbook.portfolio.is_none();
        let is_unmatched = admission == Admission::NotCandidate && self.matched_since.is_none();
        let outcome = if is_unmatched && is_plain { RunOutcome::Unmatched } else { RunOutcome::Other };
        let unmatched = match admission {
            Admission::Enroll(enrollment) => {
                self.enroll(*enrollment, now, &facts);
                return Ok(RunOutcome::Other);
            }
            Admission::NotCandidate if self.playbook.on.as_ref().is_some_and(|on| !on.is_due(&facts)) => {
                let after = self.playbook.playbook.on.as_ref().map(|on| on.describe()).unwrap_or_default();
                self.stay_outside(format!("no event has called it yet (`on`: {after})"), now);
                None
            }
            Admission::NotCandidate => {
                // What has not changed reads the same.
                if self.unmatched.as_ref().is_none_or(|before| before.values != facts.values) {
                    let read = self.playbook.when.describe_facts(&facts);
                    self.stay_outside(format!("the condition was false ({read})"), now);
                }
                Some(facts)
            }
            Admission::Skip(skip) => {
                self.stay_outside(describe_skip(&skip), now);
                None
            }
        };
        self.unmatched = unmatched;
        Ok(outcome)
    }

    /// Says why the subject does not enter, unless that was said last.
    fn stay_outside(&mut self, why: String, now: Instant) {
        if self.outside.as_ref() != Some(&why) {
            self.happen(now, format!("the {} did not enter: {why}", self.noun()));
            self.remarks += 1;
            self.outside = Some(why);
        }
    }

    fn look_at_events(&mut self, slot: Instant, again: bool) {
        if let Some(on) = &self.playbook.on {
            let events: Vec<Instant> = self.trigger_events().collect();
            self.event_slots.look(on, events.into_iter(), slot, again);
        }
    }

    pub(super) fn enroll(&mut self, enrollment: Enrollment, now: Instant, facts: &Facts) {
        (self.outside, self.unmatched) = (None, None);
        let (read, noun) = (self.playbook.when.describe_facts(facts), self.noun());
        let read = if read.is_empty() { read } else { format!(" ({read})") };
        self.happen(now, format!("the {noun} entered{read}"));
        self.world.history.enrollments.push(EnrollmentRecord {
            playbook: enrollment.playbook.clone(),
            contact: self.world.enrolled(),
            started_at: enrollment.started_at,
            ended_at: None,
            goal_at: None,
        });
        let record = self.world.history.enrollments.len() - 1;
        self.played.push(PlayedEnrollment {
            enrollment,
            done: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            sent: BTreeSet::new(),
            answers: BTreeMap::new(),
            messages: Vec::new(),
            record,
            last_reason: None,
            acts: OwnActs::default(),
            acts_at: None,
        });
    }
}

/// A skip in words.
fn describe_skip(skip: &Skip) -> String {
    match skip {
        Skip::Undecided(undecided) => format!("it could not be decided: {undecided}"),
        Skip::Active => "it is in this playbook already".to_owned(),
        Skip::Reentry { .. } => "`reentry` does not allow another enrollment".to_owned(),
        Skip::Existing { .. } => {
            "it matched at the playbook's first run, which is the case's `at`, and has matched ever \
             since (`existing: skip`); let it match later with `then:`"
                .to_owned()
        }
        Skip::NotYet { .. } => "the condition has not been true for as long as `holds_for` says".to_owned(),
        Skip::Turn { .. } => "its turn comes later".to_owned(),
        Skip::Overtaken => "a later run has decided it already".to_owned(),
        Skip::Gap { .. } => "the `gap` since the previous enrollment is too short".to_owned(),
        Skip::NoKey => "no key: the value of `once_per` is missing".to_owned(),
        Skip::NoValue(fact) => format!("no value: `{fact}` is missing, and the playbook relies on it"),
        Skip::Stopped => "skipped as `stopped`".to_owned(),
        Skip::Ended(end) => format!("skipped as `{}` ({})", end.name, end.reason),
    }
}
