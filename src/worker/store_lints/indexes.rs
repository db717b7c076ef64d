//! Tables that a playbook reads from end to end where an index would help.

use std::collections::BTreeSet;

use super::{Lint, PATIENCE};
use crate::diagnostic::Diagnostic;
use crate::facts::inventory::grouped;
use crate::rule::Predicate;
use crate::store::customers::facts::DearRead;

impl Lint<'_> {
    /// Warns of them, of each index once: `known` are those that were named.
    pub(super) async fn indexes(&self, known: &mut BTreeSet<String>) -> anyhow::Result<Vec<Diagnostic>> {
        let kept = self.ready.when.prefilter().map_or(&Predicate::Always, |prefilter| &prefilter.predicate);
        let Some(query) = self.query(&self.ready.entry_layout, kept) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for read in query.dear_reads(self.question.store.customers_pool(), self.question.now, PATIENCE).await? {
            let DearRead { table, rows, columns, for_each } = read;
            let index = format!("create index on {table} ({})", columns.join(", "));
            if !known.insert(index.clone()) {
                continue;
            }
            let occasion = if for_each { "each look at one of them" } else { "each run" };
            let message = format!("{occasion} reads all {} rows of {table} for few of them", grouped(rows));
            let warning = self.ready.playbook.when.warning("KW0704", 1, 1, message);
            found.push(warning.help(format!("an index helps: `{index}`")));
        }
        Ok(found)
    }
}
