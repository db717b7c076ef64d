//! Renewals and new accounts of an overview.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::address::OverviewAddress;
use super::chart::{ChartValue, bars};
use super::parts::{
    OverviewCard, OverviewCell, OverviewLink, OverviewRow, OverviewSection, OverviewTable, count, missing, number,
};
use super::period::{Period, PeriodKind};
use crate::clock::Instant;
use crate::facts::Standing;
use crate::store::views::web::{AccountDate, OnboardingStage, RenewalMonth, RenewalRow, Span};
use crate::web::WebState;
use crate::web::accounts::column;
use crate::web::kpis::figure;
use crate::web::page::{Trouble, account_href, date};
use crate::worker::documents::funnel;

/// How many months of renewals are shown, those of the period first.
const MONTHS: i32 = 12;
/// How many accounts a period names.
const NAMED: i64 = 10;

pub(super) const NO_ACCOUNTS: &str = "There are no accounts yet.";

/// Renewals due and won, and who left.
pub(super) async fn renewals(
    web: &WebState,
    address: &OverviewAddress,
    now: Instant,
) -> Result<OverviewSection, Trouble> {
    let (period, segment, span) = (address.period, &address.segment, address.period.span(web.zone));
    let mut section =
        OverviewSection { id: "renewals", title: "Renewals and departures", ..OverviewSection::default() };
    if !web.store.has_account_date(AccountDate::Renewal) {
        section.missing = Some("The customer store does not say when contracts end.".to_owned());
        return Ok(section);
    }
    let begin = Period::of_day(PeriodKind::Month, period.first);
    let ahead = Span { from: span.from, until: begin.moved(MONTHS).span(web.zone).from };
    let months = web.store.renewal_months(ahead, web.zone, segment, now).await?;
    let of_period: Vec<&RenewalMonth> = months.iter().filter(|one| one.month <= period.last()).collect();
    let (due, passed) = (of_period.iter().map(|one| one.accounts).sum(), of_period.iter().map(|one| one.passed).sum());
    let mrr = of_period.iter().filter_map(|one| one.mrr).reduce(|sum, more| sum + more);
    let due_href = address.accounts_of(AccountDate::Renewal, period, &[("left", "no")]);
    let ends = web.store.renewal_ends(span, segment).await?;
    section.figures.push(count("Due", due, Some(due_href.clone())));
    if due > 0 {
        section.figures.push(match mrr {
            Some(mrr) => number("MRR due", Some(mrr), "money", Some(due_href.clone())),
            None => missing("MRR due", "the store does not say what accounts pay"),
        });
        section.figures.push(count("Date has passed", passed, Some(due_href.clone())));
    }
    section.figures.push(match ends.won {
        Some(won) => {
            let renewed = address.accounts_of(AccountDate::Renewal, period, &[("renewed", "yes")]);
            count("Moved on to a later date", won, Some(renewed))
        }
        None => missing("Moved on to a later date", "no history of accounts is kept"),
    });
    let lost_href = address.accounts_of(AccountDate::Renewal, period, &[("left", "yes")]);
    section.figures.push(count("Due but left", ends.lost, Some(lost_href)));
    section.figures.push(match web.store.accounts_left(span, segment).await? {
        Some(left) => {
            count("Left in the period", left, Some(address.accounts_of(AccountDate::Churn, period, &[("left", "yes")])))
        }
        None => missing("Left in the period", "the store does not say when accounts left"),
    });
    section.cards = ahead_cards(address, begin, &months);
    let rows = web.store.renewals_due(span, segment, NAMED).await?;
    let more = due - rows.len() as i64;
    section.tables.extend((!rows.is_empty()).then(|| OverviewTable {
        caption: format!("Due in {}, who pay most first", period.name()),
        head: vec!["Account", "Renewal", "Tier", "CSM", "MRR"],
        rows: rows.into_iter().map(|row| renewal_row(web, row)).collect(),
        link: (more > 0).then(|| OverviewLink { text: format!("{more} more"), href: due_href }),
    }));
    Ok(section)
}

/// Renewals of the months from the period on: how many, and what they pay where that is known.
fn ahead_cards(address: &OverviewAddress, begin: Period, months: &[RenewalMonth]) -> Vec<OverviewCard> {
    let by_month: BTreeMap<NaiveDate, &RenewalMonth> = months.iter().map(|one| (one.month, one)).collect();
    let card = |label: &str, unit: &'static str, about: &str, of: fn(&RenewalMonth) -> Option<f64>| {
        let row = |ahead: i32| {
            let month = begin.moved(ahead);
            let value = by_month.get(&month.first).map_or(Some(0.0), |one| of(one));
            ChartValue {
                name: month.name(),
                short: month.short(),
                value,
                text: value.map_or("–".to_owned(), |value| figure(value, unit)),
                href: Some(address.accounts_of(AccountDate::Renewal, month, &[("left", "no")])),
                is_current: month.first <= address.period.last(),
            }
        };
        let rows: Vec<ChartValue> = (0..MONTHS).map(row).collect();
        let all = rows.iter().filter_map(|row| row.value).sum();
        let last = begin.moved(MONTHS - 1);
        OverviewCard {
            figure: number(label, Some(all), unit, Some(address.accounts_until(AccountDate::Renewal, begin, last))),
            about: Some(format!("{about}, from {} on", begin.name())),
            as_of: None,
            chart: bars(label, &rows),
            rows,
            of: "Month",
            rows_unit: unit,
            link: None,
        }
    };
    let mut cards = Vec::new();
    if !months.is_empty() {
        cards.push(card("Due in 12 months", "count", "Accounts whose contract ends", |one| Some(one.accounts as f64)));
    }
    if months.iter().any(|one| one.mrr.is_some()) {
        cards.push(card("MRR due in 12 months", "money", "What these accounts pay a month", |one| one.mrr));
    }
    cards
}

fn renewal_row(web: &WebState, row: RenewalRow) -> OverviewRow {
    OverviewRow {
        href: Some(account_href(&row.id)),
        name: row.name.unwrap_or(row.id),
        note: None,
        cells: vec![
            OverviewCell::word(date(row.renewal_at, web.zone)),
            OverviewCell::word(column(&row.tier, web.zone).unwrap_or_else(|| "–".to_owned())),
            OverviewCell::word(row.csm_name.unwrap_or_else(|| "–".to_owned())),
            OverviewCell::number(row.mrr),
        ],
    }
}

/// How far the accounts are that signed up in the period.
pub(super) async fn onboarding(web: &WebState, address: &OverviewAddress) -> Result<OverviewSection, Trouble> {
    let (period, span) = (address.period, address.period.span(web.zone));
    let mut section = OverviewSection { id: "onboarding", title: "Onboarding", ..OverviewSection::default() };
    section.link = Some(OverviewLink { text: "All stages and tiers".to_owned(), href: "/stages".to_owned() });
    if !web.store.has_account_date(AccountDate::SignUp) {
        section.missing = Some("The customer store does not say when accounts signed up.".to_owned());
        return Ok(section);
    }
    let mut stages = web.store.onboarding(span, &address.segment).await?;
    let all: i64 = stages.iter().map(|one| one.accounts).sum();
    if all == 0 {
        section.missing = Some(format!("No account signed up in {}.", period.name()));
        return Ok(section);
    }
    let levels = funnel::levels(&web.store, Standing::Stage).await?;
    let order = |one: &OnboardingStage| match &one.stage {
        Some(stage) => levels.iter().position(|level| level == stage).unwrap_or(levels.len()),
        None => usize::MAX,
    };
    stages.sort_by_key(order);
    let link = |more: &[(&str, &str)]| address.accounts_of(AccountDate::SignUp, period, more);
    let row = |name: String, accounts: i64, href: String| OverviewRow {
        name,
        href: Some(href),
        note: None,
        cells: vec![
            OverviewCell::count(accounts).with_bar(accounts as f64, all as f64),
            OverviewCell::percent(accounts, all),
        ],
    };
    let sum = |of: fn(&OnboardingStage) -> i64| -> i64 { stages.iter().map(of).sum() };
    let mut rows = vec![row("Signed up".to_owned(), all, link(&[]))];
    if web.store.has_account_date(AccountDate::Activation) {
        rows.push(row("Activated".to_owned(), sum(|one| one.activated), link(&[("activated", "yes")])));
    }
    rows.push(row("Left again".to_owned(), sum(|one| one.left_again), link(&[("left", "yes")])));
    if stages.iter().any(|one| one.stage.is_some()) {
        rows.extend(stages.iter().map(|one| {
            let stage = one.stage.as_deref();
            let name = stage.map_or("In no stage now".to_owned(), |stage| format!("In {stage} now"));
            row(name, one.accounts, link(&[("stage", stage.unwrap_or(crate::web::accounts::NO_STAGE))]))
        }));
    }
    section.tables.push(OverviewTable {
        caption: format!("Accounts that signed up in {}", period.name()),
        head: vec!["Step", "Accounts", "Share"],
        rows,
        link: None,
    });
    Ok(section)
}
