//! Why a task exists, why it is open, or why it ended.

use chrono_tz::Tz;
use serde_json::{Value as Json, json};

use super::clauses::{ExplainedClause, explain_clauses};
use super::origin::origin_lines;
use super::words::{moment_in_words, stored_moment};
use super::{json as as_json, text as as_text};
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::rule::{Context, Verdict};
use crate::store::upkeep::stopped::Stop;

/// What is to be said of one task.
#[derive(Clone, Debug)]
pub struct TaskExplanation {
    /// Its row, as `keepwell tasks` lists it.
    pub task: Json,
    /// The row of its enrollment; `None` where that is gone.
    pub enrollment: Option<Json>,
    /// What closes it by itself, of one that is open.
    pub closing: Option<Closing>,
    /// What stops its playbook at this moment.
    pub stops: Vec<Stop>,
    /// The moment.
    pub now: Instant,
    /// The zone that the answer for people is in: that of its playbook.
    pub zone: Tz,
}

/// The condition that closes a task, and what it says at this moment.
#[derive(Clone, Debug)]
pub struct Closing {
    /// `goal`, or `solved` for the step's own `close_when`.
    pub word: &'static str,
    pub verdict: Verdict,
    pub clauses: Vec<ExplainedClause>,
}

impl Closing {
    /// What closes tasks of a step, as it is seen of an enrollment; `None` where
    /// only a person ends them.
    pub fn of_step(playbook: &ReadyPlaybook, step: &str, context: &Context) -> Option<Closing> {
        let (word, rule) = playbook.closing_rule(step)?;
        Some(Closing {
            word,
            verdict: rule.verdict(&playbook.sandbox, context),
            clauses: explain_clauses(rule, &playbook.sandbox, context, &Default::default()),
        })
    }
}

impl TaskExplanation {
    /// The answer for people.
    pub fn to_text(&self) -> String {
        let text = |key: &str| self.task[key].as_str().unwrap_or_default();
        let stored = |key: &str| stored_moment(&self.task, key, self.zone);
        let at = format!("on {} ({})", moment_in_words(self.now, self.zone), self.zone);
        let mut lines = vec![format!("task {} about {} {at}: {}", text("title"), text("account"), text("state"))];
        if !text("reason").is_empty() {
            lines.push(format!("  because {}", text("reason")));
        }
        let whose = match text("assignee") {
            "" => "nobody's".to_owned(),
            assignee => format!("of {assignee}"),
        };
        let from = self.task["handed_from"].as_str().map(|from| format!(", handed over by {from}"));
        let due = self.task["due_at"].as_str().map(|_| format!(", due on {}", stored("due_at")));
        lines.push(format!("  {whose}{}{}", from.unwrap_or_default(), due.unwrap_or_default()));
        if self.task["snoozed_until"].is_string() {
            lines.push(format!("  put off until {}", stored("snoozed_until")));
        }
        lines.extend(self.stops.iter().map(|stop| format!("  stopped: {stop}")));
        lines.push(String::new());
        lines.push("  why it exists".to_owned());
        let origin = origin_lines(&self.task, self.enrollment.as_ref(), self.zone);
        lines.extend(origin.into_iter().map(|line| format!("    {line}")));
        match &self.closing {
            Some(closing) => {
                let now = match &closing.verdict {
                    Verdict::True => "which is true now".to_owned(),
                    Verdict::False => "which is false now".to_owned(),
                    Verdict::Undecided(error) => format!("which cannot be decided now: {error}"),
                };
                lines.push(format!("  it closes by itself as `{}`, {now}", closing.word));
                lines.extend(as_text::clause_lines(&closing.clauses, None));
            }
            None if text("state") == "open" => lines.push("  only a person ends it".to_owned()),
            None => {}
        }
        lines.join("\n")
    }

    /// The answer for programs.
    pub fn to_json(&self) -> Json {
        let closing = self.closing.as_ref().map(|closing| {
            let verdict = match closing.verdict {
                Verdict::True => "true",
                Verdict::False => "false",
                Verdict::Undecided(_) => "undecided",
            };
            json!({ "as": closing.word, "truth": verdict, "clauses": as_json::clauses(&closing.clauses, None) })
        });
        json!({
            "task": self.task,
            "verdict": self.task["state"],
            "reason": self.task["reason"],
            "closes_when": closing,
            "enrollment": self.enrollment,
            "stopped": self.stops.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}
