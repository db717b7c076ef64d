//! Value reports: what an account got, in its own numbers, before and after.
//!
//! A report is made from the facts of one account and is data from then on: the page,
//! the mail and the PDF show what is kept of it, and not what is true later. Pure.
//!
//! - `maker`: its expressions, compiled, and what they give for one account;
//! - `sheet`: a report in one language, as texts that every form of it shows;
//! - `words`: what stands in each report, in English and Chinese;
//! - `plain`: a sheet as text for a terminal, `pdf` as a PDF.

use chrono::{SecondsFormat, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Instant;
use crate::playbook::document::TextByLanguage;
use crate::rule::template::percent_encode;

mod maker;
mod pdf;
mod plain;
mod sheet;
mod words;

pub use maker::ReportMaker;
pub use pdf::pdf;
pub use plain::{plain_text, summary_lines};
pub use sheet::{Sheet, SheetGoal, SheetRow};

/// What an account got, as of the end of a period and as of its beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueReport {
    /// The id of the document that says what is in it.
    pub report: String,
    pub account: String,
    /// What the account was called.
    pub account_name: String,
    /// What the account reads: a BCP 47 tag, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The end of the period.
    pub at: Instant,
    /// How many times 24 hours before that the period begins.
    pub days: i64,
    /// In which its dates are.
    #[serde(serialize_with = "write_zone", deserialize_with = "read_zone")]
    pub zone: Tz,
    pub title: TextByLanguage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intro: Option<TextByLanguage>,
    /// The ISO code of what money is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// In the order of the document.
    pub figures: Vec<ReportedFigure>,
    /// How far the goals of the account's success plans are at the end.
    #[serde(default)]
    pub goals: Vec<ReportedGoal>,
}

/// A figure of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedFigure {
    pub id: String,
    pub label: TextByLanguage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<TextByLanguage>,
    /// Whether less is better.
    pub falls: bool,
    pub before: Reading,
    pub after: Reading,
    /// What one unit is worth; `None` where no money is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// What a figure was at an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    Value(f64),
    Missing(Lack),
}

/// Why a figure is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// The account was not there yet.
    NotYet,
    /// Something that it is calculated from is not on record.
    NotRecorded,
    /// It cannot be calculated, and why, for colleagues.
    Failed(String),
}

/// What one unit of a figure is worth, in money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Above 0.
    pub value: f64,
    /// Whether it is the account's own; else it is assumed of all without one.
    pub is_own: bool,
}

/// The page of a report, below the address of the pages.
pub fn path(account: &str, report: &str, at: Instant) -> String {
    let at = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    format!("/accounts/{}/reports/{}/{at}", percent_encode(account), percent_encode(report))
}

/// How far a goal of a success plan is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedGoal {
    pub plan: String,
    pub goal: String,
    /// What is agreed, in words.
    pub about: Option<String>,
    /// `open`, `reached` or `missed`.
    pub state: String,
    /// From 0 to 100; `None` where nothing was measured.
    pub progress: Option<f64>,
}

impl ValueReport {
    /// When its period begins.
    pub fn begin(&self) -> Instant {
        TimeDelta::try_days(self.days).and_then(|days| self.at.checked_sub_signed(days)).unwrap_or(self.at)
    }

    /// What its PDF is called: `value-report-2026-10-01.pdf`, by the end of its period.
    pub fn file_name(&self) -> String {
        format!("{}-{}.pdf", self.report, self.at.with_timezone(&self.zone).format("%Y-%m-%d"))
    }

    /// How much more all figures are worth than before, in money: those that have a rate
    /// and both values. `None` where there is none.
    pub fn gain(&self) -> Option<f64> {
        let gains: Vec<f64> = self.figures.iter().filter_map(ReportedFigure::gain).collect();
        (!gains.is_empty()).then(|| gains.iter().sum())
    }

    /// The figures that could not be calculated, with the reasons, for colleagues.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &str)> {
        self.figures.iter().filter_map(|figure| {
            let failed = |reading: &'_ Reading| matches!(reading, Reading::Missing(Lack::Failed(_)));
            let reading = [&figure.after, &figure.before].into_iter().find(|reading| failed(reading))?;
            match reading {
                Reading::Missing(Lack::Failed(why)) => Some((figure.id.as_str(), why.as_str())),
                _ => None,
            }
        })
    }
}

impl Reading {
    /// The number; `None` where it is missing.
    pub fn value(&self) -> Option<f64> {
        match self {
            Reading::Value(value) => Some(*value),
            Reading::Missing(_) => None,
        }
    }
}

impl ReportedFigure {
    /// What it is worth at the end of the period, in money.
    pub fn worth(&self) -> Option<f64> {
        Some(self.after.value()? * self.rate?.value)
    }

    /// How much it has changed.
    pub fn change(&self) -> Option<f64> {
        Some(self.after.value()? - self.before.value()?)
    }

    /// How much more it is worth than before, in money; of a figure that shall fall,
    /// how much less it costs.
    pub fn gain(&self) -> Option<f64> {
        let change = self.change()? * self.rate?.value;
        Some(if self.falls { 0.0 - change } else { change })
    }
}

fn write_zone<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

fn read_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
