//! Who reads mail at an address: what the customer store says of the contacts behind a
//! link, which names none of them.

use std::time::Duration;

use sqlx::{AssertSqlSafe, FromRow};

use crate::message::recipient::is_consent;
use crate::store::Store;
use crate::store::customers::reader_role::limit_statements;
use crate::store::customers::relations::Relation;

/// How many contacts of one address are looked at.
const CONTACTS: usize = 5;

/// How long the customer store may take: whoever wants to unsubscribe waits for it.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is known of the readers of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkReaders {
    /// Their locales, as the customer store has them; the account's where a contact has none.
    pub locales: Vec<String>,
    /// Whether one of them has agreed to marketing; `None` where nobody knows.
    pub has_consented: Option<bool>,
}

#[derive(FromRow)]
struct ReaderRow {
    account_id: String,
    id: String,
    locale: Option<String>,
    /// JSON as text: what cannot be read is no attribute.
    traits: Option<String>,
}

impl Store {
    /// Those who have the address of a link that is ours now; nothing is known of others.
    /// An error after a moment, where the customer store does not answer.
    pub async fn link_readers(&self, token: &str) -> sqlx::Result<LinkReaders> {
        let Some((hash, _)) = self.opened(token).await? else { return Ok(LinkReaders::default()) };
        let contacts: Vec<(String, String)> = sqlx::query_as(
            "select a.account_id, a.contact_id from keepwell.contact_addresses a
             where a.address_hash = $1 and not exists (
                 select from keepwell.contact_addresses l
                 where l.account_id = a.account_id and l.contact_id = a.contact_id and l.since > a.since)
             order by a.since desc, a.account_id, a.contact_id limit $2",
        )
        .bind(hash)
        .bind(CONTACTS as i64 + 1)
        .fetch_all(self.pool())
        .await?;
        self.readers(&contacts).await
    }

    /// One contact, as [`Store::link_readers`] says it.
    pub async fn contact_reader(&self, account: &str, contact: &str) -> sqlx::Result<LinkReaders> {
        self.readers(&[(account.to_owned(), contact.to_owned())]).await
    }

    /// Whoever reads about an account: its locale. Nothing is known of their consent.
    pub async fn account_reader(&self, account: &str) -> sqlx::Result<LinkReaders> {
        let among = self.key().among("a.id", "$1");
        let sql = format!("select a.locale from {} a where {among}", self.relation(Relation::Accounts));
        let mut reading = self.read().await?;
        limit_statements(&mut reading, PATIENCE).await?;
        let locale: Option<Option<String>> =
            sqlx::query_scalar(AssertSqlSafe(sql)).bind([account]).fetch_optional(&mut *reading).await?;
        Ok(LinkReaders { locales: locale.flatten().into_iter().collect(), has_consented: None })
    }

    async fn readers(&self, contacts: &[(String, String)]) -> sqlx::Result<LinkReaders> {
        if contacts.is_empty() {
            return Ok(LinkReaders { has_consented: Some(false), ..LinkReaders::default() });
        }
        let key = self.key();
        let sql = format!(
            "select {} as account_id, c.id, coalesce(nullif(c.locale, ''), a.locale) as locale, c.traits::text as traits
             from {} c left join {} a on a.id = c.account_id where {} and c.id = any($2)",
            key.to_text("c.account_id"),
            self.relation(Relation::Contacts),
            self.relation(Relation::Accounts),
            key.among("c.account_id", "$1")
        );
        let (accounts, ids): (Vec<String>, Vec<String>) = contacts.iter().take(CONTACTS).cloned().unzip();
        let mut reading = self.read().await?;
        limit_statements(&mut reading, PATIENCE).await?;
        let rows: Vec<ReaderRow> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(accounts).bind(ids).fetch_all(&mut *reading).await?;
        let (mut locales, mut has_consented) = (Vec::new(), false);
        // In the order of the contacts; the same id may be in several accounts.
        for contact in contacts.iter().take(CONTACTS) {
            let found = rows.iter().find(|row| (&row.account_id, &row.id) == (&contact.0, &contact.1));
            let Some(row) = found else { continue };
            locales.extend(row.locale.clone());
            let traits = row.traits.as_ref().and_then(|text| serde_json::from_str(text).ok());
            has_consented |= traits.is_some_and(|traits: serde_json::Value| is_consent(traits.get("consent")));
        }
        // Somebody who was not looked at may have agreed.
        let is_known = has_consented || contacts.len() <= CONTACTS;
        Ok(LinkReaders { locales, has_consented: is_known.then_some(has_consented) })
    }
}
