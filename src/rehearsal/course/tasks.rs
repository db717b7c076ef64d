//! Tasks whose problem goes away.

use super::Course;
use crate::clock::Instant;
use crate::rule::Verdict;
use crate::rule::functions::fold::FoldError;

impl Course<'_> {
    /// Closes the tasks whose problem is gone.
    pub(super) fn close_tasks(&mut self, now: Instant) -> Result<(), FoldError> {
        let (mut closed, mut undecided) = (Vec::new(), Vec::new());
        for (at, task) in self.tasks.iter().enumerate() {
            let Some((_, rule)) = self.playbook.closing_rule(&task.step) else { continue };
            let context = self.context(&self.played[task.played], now)?;
            let why = match rule.verdict(&self.playbook.sandbox, &context) {
                Verdict::True => {
                    closed.push(at);
                    None
                }
                Verdict::False => None,
                Verdict::Undecided(error) => Some(format!("whether the task `{}` closes: {error}", task.step)),
            };
            undecided.push((format!("the task {}", task.step), why));
        }
        for (about, why) in undecided {
            self.keep_undecided(&about, why, now);
        }
        for at in closed.into_iter().rev() {
            let task = self.tasks.remove(at);
            self.end_record(task.record, now, false);
            self.happen(now, format!("the task `{}` was closed: it is no longer needed", task.step));
        }
        Ok(())
    }
}
