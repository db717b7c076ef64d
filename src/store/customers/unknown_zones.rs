//! Time zones of the customer store that are none.

use sqlx::AssertSqlSafe;

use crate::store::{Relation, Store};
use crate::zone::find_zone;

/// A text that stands for a time zone and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownZone {
    pub name: String,
    pub relation: Relation,
    /// How many rows have it.
    pub rows: i64,
}

impl Store {
    /// The time zones of accounts, contacts and CSMs that are none, the most
    /// frequent first. Reads all of them.
    pub async fn unknown_zones(&self) -> sqlx::Result<Vec<UnknownZone>> {
        let mut unknown = Vec::new();
        for relation in [Relation::Accounts, Relation::Contacts, Relation::Csms] {
            let sql = format!(
                "select r.timezone, count(*) from {} r where r.timezone is not null group by 1",
                self.relation(relation)
            );
            let rows: Vec<(String, i64)> =
                sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *self.read().await?).await?;
            let unknown_ones =
                rows.into_iter().filter(|(name, _)| !name.trim().is_empty() && find_zone(name).is_none());
            unknown.extend(unknown_ones.map(|(name, rows)| UnknownZone { name, relation, rows }));
        }
        unknown.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.name.cmp(&b.name)));
        Ok(unknown)
    }
}
