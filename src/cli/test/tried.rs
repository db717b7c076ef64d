//! The mistakes that can be made in a playbook, and whether its cases notice them.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::catalog::ReadyPlaybook;
use crate::cli::check::Checked;
use crate::rehearsal::mutants::{Mutant, Noticed, try_all};

/// What came of the mistakes that can be made in one playbook.
pub struct TriedMistakes {
    playbook: String,
    file: Arc<str>,
    all: usize,
    by_check: usize,
    missed: Vec<Mutant>,
}

/// Tries them.
pub fn try_mistakes(ready: &ReadyPlaybook, checked: &Checked) -> TriedMistakes {
    let tried = try_all(ready, &checked.sources, &checked.known, &checked.config, &checked.schema);
    TriedMistakes {
        playbook: ready.playbook.id.clone(),
        file: ready.playbook.file.clone(),
        all: tried.len(),
        by_check: tried.iter().filter(|(_, noticed)| *noticed == Noticed::ByCheck).count(),
        missed: tried.into_iter().filter(|(_, noticed)| *noticed == Noticed::Not).map(|(mutant, _)| mutant).collect(),
    }
}

impl TriedMistakes {
    /// Lists those that no case notices.
    pub fn print(&self) {
        let TriedMistakes { playbook, file, all, by_check, missed } = self;
        let by_cases = all - by_check - missed.len();
        say!("{playbook} ({file}): {all} mistakes tried, {by_check} noticed by check, {by_cases} by a case");
        for mutant in missed {
            let Mutant { place, from, to, .. } = mutant;
            let advice = mutant.advice();
            say!("  {file}:{}:{}: no case notices `{to}` in place of `{from}`: {advice}", place.line, place.column);
        }
    }

    /// The same for programs.
    pub fn to_json(&self) -> Json {
        let missed = |mutant: &Mutant| {
            json!({
                "line": mutant.place.line, "column": mutant.place.column, "from": mutant.from, "to": mutant.to,
                "advice": mutant.advice(),
            })
        };
        json!({
            "playbook": self.playbook,
            "file": self.file,
            "tried": self.all,
            "noticed_by_check": self.by_check,
            "missed": self.missed.iter().map(missed).collect::<Vec<_>>(),
        })
    }
}
