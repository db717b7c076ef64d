//! Tasks of colleagues, as a case gives them.

use super::World;
use crate::facts::history::TaskRecord;
use crate::playbook::case::TASK_RECORD;
use crate::playbook::reader::Fields;
use crate::playbook::yaml::{Node, NodeValue};
use crate::rehearsal::fixture::Reader;

impl World {
    /// A task of some playbook. The same one again with `done_at` is how a case
    /// completes it later.
    pub(super) fn apply_task(&mut self, row: &Node, reader: &mut Reader) {
        let mut problems = Vec::new();
        let mut fields = Fields::new(reader.file, row, &TASK_RECORD, &mut problems);
        let (created, done) = (fields.required("created_at"), fields.take("done_at"));
        let contact = fields.take("contact");
        fields.finish();
        reader.problems.append(&mut problems);
        let done_at =
            done.filter(|node| !matches!(node.value, NodeValue::Null)).and_then(|node| reader.time("done_at", node));
        let contact = self.whose(contact, reader);
        let Some(created_at) = created.and_then(|node| reader.time("created_at", node)) else { return };
        let task = TaskRecord { contact, created_at, ended_at: done_at, done: done_at.is_some() };
        let same = |known: &&mut TaskRecord| {
            known.created_at == created_at
                && known.contact == task.contact
                && known.ended_at.is_none()
                && task.ended_at.is_some()
        };
        match self.history.tasks.iter_mut().find(same) {
            Some(known) => *known = task,
            None => self.history.tasks.push(task),
        }
    }
}
