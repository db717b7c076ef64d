//! The answer for programs.

use serde_json::{Map, Value as Json, json};

use super::Explanation;
use super::boundary::Boundary;
use super::clauses::{ExplainedClause, Truth};
use super::goals::goal_as_json;
use super::scores::score_as_json;
use crate::store::views::past::SubjectEnrollment;

impl Explanation {
    /// The answer as one JSON object. Times are RFC 3339 in UTC; what does not
    /// apply is null.
    pub fn to_json(&self) -> Json {
        let contact = Some(&self.subject.contact).filter(|contact| !contact.is_empty());
        json!({
            "playbook": self.playbook,
            "subject": self.subject.to_string(),
            "account": self.subject.account,
            "contact": contact,
            "at": self.at,
            "revision": self.revision.revision,
            "file": self.revision.file,
            "published_at": self.revision.published_at,
            "verdict": self.verdict.name(),
            "decided_by": self.decided_by.name(),
            "reason": self.reason,
            "clauses": clauses(&self.clauses, self.deciding),
            "would_change": self.nearest.as_ref().map(boundary_as_json),
            "enrollments": self.earlier.iter().map(enrollment_as_json).collect::<Vec<_>>(),
            "next_slot": self.next_slot,
            "scores": self.scores.iter().map(score_as_json).collect::<Vec<_>>(),
            "goals": self.goals.iter().map(goal_as_json).collect::<Vec<_>>(),
            "constant": self.constant,
            "notes": self.notes,
        })
    }
}

/// Clauses in order; `deciding` is the place of the one that decided.
pub(super) fn clauses(clauses: &[ExplainedClause], deciding: Option<usize>) -> Vec<Json> {
    let each = clauses.iter().enumerate();
    each.map(|(place, clause)| clause_as_json(clause, deciding == Some(place))).collect()
}

fn clause_as_json(ExplainedClause { clause, truth, values, constant }: &ExplainedClause, decided: bool) -> Json {
    let values: Map<String, Json> = values.iter().map(|(text, value)| (text.clone(), value.to_json())).collect();
    let (error, alone) = match truth {
        Truth::Undecided(error) => (Some(error.to_string()), None),
        Truth::NotReached(alone) => (None, *alone),
        Truth::True | Truth::False => (None, None),
    };
    json!({
        "text": clause.text,
        "line": clause.at.line,
        "column": clause.at.column,
        "truth": truth.name(),
        "values": values,
        "decided": decided,
        "would_be": alone,
        "error": error,
        "constant": constant,
    })
}

fn boundary_as_json(Boundary { text, at, because, then }: &Boundary) -> Json {
    json!({ "text": text, "at": at, "because": because, "then": then })
}

fn enrollment_as_json(one: &SubjectEnrollment) -> Json {
    json!({
        "id": one.id,
        "state": one.state,
        "reason": one.reason,
        "entry_key": one.entry_key,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "run_slot": one.run_slot,
        "shadow": one.shadow,
    })
}
