//! How many accounts are in each stage and tier, how they moved, and what attention
//! each tier gets.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::language::{phrase, say};
use super::page::{Frame, Trouble, Web, href, moment};
use crate::clock::Instant;
use crate::facts::Standing;
use crate::store::documents::standings::MoveRow;
use crate::worker::documents::funnel::{self, Funnel};

/// The periods that can be chosen, in days.
const PERIODS: [i64; 4] = [7, 30, 90, 365];

/// What the page is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct StagesQuery {
    days: Option<i64>,
}

#[derive(Serialize)]
struct StagesPage {
    days: i64,
    periods: Vec<PeriodView>,
    stages: Vec<StepView>,
    tiers: Vec<StepView>,
    moves: Vec<FunnelMoveView>,
}

#[derive(Serialize)]
struct PeriodView {
    days: i64,
    href: String,
    current: bool,
}

/// The accounts in one stage or tier.
#[derive(Serialize)]
struct StepView {
    name: String,
    accounts: u64,
    /// In percent; so are those below.
    share: String,
    median_days: Option<String>,
    came: u64,
    left: u64,
    mrr: Option<String>,
    touches: String,
    tasks: String,
    mails: String,
}

#[derive(Serialize)]
struct FunnelMoveView {
    from: String,
    to: String,
    accounts: u64,
}

/// A move of one account.
#[derive(Serialize)]
pub(super) struct MoveView {
    /// The stage or the tier.
    label: &'static str,
    to: String,
    from: String,
    at: String,
    /// The clause that moved it, with the values that it read.
    why: String,
}

/// What an address that nobody here wrote gets.
fn unreadable(_: QueryRejection) -> Trouble {
    Trouble::refusal(StatusCode::BAD_REQUEST, "This address cannot be read. Begin again from the list of accounts.")
}

/// All stages and tiers.
pub(super) async fn show(
    State(web): Web,
    asked: Result<Query<StagesQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(unreadable)?;
    let days = asked.days.filter(|days| PERIODS.contains(days)).unwrap_or(30);
    let now = web.clock.now();
    let [stages, tiers] = funnel::count(&web.store, [Standing::Stage, Standing::Tier], now, days).await?;
    let period =
        |of: i64| PeriodView { days: of, href: href("/stages", &[("days", &of.to_string())]), current: of == days };
    let named = |id: &Option<String>| id.clone().unwrap_or_else(|| say!("none"));
    let page = StagesPage {
        days,
        periods: PERIODS.map(period).into(),
        moves: stages
            .moves
            .iter()
            .map(|one| FunnelMoveView { from: named(&one.from), to: named(&one.to), accounts: one.accounts })
            .collect(),
        stages: step_views(&stages),
        tiers: step_views(&tiers),
    };
    Frame::new(&web, "accounts", None).await?.page(StatusCode::OK, "stages.html", page)
}

fn step_views(funnel: &Funnel) -> Vec<StepView> {
    let shares: Vec<[f64; 5]> = funnel
        .steps
        .iter()
        .map(|step| {
            let attention = &step.attention;
            let counts = [attention.touches, attention.tasks, attention.mails].map(|count| count as f64);
            [step.accounts as f64, step.mrr.unwrap_or_default(), counts[0], counts[1], counts[2]]
        })
        .collect();
    let percent = |place: usize, column: usize| {
        let whole: f64 = shares.iter().map(|row| row[column]).sum();
        if whole > 0.0 { format!("{:.0} %", shares[place][column] * 100.0 / whole) } else { "–".to_owned() }
    };
    let view = |(place, step): (usize, &funnel::FunnelStep)| StepView {
        name: step.id.clone().unwrap_or_else(|| say!("none")),
        accounts: step.accounts,
        share: percent(place, 0),
        median_days: step.median_days.map(|days| days.to_string()),
        came: step.came,
        left: step.left,
        mrr: step.mrr.map(|_| percent(place, 1)),
        touches: percent(place, 2),
        tasks: percent(place, 3),
        mails: percent(place, 4),
    };
    funnel.steps.iter().enumerate().map(view).collect()
}

/// The latest moves of an account that documents have found, the latest first.
pub(super) async fn moves_of(
    web: &WebState,
    account: &str,
    now: Instant,
    limit: usize,
) -> Result<Vec<MoveView>, Trouble> {
    let mut moves: Vec<(Standing, MoveRow)> = Vec::new();
    for standing in Standing::ALL {
        let rows = web.store.moves_of(standing, account, now, limit as i64).await?;
        moves.extend(rows.into_iter().map(|row| (standing, row)));
    }
    moves.sort_by_key(|(_, row)| std::cmp::Reverse(row.at));
    let named = |id: Option<String>| id.unwrap_or_else(|| say!("none"));
    let view = |(standing, row): (Standing, MoveRow)| MoveView {
        label: match standing {
            Standing::Stage => phrase!("Stage"),
            Standing::Tier => phrase!("Tier"),
        },
        to: named(row.value),
        from: named(row.was),
        at: moment(row.at, web.zone),
        why: match row.reason.as_str() {
            "" => row.clause,
            reason => format!("{}: {reason}", row.clause),
        },
    };
    Ok(moves.into_iter().take(limit).map(view).collect())
}
