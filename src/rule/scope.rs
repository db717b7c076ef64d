//! Which names an expression may use where it stands.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;

use super::named_steps::NamedSteps;
use crate::diagnostic::nearest;
use crate::facts::{Schema, Subject};
use crate::playbook::document::{Document, DocumentBody, Plan, Score, Survey};
use crate::playbook::scale::Scale;

/// What playbooks may name of one another.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// The ids of all playbooks; `None` where it does not matter what they name.
    pub playbooks: Option<Vec<String>>,
    /// The labels that some playbook sets; `None` where that is not known.
    pub labels: Option<BTreeSet<String>>,
    /// All documents beside playbooks; `None` where it does not matter what is named.
    pub documents: Option<Vec<Document>>,
    /// The surveys that steps may ask, those with mistakes included.
    pub surveys: Vec<Arc<Survey>>,
    /// The scores that answers to steps' own questions are.
    pub own_scores: BTreeSet<&'static str>,
    /// The value reports that steps may send, those with mistakes of form excluded.
    pub reports: Vec<Arc<Document>>,
}

impl Neighbours {
    /// Whether there is no such playbook.
    pub(crate) fn lacks(&self, playbook: &str) -> bool {
        self.playbooks.as_ref().is_some_and(|known| !known.iter().any(|known| known == playbook))
    }

    /// The ids that are known.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.playbooks.iter().flatten().map(String::as_str)
    }

    /// The score of that name, if a document makes it.
    pub(crate) fn score(&self, name: &str) -> Option<&Score> {
        let document = self.documents.iter().flatten().find(|document| document.id == name)?;
        match &document.body {
            DocumentBody::Score(score) => Some(score),
            _ => None,
        }
    }

    /// The names of the scores that documents make; `None` where they are not known.
    pub(crate) fn scores(&self) -> Option<impl Iterator<Item = &str>> {
        let is_score = |document: &&Document| matches!(document.body, DocumentBody::Score(_));
        Some(self.documents.as_ref()?.iter().filter(is_score).map(|document| document.id.as_str()))
    }

    /// Whether answers to a survey, or to a step's own question, are scores of that name.
    pub(crate) fn asks_for(&self, score: &str) -> bool {
        self.own_scores.contains(score) || self.surveys.iter().any(|survey| survey.score_name() == Some(score))
    }

    /// The success plan of that id, if there is one.
    pub(crate) fn plan(&self, id: &str) -> Option<&Plan> {
        let document = self.documents.iter().flatten().find(|document| document.id == id)?;
        match &document.body {
            DocumentBody::Plan(plan) => Some(plan),
            _ => None,
        }
    }

    /// The ids of all success plans; `None` where they are not known.
    pub(crate) fn plans(&self) -> Option<impl Iterator<Item = &str>> {
        let is_plan = |document: &&Document| matches!(document.body, DocumentBody::Plan(_));
        Some(self.documents.as_ref()?.iter().filter(is_plan).map(|document| document.id.as_str()))
    }

    /// What to say of a success plan that does not exist: the message and the help.
    pub(crate) fn describe_unknown_plan(&self, id: &str) -> Option<(String, String)> {
        let plans = self.plans()?.collect::<Vec<_>>();
        if plans.contains(&id) {
            return None;
        }
        let help = match nearest(id, plans) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("a file that begins with `plan: {id}` makes it"),
        };
        Some((format!("there is no success plan \"{id}\""), help))
    }

    /// What to say of a KPI that no document makes: the message and the help.
    pub(crate) fn describe_unknown_kpi(&self, id: &str) -> Option<(String, String)> {
        let is_kpi = |document: &&Document| matches!(document.body, DocumentBody::Kpi(_));
        let kpis: Vec<&str> = self.documents.as_ref()?.iter().filter(is_kpi).map(|document| &*document.id).collect();
        if kpis.contains(&id) {
            return None;
        }
        let help = match nearest(id, kpis) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("a file that begins with `kpi: {id}` makes it"),
        };
        Some((format!("there is no KPI \"{id}\""), help))
    }

    /// The names by which answers can be asked for: scores, and surveys by their ids.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &str> {
        let own = self.surveys.iter().flat_map(|survey| [Some(survey.id.as_str()), survey.score_name()]).flatten();
        // Steps ask for these as well.
        Scale::NAMED.iter().map(|(name, _)| *name).chain(own)
    }

    /// Whether nobody can have such answers.
    pub(crate) fn lacks_answers(&self, name: &str) -> bool {
        self.documents.is_some() && !self.answers().any(|known| known == name)
    }

    /// What to say of a label that nobody sets: the message and the help.
    pub(crate) fn describe_unset_label(&self, label: &str) -> Option<(String, String)> {
        let known = self.labels.as_ref().filter(|known| !known.contains(label))?;
        let help = match nearest(label, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("a step `set: {{ {label}: … }}` sets it"),
        };
        Some((format!("no playbook sets the label \"{label}\", so it is always missing"), help))
    }
}

/// Of whom an expression is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Of one account or contact.
    #[default]
    Subject,
    /// Of all accounts together, as a figure is: of none by itself.
    Population,
    /// Of a portfolio, whose texts can list the accounts that match.
    Portfolio {
        /// Whether the playbook says which of them match.
        has_matching: bool,
    },
}

/// How many accounts match, as expressions about a portfolio name it.
pub const MATCHING_COUNT: &str = "matching_count";

/// The names an expression may use where it stands.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    pub schema: &'a Schema,
    pub view: View,
    /// Whether it stands in a contact playbook.
    pub contact: bool,
    /// Everywhere but in `when` and `once_per`: `entry`, `done(…)`, `since_entry`.
    pub in_enrollment: bool,
    /// In a wait's `until`: `since_step`.
    pub in_wait: bool,
    /// The statuses of the accounts that the playbook is for.
    pub statuses: &'a [String],
    /// The playbook's zone: where its dates begin.
    pub zone: Tz,
    /// The playbook's steps, by the functions that can name them.
    pub named_steps: &'a NamedSteps,
    pub neighbours: &'a Neighbours,
    /// Canonical texts of values that are proven present here.
    pub known: &'a HashSet<String>,
}

impl Scope<'_> {
    /// What the playbook enrolls.
    pub fn subject(&self) -> Subject {
        if self.contact { Subject::Contact } else { Subject::Account }
    }
}

/// What a template may name beyond its [`Scope`]: `csm`, `playbook` and, where
/// it has one reader, `recipient`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextNames {
    pub recipient: bool,
    /// The filters that stand behind `|`, for suggestions.
    pub filters: &'static [&'static str],
}
