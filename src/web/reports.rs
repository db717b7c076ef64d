//! The value reports of an account: a page for each with its bars, and its PDF.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;
use serde::Serialize;

use super::WebState;
use super::language::phrase;
use super::page::{Frame, Trouble, Web, account_href, moment};
use crate::clock::Instant;
use crate::config::DEFAULT_LANGUAGE;
use crate::delivery::PDF;
use crate::store::documents::reports::KeptReport;
use crate::value_report::{Sheet, SheetRow, ValueReport, path, pdf};

/// How many reports of an account are listed.
pub(super) const LISTED: i64 = 12;

/// The picture of a figure's bars, in its own units.
const WIDTH: f64 = 240.0;
const BAR: f64 = 12.0;
const GAP: f64 = 4.0;

const UNKNOWN: Trouble = Trouble::NotFound("There is no such report.");

/// A report of an account in a list.
#[derive(Serialize)]
pub(super) struct ReportLine {
    title: String,
    href: String,
    at: String,
    /// Who made it, for people.
    origin: &'static str,
}

#[derive(Serialize)]
struct ReportPage {
    /// The tag of what it is written in.
    language: String,
    title: String,
    account: String,
    account_href: String,
    dates: String,
    intro: Option<String>,
    headings: [String; 4],
    has_money: bool,
    rows: Vec<RowView>,
    gain: Option<String>,
    not_counted: Option<String>,
    goals_heading: String,
    goals: Vec<ReportGoalView>,
    pdf_href: String,
}

#[derive(Serialize)]
struct RowView {
    label: String,
    before: String,
    after: String,
    change: String,
    /// `better`, `worse`, or nothing where it did not change.
    trend: &'static str,
    worth: Option<String>,
    rate: Option<String>,
    bars: Option<BarsView>,
}

/// Before above after.
#[derive(Debug, PartialEq, Serialize)]
struct BarsView {
    width: f64,
    height: f64,
    bars: Vec<BarView>,
    /// What it shows, for those who cannot see it.
    label: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct BarView {
    /// `before` or `after`.
    class: &'static str,
    y: f64,
    width: String,
    height: f64,
}

#[derive(Serialize)]
struct ReportGoalView {
    label: String,
    standing: String,
    progress: Option<String>,
}

/// The page of one report, in the language of its account.
pub(super) async fn show(
    State(web): Web,
    place: Result<Path<(String, String, String)>, PathRejection>,
) -> Result<Response, Trouble> {
    let report = find(&web, place).await?;
    let sheet = sheet(&web, &report);
    let goals = sheet.goals.iter().map(|goal| ReportGoalView {
        label: goal.label.clone(),
        standing: goal.standing.clone(),
        progress: goal.progress.map(|progress| format!("{:.0}", progress.floor())),
    });
    let page = ReportPage {
        account_href: account_href(&report.account),
        has_money: sheet.has_money(),
        rows: sheet.rows.iter().map(|row| row_view(row, &sheet)).collect(),
        goals: goals.collect(),
        pdf_href: format!("{}/pdf", path(&report.account, &report.report, report.at)),
        language: sheet.language,
        title: sheet.title,
        account: sheet.account,
        dates: sheet.dates,
        intro: sheet.intro,
        headings: sheet.headings,
        gain: sheet.gain,
        not_counted: sheet.not_counted,
        goals_heading: sheet.goals_heading,
    };
    Frame::new(&web, "accounts", None).await?.page(StatusCode::OK, "report.html", page)
}

/// The same as a PDF, as its mail carries it.
pub(super) async fn show_pdf(
    State(web): Web,
    place: Result<Path<(String, String, String)>, PathRejection>,
) -> Result<Response, Trouble> {
    let report = find(&web, place).await?;
    let name = format!("attachment; filename=\"{}\"", report.file_name());
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(PDF)), (CONTENT_DISPOSITION, name)];
    Ok((headers, pdf(&sheet(&web, &report))).into_response())
}

async fn find(
    web: &WebState,
    place: Result<Path<(String, String, String)>, PathRejection>,
) -> Result<ValueReport, Trouble> {
    let Path((account, report, at)) = place.map_err(|_| UNKNOWN)?;
    let at: Instant = at.parse().map_err(|_| UNKNOWN)?;
    web.store.report(&report, &account, at).await?.ok_or(UNKNOWN)
}

fn sheet(web: &WebState, report: &ValueReport) -> Sheet {
    let language = web.shared.config.language.as_deref().unwrap_or(DEFAULT_LANGUAGE);
    Sheet::of(report, report.locale.as_deref().unwrap_or(language), language)
}

fn row_view(row: &SheetRow, sheet: &Sheet) -> RowView {
    RowView {
        label: row.label.clone(),
        before: row.before.clone(),
        after: row.after.clone(),
        change: row.change.clone(),
        trend: match row.is_better {
            Some(true) => "better",
            Some(false) => "worse",
            None => "",
        },
        worth: row.worth.clone(),
        rate: row.rate.clone(),
        bars: bars(row, sheet),
    }
}

/// The two values as bars, the larger one over the whole width; `None` where neither is
/// above nothing.
fn bars(row: &SheetRow, sheet: &Sheet) -> Option<BarsView> {
    let most = row.values.iter().flatten().fold(0.0_f64, |most, value| most.max(*value));
    if most <= 0.0 {
        return None;
    }
    let bar = |(place, (class, value)): (usize, (&'static str, Option<f64>))| BarView {
        class,
        y: place as f64 * (BAR + GAP),
        width: format!("{:.1}", value.map_or(0.0, |value| (value / most).clamp(0.0, 1.0) * WIDTH)),
        height: BAR,
    };
    let label = format!("{} {}, {} {}", sheet.headings[0], row.before, sheet.headings[1], row.after);
    let bars = ["before", "after"].into_iter().zip(row.values).enumerate().map(bar).collect();
    Some(BarsView { width: WIDTH, height: 2.0 * BAR + GAP, bars, label })
}

/// The reports of an account, as its page lists them.
pub(super) fn report_lines(reports: Vec<KeptReport>, zone: Tz) -> Vec<ReportLine> {
    let line = |kept: KeptReport| ReportLine {
        href: path(&kept.account, &kept.report, kept.at),
        title: kept.title,
        at: moment(kept.at, zone),
        origin: if kept.origin == "step" { phrase!("By a playbook") } else { phrase!("On its schedule") },
    };
    reports.into_iter().map(line).collect()
}
