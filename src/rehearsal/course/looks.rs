//! Looks at whoever is on the way, and at whoever has ended.

use super::{Course, OpenTask};
use crate::clock::Instant;
use crate::enrollment::{Enrollment, Look, State, advance, reach_late_goal};
use crate::rehearsal::happened::What;
use crate::rule::functions::fold::FoldError;

impl Course<'_> {
    /// Looks at the active enrollment until it is not due at this instant any more.
    pub(super) fn look(&mut self, now: Instant) -> Result<(), FoldError> {
        while let Some(index) = self.current() {
            if self.played[index].enrollment.look_at.is_none_or(|due| due > now) {
                break;
            }
            let played = &self.played[index];
            let context = self.context(played, now)?;
            let staff = self.staff();
            let open_tasks = self.open_tasks();
            let transition = advance(&Look {
                playbook: self.playbook,
                enrollment: &played.enrollment,
                context: &context,
                people: &self.world.people,
                staff: &staff,
                messages: &played.messages,
                open_tasks: &open_tasks,
                calendar: &self.calendar,
                alerts_to: self.alerts_to(),
                variants: Some(&self.case.variants),
                recheck: self.config.recheck,
            });
            self.end_looks.push(context);
            self.played[index].enrollment = transition.enrollment;
            self.passages.extend(transition.passages);
            self.carry_out(index, transition.effects, now)?;
            if transition.stopped {
                let (kept, closed): (Vec<OpenTask>, Vec<OpenTask>) =
                    std::mem::take(&mut self.tasks).into_iter().partition(|task| task.played != index || task.keep);
                self.tasks = kept;
                closed.iter().for_each(|task| self.end_record(task.record, now, false));
                self.cancel(index, now);
            }
            self.record_state(index, now);
        }
        Ok(())
    }

    /// Looks whether a goal came true that still counts.
    pub(super) fn look_back(&mut self, now: Instant) -> Result<(), FoldError> {
        for index in 0..self.played.len() {
            let played = &self.played[index];
            if played.enrollment.goal_until.is_none_or(|until| until < now) {
                continue;
            }
            let facts = self.facts(&self.playbook.goal_layout, Some(played), now)?;
            let context = self.context_of(played, facts);
            let (reached, undecided) = match reach_late_goal(self.playbook, &played.enrollment, &context) {
                Ok(reached) => (reached, None),
                Err(error) => (None, Some(format!("the goal: {error}"))),
            };
            self.late_looks.push(context);
            self.keep_undecided("the goal after the end", undecided, now);
            if let Some(reached) = reached {
                let Enrollment { state, reason, .. } = reached.clone();
                self.played[index].enrollment = reached;
                if let Some(record) = self.world.history.enrollments.get_mut(self.played[index].record) {
                    record.goal_at = Some(now);
                }
                let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
                self.happen(now, format!("the goal was reached after the end{why}"));
                self.occur(now, What::End { state, reason });
            }
        }
        Ok(())
    }

    /// Says what a look brought about.
    pub(super) fn record_state(&mut self, index: usize, now: Instant) {
        let played = &mut self.played[index];
        let (state, reason) = (played.enrollment.state, played.enrollment.reason.clone());
        // While it is active, its reason is what cannot be decided.
        let undecided = reason.as_ref().filter(|_| state == State::Active);
        let undecided = undecided.map(|why| why.strip_prefix("undecided: ").unwrap_or(why).to_owned());
        if state == State::Active {
            if played.last_reason != reason {
                played.last_reason.clone_from(&reason);
                if let Some(reason) = reason {
                    self.note(now, None, format!("nothing could be decided: {reason}"), false);
                }
            }
            self.keep_undecided("who is on the way", undecided, now);
            return;
        }
        self.keep_undecided("who is on the way", None, now);
        let played = &self.played[index];
        let ended = played.enrollment.ended_at.unwrap_or(now);
        if let Some(record) = self.world.history.enrollments.get_mut(played.record) {
            record.ended_at = Some(ended);
            record.goal_at = played.enrollment.goal_at;
        }
        let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        self.happen(ended, format!("ended as {}{why}", state.name()));
        self.occur(ended, What::End { state, reason });
    }
}
