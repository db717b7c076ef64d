//! What one call looks at: its instant, its window and its text arguments.

use chrono::{DateTime, Duration};

use super::always_there::ANY;
use crate::clock::Instant;
use crate::facts::history::{
    AnswerRecord, ChangeRecord, EnrollmentRecord, History, LabelRecord, MailRecord, ScoreRecord, StandingRecord,
    TaskRecord, TicketRecord,
};
use crate::facts::{Arg, EventRecord, PropertyFilter, Standing, Value};

/// The view of one call on a history.
///
/// Functions reach a history only through it, so that whose facts they are is
/// decided here alone.
#[derive(Clone, Debug)]
pub struct Window<'a> {
    /// The contact that is asked about; `None` is the account with everyone there.
    contact: Option<&'a str>,
    /// Now; nothing at or after it has happened yet.
    pub as_of: Instant,
    /// Where the window starts, itself included; only with a `days` parameter.
    pub since: Option<Instant>,
    /// Where the equally long window before that one starts.
    pub before: Option<Instant>,
    texts: Vec<(&'static str, &'a str)>,
    /// The list of texts of the call, empty without one.
    pub list: &'a [String],
    /// What the events' properties must be equal to; `None` where any will do.
    properties: Option<&'a PropertyFilter>,
    /// The whole number of the call, if it has one.
    pub count: Option<i64>,
}

/// A move of an account from one stage or tier to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    pub at: Instant,
    /// Where it stood before; null: nowhere.
    pub was: Value,
    /// Whether it stands somewhere from then on.
    pub stays: bool,
}

/// The instant that many times 24 hours earlier. It goes no further back than
/// year 1, which is before any fact.
pub fn days_back(as_of: Instant, days: i64) -> Instant {
    Duration::try_days(days)
        .and_then(|span| as_of.checked_sub_signed(span))
        .map_or(earliest(), |start| start.max(earliest()))
}

/// The start of the window that ends at `since` and is as long as the one from
/// there to `as_of`.
pub fn before(as_of: Instant, since: Instant) -> Instant {
    since.checked_sub_signed(as_of - since).map_or(earliest(), |start| start.max(earliest()))
}

fn earliest() -> Instant {
    const DAYS_FROM_YEAR_1_TO_1970: i64 = 719_162;
    DateTime::UNIX_EPOCH - Duration::days(DAYS_FROM_YEAR_1_TO_1970)
}

impl<'a> Window<'a> {
    /// The window of a call with these arguments, each with its parameter's
    /// name.
    ///
    /// Where `since_entry` or `since_step` is asked for but not known, or not
    /// before `as_of`, the window is empty.
    pub fn new(
        args: impl IntoIterator<Item = (&'static str, &'a Arg)>,
        as_of: Instant,
        since_entry: Option<Instant>,
        since_step: Option<Instant>,
    ) -> Window<'a> {
        let mut window = Window {
            contact: None,
            as_of,
            since: None,
            before: None,
            texts: Vec::new(),
            list: &[],
            properties: None,
            count: None,
        };
        for (param, arg) in args {
            if let Arg::Int(number) = arg {
                window.count = Some(*number);
            }
            let since = match arg {
                Arg::Text(text) => {
                    window.texts.push((param, text));
                    continue;
                }
                Arg::Texts(list) => {
                    window.list = list;
                    continue;
                }
                Arg::Properties(filter) => {
                    window.properties = Some(filter);
                    continue;
                }
                Arg::Int(days) => days_back(as_of, *days),
                Arg::SinceEntry => since_entry.unwrap_or(as_of).min(as_of),
                Arg::SinceStep => since_step.unwrap_or(as_of).min(as_of),
            };
            window.since = Some(since);
            window.before = Some(before(as_of, since));
        }
        window
    }

    /// The same call, asked about one contact.
    pub fn of(self, contact: &'a str) -> Window<'a> {
        Window { contact: Some(contact), ..self }
    }

    /// Whether what this contact did is asked about.
    fn is_whose(&self, contact: Option<&str>) -> bool {
        self.contact.is_none_or(|wanted| contact == Some(wanted))
    }

    /// A text argument by its parameter's name; `None` when it was left out.
    pub fn text(&self, param: &str) -> Option<&'a str> {
        self.texts.iter().find(|(name, _)| *name == param).map(|(_, text)| *text)
    }

    /// Whether something at `at` happened in the window; without a window,
    /// whether it happened at all.
    pub fn contains(&self, at: Instant) -> bool {
        at < self.as_of && self.since.is_none_or(|since| at >= since)
    }

    /// The events in the window with the argument `name` and the properties, if those were given.
    pub fn events<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h EventRecord> {
        self.events_since(history, self.since)
    }

    /// The same from another beginning of the window on.
    pub fn events_since<'h>(
        &self,
        history: &'h History,
        since: Option<Instant>,
    ) -> impl Iterator<Item = &'h EventRecord> {
        let (named, every) = match self.text("name") {
            Some(name) => (Some(history.events.named_between(name, since, self.as_of)), None),
            None => (None, Some(history.events.iter())),
        };
        let happened = move |at: Instant| at < self.as_of && since.is_none_or(|since| at >= since);
        let events = named.into_iter().flatten().chain(every.into_iter().flatten());
        let is_meant = |event: &EventRecord| self.properties.is_none_or(|filter| filter.matches(&event.properties));
        events.filter(move |event| happened(event.at) && self.is_whose(event.contact.as_deref()) && is_meant(event))
    }

    pub fn tickets<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h TicketRecord> {
        history.tickets.iter().filter(|ticket| self.is_whose(ticket.contact.as_deref()))
    }

    /// Of them those of the arguments `severity` and `topic`, if those were given.
    pub fn named_tickets<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h TicketRecord> {
        let severity = self.text("severity").filter(|severity| *severity != ANY);
        let topic = self.text("topic");
        self.tickets(history).filter(move |ticket| {
            severity.is_none_or(|severity| ticket.severity.as_deref() == Some(severity))
                && topic.is_none_or(|topic| ticket.topic.as_deref() == Some(topic))
        })
    }

    pub fn tasks<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h TaskRecord> {
        history.tasks.iter().filter(|task| self.is_whose(task.contact.as_deref()))
    }

    pub fn mails<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h MailRecord> {
        history.mails.iter().filter(|mail| self.is_whose(mail.contact.as_deref()))
    }

    /// The answers to surveys of the argument `name`, or with the score of that name.
    pub fn answers<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h AnswerRecord> {
        let name = self.text("name");
        history.answers.iter().filter(move |answer| {
            self.is_whose(answer.contact.as_deref())
                && answer.at < self.as_of
                && [answer.score.as_deref(), answer.survey.as_deref()].contains(&name)
                && name.is_some()
        })
    }

    /// What became of the label of the argument `name` by now.
    pub fn labels<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h LabelRecord> {
        history.labels.iter().filter(|label| {
            self.is_whose(label.contact.as_deref()) && label.at < self.as_of && Some(&*label.name) == self.text("name")
        })
    }

    /// The moves of the account from one stage or tier to another by now, the latest
    /// first: those of the store's column where that has a value, else those that a
    /// document has found.
    pub fn moves(&self, history: &History, standing: Standing) -> Vec<Move> {
        let column = standing.name();
        let mut moves: Vec<Move> = match history.stored_column(column, self.as_of) {
            None | Some(Value::Null) => {
                let mut was = Value::Null;
                let of = |record: &StandingRecord| Move {
                    at: record.at,
                    was: std::mem::replace(&mut was, record.value.clone()),
                    stays: record.value != Value::Null,
                };
                history.standings_by(standing, self.as_of).map(of).collect()
            }
            Some(_) => {
                let changes = history.changes.iter().filter(|change| change.at < self.as_of);
                let of = |change: &ChangeRecord| {
                    change.was.get(column).map(|was| Move { at: change.at, was: was.clone(), stays: true })
                };
                changes.filter_map(of).collect()
            }
        };
        // Those of one instant are in the order in which they are listed.
        moves.sort_by_key(|moved| moved.at);
        moves.reverse();
        moves
    }

    /// The first event of that name strictly after an instant, or the first at
    /// all, that had happened by now.
    pub fn after(&self, history: &History, name: &str, instant: Option<Instant>) -> Option<Instant> {
        let mut named = history.events.named(name).iter().filter(|event| self.is_whose(event.contact.as_deref()));
        let happened = |at: &Instant| *at < self.as_of && instant.is_none_or(|instant| *at > instant);
        named.find(|event| happened(&event.at)).map(|event| event.at)
    }

    /// The score of the argument `name` as of an instant: our own before the
    /// store's, then the latest of the
    /// account itself, else the latest of any contact; the contact's own where
    /// one is asked about.
    pub fn score<'h>(&self, history: &'h History, as_of: Instant) -> Option<&'h ScoreRecord> {
        self.scores(history, as_of)
            .max_by_key(|score| (score.own.is_some(), score.contact.is_none(), score.at, &score.id))
    }

    /// All scores of the argument `name` before an instant; of our own also those
    /// at it, which were made for whoever looks then.
    pub fn scores<'h>(&self, history: &'h History, as_of: Instant) -> impl Iterator<Item = &'h ScoreRecord> {
        history.scores.iter().filter(move |score| {
            self.is_whose(score.contact.as_deref()) && score.is_there(as_of) && Some(&*score.name) == self.text("name")
        })
    }

    /// The enrollments in the playbook of the argument `id` that had started.
    pub fn enrollments<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h EnrollmentRecord> {
        history.enrollments.iter().filter(|enrollment| {
            self.is_whose(enrollment.contact.as_deref())
                && enrollment.started_at < self.as_of
                && Some(&*enrollment.playbook) == self.text("id")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_at_now_and_stay_in_range() {
        let now = DateTime::UNIX_EPOCH + Duration::days(20_000);
        let since = days_back(now, 30);
        assert_eq!(now - since, Duration::hours(720));
        assert_eq!(before(now, since), days_back(now, 60));
        assert_eq!(days_back(now, i64::MAX), earliest());
        assert_eq!(before(now, earliest()), earliest());
        assert_eq!(earliest().to_rfc3339(), "0001-01-01T00:00:00+00:00");
    }

    #[test]
    fn an_unknown_start_is_an_empty_window() {
        let now = DateTime::UNIX_EPOCH + Duration::days(20_000);
        let args = [Arg::Text("login".to_owned()), Arg::SinceEntry];
        let args = || ["name", "days"].into_iter().zip(&args);
        let window = Window::new(args(), now, None, None);
        assert_eq!(window.since, Some(now));
        assert!(!window.contains(now));
        let later = now + Duration::seconds(1);
        let window = Window::new(args(), now, Some(later), None);
        assert_eq!(window.since, Some(now));
    }
}
