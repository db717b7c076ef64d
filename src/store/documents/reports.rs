//! Value reports: each written once, as of its instant, and read as it was written.

use std::collections::HashMap;

use serde_json::Value as Json;
use sqlx::{FromRow, PgConnection};

use crate::clock::Instant;
use crate::store::Store;
use crate::store::documents::plans::{GoalFilter, GoalRow};
use crate::value_report::{ReportedGoal, ValueReport};

/// Who made a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportOrigin {
    /// An evaluation of its document.
    Schedule,
    /// The step of a playbook.
    Step,
}

impl ReportOrigin {
    const fn name(self) -> &'static str {
        match self {
            ReportOrigin::Schedule => "schedule",
            ReportOrigin::Step => "step",
        }
    }
}

/// A report that is kept, without what is in it.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct KeptReport {
    pub report: String,
    pub account: String,
    /// The end of its period.
    pub at: Instant,
    /// `schedule` or `step`.
    pub origin: String,
    /// Its title, for everybody whose language it does not have.
    pub title: String,
}

/// What names a report: the account, the document, and the instant.
pub type ReportKey = (String, String, Instant);

/// Writes reports, each with the goals of its account as they were at its instant.
/// What is there stays as it is; returns how many are new.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    reports: &[&ValueReport],
    origin: ReportOrigin,
) -> sqlx::Result<u64> {
    if reports.is_empty() {
        return Ok(0);
    }
    let contents = reports.iter().map(serde_json::to_value);
    let contents = contents.collect::<Result<Vec<Json>, _>>().map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let written = sqlx::query(
        "insert into keepwell.reports (account_id, report, at, origin, content)
         select r.account_id, r.report, r.at, $1,
             r.content || jsonb_build_object('goals', coalesce(g.goals, '[]'::jsonb))
         from unnest($2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
             as r (account_id, report, at, content)
         left join lateral (
             select jsonb_agg(jsonb_build_object('plan', l.plan, 'goal', l.goal, 'about', l.about, 'state', l.state,
                     'progress', l.progress) order by l.plan collate \"C\", l.goal collate \"C\") as goals
             from (select distinct on (g.plan, g.goal) g.plan, g.goal, g.about, g.state, g.progress
                   from keepwell.goals g
                   where g.account_id = r.account_id and g.at <= r.at
                   order by g.plan, g.goal, g.at desc) l
             where l.state <> 'withdrawn'
               and not exists (select from keepwell.playbooks f where f.id = l.plan and not f.present)) g on true
         on conflict (account_id, report, at) do nothing",
    )
    .bind(origin.name())
    .bind(reports.iter().map(|report| report.account.as_str()).collect::<Vec<_>>())
    .bind(reports.iter().map(|report| report.report.as_str()).collect::<Vec<_>>())
    .bind(reports.iter().map(|report| report.at).collect::<Vec<_>>())
    .bind(contents)
    .execute(connection)
    .await?;
    Ok(written.rows_affected())
}

impl Store {
    /// Writes reports of an evaluation. What is there stays as it is; returns how many
    /// are new.
    pub async fn write_reports(&self, reports: &[ValueReport]) -> sqlx::Result<u64> {
        let reports: Vec<&ValueReport> = reports.iter().collect();
        let mut connection = self.pool().acquire().await?;
        insert(&mut connection, &reports, ReportOrigin::Schedule).await
    }

    /// The report of an account that was made as of exactly that instant.
    pub async fn report(&self, report: &str, account: &str, at: Instant) -> sqlx::Result<Option<ValueReport>> {
        let content: Option<Json> = sqlx::query_scalar(
            "select content from keepwell.reports where account_id = $1 and report = $2 and at = $3",
        )
        .bind(account)
        .bind(report)
        .bind(at)
        .fetch_optional(self.pool())
        .await?;
        content.map(|content| serde_json::from_value(content).map_err(decode)).transpose()
    }

    /// The reports of an account that are kept, the latest first: at most so many, until an
    /// instant, itself included.
    pub async fn reports_of(&self, account: &str, until: Instant, most: i64) -> sqlx::Result<Vec<KeptReport>> {
        sqlx::query_as(
            "select r.report, r.account_id as account, r.at, r.origin,
                 coalesce(r.content #>> '{title,default}', r.report) as title
             from keepwell.reports r where r.account_id = $1 and r.at <= $2
             order by r.at desc, r.report collate \"C\" limit $3",
        )
        .bind(account)
        .bind(until)
        .bind(most)
        .fetch_all(self.pool())
        .await
    }

    /// The goals of an account as a report shows them that is made as of an instant and
    /// not kept.
    pub async fn goals_of_report(&self, account: &str, at: Instant) -> sqlx::Result<Vec<ReportedGoal>> {
        let filter = GoalFilter { account: Some(account), ..GoalFilter::default() };
        let goal = |row: GoalRow| ReportedGoal {
            plan: row.plan,
            goal: row.goal,
            about: row.about,
            state: row.state,
            progress: row.progress,
        };
        Ok(self.goals_at(filter, at).await?.into_iter().map(goal).collect())
    }

    /// The reports with these keys that are kept.
    pub async fn reports_named(&self, keys: &[ReportKey]) -> sqlx::Result<HashMap<ReportKey, ValueReport>> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(String, String, Instant, Json)> = sqlx::query_as(
            "select r.account_id, r.report, r.at, r.content
             from unnest($1::text[], $2::text[], $3::timestamptz[]) as k (account_id, report, at)
             join keepwell.reports r on r.account_id = k.account_id and r.report = k.report and r.at = k.at",
        )
        .bind(keys.iter().map(|(account, ..)| account.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, report, _)| report.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(.., at)| *at).collect::<Vec<_>>())
        .fetch_all(self.pool())
        .await?;
        let report = |(account, report, at, content)| {
            Ok(((account, report, at), serde_json::from_value(content).map_err(decode)?))
        };
        rows.into_iter().map(report).collect()
    }
}

fn decode(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
