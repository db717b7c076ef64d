//! A score, ready.

use super::DocumentCompiler;
use crate::facts::NameKind;
use crate::playbook::document::{Band, MissingFactor, Score};
use crate::rule::{Rule, Wanted};

/// A score whose factors are compiled.
#[derive(Debug)]
pub struct ReadyScore {
    /// In the order of the text.
    pub factors: Vec<ReadyFactor>,
    pub bands: Vec<Band>,
}

/// One part of a score.
#[derive(Debug)]
pub struct ReadyFactor {
    pub id: String,
    pub weight: f64,
    pub value: Rule,
    pub missing: MissingFactor,
}

/// Compiles a score; `None` means that there was an error.
pub(super) fn compile(score: &Score, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyScore> {
    compiler.audience(score.subject, &score.statuses);
    let id = &compiler.document().id;
    if compiler.schema().inventory.has(NameKind::Score, id) {
        let message = format!(
            "the customer store has a score `{id}`, too: where this document makes one, that is not read any more"
        );
        let at = compiler.document().place;
        compiler.warn("KW0226", at, message, "give this one another name, unless it shall take that one's place");
    }
    let mut factors = Vec::new();
    for factor in &score.factors {
        let value = compiler.rule(&factor.value, Wanted::Factor);
        factors.extend(value.map(|value| ReadyFactor {
            id: factor.id.clone(),
            weight: factor.weight,
            value,
            missing: factor.missing,
        }));
    }
    (factors.len() == score.factors.len()).then(|| ReadyScore { factors, bands: score.bands.clone() })
}
