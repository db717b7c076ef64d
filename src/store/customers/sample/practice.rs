//! What happens around the product: sign-up, errors, visits, invoices, orders and referrals,
//! under the names that `docs/playbooks.md` proposes for them.

use chrono::Duration;
use serde_json::{Value as Json, json};

use super::rows::{SampleAccount, SampleContact, SampleEvent};
use super::signs;
use super::spread::{Spread, Topic, seconds};
use crate::clock::Instant;

/// The practice of one account, in order of time.
pub(crate) fn events(
    anchor: Instant,
    row: usize,
    account: &SampleAccount,
    contacts: &[SampleContact],
) -> Vec<SampleEvent> {
    let spread = Spread::of(row);
    let end = account.churned_at.unwrap_or(anchor).min(anchor);
    let mut found: Vec<(Instant, &'static str, Json)> =
        vec![(account.signed_up_at, "signed_up", json!({ "plan": plan(account) }))];
    found.extend(visits(anchor, spread, account));
    found.extend(invoices(anchor, spread, account));
    found.extend(orders(anchor, spread, account));
    found.extend(signs::errors(anchor, row, account));
    if account.tier != "C" && spread.chance(Topic::Practice, 0, 0.12) {
        let age = (end - account.signed_up_at).num_seconds() as f64 / 86_400.0;
        let at = account.signed_up_at + seconds(age * spread.between(Topic::Practice, 1, 0.4, 0.95));
        found.push((at, "referral_made", json!({ "amount": 100 * spread.whole(Topic::Practice, 2, 3, 40) })));
    }
    found.retain(|(at, ..)| *at < end);
    found.sort_by_key(|(at, name, _)| (*at, *name));
    let signed_up_by = contacts.iter().find(|contact| contact.created_at <= account.signed_up_at);
    found
        .into_iter()
        .enumerate()
        .map(|(index, (at, name, properties))| SampleEvent {
            account_id: account.id.clone(),
            id: format!("p{:05}", index + 1),
            contact_id: signed_up_by.filter(|_| name == "signed_up").map(|contact| contact.id.clone()),
            name,
            at,
            properties,
        })
        .collect()
}

fn plan(account: &SampleAccount) -> &'static str {
    match account.tier {
        "A" => "enterprise",
        "B" => "business",
        _ => "basic",
    }
}

/// A visit each quarter, of which most take place two weeks after they were planned.
fn visits(anchor: Instant, spread: Spread, account: &SampleAccount) -> Vec<(Instant, &'static str, Json)> {
    let mut found = Vec::new();
    if account.tier == "C" || account.csm_id.is_none() {
        return found;
    }
    let mut planned_at = account.signed_up_at + seconds(spread.between(Topic::Practice, 10, 10.0, 60.0));
    for index in 0.. {
        if planned_at >= anchor {
            return found;
        }
        let kind = spread.pick(Topic::Practice, 1_000 + index * 3, &["review", "review", "training"]);
        found.push((planned_at, "visit_planned", json!({ "kind": kind })));
        if spread.chance(Topic::Practice, 1_001 + index * 3, 0.8) {
            found.push((planned_at + Duration::days(14), "meeting_held", json!({ "kind": kind })));
        }
        planned_at += seconds(spread.between(Topic::Practice, 1_002 + index * 3, 80.0, 100.0));
    }
    found
}

/// An invoice each month; most are paid within three weeks, some late, and a
/// few accounts have not paid their latest.
fn invoices(anchor: Instant, spread: Spread, account: &SampleAccount) -> Vec<(Instant, &'static str, Json)> {
    let mut found = Vec::new();
    if account.mrr == 0 {
        return found;
    }
    let owes = spread.chance(Topic::Practice, 20, 0.06);
    let mut issued_at = account.signed_up_at + Duration::days(30);
    for index in 0.. {
        if issued_at >= anchor {
            break;
        }
        let properties = json!({ "invoice": format!("{}-{:03}", account.id, index + 1), "amount": account.mrr });
        let late = spread.chance(Topic::Practice, 10_000 + index * 2, 0.1);
        let (low, high) = if late { (31.0, 55.0) } else { (4.0, 21.0) };
        let paid_at = issued_at + seconds(spread.between(Topic::Practice, 10_001 + index * 2, low, high));
        found.push((issued_at, "invoice_issued", properties.clone()));
        if !(owes && anchor - issued_at < Duration::days(75)) {
            found.push((paid_at, "invoice_paid", properties));
        }
        issued_at += Duration::days(30);
    }
    found
}

/// What six of ten customers order beside their subscription, one after the other.
fn orders(anchor: Instant, spread: Spread, account: &SampleAccount) -> Vec<(Instant, &'static str, Json)> {
    let mut found = Vec::new();
    if account.status == "trial" || !spread.chance(Topic::Order, 0, 0.6) {
        return found;
    }
    let mut placed_at = account.signed_up_at + seconds(spread.between(Topic::Order, 1, 20.0, 150.0));
    for index in 0.. {
        if placed_at >= anchor {
            break;
        }
        let item = spread.pick(Topic::Order, 1_000 + index * 3, &["training", "connector", "consulting"]);
        let amount = 50 * spread.whole(Topic::Order, 1_001 + index * 3, 4, 40);
        found.push((placed_at, "order_placed", json!({ "item": item, "amount": amount })));
        placed_at += seconds(spread.between(Topic::Order, 1_002 + index * 3, 70.0, 260.0));
    }
    found
}
