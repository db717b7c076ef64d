//! `keepwell stages` and `keepwell tiers`: where accounts stand, how they moved, and
//! what attention they got.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::{Value as Json, json};

use super::database::{Database, configuration};
use super::{Format, Global, output};
use crate::clock::{Clock, Instant};
use crate::facts::{Cell, CellPath, Layout, Standing, Subject, Value};
use crate::store::customers::data_subject::Person;
use crate::store::customers::facts::{FactQuery, SubjectWindow, fetch};
use crate::store::documents::standings::MoveRow;
use crate::worker::documents::funnel::{self, Funnel, FunnelMove, FunnelStep};

/// So many moves of an account are listed, the latest first.
const MOST_MOVES: i64 = 100;

#[derive(Debug, Args)]
pub struct Options {
    /// The moves of this account instead, the latest first, with their reasons.
    #[arg(long)]
    account: Option<String>,
    /// How far back moves and attention are counted.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=3650))]
    days: i64,
    /// As of this instant; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(global: &Global, options: &Options, standing: Standing) -> anyhow::Result<ExitCode> {
    let at = options.at.unwrap_or_else(|| Clock::System.now());
    let minutes = configuration(global)?.minutes_per_task;
    let database = Database::open_customers(global, 2).await?;
    let answer = find(&database, options, standing, at).await;
    database.close().await;
    match (answer?, options.format) {
        (StandingAnswer::Funnel(funnel), Format::Json) => output::json(&json!({
            "at": at, "days": options.days, "accounts": funnel.accounts,
            format!("{}s", standing.name()): step_rows(&funnel, standing, minutes), "moves": move_rows(&funnel),
        })),
        (StandingAnswer::Funnel(funnel), _) => print_funnel(&funnel, standing, options.days, minutes),
        (StandingAnswer::Account(account), Format::Json) => output::json(&account.to_json(standing)),
        (StandingAnswer::Account(account), _) => account.print(standing),
    }
    Ok(ExitCode::SUCCESS)
}

enum StandingAnswer {
    Funnel(Funnel),
    Account(AccountStanding),
}

/// Where one account stands, and how it came there.
struct AccountStanding {
    account: String,
    /// What playbooks read.
    value: Option<String>,
    days: Option<i64>,
    /// What documents have found.
    moves: Vec<MoveRow>,
}

async fn find(
    database: &Database,
    options: &Options,
    standing: Standing,
    at: Instant,
) -> anyhow::Result<StandingAnswer> {
    let store = &database.store;
    let Some(account) = &options.account else {
        let [funnel] = funnel::count(store, [standing], at, options.days).await?;
        return Ok(StandingAnswer::Funnel(funnel));
    };
    let column = Cell::column(Subject::Account, standing.name());
    let path = CellPath::Call { function: "days_in_stage", args: Vec::new() };
    let mut layout = Layout::of(Subject::Account);
    layout.merge(&[column.clone(), Cell { subject: Subject::Account, path: path.clone() }]);
    let query = FactQuery::new(layout.into(), store.relations())?;
    let person = Person::new(account, None);
    let window =
        SubjectWindow { account: account.clone(), contact: String::new(), since_entry: None, since_step: None };
    let facts = fetch(store.customers_pool(), &query, at, &[window]).await?.pop().flatten();
    let moves = store.moves_of(standing, account, at, MOST_MOVES).await?;
    if facts.is_none() && moves.is_empty() && !store.knows(&person).await? {
        bail!("nothing is known of an account `{account}`");
    }
    let read = |cell: &Cell| facts.as_ref().and_then(|facts| facts.get(cell)).cloned().unwrap_or(Value::Null);
    let value = match read(&column) {
        Value::Null => None,
        Value::Text(text) => Some(text.to_string()),
        other => Some(other.to_json().to_string()),
    };
    let days = match read(&Cell { subject: Subject::Account, path }) {
        Value::Int(days) if standing == Standing::Stage => Some(days),
        _ => None,
    };
    Ok(StandingAnswer::Account(AccountStanding { account: account.clone(), value, days, moves }))
}

impl AccountStanding {
    fn rows(&self, standing: Standing) -> Vec<Json> {
        let row = |one: &MoveRow| {
            json!({
                "at": one.at, standing.name(): one.value, "was": one.was, "clause": one.clause,
                "reason": Some(&one.reason).filter(|reason| !reason.is_empty()), "document": one.document,
            })
        };
        self.moves.iter().map(row).collect()
    }

    fn to_json(&self, standing: Standing) -> Json {
        json!({
            "account": self.account, standing.name(): self.value, "days": self.days, "moves": self.rows(standing),
        })
    }

    fn print(&self, standing: Standing) {
        let name = standing.name();
        let days = self.days.map(|days| format!(", for {}", output::number_of(days.max(0) as usize, "day")));
        let value = self.value.as_deref().unwrap_or("none");
        say!("{}: {name} {value}{}", self.account, days.unwrap_or_default());
        let found = self.moves.first().and_then(|latest| latest.value.as_ref());
        if found != self.value.as_ref() && !self.moves.is_empty() {
            let found = found.map_or("none", String::as_str);
            say!("The customer store says so; the document has found `{found}`, which is not read.");
        }
        if !self.moves.is_empty() {
            output::table(&self.rows(standing), &["at", name, "was", "clause", "reason", "document"]);
        }
    }
}

/// A share in percent, to one decimal.
fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (part * 1000.0 / whole).round() / 10.0)
}

/// A row for each stage or tier; hours where it is known how many minutes a task takes.
fn step_rows(funnel: &Funnel, standing: Standing, minutes_per_task: Option<u32>) -> Vec<Json> {
    let sum = |of: fn(&FunnelStep) -> i64| funnel.steps.iter().map(of).sum::<i64>() as f64;
    let [touches, tasks, mails] =
        [sum(|step| step.attention.touches), sum(|step| step.attention.tasks), sum(|step| step.attention.mails)];
    let mrr: f64 = funnel.steps.iter().filter_map(|step| step.mrr).sum();
    let row = |step: &FunnelStep| {
        let mut row = json!({
            standing.name(): step.id, "accounts": step.accounts,
            "share": percent(step.accounts as f64, funnel.accounts as f64), "came": step.came, "left": step.left,
        });
        match standing {
            Standing::Stage => row["median_days"] = json!(step.median_days),
            Standing::Tier => {
                let attention = &step.attention;
                if let Some(minutes) = minutes_per_task {
                    let hours = attention.tasks as f64 * f64::from(minutes) / 60.0;
                    row["hours"] = json!((hours * 10.0).round() / 10.0);
                }
                row["mrr"] = json!(step.mrr);
                row["mrr_share"] = json!(step.mrr.and_then(|part| percent(part, mrr)));
                for (name, part, whole) in [
                    ("touches", attention.touches, touches),
                    ("tasks", attention.tasks, tasks),
                    ("mails", attention.mails, mails),
                ] {
                    row[name] = json!(part);
                    row[format!("{name}_share")] = json!(percent(part as f64, whole));
                }
            }
        }
        row
    };
    funnel.steps.iter().map(row).collect()
}

fn move_rows(funnel: &Funnel) -> Vec<Json> {
    let row = |one: &FunnelMove| json!({ "from": one.from, "to": one.to, "accounts": one.accounts });
    funnel.moves.iter().map(row).collect()
}

fn print_funnel(funnel: &Funnel, standing: Standing, days: i64, minutes_per_task: Option<u32>) {
    let columns: &[&str] = match standing {
        Standing::Stage => &["stage", "accounts", "share", "median_days", "came", "left"],
        Standing::Tier => &[
            "tier",
            "accounts",
            "share",
            "mrr",
            "mrr_share",
            "touches",
            "touches_share",
            "tasks",
            "tasks_share",
            "mails",
            "mails_share",
            "came",
            "left",
        ],
    };
    let hours = minutes_per_task.filter(|_| standing == Standing::Tier).map(|_| "hours");
    let columns: Vec<&str> = columns.iter().copied().chain(hours).collect();
    output::table(&step_rows(funnel, standing, minutes_per_task), &columns);
    if funnel.moves.is_empty() {
        return;
    }
    say!();
    say!("Moves against {} ago:", output::number_of(usize::try_from(days).unwrap_or_default(), "day"));
    output::table(&move_rows(funnel), &["from", "to", "accounts"]);
}
