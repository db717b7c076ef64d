//! An account's usage, scores and tickets as lines, each with its table.

use std::collections::BTreeMap;

use chrono::{Datelike, Duration, Months, NaiveTime};
use chrono_tz::Tz;
use serde::Serialize;

use super::WebState;
use super::fact;
use super::kpis::{HistoryLine, history_line};
use super::language::{PageLanguage, phrase, say, translated};
use super::page::{Trouble, date, moment};
use crate::clock::Instant;
use crate::playbook::local_time;

/// How many weeks of usage and months of tickets are shown.
const WEEKS: i32 = 26;
const MONTHS: u32 = 12;

/// How far back scores go, and how many values are read of all of them together.
const SCORE_DAYS: i64 = 400;
const POINTS: i64 = 2_000;

/// How many scores have a line, and how many values the table of one shows.
const SCORES: usize = 6;
const VALUES: usize = 30;

/// What a line of numbers is called.
#[derive(Clone, Copy)]
struct ChartWords {
    title: &'static str,
    /// What the latest number is.
    meaning: &'static str,
    when: &'static str,
    what: &'static str,
}

const USAGE: ChartWords = ChartWords {
    title: phrase!("Usage"),
    meaning: phrase!("events in the last 7 days"),
    when: phrase!("Week up to"),
    what: phrase!("Events"),
};

const TICKETS: ChartWords = ChartWords {
    title: phrase!("Tickets"),
    meaning: phrase!("opened this month"),
    when: phrase!("Month"),
    what: phrase!("Opened"),
};

/// A line and its table.
#[derive(Debug, Serialize)]
pub(super) struct ChartView {
    title: String,
    /// The latest value, and what it is.
    latest: String,
    meaning: String,
    line: Option<HistoryLine>,
    /// The headings of the table.
    when: &'static str,
    what: &'static str,
    /// The latest first.
    rows: Vec<ChartRow>,
}

#[derive(Debug, Serialize)]
struct ChartRow {
    when: String,
    value: String,
}

/// The charts of an account, without those that have nothing to show.
pub(super) async fn charts(web: &WebState, account: &str, now: Instant) -> Result<Vec<ChartView>, Trouble> {
    let mut charts = Vec::new();
    charts.extend(usage(web, account, now).await?);
    charts.extend(scores(web, account, now).await?);
    charts.extend(tickets(web, account, now).await?);
    Ok(charts)
}

async fn usage(web: &WebState, account: &str, now: Instant) -> Result<Option<ChartView>, Trouble> {
    let weeks = web.store.events_by_week(account, WEEKS, now).await?;
    if weeks.iter().all(|count| *count == 0) {
        return Ok(None);
    }
    let end = |week: usize| now - Duration::weeks((weeks.len() - 1 - week) as i64);
    let points: Vec<(Instant, f64)> =
        weeks.iter().enumerate().map(|(week, count)| (end(week), *count as f64)).collect();
    Ok(Some(counted(web, USAGE, &points, date)))
}

async fn tickets(web: &WebState, account: &str, now: Instant) -> Result<Option<ChartView>, Trouble> {
    let today = local_time::date(web.zone, now);
    let this = today.with_day(1).unwrap_or(today);
    let months = (0..MONTHS).rev().filter_map(|back| this.checked_sub_months(Months::new(back)));
    let bounds: Vec<Instant> = months.map(|day| local_time::instant(web.zone, day.and_time(NaiveTime::MIN))).collect();
    let opened = web.store.tickets_between(account, &bounds, now).await?;
    if opened.iter().all(|count| *count == 0) {
        return Ok(None);
    }
    let points: Vec<(Instant, f64)> =
        bounds.into_iter().zip(opened).map(|(month, count)| (month, count as f64)).collect();
    Ok(Some(counted(web, TICKETS, &points, month)))
}

/// `March 2026` in the reader's zone and language.
fn month(at: Instant, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    match PageLanguage::current() {
        PageLanguage::English => at.format("%B %Y").to_string(),
        PageLanguage::Chinese => format!("{}年{}月", at.year(), at.month()),
    }
}

fn counted(
    web: &WebState,
    words: ChartWords,
    points: &[(Instant, f64)],
    label: impl Fn(Instant, Tz) -> String,
) -> ChartView {
    let row = |(at, value): &(Instant, f64)| ChartRow { when: label(*at, web.zone), value: fact::number(*value) };
    ChartView {
        title: translated(words.title).into_owned(),
        latest: points.last().map(|(_, value)| fact::number(*value)).unwrap_or_default(),
        meaning: translated(words.meaning).into_owned(),
        line: history_line(points, "count"),
        when: words.when,
        what: words.what,
        rows: points.iter().rev().map(row).collect(),
    }
}

async fn scores(web: &WebState, account: &str, now: Instant) -> Result<Vec<ChartView>, Trouble> {
    let mut by_name: BTreeMap<String, Vec<(Instant, f64)>> = BTreeMap::new();
    let since = now - Duration::days(SCORE_DAYS);
    for point in web.store.score_points(account, since, now, POINTS).await? {
        by_name.entry(point.name).or_default().push((point.at, point.value));
    }
    let chart = |(name, points): (String, Vec<(Instant, f64)>)| {
        let rounded = |value: f64| fact::number((value * 10.0).round() / 10.0);
        let row = |(at, value): &(Instant, f64)| ChartRow { when: moment(*at, web.zone), value: rounded(*value) };
        ChartView {
            title: fact::words(&name),
            latest: points.last().map(|(_, value)| rounded(*value)).unwrap_or_default(),
            meaning: points.last().map(|(at, _)| say!("on {day}", day = date(*at, web.zone))).unwrap_or_default(),
            line: history_line(&points, "count"),
            when: phrase!("When"),
            what: phrase!("Value"),
            rows: points.iter().rev().take(VALUES).map(row).collect(),
        }
    };
    Ok(by_name.into_iter().take(SCORES).map(chart).collect())
}
