//! For customers: how far the goals of a success plan are, from a link that a mail or
//! their CSM gave them.
//!
//! Whoever has the link sees the page: its token is for one plan of one account, ends on
//! its day and cannot be made up. What is shown was agreed with the customer or measured;
//! nothing that colleagues write about them is.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value as Json;

use super::WebState;
use super::customer::{CustomerFrame, reader_of_account};
use super::damaged_link::{self, Purpose, without_damage};
use super::page::{Trouble, Web};
use crate::catalog::documents::{ReadyBodyOfDocument, ReadyGoal};
use crate::clock::Instant;
use crate::plan_link::PlanLinks;
use crate::rule::print;
use crate::store::documents::customer_plans::CustomerPlan;
use crate::store::documents::plans::GoalRow;
use crate::store::messages::link_readers::LinkReaders;
use crate::worker::documents::loaded::LoadedDocument;

#[derive(Serialize)]
struct CustomerPlanPage {
    /// `goals`, `over` or `too_late`.
    stage: &'static str,
    goals: Vec<CustomerGoalView>,
    /// The day since which the figures are so; `None` before the first. An account of another
    /// status is not measured, so no page says when that was done last.
    changed: Option<String>,
}

/// A goal as its customer sees it.
#[derive(Serialize)]
struct CustomerGoalView {
    /// What is agreed, else its id.
    about: String,
    /// `open`, `reached`, `missed` or `unmeasured`.
    state: &'static str,
    /// Whole percent of the way, from 0 to 100; `None` where nothing was measured.
    share: Option<String>,
    /// The same as the reader's language writes it.
    percent: Option<String>,
    /// Values; `None` of a goal that is there or not.
    start: Option<String>,
    value: Option<String>,
    target: Option<String>,
    due: Option<String>,
    reached: Option<String>,
    milestones: Vec<CustomerMilestoneView>,
}

/// A part of the way, in the order of the plan.
#[derive(Serialize)]
struct CustomerMilestoneView {
    name: String,
    /// The day; `None` as long as it was not reached.
    reached: Option<String>,
}

/// How the page writes days and numbers.
struct Writing<'a> {
    zone: Tz,
    locale: &'a str,
}

/// Shows the goals.
pub(super) async fn show(State(web): Web, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, Trouble> {
    let links = PlanLinks::new(&web.shared.public_url, web.store.secret().await?);
    let Some(linked) = links.read(&without_damage(&token)) else {
        return damaged_link::page(&web, &headers, Purpose::Plan);
    };
    let now = web.clock.now();
    let readers = reader_of_account(&web, &linked.account).await;
    if linked.is_over(now) {
        return end(&web, &readers, &headers, "too_late");
    }
    let Some(plan) = web.store.customer_plan(&linked.account, &linked.plan, now).await? else {
        return end(&web, &readers, &headers, "over");
    };
    // One that this version cannot read is shown as it was measured.
    let document = web.shared.document(&linked.plan, &plan.revision).await?.ok();
    let frame = CustomerFrame::new(&web, &readers, &headers);
    let zone = document.as_ref().map_or(web.zone, |document| document.ready.zone);
    let writing = Writing { zone, locale: &frame.words.tag };
    let page = CustomerPlanPage {
        stage: "goals",
        goals: writing.goals(&plan, document.as_deref()),
        changed: plan.goals.iter().map(|goal| goal.at).max().map(|at| writing.write_day(at)),
    };
    frame.page(StatusCode::OK, "customer_plan.html", page)
}

/// Says that there is nothing to see any more.
fn end(web: &WebState, readers: &LinkReaders, headers: &HeaderMap, stage: &'static str) -> Result<Response, Trouble> {
    let page = CustomerPlanPage { stage, goals: Vec::new(), changed: None };
    CustomerFrame::new(web, readers, headers).page(StatusCode::GONE, "customer_plan.html", page)
}

impl Writing<'_> {
    /// The goals in the order of the plan, those included that were not measured yet.
    fn goals(&self, plan: &CustomerPlan, document: Option<&LoadedDocument>) -> Vec<CustomerGoalView> {
        match document.map(|document| &document.ready.body) {
            Some(ReadyBodyOfDocument::Plan(ready)) => {
                let measured = |goal: &ReadyGoal| plan.goals.iter().find(|row| row.goal == goal.id);
                ready.goals.iter().map(|goal| self.view_goal(goal, measured(goal))).collect()
            }
            _ => plan.goals.iter().map(|row| self.view_measurement(row)).collect(),
        }
    }

    fn view_goal(&self, goal: &ReadyGoal, row: Option<&GoalRow>) -> CustomerGoalView {
        let reached = |name: &str| row.and_then(|row| self.write_milestone(&row.milestones, name));
        let milestones = goal
            .milestones
            .iter()
            .map(|milestone| CustomerMilestoneView { reached: reached(&milestone.name), name: milestone.name.clone() });
        let view = row.map_or_else(
            || CustomerGoalView {
                about: goal.id.clone(),
                state: "unmeasured",
                share: None,
                percent: None,
                start: None,
                value: None,
                // As of a goal that is measured: what is there or not has no number.
                target: (goal.target != 1.0).then(|| self.write_number(goal.target)),
                due: None,
                reached: None,
                milestones: Vec::new(),
            },
            |row| self.view_measurement(row),
        );
        CustomerGoalView {
            about: goal.about.clone().unwrap_or_else(|| goal.id.clone()),
            milestones: milestones.collect(),
            ..view
        }
    }

    fn view_measurement(&self, row: &GoalRow) -> CustomerGoalView {
        // What is there or not is counted as 1 or 0.
        let is_count = row.target != 1.0 || row.start.is_some_and(|start| start != 0.0);
        let number = |value: f64| is_count.then(|| self.write_number(value));
        let share = row.progress.map(|share| share.floor().to_string());
        let names = row.milestones.as_object().into_iter().flatten();
        CustomerGoalView {
            about: row.about.clone().unwrap_or_else(|| row.goal.clone()),
            state: match row.state.as_str() {
                "reached" => "reached",
                "missed" => "missed",
                _ if row.value.is_none() => "unmeasured",
                _ => "open",
            },
            percent: share.as_ref().map(|share| print::percent(share, self.locale)),
            share,
            start: row.start.and_then(number),
            value: row.value.and_then(number),
            target: number(row.target),
            due: row.due_at.map(|at| self.write_day(at)),
            reached: row.reached_at.map(|at| self.write_day(at)),
            milestones: names
                .map(|(name, _)| CustomerMilestoneView {
                    reached: self.write_milestone(&row.milestones, name),
                    name: name.clone(),
                })
                .collect(),
        }
    }

    fn write_milestone(&self, milestones: &Json, name: &str) -> Option<String> {
        let at: Instant = milestones.get(name)?.as_str()?.parse().ok()?;
        Some(self.write_day(at))
    }

    fn write_day(&self, at: Instant) -> String {
        print::date(at, if print::is_date(at) { Tz::UTC } else { self.zone }, self.locale)
    }

    /// With one decimal at most.
    fn write_number(&self, value: f64) -> String {
        let rounded = (value * 10.0).round() / 10.0;
        print::number(rounded).map_or_else(|| value.to_string(), |number| print::grouped(&number, self.locale))
    }
}
