//! What a KPI is, from the text of its file.

use super::file::{FileDraft, read};
use super::kpi::{Kpi, KpiUnit};
use super::{Document, DocumentBody};
use crate::playbook::source::SourceFile;

/// What a KPI is, in words for those who read it.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiDefinition {
    pub about: Option<String>,
    /// The expression, on one line.
    pub value: String,
    pub unit: KpiUnit,
    pub formula: Option<String>,
    pub source: Option<String>,
    pub schedule: String,
}

impl KpiDefinition {
    /// That of a published text; `None` where it is no KPI.
    pub fn of_text(file: &str, text: &str) -> Option<KpiDefinition> {
        let file = SourceFile { path: file.into(), text: text.into() };
        match read(&file, &[], &mut Vec::new())? {
            FileDraft::Document(draft) => KpiDefinition::of(draft.document),
            FileDraft::Playbook(_) => None,
        }
    }

    fn of(document: Document) -> Option<KpiDefinition> {
        let DocumentBody::Kpi(Kpi { value, unit, formula, source, .. }) = document.body else { return None };
        Some(KpiDefinition {
            about: document.about,
            value: value.text.split_whitespace().collect::<Vec<_>>().join(" "),
            unit,
            formula,
            source,
            schedule: document.schedule.text.to_string(),
        })
    }
}
