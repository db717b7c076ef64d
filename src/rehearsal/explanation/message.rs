//! Why a message exists, why it waits, or why it did not leave.

use chrono_tz::Tz;
use serde_json::{Value as Json, json};

use super::origin::origin_lines;
use super::words::{moment_in_words, stored_moment};
use crate::clock::Instant;
use crate::message::gate::Answer;
use crate::message::state::State;
use crate::store::upkeep::stopped::Stop;
use crate::store::views::web::AttemptRow;

/// What is to be said of one message.
#[derive(Clone, Debug)]
pub struct MessageExplanation {
    /// Its row, as `keepwell messages` lists it.
    pub message: Json,
    /// The row of its enrollment; `None` of what no step wrote.
    pub enrollment: Option<Json>,
    /// What the gate says of it at this moment, but for the budget; `None` of
    /// what has ended, is on its way, or does not go through the gate.
    pub answer: Option<Answer>,
    pub attempts: Vec<AttemptRow>,
    /// What stops it at this moment.
    pub stops: Vec<Stop>,
    /// The moment.
    pub now: Instant,
    /// The zone that the answer for people is in: that of its playbook.
    pub zone: Tz,
}

impl MessageExplanation {
    /// The answer for people.
    pub fn to_text(&self) -> String {
        let text = |key: &str| self.message[key].as_str().unwrap_or_default();
        let whose = if text("account").is_empty() { String::new() } else { format!(" about {}", text("account")) };
        let to = if text("to").is_empty() { String::new() } else { format!(" to {}", text("to")) };
        let moment = |at: Instant| moment_in_words(at, self.zone);
        let stored = |key: &str| stored_moment(&self.message, key, self.zone);
        let at = format!("on {} ({})", moment(self.now), self.zone);
        let mut lines = vec![format!("{} {}{to}{whose} {at}: {}", text("channel"), text("step"), text("state"))];
        if !text("reason").is_empty() {
            lines.push(format!("  because {}", text("reason")));
        }
        if !text("variant").is_empty() {
            let (name, account) = (text("variant"), text("account"));
            lines.push(format!("  in the variant `{name}`, which was drawn for the account {account}"));
        }
        lines.extend(self.stops.iter().map(|stop| format!("  stopped: {stop}")));
        if let Some(answer) = &self.answer {
            lines.push(format!("  at this moment {}", in_words(answer, moment)));
        }
        match State::parse(text("state")) {
            Some(State::Planned | State::Deferred) => {
                lines.push(format!("  next look on {}, valid until {}", stored("next_at"), stored("valid_until")));
            }
            Some(State::Unknown) => {
                lines.push("  nobody knows whether it arrived: Keepwell does not send it again by itself".to_owned())
            }
            _ if !text("sent_at").is_empty() => lines.push(format!("  sent on {}", stored("sent_at"))),
            _ => {}
        }
        lines.push(String::new());
        lines.push("  why it exists".to_owned());
        let origin = origin_lines(&self.message, self.enrollment.as_ref(), self.zone);
        lines.extend(origin.into_iter().map(|line| format!("    {line}")));
        if !self.attempts.is_empty() {
            lines.push("  attempts".to_owned());
        }
        for attempt in &self.attempts {
            let reply = attempt.reply.as_deref().map(|reply| format!(": {reply}")).unwrap_or_default();
            lines.push(format!("    {} {}{reply}", moment(attempt.started_at), attempt.outcome));
        }
        lines.join("\n")
    }

    /// The answer for programs.
    pub fn to_json(&self) -> Json {
        let attempt = |one: &AttemptRow| json!({ "at": one.started_at, "outcome": one.outcome, "reply": one.reply });
        json!({
            "message": self.message,
            "verdict": self.message["state"],
            "reason": self.message["reason"],
            "now": self.answer.as_ref().map(as_json),
            "enrollment": self.enrollment,
            "attempts": self.attempts.iter().map(attempt).collect::<Vec<_>>(),
            "stopped": self.stops.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

fn in_words(answer: &Answer, moment: impl Fn(Instant) -> String) -> String {
    match answer {
        Answer::Go => "nothing but the budget and its turn keeps it".to_owned(),
        Answer::Later { until, because } => format!("it waits until {}: {because}", moment(*until)),
        Answer::Never { state, because } => format!("it would not leave, and end as {state}: {because}"),
    }
}

fn as_json(answer: &Answer) -> Json {
    match answer {
        Answer::Go => json!({ "answer": "go", "until": null, "state": null, "because": null }),
        Answer::Later { until, because } => {
            json!({ "answer": "later", "until": until, "state": null, "because": because.to_string() })
        }
        Answer::Never { state, because } => {
            json!({ "answer": "never", "until": null, "state": state.name(), "because": because.to_string() })
        }
    }
}
