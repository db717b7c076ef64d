//! Colleagues as work is given out, read from the customer store.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::action::staff::Staff;
use crate::clock::Instant;
use crate::facts::{Colleague, Csm};
use crate::store::{Relation, Store};

#[derive(FromRow)]
struct ColleagueRow {
    id: String,
    name: String,
    email: String,
    manager_id: Option<String>,
    timezone: Option<String>,
    capacity: Option<i32>,
    backup_id: Option<String>,
    away_from: Option<NaiveDate>,
    away_until: Option<NaiveDate>,
}

impl Store {
    /// Every colleague, in order of their ids.
    pub async fn colleagues(&self) -> sqlx::Result<Vec<Colleague>> {
        let sql = format!(
            "select id, name, email, manager_id, timezone, capacity, backup_id,
                 case when isfinite(away_from) then away_from end as away_from,
                 case when isfinite(away_until) then away_until end as away_until
             from {} c order by id",
            self.relation(Relation::Csms)
        );
        let rows: Vec<ColleagueRow> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *self.read().await?).await?;
        Ok(rows.into_iter().map(ColleagueRow::into_colleague).collect())
    }

    /// Every colleague and, where `loads` are asked for, how many tasks each has
    /// open and not put off at `now`. Nothing is locked: two who look at the same
    /// time may both give to the same person.
    pub async fn staff(&self, loads: bool, now: Instant) -> sqlx::Result<Staff> {
        let open: Vec<(String, i64)> = if loads {
            sqlx::query_as(
                "select assignee, count(*) from keepwell.tasks
                 where state = 'open' and assignee is not null and (snoozed_until is null or snoozed_until <= $1)
                 group by assignee",
            )
            .bind(now)
            .fetch_all(self.pool())
            .await?
        } else {
            Vec::new()
        };
        Ok(Staff::new(self.colleagues().await?, open.into_iter().collect::<HashMap<_, _>>()))
    }
}

impl Store {
    /// How many open tasks that are not put off at `now` close with these
    /// enrollments (account and id) when they are stopped, by whoever has them.
    pub async fn open_tasks_of(
        &self,
        enrollments: &[(String, Uuid)],
        now: Instant,
    ) -> sqlx::Result<BTreeMap<String, u64>> {
        if enrollments.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (accounts, ids): (Vec<&str>, Vec<Uuid>) =
            enrollments.iter().map(|(account, id)| (account.as_str(), *id)).unzip();
        let counts: Vec<(String, i64)> = sqlx::query_as(
            "select t.assignee, count(*)
             from (select distinct * from unnest($1::text[], $2::uuid[]) as u (account_id, enrollment_id)) w
             join keepwell.tasks t on t.account_id = w.account_id and t.enrollment_id = w.enrollment_id
             where t.state = 'open' and not t.keep and t.assignee is not null
               and (t.snoozed_until is null or t.snoozed_until <= $3)
             group by t.assignee",
        )
        .persistent(false)
        .bind(accounts)
        .bind(ids)
        .bind(now)
        .fetch_all(self.pool())
        .await?;
        Ok(counts.into_iter().map(|(assignee, count)| (assignee, u64::try_from(count).unwrap_or(0))).collect())
    }
}

impl ColleagueRow {
    fn into_colleague(self) -> Colleague {
        Colleague {
            csm: Csm {
                id: self.id,
                name: self.name,
                email: self.email,
                manager_id: self.manager_id,
                timezone: self.timezone,
                traits: Default::default(),
            },
            capacity: self.capacity,
            backup_id: self.backup_id,
            away_from: self.away_from,
            away_until: self.away_until,
        }
    }
}
