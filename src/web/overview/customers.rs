//! Renewals and new accounts of an overview.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::address::OverviewAddress;
use super::chart::{ChartValue, bars};
use super::figures::{MONTHS, OverviewFigures};
use super::parts::{
    OverviewCard, OverviewCell, OverviewLink, OverviewRow, OverviewSection, OverviewTable, count, missing, number,
};
use super::period::{Period, PeriodKind};
use crate::facts::Standing;
use crate::store::views::web::{AccountDate, OnboardingStage, RenewalMonth, RenewalRow};
use crate::web::WebState;
use crate::web::accounts::column;
use crate::web::kpis::figure;
use crate::web::language::{phrase, say, translated};
use crate::web::page::{Trouble, account_href, date};
use crate::worker::documents::funnel;

/// Renewals due and won, and who left.
pub(super) fn renewals(web: &WebState, address: &OverviewAddress, figures: &OverviewFigures) -> OverviewSection {
    let period = address.period;
    let mut section =
        OverviewSection { id: "renewals", title: phrase!("Renewals and departures"), ..OverviewSection::default() };
    if !web.store.has_account_date(AccountDate::Renewal) {
        section.missing = Some(say!("The customer store does not say when contracts end."));
        return section;
    }
    let begin = Period::of_day(PeriodKind::Month, period.first);
    let months = &figures.renewal_months;
    let of_period: Vec<&RenewalMonth> = months.iter().filter(|one| one.month <= period.last()).collect();
    let (due, passed) = (of_period.iter().map(|one| one.accounts).sum(), of_period.iter().map(|one| one.passed).sum());
    let mrr = of_period.iter().filter_map(|one| one.mrr).reduce(|sum, more| sum + more);
    let due_href = address.accounts_of(AccountDate::Renewal, period, &[("left", "no")]);
    let ends = figures.renewal_ends;
    section.figures.push(count(phrase!("Due"), due, Some(due_href.clone())));
    if due > 0 {
        section.figures.push(match mrr {
            Some(mrr) => number(phrase!("MRR due"), Some(mrr), "money", Some(due_href.clone())),
            None => missing(phrase!("MRR due"), phrase!("the store does not say what accounts pay")),
        });
        section.figures.push(count(phrase!("Date has passed"), passed, Some(due_href.clone())));
    }
    section.figures.push(match ends.won {
        Some(won) => {
            let renewed = address.accounts_of(AccountDate::Renewal, period, &[("renewed", "yes")]);
            count(phrase!("Moved on to a later date"), won, Some(renewed))
        }
        None => missing(phrase!("Moved on to a later date"), phrase!("no history of accounts is kept")),
    });
    let lost_href = address.accounts_of(AccountDate::Renewal, period, &[("left", "yes")]);
    section.figures.push(count(phrase!("Due but left"), ends.lost, Some(lost_href)));
    section.figures.push(match figures.accounts_left {
        Some(left) => count(
            phrase!("Left in the period"),
            left,
            Some(address.accounts_of(AccountDate::Churn, period, &[("left", "yes")])),
        ),
        None => missing(phrase!("Left in the period"), phrase!("the store does not say when accounts left")),
    });
    section.cards = ahead_cards(address, begin, months);
    let rows = &figures.renewals_due;
    let more = due - rows.len() as i64;
    section.tables.extend((!rows.is_empty()).then(|| OverviewTable {
        caption: say!("Due in {period}, who pay most first", period = period.name()),
        head: vec![phrase!("Account"), phrase!("Renewal"), phrase!("Tier"), phrase!("CSM"), phrase!("MRR")],
        rows: rows.iter().map(|row| renewal_row(web, row.clone())).collect(),
        link: (more > 0).then(|| OverviewLink { text: say!("{n} more", n = more), href: due_href }),
    }));
    section
}

/// Renewals of the months from the period on: how many, and what they pay where that is known.
fn ahead_cards(address: &OverviewAddress, begin: Period, months: &[RenewalMonth]) -> Vec<OverviewCard> {
    let by_month: BTreeMap<NaiveDate, &RenewalMonth> = months.iter().map(|one| (one.month, one)).collect();
    let card = |label: &'static str, unit: &'static str, about: String, of: fn(&RenewalMonth) -> Option<f64>| {
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
            about: Some(about),
            as_of: None,
            chart: bars(&translated(label), &rows),
            rows,
            of: PeriodKind::Month.label(),
            rows_unit: unit,
            link: None,
        }
    };
    let mut cards = Vec::new();
    if !months.is_empty() {
        let about = say!("Accounts whose contract ends, from {month} on", month = begin.name());
        cards.push(card(phrase!("Due in 12 months"), "count", about, |one| Some(one.accounts as f64)));
    }
    if months.iter().any(|one| one.mrr.is_some()) {
        let about = say!("What these accounts pay a month, from {month} on", month = begin.name());
        cards.push(card(phrase!("MRR due in 12 months"), "money", about, |one| one.mrr));
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
pub(super) async fn onboarding(
    web: &WebState,
    address: &OverviewAddress,
    figures: &OverviewFigures,
) -> Result<OverviewSection, Trouble> {
    let period = address.period;
    let mut section = OverviewSection { id: "onboarding", title: phrase!("Onboarding"), ..OverviewSection::default() };
    section.link = Some(OverviewLink { text: say!("All stages and tiers"), href: "/stages".to_owned() });
    if !web.store.has_account_date(AccountDate::SignUp) {
        section.missing = Some(say!("The customer store does not say when accounts signed up."));
        return Ok(section);
    }
    let mut stages = figures.onboarding.clone();
    let all: i64 = stages.iter().map(|one| one.accounts).sum();
    if all == 0 {
        section.missing = Some(say!("No account signed up in {period}.", period = period.name()));
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
    let mut rows = vec![row(say!("Signed up"), all, link(&[]))];
    if web.store.has_account_date(AccountDate::Activation) {
        rows.push(row(say!("Activated"), sum(|one| one.activated), link(&[("activated", "yes")])));
    }
    rows.push(row(say!("Left again"), sum(|one| one.left_again), link(&[("left", "yes")])));
    if stages.iter().any(|one| one.stage.is_some()) {
        rows.extend(stages.iter().map(|one| {
            let stage = one.stage.as_deref();
            let name = stage.map_or_else(|| say!("In no stage now"), |stage| say!("In {stage} now", stage = stage));
            row(name, one.accounts, link(&[("stage", stage.unwrap_or(crate::web::accounts::NO_STAGE))]))
        }));
    }
    section.tables.push(OverviewTable {
        caption: say!("Accounts that signed up in {period}", period = period.name()),
        head: vec![phrase!("Step"), phrase!("Accounts"), phrase!("Share")],
        rows,
        link: None,
    });
    Ok(section)
}
