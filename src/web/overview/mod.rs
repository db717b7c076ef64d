//! What managers look at: how a month or a quarter went, of all accounts or of those of a
//! tier and a CSM. Each figure leads to the accounts, tasks or mails behind it.
//!
//! - `period` is a month or a quarter, `address` what a link says of it;
//! - `figures` is what the database says, which is kept where counting takes long;
//! - `key_figures` shows KPIs from their history, `customers` renewals and new accounts,
//!   `work` tasks, mails and playbooks;
//! - `parts` are what page and CSV are made of, `chart` their pictures;
//! - `lists` are ended tasks and mails, which no other page lists by a period.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::SecondsFormat;
use serde::Serialize;

use self::address::{OverviewAddress, OverviewQuery, unreadable};
use self::parts::{OverviewLink, OverviewSection};
use self::period::{Period, PeriodKind};
use super::WebState;
use super::kept::DatedAnswer;
use super::language::{PageLanguage, say, translated};
use super::page::{Frame, Trouble, Web, moment};
use super::task_view::UNASSIGNED;
use crate::facts::Standing;
use crate::playbook::calendar::local_date;
use crate::store::views::web::{AccountOwner, Segment};
use crate::worker::documents::funnel;

mod address;
mod chart;
mod customers;
mod figures;
mod key_figures;
mod lists;
mod parts;
mod period;
mod work;

pub(super) use figures::{FiguresQuestion, OverviewFigures};
pub(super) use lists::{mails, tasks};

/// How many periods can be chosen before and after that of today.
const EARLIER: i32 = 12;
const LATER: i32 = 3;

#[derive(Serialize)]
struct OverviewPage {
    name: String,
    kinds: Vec<OverviewChoice>,
    /// The word of the kind that is shown.
    kind: &'static str,
    periods: Vec<OverviewChoice>,
    tiers: Vec<OverviewChoice>,
    csms: Vec<OverviewChoice>,
    earlier: OverviewLink,
    later: OverviewLink,
    export_href: String,
    /// Whether the period goes on.
    is_under_way: bool,
    /// When the figures were counted, where that is not now.
    as_of: Option<String>,
    /// Whether there are no accounts at all.
    is_empty: bool,
    sections: Vec<OverviewSection>,
}

#[derive(Serialize)]
struct OverviewChoice {
    /// Empty for all; an address where there is no form.
    value: String,
    name: String,
    current: bool,
}

/// The page.
pub(super) async fn show(
    State(web): Web,
    query: Result<Query<OverviewQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(query) = query.map_err(|_| unreadable())?;
    let now = web.clock.now();
    let address = query.address(&web, now)?;
    let csms = web.store.csm_names().await?;
    if let AccountOwner::Csm(id) = &address.segment.owner
        && !csms.iter().any(|(known, _)| known == id)
    {
        return Err(Trouble::NotFound("There is no such colleague."));
    }
    let figures = OverviewFigures::of(&web, &address, now).await?;
    let sections = sections(&web, &address, &figures).await?;
    let period = address.period;
    let span = period.span(web.zone);
    let link = |by: i32| {
        let other = period.moved(by);
        OverviewLink { text: other.name(), href: address.at("/overview", other) }
    };
    let page = OverviewPage {
        name: period.name(),
        kinds: kinds(&address, local_date(now, web.zone)),
        kind: period.kind.word(),
        periods: periods(period, local_date(now, web.zone)),
        tiers: tiers(&web, &address.segment).await?,
        csms: csm_choices(csms, &address),
        earlier: link(-1),
        later: link(1),
        export_href: address.at("/overview.csv", period),
        is_under_way: span.from <= now && now < span.until,
        as_of: figures.kept_since(now).map(|at| moment(at, web.zone)),
        is_empty: !figures.answer.has_accounts,
        sections,
    };
    Frame::new(&web, "overview", None).await?.page(StatusCode::OK, "overview.html", page)
}

/// The same figures for a spreadsheet, which are in English for every reader: what
/// reads them goes by their names.
pub(super) async fn export(
    State(web): Web,
    query: Result<Query<OverviewQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(query) = query.map_err(|_| unreadable())?;
    PageLanguage::English.answer(csv(&web, query)).await
}

async fn csv(web: &Arc<WebState>, query: OverviewQuery) -> Result<Response, Trouble> {
    let now = web.clock.now();
    let address = query.address(web, now)?;
    let period = address.period;
    let figures = OverviewFigures::of(web, &address, now).await?;
    let head = [
        ("Period", period.name()),
        ("First day", period.first.to_string()),
        ("Last day", period.last().to_string()),
        ("As of", figures.at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        ("Zone", web.zone.name().to_owned()),
        ("Tier", address.segment.tier.clone().unwrap_or_else(|| "all".to_owned())),
        ("CSM", address.csm().unwrap_or("all").to_owned()),
    ];
    let mut response = parts::csv(&head, &sections(web, &address, &figures).await?).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = format!("attachment; filename=\"overview-{}-{}.csv\"", period.kind.word(), period.word());
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&name)?);
    Ok(response)
}

async fn sections(
    web: &WebState,
    address: &OverviewAddress,
    figures: &DatedAnswer<OverviewFigures>,
) -> Result<Vec<OverviewSection>, Trouble> {
    let (now, figures) = (figures.at, &figures.answer);
    let mut sections = vec![key_figures::section(web, address, &figures.kpis)];
    if figures.has_accounts {
        sections.push(customers::renewals(web, address, figures));
        sections.push(customers::onboarding(web, address, figures).await?);
    }
    sections.push(work::tasks(web, address, figures, now));
    sections.push(work::mails(address, &figures.mails));
    sections.push(work::playbooks(address, &figures.impacts));
    Ok(sections)
}

/// Month and quarter, each with that of today where the shown one has it, else with the one around its beginning.
fn kinds(address: &OverviewAddress, today: chrono::NaiveDate) -> Vec<OverviewChoice> {
    let shown = address.period;
    let choice = |kind: PeriodKind| {
        let has_today = shown.first <= today && today <= shown.last();
        let other = Period::of_day(kind, if has_today { today } else { shown.first });
        OverviewChoice {
            value: address.at("/overview", other),
            name: translated(kind.label()).into_owned(),
            current: kind == shown.kind,
        }
    };
    PeriodKind::ALL.map(choice).into()
}

/// The periods around today; the shown one is always among them.
fn periods(shown: Period, today: chrono::NaiveDate) -> Vec<OverviewChoice> {
    let now = Period::of_day(shown.kind, today);
    let mut all: BTreeSet<chrono::NaiveDate> = (-EARLIER..=LATER).map(|by| now.moved(by).first).collect();
    all.insert(shown.first);
    let choice = |first: chrono::NaiveDate| {
        let one = Period::of_day(shown.kind, first);
        OverviewChoice { value: one.word(), name: one.name(), current: one == shown }
    };
    all.into_iter().rev().map(choice).collect()
}

async fn tiers(web: &WebState, segment: &Segment) -> Result<Vec<OverviewChoice>, Trouble> {
    let mut tiers = funnel::levels(&web.store, Standing::Tier).await?;
    for tier in web.store.some_tiers().await?.into_iter().chain(segment.tier.clone()) {
        if !tiers.contains(&tier) {
            tiers.push(tier);
        }
    }
    let all = OverviewChoice { value: String::new(), name: say!("All tiers"), current: segment.tier.is_none() };
    let choice = |tier: String| OverviewChoice {
        current: segment.tier.as_ref() == Some(&tier),
        name: tier.clone(),
        value: tier,
    };
    Ok(std::iter::once(all).chain(tiers.into_iter().map(choice)).collect())
}

fn csm_choices(csms: Vec<(String, String)>, address: &OverviewAddress) -> Vec<OverviewChoice> {
    let chosen = address.csm().unwrap_or_default();
    let choice = |value: String, name: String| OverviewChoice { current: value == chosen, value, name };
    let mut choices = vec![choice(String::new(), say!("Everybody’s"))];
    choices.extend(csms.into_iter().map(|(id, name)| choice(id, name)));
    choices.push(choice(UNASSIGNED.to_owned(), say!("Nobody’s")));
    choices
}
