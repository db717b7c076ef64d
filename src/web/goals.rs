//! The goals of an account's success plans, as colleagues' pages show them.

use chrono_tz::Tz;
use serde::Serialize;

use super::WebState;
use super::language::say;
use super::page::{Trouble, date};
use crate::clock::Instant;
use crate::plan_link::PlanLinks;
use crate::store::documents::plans::GoalRow;

/// How many goals are shown.
const GOALS: usize = 50;

/// A goal of a success plan.
#[derive(Serialize)]
pub(super) struct GoalView {
    plan: String,
    /// What is agreed, else its id.
    about: String,
    state: String,
    /// From 0 to 100; `None` where nothing was measured.
    progress: Option<String>,
    /// `3 of 10`.
    measured: Option<String>,
    due: Option<String>,
    reached: Option<String>,
    milestones: Vec<String>,
}

/// The goals of an account.
pub(super) fn goal_views(goals: Vec<GoalRow>, zone: Tz) -> Vec<GoalView> {
    let number = |value: f64| ((value * 10.0).round() / 10.0).to_string();
    let view = |goal: GoalRow| GoalView {
        about: goal.about.unwrap_or(goal.goal),
        progress: goal.progress.map(|share| share.floor().to_string()),
        measured: goal.value.map(|value| say!("{n} of {target}", n = number(value), target = number(goal.target))),
        due: goal.due_at.map(|due| date(due, zone)),
        reached: goal.reached_at.map(|reached| date(reached, zone)),
        milestones: goal.milestones.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
        plan: goal.plan,
        state: goal.state,
    };
    goals.into_iter().take(GOALS).map(view).collect()
}

/// Where the customer sees a success plan.
#[derive(Serialize)]
pub(super) struct PlanLinkView {
    plan: String,
    /// To be passed on: it leads there for half a year.
    href: String,
}

/// A link for each plan that these goals of an account belong to.
pub(super) async fn plan_links(
    web: &WebState,
    account: &str,
    goals: &[GoalRow],
    now: Instant,
) -> Result<Vec<PlanLinkView>, Trouble> {
    let links = PlanLinks::new(&web.shared.public_url, web.store.secret().await?);
    let mut plans: Vec<&str> = goals.iter().map(|goal| goal.plan.as_str()).collect();
    // They come in the order of their plans.
    plans.dedup();
    let view = |plan: &str| PlanLinkView { href: links.link(account, plan, now), plan: plan.to_owned() };
    Ok(plans.into_iter().map(view).collect())
}
