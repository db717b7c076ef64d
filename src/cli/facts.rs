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
use crate::facts::{Inventory, Schema, Subject, Type};
use crate::rule::check::signature::forms;
use crate::rule::functions::ago;
use crate::rule::functions::global::FREE;
use crate::rule::functions::{Example, FUNCTIONS, Function};
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

/// What something gives.
#[derive(Clone, Copy)]
enum Gives {
    Value(Type),
    Span,
    /// An account or a contact, of which more can be asked.
    Subject(Subject),
}

/// One thing that can be asked.
struct Entry {
    /// `column`, `method` or `function`.
    kind: &'static str,
    name: String,
    /// The ways to call it; none for columns.
    calls: Vec<String>,
    gives: Gives,
    nullable: bool,
    summary: &'static str,
    examples: Vec<Example>,
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
    entries: Vec<Entry>,
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
        "facts": entries.iter().map(Entry::to_json).collect::<Vec<_>>(),
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

fn entries(schema: &Schema) -> Vec<Entry> {
    let roots = [
        ("account", &schema.account, ""),
        ("contact", &schema.contact, "In playbooks with `for: contact`."),
        ("recipient", &schema.contact, "In templates."),
        ("csm", &schema.csm, "In templates."),
    ];
    let columns = roots.into_iter().flat_map(|(root, columns, summary)| {
        columns.iter().map(move |column| Entry {
            kind: "column",
            name: format!("{root}.{}", column.name),
            calls: Vec::new(),
            gives: Gives::Value(column.ty),
            nullable: column.nullable,
            summary,
            examples: Vec::new(),
        })
    });
    let method = |subject: Subject, function: &dyn Function, summary, examples| Entry {
        kind: "method",
        name: format!("{}.{}", subject.name(), function.name()),
        calls: forms(subject, function),
        gives: Gives::Value(function.gives(&[]).ty),
        nullable: function.gives(&[]).nullable,
        summary,
        examples,
    };
    let of_accounts = FUNCTIONS
        .iter()
        .map(|function| method(Subject::Account, *function, function.summary(), function.examples().to_vec()));
    let of_contacts = FUNCTIONS.iter().filter_map(|function| {
        function.of_contact().map(|summary| method(Subject::Contact, *function, summary, Vec::new()))
    });
    let ago = |of: Subject| {
        let whose = ago::SUMMARIES.into_iter().filter(move |(subject, _)| *subject == of);
        whose.map(|(subject, summary)| Entry {
            kind: "method",
            name: format!("{}.{}", subject.name(), ago::NAME),
            calls: vec![format!("{}.{}(n)", subject.name(), ago::NAME)],
            gives: Gives::Subject(subject),
            nullable: false,
            summary,
            examples: if subject == Subject::Account { vec![ago::EXAMPLE] } else { Vec::new() },
        })
    };
    let free = FREE.iter().map(|function| Entry {
        kind: "function",
        name: function.name.to_owned(),
        calls: vec![function.signature.to_owned()],
        gives: function.gives.map_or(Gives::Span, Gives::Value),
        nullable: function.nullable,
        summary: function.summary,
        examples: vec![function.example],
    });
    let methods = of_accounts.chain(ago(Subject::Account)).chain(of_contacts).chain(ago(Subject::Contact));
    columns.chain(methods).chain(free).collect()
}

impl Entry {
    fn to_json(&self) -> Json {
        let examples: Vec<Json> = self
            .examples
            .iter()
            .map(|example| json!({ "expression": example.expression, "meaning": example.meaning }))
            .collect();
        json!({
            "kind": self.kind,
            "name": self.name,
            "calls": self.calls,
            "type": match self.gives {
                Gives::Value(ty) => TYPES.iter().find(|(_, known)| *known == ty).map_or("json", |(word, _)| *word),
                Gives::Span => "span",
                Gives::Subject(subject) => subject.name(),
            },
            "nullable": self.nullable,
            "summary": self.summary,
            "examples": examples,
        })
    }

    /// What it gives, in words.
    fn gives(&self) -> String {
        let gives = match self.gives {
            Gives::Value(ty) => ty.name().to_owned(),
            Gives::Span => "a span of time".to_owned(),
            Gives::Subject(subject) => format!("the {}, to ask it more", subject.name()),
        };
        if self.nullable { format!("{gives}; can be missing") } else { gives }
    }
}

fn print(entries: &[Entry]) {
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
