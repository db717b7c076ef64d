//! The figures over all accounts: a table with a line of each one's history, and a
//! page for each with its definition.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;
use serde::Serialize;

use super::language::{say, translated};
use super::page::{Frame, Trouble, Web, below, moment};
use super::{WebState, fact};
use crate::clock::Instant;
use crate::playbook::document::KpiDefinition;
use crate::store::documents::kpis::{KpiRow, KpiValue};
use crate::worker::documents::definitions::kpi_definitions;

/// How far back a line goes.
const LINE: TimeDelta = TimeDelta::days(400);
/// The picture of a line, in its own units.
const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 28.0;
/// How many figures the page of one lists.
const MOST: i64 = 100;

#[derive(Serialize)]
struct KpiList {
    kpis: Vec<KpiLine>,
}

#[derive(Serialize)]
struct KpiLine {
    id: String,
    href: String,
    about: Option<String>,
    unit: String,
    value: Option<String>,
    change: Option<String>,
    missing: Option<String>,
    at: Option<String>,
    line: Option<HistoryLine>,
}

/// A line of values as a picture.
#[derive(Debug, Serialize, PartialEq)]
pub(super) struct HistoryLine {
    /// `x,y x,y …` of a polyline.
    points: String,
    width: f64,
    height: f64,
    /// What it shows, for those who cannot see it.
    label: String,
}

#[derive(Serialize)]
struct KpiPage {
    id: String,
    about: Option<String>,
    definition: Option<DefinitionView>,
    line: Option<HistoryLine>,
    history: Vec<KpiLine>,
}

#[derive(Serialize)]
struct DefinitionView {
    formula: Option<String>,
    value: String,
    source: Option<String>,
    unit: &'static str,
}

/// Every KPI in force.
pub(super) async fn list(State(web): Web) -> Result<Response, Trouble> {
    let now = web.clock.now();
    let definitions = kpi_definitions(&web.store).await?;
    let mut latest: BTreeMap<String, KpiRow> =
        web.store.latest_kpis(now).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let mut values = values(&web, now).await?;
    let kpis = definitions.into_iter().map(|(id, definition)| {
        let unit = definition.unit.name();
        let history = values.remove(&(id.clone(), unit.to_owned())).unwrap_or_default();
        let line = history_line(&history, unit);
        match latest.remove(&id) {
            Some(row) => KpiLine { line, ..kpi_line(&web, row, definition.about) },
            None => not_made_yet(id, definition),
        }
    });
    let page = KpiList { kpis: kpis.collect() };
    Frame::new(&web, "kpis", None).await?.page(StatusCode::OK, "kpis.html", page)
}

/// One of them with its definition and its history.
pub(super) async fn show(State(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    let now = web.clock.now();
    let definition = kpi_definitions(&web.store).await?.remove(&id);
    let history = web.store.kpi_history(&id, now, MOST).await?;
    if definition.is_none() && history.is_empty() {
        return Err(Trouble::NotFound("There is no such KPI."));
    }
    let unit = definition.as_ref().map(|definition| definition.unit.name());
    let unit = unit.or_else(|| history.first().map(|row| unit_of(&row.unit))).unwrap_or("count");
    let points = values(&web, now).await?.remove(&(id.clone(), unit.to_owned())).unwrap_or_default();
    let page = KpiPage {
        about: definition.as_ref().and_then(|definition| definition.about.clone()),
        definition: definition.map(view),
        line: history_line(&points, unit),
        history: history.into_iter().map(|row| kpi_line(&web, row, None)).collect(),
        id,
    };
    Frame::new(&web, "kpis", None).await?.page(StatusCode::OK, "kpi.html", page)
}

fn view(definition: KpiDefinition) -> DefinitionView {
    DefinitionView {
        formula: definition.formula,
        value: definition.value,
        source: definition.source,
        unit: definition.unit.name(),
    }
}

/// The unit of a figure whose definition is gone.
pub(super) fn unit_of(word: &str) -> &'static str {
    let known = crate::playbook::document::KpiUnit::ALL.iter().find(|unit| unit.name() == word);
    known.map_or("count", |unit| unit.name())
}

/// The values of a line, the oldest first.
type LineValues = Vec<(Instant, f64)>;

/// The values of each KPI by its unit: numbers of two units make no line.
async fn values(web: &WebState, now: Instant) -> Result<BTreeMap<(String, String), LineValues>, Trouble> {
    let mut values: BTreeMap<(String, String), LineValues> = BTreeMap::new();
    for KpiValue { id, unit, at, value } in web.store.kpi_values(now - LINE, now).await? {
        values.entry((id, unit)).or_default().push((at, value));
    }
    Ok(values)
}

fn kpi_line(web: &WebState, row: KpiRow, about: Option<String>) -> KpiLine {
    let change = row.value.zip(row.before).map(|(value, before)| signed(value - before, &row.unit));
    KpiLine {
        href: below("/kpis", &row.id),
        about,
        value: row.value.map(|value| figure(value, &row.unit)),
        change,
        missing: row.missing.as_deref().map(missing_words),
        at: Some(moment(row.at, web.zone)),
        line: None,
        unit: row.unit,
        id: row.id,
    }
}

/// Why there is no figure, as it was recorded.
pub(super) fn missing_words(recorded: &str) -> String {
    let between = |begin: &str, end: &str| recorded.strip_prefix(begin)?.strip_suffix(end);
    if let Some(what) = between("no account has a value for ", "") {
        let what = what.replace("` and `", &format!("`{}`", say!(" and ")));
        return say!("no account has a value for {what}", what = what);
    }
    if let Some(event) = between("no account has ever had the event ", ": none is on record") {
        return say!("no account has ever had the event {event}: none is on record", event = event);
    }
    if let Some(error) = between("it cannot be calculated: ", "") {
        return say!("it cannot be calculated: {error}", error = error);
    }
    if let Some(error) = between("it is not known what is on record: ", "") {
        return say!("it is not known what is on record: {error}", error = error);
    }
    let history = between("the history does not reach back ", " is on record");
    let history = history.and_then(|rest| rest.split_once(" days: of "));
    let history =
        history.and_then(|(days, rest)| Some((days, rest.split_once(" of the accounts that had signed up by then ")?)));
    match history {
        Some((days, (share, what))) => say!(
            "the history does not reach back {days} days: of {share} of the accounts that had signed up by then {what} is \
             on record",
            days = days,
            share = share,
            what = what
        ),
        None => translated(recorded).into_owned(),
    }
}

fn not_made_yet(id: String, definition: KpiDefinition) -> KpiLine {
    KpiLine {
        href: below("/kpis", &id),
        about: definition.about,
        unit: definition.unit.name().to_owned(),
        value: None,
        change: None,
        missing: Some(say!("it was not calculated yet")),
        at: None,
        line: None,
        id,
    }
}

/// A figure as people read it: `4.5 %`, `12,300`, `6 days`.
pub(super) fn figure(value: f64, unit: &str) -> String {
    let decimals = match unit {
        "money" if value.abs() >= 100.0 => 0,
        "count" if value.abs() >= 100.0 => 0,
        "percent" | "days" => 1,
        _ => 2,
    };
    let scale = 10_f64.powi(decimals);
    let text = fact::number((value * scale).round() / scale);
    match unit {
        "percent" => format!("{text} %"),
        "days" => say!("{n} days", n = text),
        _ => text,
    }
}

pub(super) fn signed(change: f64, unit: &str) -> String {
    let text = figure(change.abs(), unit);
    let sign = match change {
        change if change > 0.0 => "+",
        change if change < 0.0 => "−",
        _ => "±",
    };
    format!("{sign}{text}")
}

/// The line of some values, from left to right by their instants; `None` of fewer than two.
pub(super) fn history_line(values: &[(Instant, f64)], unit: &str) -> Option<HistoryLine> {
    let ((first, _), (last, latest)) = (values.first()?, values.last()?);
    let span = (*last - *first).num_seconds() as f64;
    if span <= 0.0 {
        return None;
    }
    let least = values.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let most = values.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let height = |value: f64| match most - least {
        range if range > 0.0 => 2.0 + (HEIGHT - 4.0) * (1.0 - (value - least) / range),
        _ => HEIGHT / 2.0,
    };
    let point = |(at, value): &(Instant, f64)| {
        let x = WIDTH * (*at - *first).num_seconds() as f64 / span;
        format!("{x:.1},{:.1}", height(*value))
    };
    let label = say!(
        "from {least} to {most}, now {latest}",
        least = figure(least, unit),
        most = figure(most, unit),
        latest = figure(*latest, unit)
    );
    let points = values.iter().map(point).collect::<Vec<_>>().join(" ");
    Some(HistoryLine { points, width: WIDTH, height: HEIGHT, label })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::language::PageLanguage;

    #[test]
    fn figures_are_written_as_people_read_them() {
        for (value, unit, text) in [
            (4.512, "percent", "4.5 %"),
            (12_345.678, "money", "12,346"),
            (9.876, "money", "9.88"),
            (6.04, "days", "6 days"),
            (1.5, "ratio", "1.5"),
            (320.0, "count", "320"),
        ] {
            assert_eq!(figure(value, unit), text);
        }
        assert_eq!(signed(-0.25, "percent"), "−0.3 %");
        assert_eq!(signed(2.0, "count"), "+2");
    }

    /// What is recorded is said in English and not stored in any other language.
    #[tokio::test]
    async fn why_there_is_no_figure_is_said_in_the_readers_language() {
        for recorded in [
            "no account has a value for `share_of(account.mrr > 0)` and `sum_of(account.mrr)`",
            "no account has ever had the event `login`: none is on record",
            "it cannot be calculated: division by zero",
            "it is not known what is on record: division by zero",
            "the history does not reach back 30 days: of 10 % of the accounts that had signed up by then \
             `account.ago(30).mrr` is on record",
            "it gives no number",
        ] {
            assert_eq!(missing_words(recorded), recorded);
            let chinese = PageLanguage::Chinese.answer(async { missing_words(recorded) }).await;
            let ours = chinese.split('`').step_by(2).collect::<String>().replace("division by zero", "");
            assert!(ours != recorded && !ours.contains(|letter: char| letter.is_ascii_alphabetic()), "{chinese}");
        }
    }

    #[test]
    fn a_line_goes_from_the_first_to_the_last() {
        let at = |day: i64| chrono::DateTime::UNIX_EPOCH + TimeDelta::days(day);
        let line = history_line(&[(at(0), 1.0), (at(5), 3.0), (at(10), 2.0)], "count").expect("there is one");
        assert_eq!(line.points, "0.0,26.0 60.0,2.0 120.0,14.0");
        assert_eq!(line.label, "from 1 to 3, now 2");
        assert_eq!(history_line(&[(at(0), 1.0)], "count"), None);
        let flat = history_line(&[(at(0), 1.0), (at(1), 1.0)], "count").expect("there is one");
        assert_eq!(flat.points, "0.0,14.0 120.0,14.0");
    }
}
