//! What the customer store was seen to hold: looking at it, and the record of
//! what was ever seen.
//!
//! `look` reads the customers' tables at a bounded cost; this file keeps what
//! it found and reads it again.

use std::collections::BTreeMap;

use sqlx::FromRow;
use sqlx::types::Json;

use crate::clock::Instant;
use crate::facts::NameKind;
use crate::facts::inventory::{Inventory, KnownName, KnownNames, Shape};
use crate::store::Store;

mod look;

#[derive(FromRow)]
struct NameRow {
    kind: String,
    name: String,
    rows: i64,
    shapes: Json<Vec<Shape>>,
}

impl Store {
    /// What was ever seen, as far as it is on record.
    pub async fn inventory(&self) -> sqlx::Result<Inventory> {
        let kinds: Vec<(String, bool)> =
            sqlx::query_as("select kind, is_complete from keepwell.inventory_kinds").fetch_all(self.pool()).await?;
        let rows: Vec<NameRow> =
            sqlx::query_as("select kind, name, rows, shapes from keepwell.inventory").fetch_all(self.pool()).await?;
        let mut names: BTreeMap<String, Vec<KnownName>> = BTreeMap::new();
        for row in rows {
            let known = KnownName { name: row.name, rows: row.rows.unsigned_abs(), shapes: row.shapes.0 };
            names.entry(row.kind).or_default().push(known);
        }
        let mut inventory = Inventory::default();
        for (key, is_complete) in kinds {
            // A newer version may know more kinds.
            if let Some(kind) = NameKind::of_key(&key) {
                inventory.set(kind, KnownNames::new(names.remove(&key).unwrap_or_default(), is_complete));
            }
        }
        Ok(inventory)
    }

    /// What was ever seen, and what is there now; writes nothing.
    pub async fn inventory_now(&self) -> sqlx::Result<Inventory> {
        let mut inventory = self.inventory().await?;
        inventory.merge(self.look_at_names(&NameKind::ALL).await?);
        Ok(inventory)
    }

    /// Looks at what the customer store holds, and adds it to the record.
    /// Returns how many names were not on record before.
    pub async fn record_inventory(&self, now: Instant) -> sqlx::Result<u64> {
        let found = self.look_at_names(&NameKind::ALL).await?;
        let before = self.inventory().await?;
        let mut after = before.clone();
        after.merge(found.clone());
        let (mut kinds, mut names, mut rows, mut shapes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut looked, mut complete) = (Vec::new(), Vec::new());
        let mut new = 0;
        for (kind, found) in found.kinds() {
            let Some(all) = after.of(kind) else { continue };
            looked.push(kind.key());
            complete.push(all.is_complete);
            // Of those that there is no room for, none is added.
            for known in all.names.iter().filter(|known| found.names.iter().any(|one| one.name == known.name)) {
                new += u64::from(!before.has(kind, &known.name));
                kinds.push(kind.key());
                names.push(known.name.as_str());
                rows.push(i64::try_from(known.rows).unwrap_or(i64::MAX));
                shapes.push(serde_json::to_value(&known.shapes).unwrap_or_default());
            }
        }
        let mut tx = self.pool().begin().await?;
        sqlx::query(
            "insert into keepwell.inventory as i (kind, name, rows, shapes, first_seen, last_seen)
             select kind, name, rows, shapes, $5, $5
             from unnest($1::text[], $2::text[], $3::int8[], $4::jsonb[]) as w (kind, name, rows, shapes)
             order by kind, name
             on conflict (kind, name) do update
             set rows = excluded.rows, shapes = excluded.shapes, last_seen = greatest(i.last_seen, excluded.last_seen)",
        )
        .bind(kinds)
        .bind(names)
        .bind(rows)
        .bind(shapes)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "insert into keepwell.inventory_kinds as k (kind, looked_at, is_complete)
             select kind, $3, is_complete from unnest($1::text[], $2::bool[]) as w (kind, is_complete) order by kind
             on conflict (kind) do update set looked_at = excluded.looked_at, is_complete = excluded.is_complete",
        )
        .bind(looked)
        .bind(complete)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(new)
    }

    /// Of these names those that are not on record.
    pub async fn unrecorded_names(&self, names: &[(NameKind, String)]) -> sqlx::Result<Vec<(NameKind, String)>> {
        let kinds: Vec<&str> = names.iter().map(|(kind, _)| kind.key()).collect();
        let texts: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
        let missing: Vec<(String, String)> = sqlx::query_as(
            "select w.kind, w.name from unnest($1::text[], $2::text[]) as w (kind, name)
             where not exists (select from keepwell.inventory i where i.kind = w.kind and i.name = w.name)",
        )
        .bind(kinds)
        .bind(texts)
        .fetch_all(self.pool())
        .await?;
        Ok(missing.into_iter().filter_map(|(kind, name)| Some((NameKind::of_key(&kind)?, name))).collect())
    }
}
