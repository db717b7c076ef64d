//! Tasks whose problem goes away.

use super::Course;
use crate::clock::Instant;
use crate::rule::Verdict;
use crate::rule::functions::fold::FoldError;

impl Course<'_> {
    /// Closes the tasks whose problem is gone.
    pub(super) fn close_tasks(&mut self, now: Instant) -> Result<(), FoldError> {
        let mut closed = Vec::new();
        for (at, task) in self.tasks.iter().enumerate() {
            let Some((_, rule)) = self.playbook.closing_rule(&task.step) else { continue };
            let context = self.context(&self.played[task.played], now)?;
            if rule.verdict(&self.playbook.sandbox, &context) == Verdict::True {
                closed.push(at);
            }
        }
        for at in closed.into_iter().rev() {
            let task = self.tasks.remove(at);
            self.end_record(task.record, now, false);
            self.happen(now, format!("the task `{}` was closed: it is no longer needed", task.step));
        }
        Ok(())
    }
}
