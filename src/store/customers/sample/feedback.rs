//! What customers say: survey answers and tickets.

use chrono::Duration;

use super::rows::{SampleAccount, SampleContact, SampleScore, SampleTicket, Story};
use super::signs;
use super::spread::{Spread, Topic, seconds};
use super::words::{EXPORT, OUTAGE, TICKET_TOPICS, TicketTopic};
use crate::clock::Instant;

/// The tickets of one account, oldest first.
pub(crate) fn tickets(
    anchor: Instant,
    row: usize,
    account: &SampleAccount,
    contacts: &[SampleContact],
) -> Vec<SampleTicket> {
    let spread = Spread::of(row);
    let mean_gap_days = match account.tier {
        "A" => 40.0,
        "B" => 65.0,
        _ => 110.0,
    };
    let end = account.churned_at.unwrap_or(anchor).min(anchor);
    let mut found: Vec<(Instant, Option<Instant>, &'static str, &TicketTopic)> = Vec::new();
    let mut opened_at = account.signed_up_at;
    for index in 0.. {
        let gap = mean_gap_days * spread.between(Topic::Ticket, index * 4, 0.2, 1.8);
        opened_at += seconds(gap);
        if opened_at >= end {
            break;
        }
        let severity = match spread.unit(Topic::Ticket, index * 4 + 1) {
            x if x < 0.40 => "low",
            x if x < 0.82 => "normal",
            x if x < 0.97 => "high",
            _ => "urgent",
        };
        let (low, high) = match severity {
            "urgent" => (0.1, 1.2),
            "high" => (0.3, 4.0),
            _ => (0.5, 9.0),
        };
        let closed_at = opened_at + seconds(spread.between(Topic::Ticket, index * 4 + 2, low, high));
        let is_open = closed_at >= anchor;
        // Open urgent tickets belong to the accounts whose story they are.
        let severity = if is_open && severity == "urgent" { "high" } else { severity };
        // Of late many write about the same: an export that fails.
        let is_lately = anchor - opened_at < Duration::days(21);
        let topic = match spread.unit(Topic::Ticket, index * 4 + 3) {
            x if is_lately && x < 0.6 => &EXPORT,
            x => &TICKET_TOPICS[((x * TICKET_TOPICS.len() as f64) as usize).min(TICKET_TOPICS.len() - 1)],
        };
        found.push((opened_at, (!is_open).then_some(closed_at), severity, topic));
    }
    // One of those who never activated and one with a fallen score are in trouble as well.
    if account.story == Story::UrgentTicket || matches!(row, 86 | 58) {
        let hours = spread.whole(Topic::Ticket, 1_000_000, 5, 40);
        found.push((anchor - Duration::hours(hours), None, "urgent", &OUTAGE));
    }
    for opened_at in signs::piled_tickets(anchor, row, account) {
        let closed_at = opened_at + Duration::days(2);
        found.push((opened_at, Some(closed_at), "high", &EXPORT));
    }
    found.sort_by_key(|(opened_at, ..)| *opened_at);
    found
        .into_iter()
        .enumerate()
        .map(|(index, (opened_at, closed_at, severity, topic))| SampleTicket {
            account_id: account.id.clone(),
            id: format!("t{:04}", index + 1),
            contact_id: present(contacts, opened_at).map(|contact| contact.id.clone()),
            opened_at,
            closed_at,
            severity,
            topic: topic.topic,
            subject: if account.locale.starts_with("zh") { topic.zh } else { topic.en },
        })
        .collect()
}

/// The survey answers of one account, oldest first: NPS about every quarter,
/// CSAT after some tickets.
pub(crate) fn scores(
    anchor: Instant,
    row: usize,
    account: &SampleAccount,
    contacts: &[SampleContact],
    tickets: &[SampleTicket],
) -> Vec<SampleScore> {
    let spread = Spread::of(row);
    let end = account.churned_at.unwrap_or(anchor).min(anchor);
    let mut found: Vec<(Instant, &str, f64, String)> = Vec::new();

    for (position, contact) in contacts.iter().enumerate() {
        if account.activated_at.is_none() || contact.role == "billing" {
            continue;
        }
        if account.story == Story::NpsDrop && position == 0 {
            found.extend(fallen_score(anchor, spread, contact));
            continue;
        }
        let until = contact.left_at.unwrap_or(end).min(end);
        if let (Some(fell_at), 0) = (account.nps_fell_at, position) {
            found.extend(answers_around(fell_at, until, spread, contact));
            continue;
        }
        let level = spread.whole(Topic::Nps, position * 1_000, 5, 9);
        let mut at = contact.created_at + seconds(spread.between(Topic::NpsAt, position * 1_000, 30.0, 110.0));
        for index in position * 1_000 + 1.. {
            if at >= until {
                break;
            }
            // One step up or down is mood, not news.
            let value = (level + spread.whole(Topic::Nps, index, -1, 1)).clamp(0, 10);
            let is_recent = anchor - at < Duration::days(12);
            let stays_quiet = is_recent && (value <= 6 || account.story == Story::NpsDrop);
            // Another answer of these days would be the latest one.
            let is_near = account.nps_fell_at.is_some_and(|fell_at| (at - fell_at).num_days().abs() < 10);
            if !stays_quiet && !is_near && spread.chance(Topic::NpsAt, index + 500, 0.55) {
                found.push((at, "nps", value as f64, contact.id.clone()));
            }
            at += seconds(spread.between(Topic::NpsAt, index, 82.0, 98.0));
        }
    }

    for (index, ticket) in tickets.iter().enumerate() {
        let (Some(closed_at), Some(contact)) = (ticket.closed_at, &ticket.contact_id) else {
            continue;
        };
        let at = closed_at + seconds(spread.between(Topic::Csat, index * 3, 0.05, 1.0));
        if at < end && spread.chance(Topic::Csat, index * 3 + 1, 0.4) {
            let value = spread.pick(Topic::Csat, index * 3 + 2, &[2, 3, 4, 4, 5, 5, 5]);
            found.push((at, "csat", f64::from(value), contact.clone()));
        }
    }

    found.sort_by(|a, b| (a.0, a.1, &a.3).cmp(&(b.0, b.1, &b.3)));
    found
        .into_iter()
        .enumerate()
        .map(|(index, (at, name, value, contact_id))| SampleScore {
            account_id: account.id.clone(),
            id: format!("s{:04}", index + 1),
            contact_id,
            name,
            value,
            at,
        })
        .collect()
}

/// Content last quarter, not any more this week.
fn fallen_score(anchor: Instant, spread: Spread, contact: &SampleContact) -> [(Instant, &'static str, f64, String); 2] {
    let before = spread.whole(Topic::Nps, 0, 8, 10);
    let now = spread.whole(Topic::Nps, 1, 2, before - 3).min(6);
    let then_at = anchor - seconds(spread.between(Topic::NpsAt, 0, 80.0, 95.0));
    let now_at = anchor - seconds(spread.between(Topic::NpsAt, 1, 0.3, 5.5));
    [(then_at, "nps", before as f64, contact.id.clone()), (now_at, "nps", now as f64, contact.id.clone())]
}

/// An answer about every quarter: content, then at `fell_at` not at all, and
/// content again when the account stayed.
fn answers_around(
    fell_at: Instant,
    until: Instant,
    spread: Spread,
    contact: &SampleContact,
) -> Vec<(Instant, &'static str, f64, String)> {
    let answer = |at: Instant, value: i64| (at, "nps", value as f64, contact.id.clone());
    let gap = |index: usize| seconds(spread.between(Topic::NpsAt, index, 75.0, 86.0));
    let content = |index: usize| spread.whole(Topic::Nps, index, 8, 9);
    let mut found = vec![answer(fell_at, spread.whole(Topic::Nps, 0, 2, 5))];
    let mut at = fell_at - gap(0);
    for index in 1.. {
        if at <= contact.created_at {
            break;
        }
        found.push(answer(at, content(index)));
        at -= gap(index);
    }
    at = fell_at + gap(1_000);
    for index in 1_001.. {
        if at >= until {
            break;
        }
        found.push(answer(at, content(index)));
        at += gap(index);
    }
    found
}

/// The most important contact who was there at the time.
fn present(contacts: &[SampleContact], at: Instant) -> Option<&SampleContact> {
    contacts.iter().find(|contact| contact.created_at <= at && contact.left_at.is_none_or(|left| left > at))
}
