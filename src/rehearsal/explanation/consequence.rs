//! What comes of a person's word on a task, in words.

use chrono::TimeDelta;
use chrono_tz::Tz;
use uuid::Uuid;

use crate::clock::Instant;
use crate::effect::{EffectBody, MessageDraft};
use crate::enrollment::State;
use crate::playbook::calendar::local_date;
use crate::store::upkeep::stopped::Stop;

/// How many consequences are named before the rest is counted.
pub const NAMED_CONSEQUENCES: usize = 4;

/// What a person can say of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskChoice {
    Complete {
        outcome: Option<String>,
    },
    /// It is not needed, and its enrollment goes on.
    Dismiss,
    /// It is not needed, and its enrollment ends.
    Stop,
    Snooze,
}

/// One thing that would come.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsequenceAhead {
    pub at: Instant,
    /// The id of the row that it would be.
    pub id: Uuid,
    pub step: String,
    pub body: EffectBody,
    /// The subject or title, where it has one.
    pub title: Option<String>,
    /// Whom it reaches, by name.
    pub to: Option<String>,
}

/// Where a way ends, or why nobody can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayEnd {
    /// It ends then in this state, with the reason.
    Ends { at: Instant, state: State, reason: Option<String> },
    /// It stays at this step, until then at most where that is known.
    Stays { step: String, due: Option<Instant> },
    /// The person ends it.
    Stopped,
}

/// All that comes of one choice, as things stand.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoiceOutlook {
    pub choice: TaskChoice,
    pub journey: JourneyOutlook,
}

/// All that a journey brings, as things stand.
#[derive(Clone, Debug, PartialEq)]
pub struct JourneyOutlook {
    /// In order.
    pub consequences: Vec<ConsequenceAhead>,
    pub end: WayEnd,
}

/// The choices that a task offers.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskChoices {
    /// The outcomes that it offers; without any a person may write one.
    pub outcomes: Vec<String>,
    /// Whether a step that is ahead reads the outcome, so that one is needed.
    pub needs_outcome: bool,
    /// Why nothing follows, or why nobody can say what does; then there are no outlooks.
    pub nothing: Option<NothingFollows>,
    /// What stops its playbook or account now.
    pub stopped: Vec<Stop>,
    pub outlooks: Vec<ChoiceOutlook>,
}

/// Why nothing follows from a task, or why nobody can say what does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingFollows {
    #[error("The journey is over: nothing follows from it any more.")]
    JourneyOver,
    #[error("Its account or contact is gone: the journey ends without anything more.")]
    SubjectGone,
    /// Something may follow; with why it cannot be known.
    #[error("Nobody can say what follows: {0}.")]
    Unknown(String),
}

/// A line about what comes when.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ConsequenceLine {
    /// `now`, `in 3 days (Thu 5 March)`; empty for what has no time.
    pub when: String,
    pub what: String,
}

impl TaskChoices {
    /// What comes of a choice; `None` where nobody knows.
    pub fn outlook(&self, choice: &TaskChoice) -> Option<&JourneyOutlook> {
        self.outlooks.iter().find(|one| one.choice == *choice).map(|one| &one.journey)
    }

    /// Whether nobody can say what follows, though something may.
    pub fn is_unknown(&self) -> bool {
        matches!(self.nothing, Some(NothingFollows::Unknown(_)))
    }

    /// Whether the rest of the way mails the customer, or may, when a task is
    /// dismissed: then a person says whether it goes on.
    pub fn dismissal_asks(&self) -> bool {
        self.is_unknown() || self.outlook(&TaskChoice::Dismiss).is_some_and(JourneyOutlook::mails)
    }
}

impl JourneyOutlook {
    /// Whether a mail to the customer comes of it, or may, because a condition
    /// cannot be decided now.
    pub fn mails(&self) -> bool {
        let mail = |one: &ConsequenceAhead| matches!(one.body, EffectBody::Message(MessageDraft::Mail(_)));
        self.consequences.iter().any(mail) || matches!(self.end, WayEnd::Stays { .. })
    }

    /// What comes when, for people.
    pub fn lines(&self, now: Instant, zone: Tz) -> Vec<ConsequenceLine> {
        let line = |at: Instant, what: String| ConsequenceLine { when: when(at, now, zone), what };
        let mut lines: Vec<ConsequenceLine> =
            self.consequences.iter().take(NAMED_CONSEQUENCES).map(|one| line(one.at, one.words())).collect();
        let rest = self.consequences.len().saturating_sub(NAMED_CONSEQUENCES);
        if rest > 0 {
            lines.push(ConsequenceLine { when: String::new(), what: format!("and {rest} more") });
        }
        lines.push(match &self.end {
            WayEnd::Stopped => line(now, "the journey stops: its mail is not sent, its other tasks close".to_owned()),
            WayEnd::Stays { step, due: Some(due) } => line(*due, format!("the journey goes on from {step}")),
            WayEnd::Stays { step, due: None } => {
                ConsequenceLine { when: String::new(), what: format!("then the journey waits at {step}") }
            }
            WayEnd::Ends { at, state, reason } => {
                let because = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                let what = match state {
                    State::Completed if self.consequences.is_empty() => {
                        format!("the journey is complete, nothing more follows{because}")
                    }
                    State::Completed => format!("the journey is complete{because}"),
                    State::Goal => "the goal is reached: everything stops".to_owned(),
                    State::Failed => format!("the journey fails{because}"),
                    _ => format!("everything stops{because}"),
                };
                line(*at, what)
            }
        });
        lines
    }

    /// The lines in one sentence.
    pub fn sentence(&self, now: Instant, zone: Tz) -> String {
        let lines = self.lines(now, zone).into_iter().map(|line| match line.when.as_str() {
            "" => line.what,
            when => format!("{when}: {}", line.what),
        });
        lines.collect::<Vec<_>>().join("; ")
    }
}

impl ConsequenceAhead {
    /// `a mail “Three steps” to Anna Berg`.
    pub fn words(&self) -> String {
        let title = self.title.as_ref().map(|title| format!(" “{title}”")).unwrap_or_default();
        let to = |word: &str| self.to.as_ref().map(|to| format!(" {word} {to}")).unwrap_or_default();
        match &self.body {
            EffectBody::Task(_) => format!("a task{title}{}", to("for")),
            EffectBody::Message(MessageDraft::Mail(_)) => format!("a mail{title}{}", to("to")),
            EffectBody::Message(MessageDraft::Notice(_)) => format!("a notice{title}{}", to("to")),
            EffectBody::Message(MessageDraft::Webhook(_)) => format!("a call of another system{title}"),
            EffectBody::Message(MessageDraft::Skipped { reason, .. }) => format!("no mail of {}: {reason}", self.step),
            EffectBody::Message(MessageDraft::Failed { reason, .. }) => format!("{} does nothing: {reason}", self.step),
            EffectBody::Referral { playbook } => format!("the playbook {playbook} begins, if it may"),
            EffectBody::Label(label) => match &label.value {
                Some(value) => format!("{} becomes {value}", label.name),
                None => format!("{} is removed", label.name),
            },
            EffectBody::Plan { plan } => format!("the success plan {plan} begins"),
            EffectBody::Report(report) => format!("the report {} is made", report.report),
        }
    }
}

/// `now`, `in 20 minutes`, `in 3 days (Thu 5 March)`.
pub fn when(at: Instant, now: Instant, zone: Tz) -> String {
    let ahead = at - now;
    let count = |count: i64, unit: &str| format!("in {count} {unit}{}", if count == 1 { "" } else { "s" });
    let days = (local_date(at, zone) - local_date(now, zone)).num_days();
    let day = at.with_timezone(&zone).format("%a %-d %B");
    match ahead {
        ahead if ahead < TimeDelta::minutes(1) => "now".to_owned(),
        ahead if ahead < TimeDelta::hours(1) => count(ahead.num_minutes(), "minute"),
        _ if days == 0 => count(ahead.num_hours(), "hour"),
        _ if days == 1 => format!("tomorrow ({day})"),
        _ => format!("{} ({day})", count(days, "day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ahead_is_said_in_the_readers_days() {
        let at = |text: &str| text.parse::<Instant>().expect("an instant");
        let now = at("2026-03-02T20:00:00Z");
        let say = |text: &str, zone: Tz| when(at(text), now, zone);
        assert_eq!(say("2026-03-02T20:00:30Z", Tz::UTC), "now");
        assert_eq!(say("2026-03-02T19:00:00Z", Tz::UTC), "now");
        assert_eq!(say("2026-03-02T20:20:00Z", Tz::UTC), "in 20 minutes");
        assert_eq!(say("2026-03-02T21:10:00Z", Tz::UTC), "in 1 hour");
        assert_eq!(say("2026-03-03T05:00:00Z", Tz::UTC), "tomorrow (Tue 3 March)");
        assert_eq!(say("2026-03-05T20:00:00Z", Tz::UTC), "in 3 days (Thu 5 March)");
        assert_eq!(say("2026-03-05T20:00:00Z", Tz::Asia__Tokyo), "in 3 days (Fri 6 March)");
    }
}
