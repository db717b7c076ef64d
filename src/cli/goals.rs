//! `keepwell goals`: how far the goals of success plans are.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};

use super::database::Database;
use super::{Format, Global, output};
use crate::clock::{Clock, Instant};
use crate::playbook::document::GoalState;
use crate::store::customers::data_subject::Person;
use crate::store::documents::plans::{GoalFilter, GoalRow};

#[derive(Debug, Args)]
pub struct Options {
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only of this success plan.
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
    /// Only those that stand so.
    #[arg(long, value_enum)]
    state: Option<ListedState>,
    /// As of this instant; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How a goal stands that is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListedState {
    Open,
    Reached,
    Missed,
}

impl From<ListedState> for GoalState {
    fn from(state: ListedState) -> GoalState {
        match state {
            ListedState::Open => GoalState::Open,
            ListedState::Reached => GoalState::Reached,
            ListedState::Missed => GoalState::Missed,
        }
    }
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let until = options.at.unwrap_or_else(|| Clock::System.now());
    let database = Database::open_customers(global, 2).await?;
    let answer = find(&database, options, until).await;
    database.close().await;
    let rows: Vec<Json> = answer?.into_iter().map(row).collect();
    match options.format {
        Format::Json => output::json(&json!({ "goals": rows })),
        _ => output::table(
            &rows,
            &["plan", "account", "goal", "state", "progress", "value", "target", "due_at", "about"],
        ),
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(database: &Database, options: &Options, until: Instant) -> anyhow::Result<Vec<GoalRow>> {
    let store = &database.store;
    let (plan, account) = (options.plan.as_deref(), options.account.as_deref());
    let rows = store.goals_at(GoalFilter { plan, account, state: options.state.map(GoalState::from) }, until).await?;
    // A list that is empty because of a typo would be believed.
    if rows.is_empty()
        && let Some(plan) = plan
        && !store.published_documents().await?.iter().any(|known| known.kind == "plan" && known.id == *plan)
    {
        anyhow::bail!("there is no success plan `{plan}`");
    }
    if rows.is_empty()
        && let Some(account) = account
        && !store.knows(&Person::new(account, None)).await?
    {
        anyhow::bail!("nothing is known of an account `{account}`");
    }
    Ok(rows)
}

fn row(goal: GoalRow) -> Json {
    json!({
        "plan": goal.plan,
        "account": goal.account,
        "goal": goal.goal,
        "about": goal.about,
        "state": goal.state,
        "progress": goal.progress,
        "value": goal.value,
        "start": goal.start,
        "target": goal.target,
        "since": goal.since,
        "due_at": goal.due_at,
        "reached_at": goal.reached_at,
        "missed_at": goal.missed_at,
        "milestones": goal.milestones,
        "at": goal.at,
    })
}
