//! The KPIs of an overview, from their history: nothing is calculated here.

use std::collections::BTreeMap;

use super::address::OverviewAddress;
use super::chart::{ChartValue, course};
use super::parts::{OverviewCard, OverviewFigure, OverviewLink, OverviewSection};
use super::period::Period;
use crate::clock::Instant;
use crate::playbook::document::KpiDefinition;
use crate::store::documents::kpis::{KpiRow, KpiValue};
use crate::store::views::web::AccountDate;
use crate::web::WebState;
use crate::web::kpis::{figure, missing_words, signed};
use crate::web::language::{phrase, say, translated};
use crate::web::page::{Trouble, below, date};
use crate::worker::documents::definitions::kpi_definitions;

/// Those that managers look at first, with what they are called here.
const SHOWN: [(&str, &str); 9] = [
    ("churn-rate", phrase!("Churn")),
    ("churned-mrr", phrase!("MRR lost to churn")),
    ("win-back-rate", phrase!("Win-back")),
    ("renewal-rate", phrase!("Renewals won")),
    ("net-revenue-retention", phrase!("Net revenue retention (NRR)")),
    ("gross-revenue-retention", phrase!("Gross revenue retention (GRR)")),
    ("nps", phrase!("NPS")),
    ("nps-trend", phrase!("NPS trend")),
    ("time-to-first-value", phrase!("Time to first value")),
];

/// What is known of all KPIs.
#[derive(Debug)]
pub(super) struct KpiHistory {
    definitions: BTreeMap<String, KpiDefinition>,
    latest: BTreeMap<String, KpiRow>,
    /// The oldest first.
    values: BTreeMap<String, Vec<KpiValue>>,
}

impl KpiHistory {
    /// Up to the end of a period, or until now.
    pub(super) async fn read(web: &WebState, period: Period, now: Instant) -> Result<KpiHistory, Trouble> {
        let shown = period.kind.shown() as i32;
        let (begin, span) = (period.moved(1 - shown).span(web.zone), period.span(web.zone));
        // A figure of the very first instant of a period is of that period.
        let just_before = |at: Instant| at - chrono::TimeDelta::microseconds(1);
        let until = just_before(span.until).min(now);
        let mut history = KpiHistory {
            definitions: kpi_definitions(&web.store).await?,
            latest: web.store.latest_kpis(until).await?.into_iter().map(|row| (row.id.clone(), row)).collect(),
            values: BTreeMap::new(),
        };
        for value in web.store.kpi_values(just_before(begin.from), until).await? {
            history.values.entry(value.id.clone()).or_default().push(value);
        }
        Ok(history)
    }
}

pub(super) fn section(web: &WebState, address: &OverviewAddress, history: &KpiHistory) -> OverviewSection {
    let note =
        (!address.segment.is_everything()).then(|| say!("Over all accounts: a KPI is not divided by tier or CSM."));
    let cards = SHOWN.iter().map(|(id, label)| card(web, address, history, id, label)).collect();
    let link = Some(OverviewLink { text: say!("All KPIs"), href: "/kpis".to_owned() });
    OverviewSection { id: "kpis", title: phrase!("Key figures"), note, cards, link, ..OverviewSection::default() }
}

fn card(web: &WebState, address: &OverviewAddress, history: &KpiHistory, id: &str, label: &str) -> OverviewCard {
    let (period, definition, latest) = (address.period, history.definitions.get(id), history.latest.get(id));
    let unit = definition.map(|one| one.unit.name()).or_else(|| latest.map(|one| crate::web::kpis::unit_of(&one.unit)));
    let unit = unit.unwrap_or("count");
    let values: Vec<&KpiValue> =
        history.values.get(id).into_iter().flatten().filter(|value| value.unit == unit).collect();
    let last_of = |period: Period| {
        let span = period.span(web.zone);
        values.iter().rfind(|value| value.at >= span.from && value.at < span.until)
    };
    let of_period = |period: Period| last_of(period).map(|value| value.value);
    let row = |back: i32| {
        let one = period.moved(-back);
        let value = of_period(one);
        ChartValue {
            name: one.name(),
            short: one.short(),
            value,
            text: value.map_or("–".to_owned(), |value| figure(value, unit)),
            href: Some(address.at("/overview", one)),
            is_current: back == 0,
        }
    };
    let rows: Vec<ChartValue> = (0..period.kind.shown() as i32).rev().map(row).collect();
    let (value, before) = (of_period(period), of_period(period.moved(-1)));
    let since = period.span(web.zone).from;
    let missing = value.is_none().then(|| match (latest, definition) {
        (Some(KpiRow { at, missing: Some(why), .. }), _) if *at >= since => missing_words(why),
        (None, None) => say!(
            "there is no KPI `{id}`; `{command} new {id}` begins with the shipped one",
            id = id,
            command = web.command
        ),
        _ => say!("it was not calculated in {period}", period = period.name()),
    });
    let is_known = definition.is_some() || latest.is_some();
    let change = value.zip(before).map(|(value, before)| signed(value - before, unit));
    OverviewCard {
        figure: OverviewFigure {
            label: translated(label).into_owned(),
            text: value.map(|value| figure(value, unit)),
            value,
            unit,
            change: change
                .map(|change| say!("{change} against {period}", change = change, period = period.moved(-1).name())),
            missing,
            href: is_known.then(|| below("/kpis", id)),
        },
        about: definition.and_then(|one| one.about.clone()),
        as_of: last_of(period).map(|value| date(value.at, web.zone)),
        chart: course(&translated(label), &rows),
        rows: if rows.iter().any(|row| row.value.is_some()) { rows } else { Vec::new() },
        of: period.kind.label(),
        rows_unit: unit,
        link: accounts_behind(address, id).filter(|_| value.is_some()),
    }
}

/// The accounts that a KPI is about.
fn accounts_behind(address: &OverviewAddress, id: &str) -> Option<OverviewLink> {
    let period = address.period;
    let of = |date, more: &[(&str, &str)]| address.accounts_of(date, period, more);
    let (text, href) = match id {
        "churn-rate" | "churned-mrr" => (phrase!("Accounts that left"), of(AccountDate::Churn, &[("left", "yes")])),
        "win-back-rate" => (phrase!("Accounts that could come back"), address.accounts(&[("left", "yes")])),
        "renewal-rate" => (phrase!("Accounts that are due"), of(AccountDate::Renewal, &[("left", "no")])),
        "net-revenue-retention" | "gross-revenue-retention" => {
            (phrase!("Customers of today"), address.accounts(&[("left", "no")]))
        }
        "nps" | "nps-trend" => (phrase!("Answers"), "/answers".to_owned()),
        "time-to-first-value" => (phrase!("Accounts that signed up"), of(AccountDate::SignUp, &[])),
        _ => return None,
    };
    Some(OverviewLink { text: translated(text).into_owned(), href })
}
