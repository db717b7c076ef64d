//! Everything that is known of a customer, as one document.

use serde_json::{Map, Value as Json, json};
use sqlx::AssertSqlSafe;

use super::data_subject::{DEEDS_ABOUT, Person, Table};
use crate::store::{Relation, Store};

impl Store {
    /// The rows of a customer or contact in both schemas, complete: what the
    /// customer store has, what was decided, written and answered, what they do
    /// not want, and texts about others that name them.
    pub async fn export(&self, person: &Person) -> sqlx::Result<Json> {
        let mut customers = Map::new();
        for relation in Relation::ALL {
            if let Some(rows) = self.customer_rows(relation, person).await? {
                customers.insert(relation.name().to_owned(), rows);
            }
        }
        let mut keepwell = Map::new();
        let tables = self.account_tables().await?;
        for table in &tables {
            keepwell.insert(table.name.clone(), self.rows_of(table, person).await?);
        }
        let traces = self.traces(person).await?;
        let mut hashes = Vec::new();
        for address in &traces.addresses {
            hashes.push(self.address_hash(address).await?);
        }
        hashes.extend(self.address_hashes_of(&person.account, person.contact.as_deref()).await?);
        let suppressions: Vec<Json> = sqlx::query_scalar(
            "select to_jsonb(r) from keepwell.recipients r where address_hash = any($1) order by address_hash",
        )
        .bind(&hashes)
        .fetch_all(self.pool())
        .await?;
        let guards: Vec<Json> = sqlx::query_scalar(
            "select to_jsonb(g) from keepwell.address_guard g where address_hash = any($1) order by at",
        )
        .bind(&hashes)
        .fetch_all(self.pool())
        .await?;
        let mut mentions = Vec::new();
        if let Some(pattern) = traces.pattern() {
            for table in &tables {
                mentions.extend(self.naming_rows(table, person, &pattern).await?);
            }
        }
        let looks: Vec<Json> = sqlx::query_scalar(
            "select jsonb_build_object('playbook', r.playbook, 'slot', r.slot, 'detail', d.detail)
             from keepwell.runs r, jsonb_array_elements(r.details) as d (detail)
             where d.detail ->> 'account' = $1 and ($2::text is null or d.detail ->> 'contact' = $2)
             order by r.slot, r.playbook",
        )
        .bind(&person.account)
        .bind(&person.contact)
        .fetch_all(self.pool())
        .await?;
        let evaluations: Vec<Json> = sqlx::query_scalar(
            "select jsonb_build_object('document', r.document, 'slot', r.slot, 'detail', d.detail)
             from keepwell.evaluations r, jsonb_array_elements(r.details) as d (detail)
             where d.detail ->> 'account' = $1 and ($2::text is null or d.detail ->> 'contact' = $2)
             order by r.slot, r.document",
        )
        .bind(&person.account)
        .bind(&person.contact)
        .fetch_all(self.pool())
        .await?;
        let deeds = format!(
            "select to_jsonb(a) || jsonb_build_object('reason', r.reason)
             from keepwell.audit a left join keepwell.audit_reasons r using (n) where {DEEDS_ABOUT} order by n"
        );
        let deeds: Vec<Json> = sqlx::query_scalar(AssertSqlSafe(deeds))
            .bind(&person.account)
            .bind(&person.contact)
            .fetch_all(self.pool())
            .await?;
        for (name, rows) in [
            ("recipients", suppressions),
            ("address_guard", guards),
            ("mentions", mentions),
            ("runs", looks),
            ("evaluations", evaluations),
            ("audit", deeds),
        ] {
            keepwell.insert(name.to_owned(), Json::Array(rows));
        }
        Ok(
            json!({ "account": person.account, "contact": person.contact, "customers": customers, "keepwell": keepwell }),
        )
    }

    /// Whether anything at all is known of them: in the customer store, in our own
    /// rows, or because they were erased.
    pub async fn knows(&self, person: &Person) -> sqlx::Result<bool> {
        let document = self.export(person).await?;
        let tables = |part: &str| document[part].as_object().into_iter().flat_map(Map::values).collect::<Vec<_>>();
        let mut rows = [tables("customers"), tables("keepwell")].concat().into_iter();
        Ok(rows.any(|rows| rows.as_array().is_some_and(|rows| !rows.is_empty())))
    }

    /// Those of several of whom anything is known.
    pub async fn known_among(&self, people: Vec<Person>) -> sqlx::Result<Vec<Person>> {
        let mut known = Vec::new();
        for person in people {
            if self.knows(&person).await? {
                known.push(person);
            }
        }
        Ok(known)
    }

    /// Rows of the customer store; `None` where a relation has none of people.
    async fn customer_rows(&self, relation: Relation, person: &Person) -> sqlx::Result<Option<Json>> {
        let key = self.key().of_text("$1::text");
        let condition = match (relation, &person.contact) {
            // Whom an account has is nobody's data among its contacts.
            (Relation::Csms, _) | (Relation::Accounts | Relation::Changes | Relation::AccountOwners, Some(_)) => {
                return Ok(None);
            }
            (Relation::Accounts, None) => format!("r.id = {key} and $2::text is null"),
            (_, None) => format!("r.account_id = {key} and $2::text is null"),
            (Relation::Contacts, Some(_)) => format!("r.account_id = {key} and r.id::text = $2"),
            (Relation::Events | Relation::Scores | Relation::Tickets, Some(_)) => {
                format!("r.account_id = {key} and r.contact_id::text = $2")
            }
        };
        let sql = format!(
            "select coalesce(jsonb_agg(to_jsonb(r)), '[]') from {} r where {condition}",
            self.relation(relation)
        );
        let rows: Json = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(&person.account)
            .bind(&person.contact)
            .fetch_one(&mut *self.read().await?)
            .await?;
        Ok(Some(rows))
    }

    /// Rows that are not theirs and name them: of their account, or words to
    /// colleagues that belong to none.
    async fn naming_rows(&self, table: &Table, person: &Person, pattern: &str) -> sqlx::Result<Vec<Json>> {
        let sql = format!(
            "select jsonb_build_object('table', '{}', 'row', to_jsonb(t)) from keepwell.\"{}\" t
             where account_id in ('', $1) and {} and ({}) is not true",
            table.name,
            table.name,
            table.names("$3"),
            table.of(person)
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(&person.account)
            .bind(&person.contact)
            .bind(pattern)
            .fetch_all(self.pool())
            .await
    }

    async fn rows_of(&self, table: &Table, person: &Person) -> sqlx::Result<Json> {
        let sql = format!(
            "select coalesce(jsonb_agg(to_jsonb(t)), '[]') from keepwell.\"{}\" t where {}",
            table.name,
            table.of(person)
        );
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(&person.account).bind(&person.contact).fetch_one(self.pool()).await
    }
}
