//! The figures that documents `kpi:` make: written once, each at its slot.

use sqlx::FromRow;

use crate::clock::Instant;
use crate::facts::KpiQuestion;
use crate::store::Store;

/// A figure to write.
#[derive(Clone, Debug, PartialEq)]
pub struct NewKpi<'a> {
    pub id: &'a str,
    pub at: Instant,
    pub revision: &'a str,
    pub unit: &'a str,
    /// The figure, or why there is none.
    pub figure: Result<f64, String>,
}

/// A figure that a document has made.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct KpiRow {
    pub id: String,
    pub at: Instant,
    pub revision: String,
    pub value: Option<f64>,
    pub unit: String,
    /// Why there is none.
    pub missing: Option<String>,
    /// The latest figure of a month before or earlier, but no more than two; `None`
    /// where there is none.
    pub before: Option<f64>,
    pub before_at: Option<Instant>,
}

/// A value in a line of a document's figures.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct KpiValue {
    pub id: String,
    /// What the number was by the document of that time.
    pub unit: String,
    pub at: Instant,
    pub value: f64,
}

/// A figure with the one of a month before.
const FIGURES: &str = "select k.id, k.at, k.revision, k.value, k.unit, k.missing, b.value as before, b.at as before_at
    from keepwell.kpis k
    left join lateral (
        select e.value, e.at from keepwell.kpis e
        where e.id = k.id and e.value is not null and e.unit = k.unit
            and e.at <= (k.at at time zone 'UTC' - interval '1 month') at time zone 'UTC'
            and e.at > (k.at at time zone 'UTC' - interval '2 months') at time zone 'UTC'
        order by e.at desc limit 1) b on true";

impl Store {
    /// Writes a figure. One that is there stays as it is; returns whether it is new.
    pub async fn write_kpi(&self, kpi: &NewKpi<'_>) -> sqlx::Result<bool> {
        let written = sqlx::query(
            "insert into keepwell.kpis (id, at, revision, value, unit, missing) values ($1, $2, $3, $4, $5, $6)
             on conflict (id, at) do nothing",
        )
        .bind(kpi.id)
        .bind(kpi.at)
        .bind(kpi.revision)
        .bind(kpi.figure.as_ref().ok())
        .bind(kpi.unit)
        .bind(kpi.figure.as_ref().err())
        .execute(self.pool())
        .await?;
        Ok(written.rows_affected() > 0)
    }

    /// The latest figure of each document until an instant, itself included, in order
    /// of their ids.
    pub async fn latest_kpis(&self, until: Instant) -> sqlx::Result<Vec<KpiRow>> {
        let latest = format!(
            "{FIGURES} where k.at = (select max(l.at) from keepwell.kpis l where l.id = k.id and l.at <= $1)
             order by k.id collate \"C\""
        );
        sqlx::query_as(sqlx::AssertSqlSafe(latest)).bind(until).fetch_all(self.pool()).await
    }

    /// The answers to questions as of an instant, in the same order; `None` where there
    /// is no figure, or none to compare it with.
    pub async fn answer_kpi_questions(
        &self,
        questions: &[&KpiQuestion],
        as_of: Instant,
    ) -> sqlx::Result<Vec<Option<f64>>> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = questions.iter().map(|question| question.id.as_str()).collect();
        let are_changes: Vec<bool> = questions.iter().map(|question| question.days.is_some()).collect();
        let windows = questions.iter().map(|question| question.earlier_window(as_of).unzip());
        let (after, until): (Vec<Option<Instant>>, Vec<Option<Instant>>) = windows.unzip();
        sqlx::query_scalar(
            "select case when q.is_change then now.value - before.value else now.value end
             from unnest($1::text[], $2::bool[], $3::timestamptz[], $4::timestamptz[])
                 with ordinality as q (id, is_change, after, until, place)
             left join lateral (
                 select k.value, k.unit from keepwell.kpis k
                 where k.id = q.id and k.at <= $5
                 order by k.at desc limit 1) now on true
             left join lateral (
                 select k.value from keepwell.kpis k
                 where q.is_change and k.id = q.id and k.unit = now.unit and k.value is not null
                     and k.at > q.after and k.at <= q.until
                 order by k.at desc limit 1) before on true
             order by q.place",
        )
        .bind(ids)
        .bind(are_changes)
        .bind(after)
        .bind(until)
        .bind(as_of)
        .fetch_all(self.pool())
        .await
    }

    /// The values of all documents after one instant and until another, itself
    /// included, in order of their ids and instants.
    pub async fn kpi_values(&self, after: Instant, until: Instant) -> sqlx::Result<Vec<KpiValue>> {
        sqlx::query_as(
            "select id, unit, at, value from keepwell.kpis where value is not null and at > $1 and at <= $2
             order by id collate \"C\", at",
        )
        .bind(after)
        .bind(until)
        .fetch_all(self.pool())
        .await
    }

    /// The figures of a document until an instant, itself included, the latest first;
    /// at most so many.
    pub async fn kpi_history(&self, id: &str, until: Instant, most: i64) -> sqlx::Result<Vec<KpiRow>> {
        let history = format!("{FIGURES} where k.id = $1 and k.at <= $2 order by k.at desc limit $3");
        sqlx::query_as(sqlx::AssertSqlSafe(history)).bind(id).bind(until).bind(most).fetch_all(self.pool()).await
    }
}
