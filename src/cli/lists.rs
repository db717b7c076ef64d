//! `keepwell enrollments`, `tasks`, `messages` and `runs`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use super::database::Database;
use super::explain::shared_here;
use super::{Format, Global, output};
use crate::clock::Clock;
use crate::facts::SubjectId;
use crate::message::state::State;
use crate::rehearsal::explanation::Explanation;
use crate::store::Store;
use crate::store::customers::data_subject::Person;
use crate::store::enrollments::holdout::ArmComparison;
use crate::store::runs::parse_run_id;
use crate::store::upkeep::stopped::Stopped;
use crate::store::views::cli::{ENROLLMENT_STATES, Filter, RUN_STATES, TASK_STATES};
use crate::worker::runs::explain::explain_run;

#[derive(Debug, Args)]
pub struct Options {
    /// Only of this playbook.
    #[arg(long)]
    playbook: Option<String>,
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only in this state.
    #[arg(long)]
    state: Option<String>,
    /// At most so many; all when absent.
    #[arg(long)]
    limit: Option<i64>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What to list.
#[derive(Clone, Copy, Debug)]
pub enum What {
    Enrollments,
    Tasks,
    Messages,
    Runs,
}

impl What {
    fn states(self) -> &'static [&'static str] {
        match self {
            What::Enrollments => &ENROLLMENT_STATES,
            What::Tasks => &TASK_STATES,
            What::Messages => &State::NAMES,
            What::Runs => &RUN_STATES,
        }
    }
}

pub async fn run(global: &Global, what: What, options: &Options) -> anyhow::Result<ExitCode> {
    // A list that is empty because of a typo would be believed.
    if let Some(state) = options.state.as_deref().filter(|state| !what.states().contains(state)) {
        anyhow::bail!("there is no state `{state}`; the states are {}", what.states().join(", "));
    }
    let mut filter = Filter {
        playbook: options.playbook.clone(),
        // A run is about all accounts; what it did with one is explained below.
        account: options.account.clone().filter(|_| !matches!(what, What::Runs)),
        state: options.state.clone(),
        assignee: None,
        id: None,
        limit: options.limit,
    };
    let database = match what {
        // With the names of accounts.
        _ if options.account.is_some() => Database::open_customers(global, 2).await?,
        What::Tasks => Database::open_customers(global, 2).await?,
        _ => Database::open(global, 2).await?,
    };
    let store = &database.store;
    if let Some(playbook) = &mut filter.playbook {
        *playbook = store.name_of_now(playbook).await?;
    }
    if let Some(playbook) = &filter.playbook
        && !store.published().await?.iter().any(|known| known.id == *playbook)
    {
        database.close().await;
        anyhow::bail!("there is no playbook `{playbook}`");
    }
    let (noun, columns, mut rows): (&str, &[&str], _) = match what {
        What::Enrollments => (
            "enrollments",
            &["playbook", "account", "state", "step", "due_at", "started_at", "reason"],
            store.list_enrollments(&filter).await?,
        ),
        What::Tasks => (
            "tasks",
            &["id", "account", "title", "assignee", "due_at", "priority", "state", "reason"],
            store.list_tasks(&filter).await?,
        ),
        What::Messages => (
            "messages",
            &["id", "playbook", "account", "step", "to", "subject", "state", "reason", "attempts", "sent_at"],
            store.list_messages(&filter).await?,
        ),
        What::Runs => (
            "runs",
            &["id", "kind", "state", "candidates", "enrolled", "skipped", "reason"],
            store.list_runs(&filter).await?,
        ),
    };
    if let (Some(account), true) = (options.account.as_deref(), rows.is_empty())
        && !store.knows(&Person::new(account, None)).await?
    {
        database.close().await;
        anyhow::bail!("nothing is known of an account `{account}`");
    }
    if let (What::Runs, Some(account)) = (what, &options.account) {
        if !store.knows(&Person::new(account, None)).await? {
            database.close().await;
            anyhow::bail!("nothing is known of an account `{account}`");
        }
        let lines = explain_runs(global, &database, account, &mut rows).await?;
        match options.format {
            Format::Json => output::json(&json!({ noun: rows })),
            _ => output::table(&lines, &["id", "subject", "verdict", "decided_by", "reason"]),
        }
        database.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    let compared = match what {
        What::Runs => store.compare_arms(filter.playbook.as_deref()).await?,
        _ => BTreeMap::new(),
    };
    let stopped = match what {
        What::Runs => store.stopped().await?,
        _ => Stopped::default(),
    };
    for row in &mut rows {
        if let Some(stop) = row["playbook"].as_str().and_then(|playbook| stopped.stop_of(playbook)) {
            row["stopped"] = stop.describe().into();
        }
        if let Some(one) = row["playbook"].as_str().and_then(|playbook| compared.get(playbook)) {
            row["holdout"] = holdout(one);
        }
    }
    if let What::Runs = what {
        for row in rows.iter_mut().filter(|row| row["state"] == "held") {
            row["sample"] = sample(store, row["id"].as_str().unwrap_or_default()).await?;
        }
    }
    match options.format {
        Format::Json => output::json(&json!({ noun: rows })),
        _ => {
            output::table(&rows, columns);
            rows.iter().for_each(print_held);
            for (playbook, one) in &compared {
                say!("{playbook}: {}", one.comparison.describe());
            }
            for stop in &stopped.stops {
                say!("stopped: {stop}");
            }
        }
    }
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Adds to each run what it did with an account, under `subjects`; gives a line
/// for each of them.
async fn explain_runs(
    global: &Global,
    database: &Database,
    account: &str,
    runs: &mut [Json],
) -> anyhow::Result<Vec<Json>> {
    let shared = shared_here(global, database)?;
    let now = Clock::System.now();
    let mut lines = Vec::new();
    for run in runs {
        run["account"] = account.into();
        let (Some(playbook), Some(slot)) = (run["playbook"].as_str(), run["slot"].as_str()) else { continue };
        let explained = explain_run(&shared, playbook, account, slot.parse()?, now).await?;
        let subjects: Vec<Json> = match &explained {
            Ok(explained) => explained.iter().map(brief).collect(),
            Err(why) => vec![json!({ "subject": account, "contact": null, "verdict": null, "decided_by": null,
                "reason": format!("it cannot be said: {why}"), "constant": [] })],
        };
        for subject in &subjects {
            let mut line = subject.clone();
            line["id"] = run["id"].clone();
            lines.push(line);
        }
        run["subjects"] = subjects.into();
    }
    Ok(lines)
}

/// What a run did with one subject.
fn brief(explanation: &Explanation) -> Json {
    let whole = explanation.to_json();
    let kept = ["subject", "contact", "verdict", "decided_by", "reason", "constant"];
    Json::Object(kept.into_iter().map(|key| (key.to_owned(), whole[key].clone())).collect())
}

/// How a playbook's two arms fare.
fn holdout(ArmComparison { comparison, counted }: &ArmComparison) -> Json {
    let points = comparison.difference().map(|found| json!({ "least": found.range.low, "most": found.range.high }));
    json!({ "treated": comparison.treated, "ghosts": comparison.ghosts, "points": points, "counted": counted,
        "told": comparison.describe() })
}

/// How many of those who wait in a held run are named.
const SAMPLE: i64 = 10;

/// Some of those who wait in a held run, with what the condition read of them.
pub async fn sample(store: &Store, run: &str) -> anyhow::Result<Json> {
    let Some((playbook, slot)) = parse_run_id(run) else { return Ok(Json::Null) };
    let rows = store.held_ids(&playbook, slot, SAMPLE).await?;
    let as_json = |(account, contact, evidence): (String, String, Json)| json!({ "account": account, "contact": Some(contact).filter(|contact| !contact.is_empty()), "read": evidence });
    Ok(rows.into_iter().map(as_json).collect())
}

/// Says why a run is held and whom it would touch.
fn print_held(row: &Json) {
    let (Some(id), Some(sample)) = (row["id"].as_str(), row["sample"].as_array()) else { return };
    say!("{id}: {}", row["reason"].as_str().unwrap_or_default());
    whom(sample, row["held"].as_u64().unwrap_or_default());
}

/// Those of a sample, one a line, and how many more of `all` there are.
pub fn whom(sample: &[Json], all: u64) {
    for one in sample {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let subject = SubjectId { account: text("account"), contact: text("contact") };
        let value = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let read = one["read"].as_object().into_iter().flatten();
        let read: Vec<String> = read.map(|(fact, read)| format!("{fact} = {}", value(read))).collect();
        say!("  {subject}: {}", read.join(", "));
    }
    let more = all.saturating_sub(sample.len() as u64);
    if more > 0 {
        say!("  and {more} more");
    }
}
