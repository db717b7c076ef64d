//! Who reads mail at an address: what the customer store says of the contacts behind a
//! link, which names none of them.

use sqlx::{AssertSqlSafe, FromRow};

use crate::message::recipient::is_consent;
use crate::store::Store;
use crate::store::customers::relations::Relation;

/// How many contacts of one address are looked at.
const CONTACTS: i64 = 5;

/// What is known of the readers of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkReaders {
    /// Their locales, as the customer store has them; the account's where a contact has none.
    pub locales: Vec<String>,
    /// Whether one of them has agreed to marketing.
    pub has_consented: bool,
}

#[derive(FromRow)]
struct ReaderRow {
    locale: Option<String>,
    /// JSON as text: what cannot be read is no attribute.
    traits: Option<String>,
}

impl Store {
    /// Those behind the address of a link that is ours; nothing is known of others.
    pub async fn link_readers(&self, token: &str) -> sqlx::Result<LinkReaders> {
        let Some((hash, _)) = self.opened(token).await? else { return Ok(LinkReaders::default()) };
        let contacts: Vec<(String, String)> = sqlx::query_as(
            "select account_id, contact_id from keepwell.contact_addresses
             where address_hash = $1 order by since desc, account_id, contact_id limit $2",
        )
        .bind(hash)
        .bind(CONTACTS)
        .fetch_all(self.pool())
        .await?;
        self.readers(&contacts).await
    }

    /// One contact, as [`Store::link_readers`] says it.
    pub async fn contact_reader(&self, account: &str, contact: &str) -> sqlx::Result<LinkReaders> {
        self.readers(&[(account.to_owned(), contact.to_owned())]).await
    }

    async fn readers(&self, contacts: &[(String, String)]) -> sqlx::Result<LinkReaders> {
        let mut readers = LinkReaders::default();
        if contacts.is_empty() {
            return Ok(readers);
        }
        let key = self.key();
        let sql = format!(
            "select coalesce(nullif(c.locale, ''), a.locale) as locale, c.traits::text as traits
             from {} c left join {} a on a.id = c.account_id where {} and c.id = $2",
            self.relation(Relation::Contacts),
            self.relation(Relation::Accounts),
            key.among("c.account_id", "$1")
        );
        let mut reading = self.read().await?;
        for (account, contact) in contacts {
            let rows: Vec<ReaderRow> = sqlx::query_as(AssertSqlSafe(sql.clone()))
                .bind(vec![account.clone()])
                .bind(contact)
                .fetch_all(&mut *reading)
                .await?;
            for row in rows {
                readers.locales.extend(row.locale);
                let traits = row.traits.and_then(|text| serde_json::from_str(&text).ok());
                readers.has_consented |=
                    traits.is_some_and(|traits: serde_json::Value| is_consent(traits.get("consent")));
            }
        }
        Ok(readers)
    }
}
