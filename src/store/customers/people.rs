//! Contacts and colleagues of accounts, read from the customer store.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Postgres, Row, Transaction};

use super::facts::{END, FIRST};
use super::reader_role::limit_statements;
use crate::action::People;
use crate::clock::Instant;
use crate::config::store::CONTRACT;
use crate::facts::{Contact, Csm, Schema, Subject, Value};
use crate::store::{Relation, Store};

struct ContactRow {
    account_id: String,
    id: String,
    email: Option<String>,
    name: String,
    first_name: Option<String>,
    role: Option<String>,
    timezone: Option<String>,
    locale: Option<String>,
    /// 1970 where it cannot be read.
    created_at: Instant,
    left_at: Option<Instant>,
    /// Nothing where it cannot be read: a number like 1e400, nesting without end.
    traits: serde_json::Value,
    /// Their further columns, likewise.
    further: serde_json::Value,
}

impl FromRow<'_, PgRow> for ContactRow {
    fn from_row(row: &PgRow) -> sqlx::Result<ContactRow> {
        let json = |name: &str| row.try_get::<Option<serde_json::Value>, _>(name).ok().flatten().unwrap_or_default();
        Ok(ContactRow {
            account_id: row.try_get("account_id")?,
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            name: row.try_get("name")?,
            first_name: row.try_get("first_name")?,
            role: row.try_get("role")?,
            timezone: row.try_get("timezone")?,
            locale: row.try_get("locale")?,
            created_at: row.try_get::<Option<Instant>, _>("created_at")?.unwrap_or_default(),
            left_at: row.try_get("left_at")?,
            traits: json("traits"),
            further: json("further"),
        })
    }
}

#[derive(FromRow)]
struct CsmRow {
    account_id: String,
    id: String,
    name: String,
    email: String,
    manager_id: Option<String>,
    timezone: Option<String>,
    /// JSON as text: what cannot be read is no attribute.
    traits: Option<String>,
    manager: Option<String>,
    manager_name: Option<String>,
    manager_email: Option<String>,
    manager_timezone: Option<String>,
}

impl Store {
    /// The people around each of these accounts; three statements whatever
    /// their number. Contacts come in order of creation, then id.
    pub async fn people(&self, accounts: &[String]) -> sqlx::Result<HashMap<String, People>> {
        let key = self.key();
        let mut reading = self.read().await?;
        let sql = format!(
            // Infinity and years beyond four digits cannot be read; somebody who
            // left before all times has left.
            "select {} as account_id, id, email, name, first_name, role, timezone, locale, traits, {} as further,
                 case when created_at >= {FIRST} and created_at < {END} then created_at end as created_at,
                 case when left_at < {END} then greatest(left_at, {FIRST}) end as left_at
             from {} k where {} order by k.account_id, k.created_at, id",
            key.to_text("k.account_id"),
            self.further_columns(),
            self.relation(Relation::Contacts),
            key.among("k.account_id", "$1")
        );
        let contacts: Vec<ContactRow> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(accounts).fetch_all(&mut *reading).await?;
        let csms = self.relation(Relation::Csms);
        let sql = format!(
            "select {} as account_id, c.id, c.name, c.email, c.manager_id, c.timezone, c.traits::text as traits,
                    m.id as manager, m.name as manager_name, m.email as manager_email, m.timezone as manager_timezone
             from {} a
             join {csms} c on c.id = a.csm_id
             left join {csms} m on m.id = c.manager_id
             where {}",
            key.to_text("a.id"),
            self.relation(Relation::Accounts),
            key.among("a.id", "$1")
        );
        let csms: Vec<CsmRow> = sqlx::query_as(AssertSqlSafe(sql)).bind(accounts).fetch_all(&mut *reading).await?;
        let mut people: HashMap<String, People> =
            accounts.iter().map(|account| (account.clone(), People::default())).collect();
        for row in contacts {
            if let Some(around) = people.get_mut(&row.account_id) {
                let mut contact = row.into_contact(self.schema());
                contact.trim_names();
                around.contacts.push(contact);
            }
        }
        for row in csms {
            if let Some(around) = people.get_mut(&row.account_id) {
                around.manager = row.manager.map(|id| Csm {
                    id,
                    name: row.manager_name.unwrap_or_default().trim().to_owned(),
                    email: row.manager_email.unwrap_or_default(),
                    manager_id: None,
                    timezone: row.manager_timezone,
                    traits: Default::default(),
                });
                around.csm = Some(Csm {
                    id: row.id,
                    name: row.name.trim().to_owned(),
                    email: row.email,
                    manager_id: row.manager_id,
                    timezone: row.timezone,
                    traits: row.traits.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
                });
            }
        }
        Ok(people)
    }

    /// The columns of contacts that Keepwell does not know by name, as JSON.
    fn further_columns(&self) -> String {
        let known = CONTRACT.iter().find(|(name, _)| *name == "contacts").map_or(&[][..], |(_, columns)| columns);
        let further = self.schema().contact.iter().filter(|column| !known.contains(&column.name.as_str()));
        let listed: Vec<String> = further.map(|column| format!("k.\"{}\"", column.name)).collect();
        match listed.is_empty() {
            true => "'{}'::jsonb".to_owned(),
            false => format!("(select to_jsonb(f) from (select {}) as f)", listed.join(", ")),
        }
    }

    /// Of these roles those that a contact has who is there at an instant. An
    /// error where it takes longer than `patience`.
    pub async fn roles_of_contacts(
        &self,
        roles: &[String],
        at: Instant,
        patience: Duration,
    ) -> sqlx::Result<Vec<String>> {
        let contacts = self.relation(Relation::Contacts);
        let sql = format!(
            "select role from unnest($1::text[]) as w (role)
             where exists (select from {contacts} k where k.role = w.role and (k.left_at is null or k.left_at > $2))"
        );
        let mut transaction = self.read().await?;
        limit_statements(&mut transaction, patience).await?;
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(roles).bind(at).fetch_all(&mut *transaction).await
    }

    /// How many accounts have one of these statuses; for contacts, how many
    /// people there are at such accounts at that instant.
    pub async fn subjects_with_status(&self, subject: Subject, statuses: &[String], at: Instant) -> sqlx::Result<i64> {
        self.count_subjects(self.read().await?, subject, statuses, at).await
    }

    /// The same; an error where it takes longer than `patience`.
    pub async fn subjects_with_status_within(
        &self,
        subject: Subject,
        statuses: &[String],
        at: Instant,
        patience: Duration,
    ) -> sqlx::Result<i64> {
        let mut transaction = self.read().await?;
        limit_statements(&mut transaction, patience).await?;
        self.count_subjects(transaction, subject, statuses, at).await
    }

    async fn count_subjects(
        &self,
        mut transaction: Transaction<'static, Postgres>,
        subject: Subject,
        statuses: &[String],
        at: Instant,
    ) -> sqlx::Result<i64> {
        let accounts = self.relation(Relation::Accounts);
        let sql = match subject {
            Subject::Account => format!("select count(*) from {accounts} a where status = any($1)"),
            Subject::Contact => format!(
                "select count(*) from {} k join {accounts} a on a.id = k.account_id
                 where a.status = any($1) and (k.left_at is null or k.left_at > $2)",
                self.relation(Relation::Contacts)
            ),
        };
        let count = sqlx::query_scalar(AssertSqlSafe(sql)).bind(statuses);
        let count = if subject == Subject::Contact { count.bind(at) } else { count };
        count.fetch_one(&mut *transaction).await
    }

    /// The names of accounts that are there, by id; an account without a name is left out.
    pub async fn account_names(&self, accounts: &[String]) -> sqlx::Result<HashMap<String, String>> {
        let key = self.key();
        let sql = format!(
            "select {}, btrim(a.name) from {} a where {} and btrim(a.name) <> ''",
            key.to_text("a.id"),
            self.relation(Relation::Accounts),
            key.among("a.id", "$1")
        );
        let names: Vec<(String, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(accounts).fetch_all(&mut *self.read().await?).await?;
        Ok(names.into_iter().collect())
    }

    /// When accounts signed up, by id, of those that did so after an instant.
    pub async fn signed_up_after(&self, after: Instant) -> sqlx::Result<HashMap<String, Instant>> {
        let sql = format!(
            "select {}, a.signed_up_at from {} a where a.signed_up_at > $1 and a.signed_up_at < {END}",
            self.key().to_text("a.id"),
            self.relation(Relation::Accounts)
        );
        let found: Vec<(String, Instant)> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(after).fetch_all(&mut *self.read().await?).await?;
        Ok(found.into_iter().collect())
    }

    /// Whether there is an account of that id.
    pub async fn has_account(&self, id: &str) -> sqlx::Result<bool> {
        let key = self.key().of_text("$1::text");
        let sql = format!("select exists (select 1 from {} a where a.id = {key})", self.relation(Relation::Accounts));
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(id).fetch_one(&mut *self.read().await?).await
    }

    /// How many accounts there are.
    pub async fn account_count(&self) -> sqlx::Result<i64> {
        let sql = format!("select count(*) from {} a", self.relation(Relation::Accounts));
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *self.read().await?).await
    }
}

impl ContactRow {
    fn into_contact(self, schema: &Schema) -> Contact {
        let text = |value: &Option<String>| value.as_deref().map_or(Value::Null, Value::text);
        let mut columns = BTreeMap::from([
            ("account_id".to_owned(), Value::text(&self.account_id)),
            ("id".to_owned(), Value::text(&self.id)),
            ("email".to_owned(), text(&self.email)),
            ("name".to_owned(), Value::text(&self.name)),
            ("first_name".to_owned(), text(&self.first_name)),
            ("role".to_owned(), text(&self.role)),
            ("timezone".to_owned(), text(&self.timezone)),
            ("locale".to_owned(), text(&self.locale)),
            ("created_at".to_owned(), Value::Time(self.created_at)),
            ("left_at".to_owned(), self.left_at.map_or(Value::Null, Value::Time)),
        ]);
        for column in &schema.contact {
            if let Some(value) = self.further.get(&column.name) {
                columns.insert(column.name.clone(), Value::from_json(value, column.ty));
            }
        }
        Contact {
            id: self.id,
            email: self.email,
            name: self.name,
            role: self.role,
            timezone: self.timezone,
            locale: self.locale,
            created_at: self.created_at,
            left_at: self.left_at,
            columns,
            traits: match self.traits {
                serde_json::Value::Object(map) => map,
                _ => serde_json::Map::new(),
            },
        }
    }
}
