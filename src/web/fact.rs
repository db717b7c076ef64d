//! What a condition read, in words: `account.events("login", 30)` is
//! "login in 30 days".

use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value as Json;

use super::language::{say, translated};
use super::page::{capitalize, date};

/// A fact and its value, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Fact {
    pub label: String,
    pub value: String,
}

/// All facts of a record, in its order.
pub(super) fn all(evidence: &Json, zone: Tz) -> Vec<Fact> {
    let facts = evidence.as_object().into_iter().flatten();
    facts.map(|(text, value)| read(text, value, zone)).collect()
}

/// One fact, by its canonical text.
pub(super) fn read(text: &str, value: &Json, zone: Tz) -> Fact {
    Fact { label: label(text), value: shown(text, value, zone) }
}

/// Whether a text is that of one fact, and no expression around it.
pub(super) fn is_fact(text: &str) -> bool {
    let Some((subject, rest)) = text.split_once('.') else { return false };
    let is_path = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
    ["account", "contact"].contains(&subject) && (is_path(rest) || call(rest).is_some_and(|(name, _)| is_path(&name)))
}

/// The value of a column, as people write it.
pub(super) fn value(value: &Json, zone: Tz) -> String {
    shown("", value, zone)
}

/// A fact's name as a person would say it. One that this list does not know
/// keeps its own words.
fn label(text: &str) -> String {
    let (subject, rest) = text.split_once('.').unwrap_or(("account", text));
    let said = match call(rest) {
        Some((name, args)) => called(&name, &args),
        None => words(rest.strip_prefix("traits.").unwrap_or(rest).trim_end_matches("_at")),
    };
    if subject == "contact" { say!("Contact: {fact}", fact = said) } else { said }
}

/// A function's name and arguments; a window that starts with the enrollment
/// or the step is a text.
fn call(text: &str) -> Option<(String, Vec<Json>)> {
    let (name, args) = text.strip_suffix(')')?.split_once('(')?;
    if let Some((args, properties)) = args.split_once(", #{") {
        let properties = properties.strip_suffix('}').filter(|text| !text.contains("#{"))?;
        let (name, mut args) = call(&format!("{name}({args})"))?;
        args.push(serde_json::json!({ "properties": properties }));
        return Some((name, args));
    }
    let args = args.replace("since_entry", "\"since_entry\"").replace("since_step", "\"since_step\"");
    Some((name.to_owned(), serde_json::from_str(&format!("[{args}]")).ok()?))
}

fn called(name: &str, args: &[Json]) -> String {
    if let [before @ .., last] = args
        && let Some(properties) = last["properties"].as_str()
    {
        return say!("{fact}, {properties}", fact = called(name, before), properties = properties);
    }
    let text = |at: usize| args.get(at).and_then(Json::as_str).unwrap_or_default();
    let span = |at: usize| args.get(at).map(window).unwrap_or_default();
    match (name, args.len()) {
        ("events", 2) => say!("{event} {window}", event = text(0), window = span(1)),
        ("event_change", 2) => say!("{event}, change over {n} days", event = text(0), n = args[1]),
        ("event_sum", 3) => {
            say!("{sum} of {event} {window}", sum = words(text(1)), event = text(0), window = span(2))
        }
        ("days_since_event", 1) => say!("Days since {what}", what = text(0)),
        ("event_at", 1) => say!("Last {event}", event = text(0)),
        ("active_days", 2) => say!("Days with {event} {window}", event = text(0), window = span(1)),
        ("active_contacts", 1) => say!("Active contacts {window}", window = span(0)),
        ("active_contacts", 2) => say!("Contacts with {event} {window}", event = text(0), window = span(1)),
        ("score", 1) => words(text(0)),
        ("score_change", 1) => say!("{what}, change", what = words(text(0))),
        ("score_change" | "change", 2) => {
            say!("{what}, change {window}", what = words(text(0)), window = span(1))
        }
        ("days_since_score", 1) => say!("Days since {what}", what = words(text(0))),
        ("score_at", 1) => say!("{score} of", score = words(text(0))),
        ("open_tickets", 0) => say!("Open tickets"),
        ("open_tickets", 1) => say!("Open tickets, {what}", what = text(0)),
        ("open_tickets", 2) => say!("Open tickets, {what}, {other}", what = text(0), other = text(1)),
        ("tickets_about", 2) => say!("Tickets about {what} {window}", what = text(0), window = span(1)),
        ("first_session_minutes", 1) => say!("Minutes of the first session"),
        ("session_minutes", 2) => say!("Minutes of a session {window}", window = span(1)),
        ("days_to_return", 0) => say!("Days to return"),
        ("tickets", 1) => say!("Tickets {window}", window = span(0)),
        ("tickets", 2) => say!("Tickets {window}, {what}", window = span(1), what = text(0)),
        ("tickets", 3) => {
            say!("Tickets {window}, {what}, {other}", window = span(1), what = text(0), other = text(2))
        }
        ("in_playbook", 1) => say!("In the playbook {playbook}", playbook = text(0)),
        ("reached_goal", 1) => say!("Reached the goal of {playbook}", playbook = text(0)),
        ("reached_goal", 2) => {
            say!("Reached the goal of {playbook} {window}", playbook = text(0), window = span(1))
        }
        ("days_since_playbook", 1) => say!("Days since the playbook {playbook}", playbook = text(0)),
        ("contacts", 1) => say!("Contacts, {role}", role = text(0)),
        ("left", 2) => say!("Left {window}, {role}", window = span(1), role = text(0)),
        _ => {
            let args: Vec<String> =
                args.iter().map(|arg| arg.as_str().map_or(arg.to_string(), str::to_owned)).collect();
            format!("{} {}", words(name), args.join(", ")).trim_end().to_owned()
        }
    }
}

fn window(arg: &Json) -> String {
    match arg.as_str() {
        Some("since_entry") => say!("since enrollment"),
        Some("since_step") => say!("since the step began"),
        Some(other) => other.to_owned(),
        None => say!(arg.as_i64().unwrap_or_default(), "in {n} day", "in {n} days", n = arg),
    }
}

/// `seats_used` is "Seats used", `nps` is "NPS".
pub(super) fn words(name: &str) -> String {
    if ["nps", "csat", "ces", "mrr", "arr"].contains(&name) {
        return name.to_uppercase();
    }
    let name = name.replace('_', " ");
    let name = if name == "csm id" { "CSM".to_owned() } else { name };
    translated(&capitalize(&name)).into_owned()
}

fn shown(text: &str, value: &Json, zone: Tz) -> String {
    let function = text.split_once('.').map_or(text, |(_, rest)| rest).split_once('(').map(|(name, _)| name);
    match value {
        Json::Null => match function {
            None => say!("not set"),
            Some("event_at" | "days_since_event" | "days_since_playbook") => say!("never"),
            Some(_) => say!("unknown"),
        },
        Json::Bool(true) => say!("yes"),
        Json::Bool(false) => say!("no"),
        Json::Number(given) => match (function, given.as_f64()) {
            (Some("event_change" | "change"), Some(percent)) => format!("{} %", signed(percent)),
            (Some("score_change"), Some(change)) => signed(change),
            (_, Some(given)) => number(given),
            (_, None) => given.to_string(),
        },
        Json::String(given) => match chrono::DateTime::parse_from_rfc3339(given) {
            Ok(at) => date(at.to_utc(), zone),
            Err(_) => given.clone(),
        },
        other => other.to_string(),
    }
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

/// At most two decimals, none that are not needed, and thousands apart.
pub(super) fn number(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let decimals = decimals.trim_end_matches('0');
    let sign = if value < 0.0 && text != "0.00" { "−" } else { "" };
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{decimals}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, value: Json) -> String {
        let fact = all(&serde_json::json!({ text: value }), Tz::UTC).remove(0);
        format!("{}: {}", fact.label, fact.value)
    }

    #[test]
    fn facts_read_as_words() {
        assert_eq!(said("account.events(\"login\", 30)", 2.into()), "login in 30 days: 2");
        assert_eq!(said("account.events(\"login\", since_entry)", 0.into()), "login since enrollment: 0");
        assert_eq!(said("account.signed_up_at", "2026-01-15T08:00:00Z".into()), "Signed up: 15 January 2026");
        assert_eq!(said("account.activated_at", Json::Null), "Activated: not set");
        assert_eq!(said("account.mrr", 12500.5.into()), "MRR: 12,500.5");
        assert_eq!(said("account.event_change(\"login\", 30)", (-62.5).into()), "login, change over 30 days: −62.5 %");
        assert_eq!(said("account.score_change(\"nps\")", (-4.0).into()), "NPS, change: −4");
        assert_eq!(said("account.in_playbook(\"renewal\")", true.into()), "In the playbook renewal: yes");
        assert_eq!(said("contact.traits.consent", false.into()), "Contact: Consent: no");
        assert!(is_fact("account.traits.plan") && is_fact("account.events(\"log in\", 30)") && is_fact("contact.role"));
        assert!(!is_fact("account.mrr * 2") && !is_fact("account.events(\"a\", 3) + account.events(\"b\", 3)"));
        let orders = "account.events(\"order\", 30, #{plan: \"pro\", seats: 5})";
        assert_eq!(said(orders, 2.into()), "order in 30 days, plan: \"pro\", seats: 5: 2");
        assert!(is_fact(orders) && !is_fact(&format!("{orders} + {orders}")));
        assert_eq!(said("account.change(\"seats\", 90)", 25.0.into()), "Seats, change in 90 days: +25 %");
        // A function that came later.
        assert_eq!(said("account.label(\"segment\")", "smb".into()), "Label segment: smb");
    }
}
