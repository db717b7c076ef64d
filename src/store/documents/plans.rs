//! Success plans: which accounts have which, and how far their goals are: each
//! change written once, at its slot.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};
use sqlx::FromRow;

use crate::clock::Instant;
use crate::facts::GoalProgress;
use crate::playbook::document::GoalState;
use crate::store::Store;

/// What is known of an account that has a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPlan {
    pub since: Instant,
    /// How far each goal was, by its id.
    pub goals: BTreeMap<String, GoalProgress>,
}

/// A change of a goal to write.
#[derive(Clone, Debug, PartialEq)]
pub struct NewGoal {
    pub account: String,
    pub goal: String,
    /// What is agreed, in words.
    pub about: Option<String>,
    pub progress: GoalProgress,
}

/// How far a goal is of an account.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct GoalRow {
    pub plan: String,
    pub account: String,
    pub goal: String,
    pub about: Option<String>,
    pub state: String,
    pub value: Option<f64>,
    pub start: Option<f64>,
    pub target: f64,
    pub progress: Option<f64>,
    /// When the account got the plan.
    pub since: Option<Instant>,
    pub due_at: Option<Instant>,
    pub reached_at: Option<Instant>,
    pub missed_at: Option<Instant>,
    /// When each milestone was reached first, by its name.
    pub milestones: Json,
    /// Since when it is so.
    pub at: Instant,
}

/// Which goals are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct GoalFilter<'a> {
    pub plan: Option<&'a str>,
    pub account: Option<&'a str>,
    pub state: Option<GoalState>,
}

#[derive(FromRow)]
pub(crate) struct ProgressRow {
    account_id: String,
    goal: String,
    state: String,
    value: Option<f64>,
    start: Option<f64>,
    target: f64,
    progress: Option<f64>,
    due_at: Option<Instant>,
    reached_at: Option<Instant>,
    missed_at: Option<Instant>,
    milestones: Json,
}

impl ProgressRow {
    /// The account, the goal, and how far it is.
    pub fn into_progress(self) -> (String, String, GoalProgress) {
        let progress = GoalProgress {
            state: GoalState::named(&self.state).unwrap_or(GoalState::Open),
            value: self.value,
            start: self.start,
            target: self.target,
            share: self.progress,
            due_at: self.due_at,
            reached_at: self.reached_at,
            missed_at: self.missed_at,
            milestones: serde_json::from_value(self.milestones).unwrap_or_default(),
        };
        (self.account_id, self.goal, progress)
    }
}

impl Store {
    /// What was known before an instant of those accounts that have a plan.
    pub async fn plans_before(
        &self,
        plan: &str,
        accounts: &[&str],
        before: Instant,
    ) -> sqlx::Result<HashMap<String, KnownPlan>> {
        let had: Vec<(String, Instant)> = sqlx::query_as(
            "select p.account_id, p.since from keepwell.plans p
             where p.account_id = any($1) and p.plan = $2 and p.since < $3",
        )
        .bind(accounts)
        .bind(plan)
        .bind(before)
        .fetch_all(self.pool())
        .await?;
        let known = |(account, since)| (account, KnownPlan { since, goals: BTreeMap::new() });
        let mut known: HashMap<String, KnownPlan> = had.into_iter().map(known).collect();
        let goals: Vec<ProgressRow> = sqlx::query_as(
            "select distinct on (g.account_id, g.goal) g.account_id, g.goal, g.state, g.value, g.start, g.target,
                 g.progress, g.due_at, g.reached_at, g.missed_at, g.milestones
             from keepwell.goals g
             where g.account_id = any($1) and g.plan = $2 and g.at < $3
             order by g.account_id, g.goal, g.at desc",
        )
        .bind(accounts)
        .bind(plan)
        .bind(before)
        .fetch_all(self.pool())
        .await?;
        for (account, goal, progress) in goals.into_iter().map(ProgressRow::into_progress) {
            if let Some(plan) = known.get_mut(&account) {
                plan.goals.insert(goal, progress);
            }
        }
        Ok(known)
    }

    /// Writes who got a plan at a slot, and the changes of its goals, in one
    /// transaction. What is there stays as it is, and before a later change of a goal
    /// none is written; returns how many changes are new.
    pub async fn write_goals(&self, plan: &str, at: Instant, new: &[&str], goals: &[NewGoal]) -> sqlx::Result<u64> {
        let mut tx = self.pool().begin().await?;
        if !new.is_empty() {
            sqlx::query(
                "insert into keepwell.plans (account_id, plan, since, origin)
                 select n.account_id, $2, $3, 'when' from unnest($1::text[]) as n (account_id) order by 1
                 on conflict (account_id, plan) do nothing",
            )
            .bind(new)
            .bind(plan)
            .bind(at)
            .execute(&mut *tx)
            .await?;
        }
        let progresses = || goals.iter().map(|goal| &goal.progress);
        let written = sqlx::query(
            "insert into keepwell.goals (account_id, plan, goal, at, about, state, value, start, target, progress,
                 due_at, reached_at, missed_at, milestones)
             select g.account_id, $1, g.goal, $2, g.about, g.state, g.value, g.start, g.target, g.progress,
                 g.due_at, g.reached_at, g.missed_at, g.milestones
             from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[], $9::float8[],
                 $10::float8[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::jsonb[])
                 as g (account_id, goal, about, state, value, start, target, progress, due_at, reached_at, missed_at,
                     milestones)
             where not exists (
                 select 1 from keepwell.goals l
                 where l.account_id = g.account_id and l.plan = $1 and l.goal = g.goal and l.at > $2)
             on conflict (account_id, plan, goal, at) do nothing",
        )
        .bind(plan)
        .bind(at)
        .bind(goals.iter().map(|goal| goal.account.as_str()).collect::<Vec<_>>())
        .bind(goals.iter().map(|goal| goal.goal.as_str()).collect::<Vec<_>>())
        .bind(goals.iter().map(|goal| goal.about.as_deref()).collect::<Vec<_>>())
        .bind(progresses().map(|goal| goal.state.name()).collect::<Vec<_>>())
        .bind(progresses().map(|goal| goal.value).collect::<Vec<_>>())
        .bind(progresses().map(|goal| goal.start).collect::<Vec<_>>())
        .bind(progresses().map(|goal| goal.target).collect::<Vec<_>>())
        .bind(progresses().map(|goal| goal.share).collect::<Vec<_>>())
        .bind(progresses().map(|goal| goal.due_at).collect::<Vec<_>>())
        .bind(progresses().map(|goal| goal.reached_at).collect::<Vec<_>>())
        .bind(progresses().map(|goal| goal.missed_at).collect::<Vec<_>>())
        .bind(progresses().map(|goal| json!(goal.milestones)).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(written.rows_affected())
    }

    /// How far the goals of accounts were at an instant: those of one plan, account
    /// or state where that is named. In order of plan, account and goal; goals that
    /// a plan has no more, and plans whose file is gone, are left out.
    pub async fn goals_at(&self, filter: GoalFilter<'_>, until: Instant) -> sqlx::Result<Vec<GoalRow>> {
        sqlx::query_as(
            "select l.*, p.since
             from (select distinct on (g.plan, g.account_id, g.goal)
                       g.plan, g.account_id as account, g.goal, g.about, g.state, g.value, g.start, g.target,
                       g.progress, g.due_at, g.reached_at, g.missed_at, g.milestones, g.at
                   from keepwell.goals g
                   where ($1::text is null or g.plan = $1) and ($2::text is null or g.account_id = $2) and g.at <= $3
                   order by g.plan, g.account_id, g.goal, g.at desc) l
             left join keepwell.plans p on p.account_id = l.account and p.plan = l.plan
             where l.state <> 'withdrawn' and ($4::text is null or l.state = $4)
               and not exists (select from keepwell.playbooks f where f.id = l.plan and not f.present)
             order by l.plan collate \"C\", l.account collate \"C\", l.goal collate \"C\"",
        )
        .bind(filter.plan)
        .bind(filter.account)
        .bind(until)
        .bind(filter.state.map(GoalState::name))
        .fetch_all(self.pool())
        .await
    }
}
