//! The customers: who they are, since when, and how far they have come.

use chrono::{Datelike, Duration, NaiveTime};

use super::planted::{Past, PastAllocation};
use super::rows::{SampleAccount, Story};
use super::spread::{Spread, Topic, seconds};
use super::words::{COUNTRIES, Country};
use crate::clock::Instant;

/// Eighteen months.
const OLDEST_DAYS: f64 = 547.0;

/// The stories that are told stand at fixed places among the first accounts.
const STORY_ROWS: usize = 320;

pub(crate) fn accounts(anchor: Instant, count: usize) -> Vec<SampleAccount> {
    let mut seen = vec![0; COUNTRIES.len()];
    let mut pasts = PastAllocation::new(anchor);
    (0..count)
        .map(|row| {
            let home = country_of(row);
            let number = seen[home];
            seen[home] += 1;
            account(anchor, row, &COUNTRIES[home], number, &mut pasts)
        })
        .collect()
}

/// The index of the country an account is from, in exact proportion to the weights.
pub(crate) fn country_of(row: usize) -> usize {
    let mut place = (row * 37 + 11) % 100;
    for (index, country) in COUNTRIES.iter().enumerate() {
        if place < country.weight {
            return index;
        }
        place -= country.weight;
    }
    0
}

/// What an account is meant to show. No row answers to two of these.
fn story_of(row: usize) -> Story {
    match row {
        row if row >= STORY_ROWS => Story::Ordinary,
        row if row % 27 == 5 => Story::NeverActivated,
        row if row % 32 == 9 => Story::UsageDrop,
        row if row % 40 == 18 => Story::NpsDrop,
        row if row % 32 == 20 => Story::NewSignup,
        row if row % 64 == 30 => Story::UrgentTicket,
        _ => Story::Ordinary,
    }
}

fn tier_of(row: usize) -> &'static str {
    match (row * 7 + 3) % 20 {
        0..3 => "A",
        3..10 => "B",
        _ => "C",
    }
}

fn account(anchor: Instant, row: usize, country: &Country, number: usize, pasts: &mut PastAllocation) -> SampleAccount {
    let spread = Spread::of(row);
    let story = story_of(row);
    let tier = tier_of(row);

    let age_days = match story {
        Story::NewSignup => spread.between(Topic::Age, 0, 0.1, 2.8),
        Story::NeverActivated => spread.between(Topic::Age, 0, 34.0, 110.0),
        Story::UsageDrop | Story::NpsDrop => spread.between(Topic::Age, 0, 130.0, 500.0),
        Story::UrgentTicket => spread.between(Topic::Age, 0, 60.0, 500.0),
        Story::Ordinary => spread.between(Topic::Age, 0, 4.5, OLDEST_DAYS),
    };
    let signed_up_at = anchor - seconds(age_days);
    let delay_days = spread.between(Topic::Delay, 0, 3.0, 25.0);
    let is_activated = delay_days < age_days && !matches!(story, Story::NewSignup | Story::NeverActivated);
    let activated_at = is_activated.then(|| signed_up_at + seconds(delay_days));

    let has_churned = story == Story::Ordinary && age_days > 160.0 && spread.chance(Topic::Status, 0, 0.12);
    let past = match story {
        Story::Ordinary if has_churned => pasts.churned(spread, age_days),
        Story::Ordinary => pasts.stayed(spread, age_days),
        _ => Past::default(),
    };
    let status = if has_churned {
        "churned"
    } else if !is_activated && spread.chance(Topic::Status, 2, 0.6) {
        "trial"
    } else {
        "active"
    };

    let annual_share = match tier {
        "A" => 1.0,
        "B" => 0.6,
        _ => 0.08,
    };
    let is_annual = status == "active" && spread.chance(Topic::Contract, 0, annual_share);
    let renewal_at = is_annual.then(|| next_anniversary(signed_up_at, anchor));
    let stage = stage(status, signed_up_at, activated_at, renewal_at, anchor);

    let (low_seats, high_seats) = match tier {
        "A" => (60, 400),
        "B" => (15, 60),
        _ => (3, 14),
    };
    let (name, industry) = company_name(country, number);
    let mrr = match status {
        "trial" | "churned" => 0,
        _ => price(spread, tier),
    };
    let seats = spread.whole(Topic::Seats, 0, low_seats, high_seats);
    let used_share = match story {
        Story::NewSignup | Story::NeverActivated => 0.15,
        Story::UsageDrop => spread.between(Topic::Seats, 1, 0.2, 0.45),
        _ => spread.between(Topic::Seats, 1, 0.45, 1.0),
    };
    let seats_used = ((seats as f64 * used_share).round() as i64).max(1);

    SampleAccount {
        id: format!("acc-{:04}", row + 1),
        story,
        usage_fall: past.usage_fall,
        nps_fell_at: past.nps_fell_at,
        name,
        tier,
        status,
        stage,
        // A few belong to nobody, as everywhere.
        csm_id: (row % 107 != 50).then(|| country.csm.to_owned()),
        mrr,
        seats: seats as i32,
        seats_used: seats_used as i32,
        signed_up_at,
        activated_at,
        renewal_at,
        churned_at: past.churned_at,
        timezone: country.timezone,
        locale: country.locale,
        traits: traits(row, tier, industry, is_annual),
    }
}

/// The attributes of an account. Who buys much has said what an hour of theirs costs.
fn traits(row: usize, tier: &str, industry: &str, is_annual: bool) -> serde_json::Value {
    let mut traits = serde_json::json!({
        "plan": plan(tier),
        "industry": industry,
        "contract": if is_annual { "annual" } else { "monthly" },
    });
    if tier == "A" || (tier == "B" && row.is_multiple_of(2)) {
        traits["hourly_rate"] = serde_json::json!(40 + 5 * (row % 9));
    }
    traits
}

/// What an account pays a month.
pub(crate) fn price(spread: Spread, tier: &str) -> i64 {
    let (low, high) = match tier {
        "A" => (300, 1_200),
        "B" => (60, 290),
        _ => (8, 55),
    };
    10 * spread.whole(Topic::Money, 0, low, high)
}

/// What a tier is called for customers.
pub(crate) fn plan(tier: &str) -> &'static str {
    match tier {
        "A" => "enterprise",
        "B" => "team",
        _ => "starter",
    }
}

/// How far an account had come by an instant.
pub(crate) fn stage(
    status: &str,
    signed_up_at: Instant,
    activated_at: Option<Instant>,
    renewal_at: Option<Instant>,
    at: Instant,
) -> Option<&'static str> {
    let renews_soon = renewal_at.is_some_and(|renewal| renewal - at <= Duration::days(90));
    match (status, activated_at) {
        ("churned", _) => None,
        (_, None) if at - signed_up_at < Duration::days(7) => Some("onboarding"),
        (_, None) => Some("activation"),
        (_, Some(activated)) if at - activated < Duration::days(90) => Some("adoption"),
        _ if renews_soon => Some("renewal"),
        _ => Some("expansion"),
    }
}

/// A name with its industry: every pairing of a stem and a trade once, then
/// again with a number.
fn company_name(country: &Country, number: usize) -> (String, &'static str) {
    let stems = country.stems.len();
    let trades = country.trades.len();
    let stem = number % stems;
    let trade = (number / stems + stem) % trades;
    // Written as the country does: no space between Chinese characters.
    let gap = if country.family_first { "" } else { " " };
    let (trade, industry) = country.trades[trade];
    let name = format!("{}{gap}{trade}", country.stems[stem]);
    match number / (stems * trades) {
        0 => (name, industry),
        round => (format!("{name} {}", round + 1), industry),
    }
}

/// The first anniversary of the sign-up's date that lies after `at`, at
/// noon UTC, which is the same date nearly everywhere.
pub(crate) fn next_anniversary(signed_up_at: Instant, at: Instant) -> Instant {
    let start = signed_up_at.date_naive();
    let noon = NaiveTime::MIN + Duration::hours(12);
    (1..)
        .map(|years| {
            let year = start.year() + years;
            // Who signed up on 29 February renews on the 28th.
            let date = start
                .with_year(year)
                .or_else(|| (start - Duration::days(1)).with_year(year))
                .unwrap_or(start + Duration::days(365 * i64::from(years)));
            date.and_time(noon).and_utc()
        })
        .find(|renewal| *renewal > at)
        .unwrap_or(at + Duration::days(365))
}
