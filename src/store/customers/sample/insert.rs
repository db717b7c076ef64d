//! Writing the sample into the schema `customers`, a few statements per table.

use serde_json::Value as Json;
use sqlx::{PgPool, Postgres, Transaction};

use super::rows::{SampleAccount, SampleChange, SampleCompany};

/// Rows per statement: large enough that the round trip does not count, small
/// enough that progress is seen.
const CHUNK: usize = 10_000;

impl SampleCompany {
    /// Writes every row in one transaction: all of it or nothing. Rows that
    /// are already there are an error.
    ///
    /// `progress` hears the table, how many of its rows are written, and how
    /// many there are.
    pub async fn insert(&self, pool: &PgPool, mut progress: impl FnMut(&str, usize, usize)) -> sqlx::Result<()> {
        let mut tx = pool.begin().await?;
        self.insert_csms(&mut tx).await?;
        progress("csms", self.csms.len(), self.csms.len());
        self.insert_accounts(&mut tx, &mut progress).await?;
        self.insert_changes(&mut tx, &mut progress).await?;
        self.insert_owners(&mut tx).await?;
        self.insert_contacts(&mut tx, &mut progress).await?;
        self.insert_events(&mut tx, &mut progress).await?;
        self.insert_scores(&mut tx, &mut progress).await?;
        self.insert_tickets(&mut tx, &mut progress).await?;
        tx.commit().await
    }

    async fn insert_csms(&self, tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<()> {
        let rows = &self.csms;
        sqlx::query(
            "INSERT INTO customers.csms (id, name, email, manager_id, timezone, capacity)
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[])",
        )
        .bind(column(rows, |row| row.id.as_str()))
        .bind(column(rows, |row| row.name.as_str()))
        .bind(column(rows, |row| row.email.as_str()))
        .bind(column(rows, |row| row.manager_id.as_deref()))
        .bind(column(rows, |row| row.timezone.as_str()))
        .bind(column(rows, |row| row.capacity))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    async fn insert_owners(&self, tx: &mut Transaction<'_, Postgres>) -> sqlx::Result<()> {
        let rows = &self.owners;
        sqlx::query(
            "INSERT INTO customers.account_owners (account_id, role, csm_id)
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[])",
        )
        .bind(column(rows, |row| row.account_id.as_str()))
        .bind(column(rows, |row| row.role))
        .bind(column(rows, |row| row.csm_id.as_str()))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    async fn insert_accounts(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        progress: &mut impl FnMut(&str, usize, usize),
    ) -> sqlx::Result<()> {
        let mut written = 0;
        for rows in self.accounts.chunks(CHUNK) {
            sqlx::query(
                "INSERT INTO customers.accounts (id, name, tier, status, stage, csm_id, mrr, seats, seats_used,
                        signed_up_at, activated_at, renewal_at, churned_at, timezone, locale, traits)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                        $7::int8[], $8::int[], $9::int[], $10::timestamptz[], $11::timestamptz[],
                        $12::timestamptz[], $13::timestamptz[], $14::text[], $15::text[], $16::jsonb[])",
            )
            .bind(column(rows, |row| row.id.as_str()))
            .bind(column(rows, |row| row.name.as_str()))
            .bind(column(rows, |row| row.tier))
            .bind(column(rows, |row| row.status))
            .bind(column(rows, |row| row.stage))
            .bind(column(rows, |row| row.csm_id.as_deref()))
            .bind(column(rows, |row| row.mrr))
            .bind(column(rows, |row| row.seats))
            .bind(column(rows, |row| row.seats_used))
            .bind(column(rows, |row| row.signed_up_at))
            .bind(column(rows, |row| row.activated_at))
            .bind(column(rows, |row| row.renewal_at))
            .bind(column(rows, |row| row.churned_at))
            .bind(column(rows, |row| row.timezone))
            .bind(column(rows, |row| row.locale))
            .bind(column(rows, |row| &row.traits))
            .execute(&mut **tx)
            .await?;
            written += rows.len();
            progress("accounts", written, self.accounts.len());
        }
        Ok(())
    }

    /// The history, in place of what the trigger has recorded: that all accounts
    /// came into being just now.
    async fn insert_changes(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        progress: &mut impl FnMut(&str, usize, usize),
    ) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM customers.account_changes WHERE account_id = ANY($1)")
            .bind(column(&self.accounts, |row| row.id.as_str()))
            .execute(&mut **tx)
            .await?;
        let mut earlier: Option<&SampleChange> = None;
        let mut pairs = Vec::with_capacity(self.changes.len());
        for change in &self.changes {
            pairs.push((earlier.filter(|earlier| earlier.account.id == change.account.id), change));
            earlier = Some(change);
        }
        let mut written = 0;
        for rows in pairs.chunks(CHUNK) {
            // By way of the table's own types, so that rows look as the trigger writes them.
            sqlx::query(
                "INSERT INTO customers.account_changes (account_id, at, was, became)
                 SELECT i.account_id, i.at,
                        (SELECT jsonb_object_agg(old.key, old.value)
                         FROM jsonb_each(to_jsonb(jsonb_populate_record(NULL::customers.accounts, i.earlier))) old
                         WHERE i.earlier IS NOT NULL AND b.became -> old.key IS DISTINCT FROM old.value),
                        b.became
                 FROM unnest($1::text[], $2::timestamptz[], $3::jsonb[], $4::jsonb[])
                        WITH ORDINALITY AS i (account_id, at, earlier, later, place)
                 CROSS JOIN LATERAL (
                        SELECT to_jsonb(jsonb_populate_record(NULL::customers.accounts, i.later)) AS became) b
                 ORDER BY i.place",
            )
            .bind(column(rows, |(_, change)| change.account.id.as_str()))
            .bind(column(rows, |(_, change)| change.at))
            .bind(column(rows, |(earlier, _)| earlier.map(|earlier| as_json(&earlier.account))))
            .bind(column(rows, |(_, change)| as_json(&change.account)))
            .execute(&mut **tx)
            .await?;
            written += rows.len();
            progress("changes", written, self.changes.len());
        }
        Ok(())
    }

    async fn insert_contacts(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        progress: &mut impl FnMut(&str, usize, usize),
    ) -> sqlx::Result<()> {
        let mut written = 0;
        for rows in self.contacts.chunks(CHUNK) {
            sqlx::query(
                "INSERT INTO customers.contacts (account_id, id, email, name, first_name, role, timezone, locale,
                        created_at, left_at, traits)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                        $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::jsonb[])",
            )
            .bind(column(rows, |row| row.account_id.as_str()))
            .bind(column(rows, |row| row.id.as_str()))
            .bind(column(rows, |row| row.email.as_deref()))
            .bind(column(rows, |row| row.name.as_str()))
            .bind(column(rows, |row| row.first_name.as_deref()))
            .bind(column(rows, |row| row.role))
            .bind(column(rows, |row| row.timezone))
            .bind(column(rows, |row| row.locale))
            .bind(column(rows, |row| row.created_at))
            .bind(column(rows, |row| row.left_at))
            .bind(column(rows, |row| &row.traits))
            .execute(&mut **tx)
            .await?;
            written += rows.len();
            progress("contacts", written, self.contacts.len());
        }
        Ok(())
    }

    async fn insert_events(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        progress: &mut impl FnMut(&str, usize, usize),
    ) -> sqlx::Result<()> {
        let mut written = 0;
        for rows in self.events.chunks(CHUNK) {
            sqlx::query(
                "INSERT INTO customers.events (account_id, id, contact_id, name, at, properties)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])",
            )
            .bind(column(rows, |row| row.account_id.as_str()))
            .bind(column(rows, |row| row.id.as_str()))
            .bind(column(rows, |row| row.contact_id.as_deref()))
            .bind(column(rows, |row| row.name))
            .bind(column(rows, |row| row.at))
            .bind(column(rows, |row| &row.properties))
            .execute(&mut **tx)
            .await?;
            written += rows.len();
            progress("events", written, self.events.len());
        }
        Ok(())
    }

    async fn insert_scores(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        progress: &mut impl FnMut(&str, usize, usize),
    ) -> sqlx::Result<()> {
        let mut written = 0;
        for rows in self.scores.chunks(CHUNK) {
            sqlx::query(
                "INSERT INTO customers.scores (account_id, id, contact_id, name, value, at)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::timestamptz[])",
            )
            .bind(column(rows, |row| row.account_id.as_str()))
            .bind(column(rows, |row| row.id.as_str()))
            .bind(column(rows, |row| row.contact_id.as_str()))
            .bind(column(rows, |row| row.name))
            .bind(column(rows, |row| row.value))
            .bind(column(rows, |row| row.at))
            .execute(&mut **tx)
            .await?;
            written += rows.len();
            progress("scores", written, self.scores.len());
        }
        Ok(())
    }

    async fn insert_tickets(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        progress: &mut impl FnMut(&str, usize, usize),
    ) -> sqlx::Result<()> {
        let mut written = 0;
        for rows in self.tickets.chunks(CHUNK) {
            sqlx::query(
                "INSERT INTO customers.tickets (account_id, id, contact_id, opened_at, closed_at, severity, topic,
                        subject)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                        $6::text[], $7::text[], $8::text[])",
            )
            .bind(column(rows, |row| row.account_id.as_str()))
            .bind(column(rows, |row| row.id.as_str()))
            .bind(column(rows, |row| row.contact_id.as_deref()))
            .bind(column(rows, |row| row.opened_at))
            .bind(column(rows, |row| row.closed_at))
            .bind(column(rows, |row| row.severity))
            .bind(column(rows, |row| row.topic))
            .bind(column(rows, |row| row.subject))
            .execute(&mut **tx)
            .await?;
            written += rows.len();
            progress("tickets", written, self.tickets.len());
        }
        Ok(())
    }
}

/// An account with the names of its columns.
fn as_json(row: &SampleAccount) -> Json {
    serde_json::json!({
        "id": row.id,
        "name": row.name,
        "tier": row.tier,
        "status": row.status,
        "stage": row.stage,
        "csm_id": row.csm_id,
        "mrr": row.mrr,
        "seats": row.seats,
        "seats_used": row.seats_used,
        "signed_up_at": row.signed_up_at,
        "activated_at": row.activated_at,
        "renewal_at": row.renewal_at,
        "churned_at": row.churned_at,
        "timezone": row.timezone,
        "locale": row.locale,
        "traits": row.traits,
    })
}

/// One field of every row, as the array a statement unnests.
fn column<'a, Row, Value>(rows: &'a [Row], field: impl Fn(&'a Row) -> Value) -> Vec<Value> {
    rows.iter().map(field).collect()
}
