//! What happened to an account, in words.

use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::fact;
use super::language::{phrase, say, translated};
use super::message::properties;
use super::message_states;
use super::page::{below, moment, short_date};
use super::stored_words::stored_words;
use super::task_view::why_ended;
use super::visitor::actor_words;
use crate::store::views::web::{
    AnswerEvent, EnrollmentTurn, MessageEvent, NoteEvent, RefusalEvent, ScoreEvent, TaskTurn, TicketTurn,
    TimelineEntry, TimelineEvent,
};

/// How many events of a day, and changes of an instant, are named.
const NAMED: usize = 8;

/// How many characters of a mail's text are shown.
const PREVIEW: usize = 160;

/// An entry of the timeline as `account.html` shows it.
#[derive(Debug, Serialize)]
pub(super) struct TimelineLine {
    when: String,
    kind: &'static str,
    /// What it looks like: `ours` for what was done, `theirs` for what happened.
    side: &'static str,
    text: String,
    href: Option<String>,
    state: Option<String>,
    /// What people call the state, where that is not its name.
    label: Option<String>,
    notes: Vec<String>,
    /// How the text of a mail begins, or a note.
    words: Option<String>,
}

/// What became of a ticket.
#[derive(Clone, Copy)]
enum TicketState {
    Opened,
    Closed,
}

/// An entry in words; `contact` gives the name of a contact by its id.
pub(super) fn line(entry: TimelineEntry, zone: Tz, contact: &dyn Fn(&str) -> String) -> TimelineLine {
    let at = moment(entry.at, zone);
    let with = |line: TimelineLine| TimelineLine { when: at.clone(), ..line };
    match entry.event {
        TimelineEvent::EnrollmentStart(turn) => with(enrollment_start(turn, contact)),
        TimelineEvent::EnrollmentEnd(turn) => with(enrollment_end(turn, zone, contact)),
        TimelineEvent::Message(message) => with(message_line(message, zone)),
        TimelineEvent::TaskStart(task) => with(task_start(task)),
        TimelineEvent::TaskEnd(task) => with(task_end(task, zone)),
        TimelineEvent::Answer(answer) => with(answer_line(answer, contact)),
        TimelineEvent::Score(score) => with(score_line(score, contact)),
        TimelineEvent::TicketOpening(ticket) => with(ticket_line(ticket, TicketState::Opened, contact)),
        TimelineEvent::TicketClosing(ticket) => with(ticket_line(ticket, TicketState::Closed, contact)),
        TimelineEvent::Change { was, became } => with(change_line(&was, &became, zone)),
        TimelineEvent::Note(note) => with(note_line(note)),
        TimelineEvent::Refusal(refusal) => with(refusal_line(refusal, zone, contact)),
        TimelineEvent::EventDay(counts) => {
            let named = counts.iter().take(NAMED).map(|(name, count)| format!("{name} × {count}"));
            let text = with_rest(named.collect(), counts.len());
            TimelineLine { when: short_date(entry.at, zone), ..theirs(phrase!("Events"), text) }
        }
    }
}

fn ours(kind: &'static str, text: String) -> TimelineLine {
    TimelineLine {
        when: String::new(),
        kind,
        side: "ours",
        text,
        href: None,
        state: None,
        label: None,
        notes: Vec::new(),
        words: None,
    }
}

fn theirs(kind: &'static str, text: String) -> TimelineLine {
    TimelineLine { side: "theirs", ..ours(kind, text) }
}

/// The named ones, and how many there are besides.
fn with_rest(named: Vec<String>, all: usize) -> String {
    let rest = all.saturating_sub(named.len());
    let text = named.join(&say!(", "));
    if rest > 0 { say!("{names} and {n} more", names = text, n = rest) } else { text }
}

fn enrollment_start(turn: EnrollmentTurn, contact: &dyn Fn(&str) -> String) -> TimelineLine {
    let text = match turn.state.as_str() {
        "held" => say!("Waits for approval to enter {playbook}", playbook = turn.playbook),
        "ghost" => say!("Held out of {playbook}, to compare", playbook = turn.playbook),
        _ => say!("Entered {playbook}", playbook = turn.playbook),
    };
    TimelineLine { notes: enrollment_notes(&turn, contact), ..playbook_line(text, &turn.playbook) }
}

fn enrollment_end(turn: EnrollmentTurn, zone: Tz, contact: &dyn Fn(&str) -> String) -> TimelineLine {
    let playbook = &turn.playbook;
    let text = match turn.state.as_str() {
        "completed" => say!("Completed {playbook}", playbook = playbook),
        "goal" => say!("Reached the goal of {playbook}", playbook = playbook),
        "exited" => say!("Left {playbook}", playbook = playbook),
        "blocked" => say!("Was kept from {playbook}", playbook = playbook),
        "cancelled" => say!("Was taken out of {playbook}", playbook = playbook),
        "failed" => say!("Failed in {playbook}", playbook = playbook),
        "ghost" => say!("No longer held out of {playbook}", playbook = playbook),
        other => say!("Ended {playbook}: {state}", playbook = playbook, state = translated(other)),
    };
    let mut notes = enrollment_notes(&turn, contact);
    notes.extend(turn.reason.as_deref().map(|reason| stored_words(reason, zone)));
    TimelineLine { state: Some(turn.state.clone()), notes, ..playbook_line(text, playbook) }
}

fn playbook_line(text: String, playbook: &str) -> TimelineLine {
    TimelineLine { href: Some(below("/playbooks", playbook)), ..ours(phrase!("Playbook"), text) }
}

fn enrollment_notes(turn: &EnrollmentTurn, contact: &dyn Fn(&str) -> String) -> Vec<String> {
    let who = Some(turn.contact_id.as_str()).filter(|id| !id.is_empty()).map(contact);
    who.into_iter().chain(turn.shadow.then(|| say!("in shadow, so nothing leaves"))).collect()
}

fn message_line(message: MessageEvent, zone: Tz) -> TimelineLine {
    let channel = properties(&message.channel);
    let text = match message.subject {
        Some(subject) if !subject.is_empty() => subject,
        _ => say!("Step {step} of {playbook}", step = message.step, playbook = message.playbook),
    };
    let to = message.to_address.map(|to| say!("to {address}", address = to));
    let label = (!channel.reaches_customers).then(|| translated(channel.label).into_owned());
    let notes = label
        .into_iter()
        .chain(to)
        // A word that no playbook has sent.
        .chain(Some(message.playbook).filter(|playbook| !playbook.is_empty()))
        .chain(message.reason.as_deref().map(|reason| stored_words(reason, zone)))
        .collect();
    TimelineLine {
        href: Some(below("/messages", &message.id.to_string())),
        label: Some(message_states::label(&message.state)),
        state: Some(message.state),
        notes,
        words: message.beginning.as_deref().map(in_brief).filter(|words| !words.is_empty()),
        ..ours(if channel.reaches_customers { phrase!("Mail") } else { phrase!("Notice") }, text)
    }
}

/// The first words of a text, in one line.
fn in_brief(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PREVIEW) {
        Some((end, _)) => format!("{} …", line[..end].trim_end()),
        None => line,
    }
}

fn note_line(note: NoteEvent) -> TimelineLine {
    TimelineLine {
        href: Some(below("/tasks", &note.task.to_string())),
        notes: vec![say!("by {name}", name = actor_words(&note.by))],
        words: Some(note.note),
        ..ours(phrase!("Note"), note.title)
    }
}

/// `Did not enter winback`: of the decisions not to act those that leave a row of their own.
fn refusal_line(refusal: RefusalEvent, zone: Tz, contact: &dyn Fn(&str) -> String) -> TimelineLine {
    let who = Some(refusal.contact_id).filter(|id| !id.is_empty()).map(|id| contact(&id));
    let asked = say!("asked for by {playbook}, step {step}", playbook = refusal.playbook, step = refusal.step);
    TimelineLine {
        notes: refusal
            .reason
            .as_deref()
            .map(|reason| stored_words(reason, zone))
            .into_iter()
            .chain(who)
            .chain([asked])
            .collect(),
        ..playbook_line(say!("Did not enter {playbook}", playbook = refusal.target), &refusal.target)
    }
}

fn task_start(task: TaskTurn) -> TimelineLine {
    let whose = task.assignee.map_or_else(|| say!("for nobody yet"), |who| say!("for {name}", name = who));
    // What became of it is said where it ended.
    let state = Some(task.state).filter(|state| ["open", "shadow"].contains(&state.as_str()));
    TimelineLine {
        href: Some(below("/tasks", &task.id.to_string())),
        state,
        notes: vec![whose, task.playbook],
        ..ours(phrase!("Task"), task.title)
    }
}

fn task_end(task: TaskTurn, zone: Tz) -> TimelineLine {
    let who = task.assignee.filter(|_| task.state != "closed").map(|who| say!("by {name}", name = actor_words(&who)));
    let itself = (task.state == "closed").then(|| say!("by itself"));
    let notes = task
        .outcome
        .into_iter()
        .chain(task.reason.as_deref().map(|reason| match task.state == "dismissed" {
            true => why_ended(reason),
            false => stored_words(reason, zone),
        }))
        .chain(who)
        .chain(itself)
        .collect();
    TimelineLine {
        href: Some(below("/tasks", &task.id.to_string())),
        state: Some(task.state),
        notes,
        ..ours(phrase!("Task"), task.title)
    }
}

fn answer_line(answer: AnswerEvent, contact: &dyn Fn(&str) -> String) -> TimelineLine {
    let said = match (answer.score, answer.value) {
        (Some(score), Some(value)) => format!("{} {value}", fact::words(&score)),
        (None, Some(value)) => say!("Answered {value}", value = value),
        (_, None) => say!("Answered"),
    };
    let who = Some(answer.contact_id).filter(|id| !id.is_empty()).map(|id| contact(&id));
    let comment = answer.comment.filter(|comment| !comment.is_empty()).map(|comment| format!("“{comment}”"));
    TimelineLine {
        href: Some(below("/messages", &answer.message.to_string())),
        notes: comment.into_iter().chain(who).collect(),
        ..theirs(phrase!("Answer"), said)
    }
}

fn score_line(score: ScoreEvent, contact: &dyn Fn(&str) -> String) -> TimelineLine {
    let who = score.contact_id.filter(|id| !id.is_empty()).map(|id| contact(&id));
    let text = format!("{} {}", fact::words(&score.name), fact::number(score.value));
    TimelineLine { notes: who.into_iter().collect(), ..theirs(phrase!("Score"), text) }
}

fn ticket_line(ticket: TicketTurn, became: TicketState, contact: &dyn Fn(&str) -> String) -> TimelineLine {
    let who = ticket.contact_id.filter(|id| !id.is_empty()).map(|id| contact(&id));
    let text = match (became, ticket.id.as_str()) {
        (TicketState::Opened, "") => say!("Ticket opened"),
        (TicketState::Closed, "") => say!("Ticket closed"),
        (TicketState::Opened, id) => say!("Ticket {id} opened", id = id),
        (TicketState::Closed, id) => say!("Ticket {id} closed", id = id),
    };
    let severity = ticket.severity.filter(|severity| !severity.is_empty());
    TimelineLine { notes: severity.into_iter().chain(who).collect(), ..theirs(phrase!("Ticket"), text) }
}

/// `Tier: B → A`, of every column that changed.
fn change_line(was: &Json, became: &Json, zone: Tz) -> TimelineLine {
    let text = match (was, became) {
        (Json::Null, _) => say!("The account came on record"),
        (_, Json::Null) => say!("The account was removed"),
        _ => {
            let changes = changes(was, became, zone);
            match changes.len() {
                0 => say!("Columns changed"),
                all => with_rest(changes.into_iter().take(NAMED).collect(), all),
            }
        }
    };
    theirs(phrase!("Change"), text)
}

fn changes(was: &Json, became: &Json, zone: Tz) -> Vec<String> {
    let nothing = Map::new();
    let [was, became] = [was, became].map(|row| row.as_object().unwrap_or(&nothing));
    let mut changes = Vec::new();
    let mut change = |name: &str, was: &Json, became: &Json| {
        let [was, became] = [was, became].map(|value| fact::read(&format!("account.{name}"), value, zone));
        changes.push(say!("{what}: {from} → {to}", what = was.label, from = was.value, to = became.value));
    };
    for (name, value) in was {
        let later = became.get(name).unwrap_or(&Json::Null);
        // What authors call an attribute changes for itself.
        let attributes = |value: &Json| value.as_object().cloned();
        match (name.as_str(), attributes(value), attributes(later)) {
            ("traits", Some(was), Some(became)) => {
                let gone = was.keys().filter(|key| !became.contains_key(*key));
                for key in became.keys().chain(gone) {
                    let [was, became] = [&was, &became].map(|map| map.get(key).unwrap_or(&Json::Null));
                    if was != became {
                        change(&format!("traits.{key}"), was, became);
                    }
                }
            }
            _ => change(name, value, later),
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_beginning_of_a_text_is_one_line() {
        assert_eq!(in_brief(" Hi Ann,\n\nthree   things "), "Hi Ann, three things");
        let long = in_brief(&"ä ".repeat(200));
        assert!(long.ends_with("ä …") && long.chars().count() <= PREVIEW + 2, "{long}");
    }

    #[test]
    fn a_change_names_what_was_and_what_became() {
        let text = |was: Json, became: Json| change_line(&was, &became, Tz::UTC).text;
        assert_eq!(
            text(json!({ "tier": "B", "mrr": 100 }), json!({ "tier": "A", "mrr": 1500.5 })),
            "MRR: 100 → 1,500.5, Tier: B → A"
        );
        assert_eq!(
            text(json!({ "renewal_at": null }), json!({ "renewal_at": "2027-02-21T00:00:00+00:00" })),
            "Renewal: not set → 21 February 2027"
        );
        let traits = (
            json!({ "traits": { "plan": "pro", "seat": 1, "old": true } }),
            json!({ "traits": { "plan": "team", "seat": 1 } }),
        );
        assert_eq!(text(traits.0, traits.1), "Plan: pro → team, Old: yes → not set");
        assert_eq!(text(Json::Null, json!({ "tier": "A" })), "The account came on record");
        assert_eq!(text(json!({ "tier": "A" }), Json::Null), "The account was removed");
        let many = |value: u32| Json::Object((0..10).map(|n| (format!("column_{n}"), value.into())).collect());
        assert!(text(many(1), many(2)).ends_with(" and 2 more"));
    }
}
