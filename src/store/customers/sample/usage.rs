//! What customers do with the product: a weekly rhythm, rising or falling
//! slowly, now and then a story, and the falls of the past.

use chrono::{Datelike, Duration, NaiveDate, NaiveTime, Weekday};

use super::accounts::country_of;
use super::rows::{SampleAccount, SampleContact, SampleEvent, Story, UsageFall};
use super::signs;
use super::spread::{Spread, Topic, seconds};
use super::words::COUNTRIES;
use crate::clock::Instant;

/// Kinds of events and how many there are for each login.
const KINDS: &[(&str, f64)] = &[
    ("login", 1.0),
    ("report_viewed", 0.22),
    ("report_created", 0.14),
    ("export_downloaded", 0.06),
    ("invite_sent", 0.02),
];

/// An event before it has a place in the account's order.
struct Happening {
    kind: usize,
    at: Instant,
}

/// Everything one account did, in order of time.
pub(crate) fn events(
    anchor: Instant,
    row: usize,
    account: &SampleAccount,
    contacts: &[SampleContact],
) -> Vec<SampleEvent> {
    let mut happened = match account.story {
        Story::NeverActivated => few_logins(anchor, row, account),
        Story::NewSignup => first_steps(anchor, row, account),
        _ if signs::never_came_back(anchor, row, account) => first_day(row, account),
        _ => weekly_rhythm(anchor, row, account),
    };
    if let Some(at) = account.activated_at {
        // The first report is what activation means.
        happened.push(Happening { kind: 2, at });
    }
    let end = account.churned_at.unwrap_or(anchor).min(anchor);
    happened.retain(|one| one.at >= account.signed_up_at && one.at < end);
    happened.sort_by_key(|one| (one.at, one.kind));

    let spread = Spread::of(row);
    happened
        .iter()
        .enumerate()
        .map(|(index, one)| {
            let name = KINDS[one.kind].0;
            SampleEvent {
                account_id: account.id.clone(),
                id: format!("e{:06}", index + 1),
                contact_id: somebody(spread, index, one.at, contacts),
                name,
                at: one.at,
                properties: match name {
                    "report_created" => {
                        serde_json::json!({ "charts": spread.whole(Topic::Detail, index, 1, 8) })
                    }
                    "export_downloaded" => {
                        serde_json::json!({ "rows": 50 * spread.whole(Topic::Detail, index, 1, 90) })
                    }
                    _ => serde_json::json!({}),
                },
            }
        })
        .collect()
}

/// Ordinary use from sign-up on. Counts follow the expected value closely
/// (what is left over is carried to the next day), so that small accounts do
/// not look as if they rose or fell.
fn weekly_rhythm(anchor: Instant, row: usize, account: &SampleAccount) -> Vec<Happening> {
    let spread = Spread::of(row);
    let (low, high) = match account.tier {
        "A" => (3.5, 9.0),
        "B" => (1.2, 4.0),
        _ => (0.3, 1.6),
    };
    let mut rate = spread.between(Topic::Rate, 0, low, high);
    let mut slope = spread.between(Topic::Slope, 0, -0.10, 0.14);
    if account.story == Story::UsageDrop {
        rate = rate.max(1.8);
    }
    if account.usage_fall.is_some() {
        // Enough logins, at whatever age, that a fall can be seen.
        (rate, slope) = (rate.max(1.8), 0.0);
    }
    let after_drop = spread.between(Topic::Drop, 0, 0.22, 0.48);
    let today = anchor.date_naive();
    let hours_ahead = COUNTRIES[country_of(row)].hours_ahead;

    let mut carried = [0.5; KINDS.len()];
    let mut happened = Vec::new();
    let mut date = account.signed_up_at.date_naive();
    let mut drawn = 0;
    while date <= today {
        let days_ago = (today - date).num_days();
        let months_ago = days_ago as f64 / 30.0;
        let trend = (1.0 + slope).powf(-months_ago).clamp(0.4, 1.8);
        let story = match account.story {
            Story::UsageDrop if days_ago < 30 => after_drop,
            _ => account.usage_fall.map_or(1.0, |fall| fall.share_on(date)),
        };
        let expected = rate * trend * story * weight(date.weekday());
        for (kind, (name, share)) in KINDS.iter().enumerate() {
            drawn += 1;
            carried[kind] += expected * share * spread.between(Topic::Volume, drawn, 0.75, 1.25);
            while carried[kind] >= 1.0 {
                carried[kind] -= 1.0;
                drawn += 1;
                let hour = spread.between(Topic::Hour, drawn, 8.0, 18.5) - hours_ahead as f64;
                let at = date.and_time(NaiveTime::MIN).and_utc() + seconds(hour / 24.0);
                let is_early = account.activated_at.is_none_or(|activated| at < activated);
                if !(is_early && name.starts_with("report")) {
                    happened.push(Happening { kind, at });
                }
            }
        }
        date += Duration::days(1);
    }
    happened
}

impl UsageFall {
    /// What is left of the usual logins on a day.
    fn share_on(self, date: NaiveDate) -> f64 {
        let noon = date.and_time(NaiveTime::MIN + Duration::hours(12)).and_utc();
        let fallen = noon >= self.from && self.until.is_none_or(|until| noon < until);
        if fallen { self.rest } else { 1.0 }
    }
}

fn weight(day: Weekday) -> f64 {
    match day {
        Weekday::Mon => 1.05,
        Weekday::Tue => 1.2,
        Weekday::Wed => 1.15,
        Weekday::Thu => 1.05,
        Weekday::Fri => 0.8,
        Weekday::Sat => 0.12,
        Weekday::Sun => 0.08,
    }
}

/// Some tries in the first days, then hardly any.
fn few_logins(anchor: Instant, row: usize, account: &SampleAccount) -> Vec<Happening> {
    let spread = Spread::of(row);
    let early = spread.whole(Topic::Volume, 0, 2, 5) as usize;
    let late = spread.whole(Topic::Volume, 1, 0, 2) as usize;
    let first_days =
        (0..early).map(|index| account.signed_up_at + seconds(spread.between(Topic::Hour, index, 0.02, 3.0)));
    let lately = (early..early + late).map(|index| anchor - seconds(spread.between(Topic::Hour, index, 2.0, 29.0)));
    first_days.chain(lately).map(|at| Happening { kind: 0, at }).collect()
}

/// Two logins on the first day.
fn first_day(row: usize, account: &SampleAccount) -> Vec<Happening> {
    let spread = Spread::of(row);
    let days = (0..2).map(|index| spread.between(Topic::Hour, index, 0.01, 0.4));
    days.map(|days| Happening { kind: 0, at: account.signed_up_at + seconds(days) }).collect()
}

/// Logins of the first days, and perhaps an invitation.
fn first_steps(anchor: Instant, row: usize, account: &SampleAccount) -> Vec<Happening> {
    let spread = Spread::of(row);
    let age_days = (anchor - account.signed_up_at).num_seconds() as f64 / 86_400.0;
    let logins = spread.whole(Topic::Volume, 0, 1, 5) as usize;
    let mut happened: Vec<Happening> = (0..logins)
        .map(|index| Happening {
            kind: 0,
            at: account.signed_up_at + seconds(age_days * spread.between(Topic::Hour, index, 0.01, 0.95)),
        })
        .collect();
    if spread.chance(Topic::Volume, 1, 0.3) {
        happened.push(Happening { kind: 4, at: account.signed_up_at + seconds(age_days * 0.96) });
    }
    happened
}

/// One of those who were there at the time.
fn somebody(spread: Spread, index: usize, at: Instant, contacts: &[SampleContact]) -> Option<String> {
    let start = spread.whole(Topic::Who, index, 0, contacts.len() as i64 - 1) as usize;
    (0..contacts.len())
        .map(|offset| &contacts[(start + offset) % contacts.len()])
        .find(|contact| {
            contact.role != "billing" && contact.created_at <= at && contact.left_at.is_none_or(|left| left > at)
        })
        .map(|contact| contact.id.clone())
}
