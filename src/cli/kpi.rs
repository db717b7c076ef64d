//! `keepwell kpi`: the figures that documents make over all accounts.

use std::collections::BTreeMap;
use std::process::ExitCode;

use chrono::{DurationRound, TimeDelta};
use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};

use super::database::{Database, configuration};
use super::run::{no_variables, shared};
use super::{Global, output};
use crate::clock::{Clock, Instant};
use crate::delivery::Channel;
use crate::diagnostic::nearest;
use crate::evaluation::kpi::KpiOutcome;
use crate::playbook::document::KpiDefinition;
use crate::printable::csv_field;
use crate::store::documents::kpis::KpiRow;
use crate::worker::Shared;
use crate::worker::documents::definitions::kpi_definitions;
use crate::worker::documents::figure;

#[derive(Debug, Args)]
pub struct Options {
    /// Only this one, with its definition and its history.
    id: Option<String>,
    /// As of this instant; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    #[arg(long, value_enum, default_value_t = KpiFormat::Human)]
    format: KpiFormat,
}

/// How the figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KpiFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// A line for each figure, for a spreadsheet.
    Csv,
}

/// The longest history that is listed: one a day for more than ten years.
const MOST: i64 = 4_000;

/// What a list has of each figure, and a history, too.
const COLUMNS: [&str; 8] = ["id", "at", "value", "unit", "missing", "change", "before", "before_at"];

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let until = options.at.unwrap_or_else(|| Clock::System.now());
    let config = configuration(global)?;
    let database = Database::open_customers(global, 3).await?;
    let answer = async {
        let shared = shared(database.store.clone(), config, Channel::Captured, no_variables(), global.actor_name())?;
        find(&shared, options, until).await
    };
    let answer = answer.await;
    database.close().await;
    let (rows, definition) = answer?;
    match options.format {
        KpiFormat::Json => {
            let mut document = json!({ "kpis": rows });
            if let Some(definition) = &definition {
                document["definition"] = describe(definition);
            }
            output::json(&document);
        }
        KpiFormat::Csv => print_csv(&rows),
        KpiFormat::Human => {
            if let Some(definition) = &definition {
                print_definition(definition);
            }
            let rounded: Vec<Json> = rows.iter().map(rounded).collect();
            output::table(&rounded, &["id", "value", "unit", "change", "at", "missing"]);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(
    shared: &Shared,
    options: &Options,
    until: Instant,
) -> anyhow::Result<(Vec<Json>, Option<KpiDefinition>)> {
    let store = &shared.store;
    let definitions = kpi_definitions(store).await?;
    let Some(id) = &options.id else {
        let mut figures: BTreeMap<String, KpiRow> =
            store.latest_kpis(until).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
        let mut rows = Vec::new();
        for (id, definition) in &definitions {
            rows.push(match figures.remove(id) {
                Some(figure) => row(figure, definition.about.as_deref()),
                None => not_made(shared, id, definition, options.at).await?,
            });
        }
        return Ok((rows, None));
    };
    let history = store.kpi_history(id, until, MOST).await?;
    let definition = definitions.get(id).cloned();
    // A list that is empty because of a typo would be believed.
    if history.is_empty() && definition.is_none() {
        let near = nearest(id, definitions.keys().map(String::as_str));
        let help = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        anyhow::bail!("no document makes a KPI `{id}`{help}");
    }
    let about = definition.as_ref().and_then(|definition| definition.about.clone());
    let mut rows: Vec<Json> = history.into_iter().map(|figure| row(figure, about.as_deref())).collect();
    if let (true, Some(definition)) = (rows.is_empty(), &definition) {
        rows.push(not_made(shared, id, definition, options.at).await?);
    }
    Ok((rows, definition))
}

fn row(figure: KpiRow, about: Option<&str>) -> Json {
    json!({
        "id": figure.id,
        "at": figure.at,
        "value": figure.value,
        "unit": figure.unit,
        "missing": figure.missing,
        "change": figure.value.zip(figure.before).map(|(value, before)| value - before),
        "before": figure.before,
        "before_at": figure.before_at,
        // Empty of one that is not kept.
        "revision": Some(figure.revision).filter(|revision| !revision.is_empty()),
        "about": about,
    })
}

/// What has no figure: as its evaluation would find it at this minute. Of an instant that
/// was asked for there is none: the customer store says what is there today.
async fn not_made(
    shared: &Shared,
    id: &str,
    definition: &KpiDefinition,
    instant: Option<Instant>,
) -> anyhow::Result<Json> {
    if instant.is_none() {
        return look_at(shared, id, definition).await;
    }
    let schedule = &definition.schedule;
    let missing = format!(
        "no figure was made by then: a daemon makes one at each slot of `{schedule}`; without --at it is what it is now"
    );
    Ok(json!({
        "id": id, "at": null, "value": null, "unit": definition.unit.name(), "missing": missing, "change": null,
        "before": null, "before_at": null, "revision": null, "about": definition.about,
    }))
}

/// A KPI as its evaluation would find it at the full minute. It is not kept.
async fn look_at(shared: &Shared, id: &str, definition: &KpiDefinition) -> anyhow::Result<Json> {
    let now = Clock::System.now();
    let at = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    let (value, missing) = match figure::look(shared, id, at).await? {
        Some(KpiOutcome::Figure(value)) => (Some(value), None),
        Some(KpiOutcome::Missing(why)) => (None, Some(why)),
        None => (None, Some("this version of Keepwell cannot use it".to_owned())),
    };
    let unit = definition.unit.name().to_owned();
    let (id, revision) = (id.to_owned(), String::new());
    let figure = KpiRow { id, at, revision, value, unit, missing, before: None, before_at: None };
    Ok(row(figure, definition.about.as_deref()))
}

fn describe(definition: &KpiDefinition) -> Json {
    json!({
        "about": definition.about,
        "formula": definition.formula,
        "value": definition.value,
        "unit": definition.unit.name(),
        "source": definition.source,
        "schedule": definition.schedule,
    })
}

fn print_definition(definition: &KpiDefinition) {
    let parts = [
        ("about", definition.about.as_deref()),
        ("formula", definition.formula.as_deref()),
        ("value", Some(definition.value.as_str())),
        ("source", definition.source.as_deref()),
        ("schedule", Some(definition.schedule.as_str())),
    ];
    for (name, text) in parts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        say!("{}{}", output::pad(name, 10), text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    say!();
}

/// To two decimals, as people read it.
fn rounded(row: &Json) -> Json {
    let mut row = row.clone();
    for column in ["value", "change"] {
        if let Some(number) = row[column].as_f64() {
            row[column] = json!((number * 100.0).round() / 100.0);
        }
    }
    row
}

fn print_csv(rows: &[Json]) {
    say!("{}", COLUMNS.join(","));
    for row in rows {
        let field = |column: &&str| match &row[*column] {
            Json::Null => String::new(),
            Json::String(text) => csv_field(text),
            other => other.to_string(),
        };
        say!("{}", COLUMNS.iter().map(field).collect::<Vec<_>>().join(","));
    }
}
