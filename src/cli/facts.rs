//! `keepwell facts`: everything that playbooks can ask, from the same list that
//! `check` reads.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Value as Json, json};

use super::database::{Database, look, store_map};
use super::{Format, Global, output};
use crate::config::StoreMap;
use crate::facts::file::{TYPES, seen_to_json};
use crate::facts::inventory::{KnownName, Shape, grouped};
use crate::facts::{Inventory, Schema};
use crate::rule::reference::{ReferenceEntry, ResultType, entries};
use crate::store::customers::mapping::RelationReport;

#[derive(Debug, Args)]
pub struct Options {
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Of the customer store in the database, with its own columns, instead of
    /// the default store's.
    #[arg(long)]
    store: bool,
    /// Write the facts file there that `check --facts` reads, of the customer
    /// store in the database.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let reads_store = options.store || options.out.is_some();
    let KnownFacts { schema, report, entries, json } = read(global, reads_store).await?;
    if let Some(path) = &options.out {
        let text = serde_json::to_string_pretty(&json)?;
        std::fs::write(path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
        say!("Wrote {}.", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    match options.format {
        Format::Json => output::json(&json),
        Format::Human | Format::Line if options.store => print_store(&report, &schema),
        Format::Human | Format::Line => print(&entries),
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that can be asked, and where it comes from.
struct KnownFacts {
    schema: Schema,
    /// Of the store in the database; nothing of the default one.
    report: Vec<RelationReport>,
    entries: Vec<ReferenceEntry>,
    json: Json,
}

/// The whole answer, as JSON: of the store in the database, or the default one.
pub async fn answer(global: &Global, of_store: bool) -> anyhow::Result<Json> {
    Ok(read(global, of_store).await?.json)
}

async fn read(global: &Global, of_store: bool) -> anyhow::Result<KnownFacts> {
    let mut schema = Schema::default_store();
    let mut report = Vec::new();
    if of_store {
        let map = if global.demo { StoreMap::default() } else { store_map(global)? };
        let mut database = Database::open(global, 2).await?;
        let looked = match database.use_reader(&map).await {
            Ok(_) => look(&database.store, &map).await,
            Err(error) => Err(error),
        };
        let looked = match looked {
            Ok(looked) => looked,
            Err(error) => {
                database.close().await;
                return Err(error);
            }
        };
        (schema, report) = (looked.relations.schema.clone(), looked.report);
        let database = database.reading(looked.relations);
        let inventory = database.store.inventory_now().await;
        database.close().await;
        schema = schema.with_inventory(inventory.context("the names in the customer store could not be looked at")?);
    }
    let entries = entries(&schema);
    let mut json = json!({
        "facts": entries.iter().map(to_json).collect::<Vec<_>>(),
        "absent": schema.absent,
        "statuses": schema.statuses,
    });
    if of_store {
        json["seen"] = seen_to_json(&schema.inventory);
    }
    Ok(KnownFacts { schema, report, entries, json })
}

/// What of each relation is used, and what is not and why.
fn print_store(report: &[RelationReport], schema: &Schema) {
    for relation in report {
        say!("{} from {}", relation.ours, relation.theirs);
        let width = relation.used.iter().map(|used| used.ours.len()).max().unwrap_or(0);
        for used in &relation.used {
            let ours = &used.ours;
            let theirs = if *ours == used.theirs { String::new() } else { format!("; it is `{}`", used.theirs) };
            let missing = if used.nullable { "; can be missing" } else { "" };
            let note = used.note.map_or(String::new(), |note| format!("; {note}"));
            say!("  {ours:<width$}  {}{missing}{theirs}{note}", used.ty.name());
        }
        for column in &relation.absent {
            say!("  there is no `{column}`");
        }
        for (column, reason) in &relation.ignored {
            say!("  `{column}` is not used: {reason}");
        }
        say!();
    }
    if schema.absent.contains("changes") {
        say!("There is no history of account columns: `days_since_change` is not available.");
    }
    print_inventory(&schema.inventory);
}

/// What the store was seen to hold, a kind a line, and attributes one each.
fn print_inventory(inventory: &Inventory) {
    const SHOWN: usize = 12;
    say!("Seen in it, with the number of rows");
    for (kind, known) in inventory.kinds() {
        let partly = if known.is_complete { "" } else { "; these are not all" };
        let named = |known: &KnownName| format!("`{}` {}", known.name, grouped(known.rows));
        let is_attribute = known.names.iter().any(|known| !known.shapes.is_empty());
        if is_attribute {
            say!("  {}{partly}", kind.plural());
            for known in &known.names {
                let shapes: Vec<String> = known.shapes.iter().map(describe_shape).collect();
                say!("    {}: {}", named(known), shapes.join("; "));
            }
            continue;
        }
        let mut names: Vec<String> = known.names.iter().take(SHOWN).map(named).collect();
        let more = known.names.len().saturating_sub(SHOWN);
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        say!("  {}: {names}{partly}", kind.plural());
    }
}

/// `text 98 %, such as pro, free`
fn describe_shape(shape: &Shape) -> String {
    let percent = (shape.share * 1000.0).round() / 10.0;
    let examples = match shape.examples.as_slice() {
        [] => String::new(),
        examples => format!(", such as {}", examples.join(", ")),
    };
    format!("{} {percent} %{examples}", shape.shape.name())
}

fn to_json(entry: &ReferenceEntry) -> Json {
    let examples: Vec<Json> = entry
        .examples
        .iter()
        .map(|example| json!({ "expression": example.expression, "meaning": example.meaning }))
        .collect();
    json!({
        "kind": entry.kind,
        "name": entry.name,
        "calls": entry.calls,
        "type": match entry.gives {
            ResultType::Value(ty) => TYPES.iter().find(|(_, known)| *known == ty).map_or("json", |(word, _)| *word),
            ResultType::Span => "span",
            ResultType::Subject(subject) => subject.name(),
        },
        "nullable": entry.nullable,
        "summary": entry.summary,
        "examples": examples,
    })
}

fn print(entries: &[ReferenceEntry]) {
    let of = |kind: &'static str| entries.iter().filter(move |entry| entry.kind == kind);
    let width = of("column").map(|entry| entry.name.len()).max().unwrap_or(0);
    say!(
        "COLUMNS (`contact` with `for: contact`, `recipient` and `csm` in templates; attributes are `account.traits.NAME`)"
    );
    say!();
    for column in of("column") {
        say!("  {:<width$}  {}", column.name, column.gives());
    }
    let parts = [
        ("METHODS of an account", "method", "account."),
        ("METHODS of a contact, with `for: contact`", "method", "contact."),
        ("FUNCTIONS", "function", ""),
    ];
    for (title, kind, root) in parts {
        say!();
        say!("{title}");
        for entry in of(kind).filter(|entry| entry.name.starts_with(root)) {
            say!();
            say!("  {}: {}", entry.calls.join(", "), entry.gives());
            say!("      {}", entry.summary);
            for example in &entry.examples {
                say!("      {}    {}", example.expression, example.meaning);
            }
        }
    }
}
