//! Contacts and colleagues of accounts, read from the customer store.

use std::collections::{BTreeMap, HashMap};

use sqlx::FromRow;

use super::Store;
use crate::action::People;
use crate::clock::Instant;
use crate::facts::{Contact, Csm, Subject, Value};

#[derive(FromRow)]
struct ContactRow {
    account_id: String,
    id: String,
    email: Option<String>,
    name: String,
    first_name: Option<String>,
    role: Option<String>,
    timezone: Option<String>,
    locale: Option<String>,
    created_at: Instant,
    left_at: Option<Instant>,
    traits: serde_json::Value,
}

#[derive(FromRow)]
struct CsmRow {
    account_id: String,
    id: String,
    name: String,
    email: String,
    manager_id: Option<String>,
    timezone: Option<String>,
    manager: Option<String>,
    manager_name: Option<String>,
    manager_email: Option<String>,
    manager_timezone: Option<String>,
}

impl Store {
    /// The people around each of these accounts; three statements whatever
    /// their number. Contacts come in order of creation, then id.
    pub async fn people(&self, accounts: &[String]) -> sqlx::Result<HashMap<String, People>> {
        let contacts: Vec<ContactRow> = sqlx::query_as(
            "select account_id, id, email, name, first_name, role, timezone, locale, created_at, left_at, traits
             from customers.contacts where account_id = any($1) order by account_id, created_at, id",
        )
        .bind(accounts)
        .fetch_all(self.pool())
        .await?;
        let csms: Vec<CsmRow> = sqlx::query_as(
            "select a.id as account_id, c.id, c.name, c.email, c.manager_id, c.timezone,
                    m.id as manager, m.name as manager_name, m.email as manager_email, m.timezone as manager_timezone
             from customers.accounts a
             join customers.csms c on c.id = a.csm_id
             left join customers.csms m on m.id = c.manager_id
             where a.id = any($1)",
        )
        .bind(accounts)
        .fetch_all(self.pool())
        .await?;
        let mut people: HashMap<String, People> =
            accounts.iter().map(|account| (account.clone(), People::default())).collect();
        for row in contacts {
            if let Some(around) = people.get_mut(&row.account_id) {
                around.contacts.push(row.into_contact());
            }
        }
        for row in csms {
            if let Some(around) = people.get_mut(&row.account_id) {
                around.manager = row.manager.map(|id| Csm {
                    id,
                    name: row.manager_name.unwrap_or_default(),
                    email: row.manager_email.unwrap_or_default(),
                    manager_id: None,
                    timezone: row.manager_timezone,
                });
                around.csm = Some(Csm {
                    id: row.id,
                    name: row.name,
                    email: row.email,
                    manager_id: row.manager_id,
                    timezone: row.timezone,
                });
            }
        }
        Ok(people)
    }

    /// How many accounts have one of these statuses; for contacts, how many
    /// people there are at such accounts at that instant.
    pub async fn subjects_with_status(&self, subject: Subject, statuses: &[String], at: Instant) -> sqlx::Result<i64> {
        match subject {
            Subject::Account => {
                let count = "select count(*) from customers.accounts where status = any($1)";
                sqlx::query_scalar(count).bind(statuses).fetch_one(self.pool()).await
            }
            Subject::Contact => {
                let count = "select count(*) from customers.contacts c join customers.accounts a on a.id = c.account_id
                     where a.status = any($1) and (c.left_at is null or c.left_at > $2)";
                sqlx::query_scalar(count).bind(statuses).bind(at).fetch_one(self.pool()).await
            }
        }
    }

    /// Whether there is an account of that id.
    pub async fn has_account(&self, id: &str) -> sqlx::Result<bool> {
        sqlx::query_scalar("select exists (select 1 from customers.accounts where id = $1)")
            .bind(id)
            .fetch_one(self.pool())
            .await
    }

    /// How many accounts there are.
    pub async fn account_count(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("select count(*) from customers.accounts").fetch_one(self.pool()).await
    }
}

impl ContactRow {
    fn into_contact(self) -> Contact {
        let text = |value: &Option<String>| value.as_deref().map_or(Value::Null, Value::text);
        let columns = BTreeMap::from([
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
