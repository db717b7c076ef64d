//! The addresses of each contact, so that a reader's wish follows the reader.
//!
//! Invariants: an address that a contact has here has a row among the
//! recipients. A wish that is recorded for an address is recorded in the same
//! transaction for all addresses of each contact that has it; a contact's new
//! address gets the wishes of the one before in the transaction that adds it.
//! Both lock the recipients' rows, so that neither misses the other, and the
//! marker of a mail looks at its own address alone.

use super::suppressions::{OF_THE_ADDRESS, covers, lock};
use crate::store::Store;
use crate::store::sql::errors::retry_contention;

/// A mail that is about to leave, as far as suppressions matter.
#[derive(Clone, Copy, Debug)]
pub struct Addressee<'a> {
    pub account: &'a str,
    /// Empty for an address that is no contact's.
    pub contact: &'a str,
    pub address: &'a str,
    pub class: &'a str,
}

/// An address of a contact; the contact's earlier ones are known here.
struct ContactAddresses<'a> {
    accounts: Vec<&'a str>,
    contacts: Vec<&'a str>,
    hashes: Vec<String>,
}

impl Store {
    /// Records the addresses that contacts have now. What a reader did not want
    /// at the address before holds at the new one when this returns; that the
    /// address before was dead does not.
    pub async fn record_addresses(&self, mails: &[Addressee<'_>]) -> sqlx::Result<()> {
        let mut current = self.contact_addresses(mails).await?;
        let moved: Vec<i64> = sqlx::query_scalar(
            "select w.place from unnest($1::text[], $2::text[], $3::text[])
                 with ordinality as w (account_id, contact_id, address_hash, place)
             where w.contact_id <> '' and w.address_hash is distinct from
                 (select k.address_hash from keepwell.contact_addresses k
                  where k.account_id = w.account_id and k.contact_id = w.contact_id
                  order by k.since desc, k.address_hash limit 1)
             order by w.account_id, w.contact_id, w.address_hash",
        )
        .persistent(false)
        .bind(&current.accounts)
        .bind(&current.contacts)
        .bind(&current.hashes)
        .fetch_all(self.pool())
        .await?;
        if moved.is_empty() {
            return Ok(());
        }
        let places = || moved.iter().filter_map(|place| usize::try_from(place - 1).ok());
        current = ContactAddresses {
            accounts: places().map(|at| current.accounts[at]).collect(),
            contacts: places().map(|at| current.contacts[at]).collect(),
            hashes: places().map(|at| current.hashes[at].clone()).collect(),
        };
        retry_contention(|| self.move_contacts(&current)).await
    }

    async fn move_contacts(&self, moved: &ContactAddresses<'_>) -> sqlx::Result<()> {
        let mut tx = self.pool().begin().await?;
        sqlx::query(
            "insert into keepwell.recipients (address_hash)
             select distinct hash from unnest($1::text[]) as hash order by hash on conflict (address_hash) do nothing",
        )
        .bind(&moved.hashes)
        .execute(&mut *tx)
        .await?;
        let before: Vec<(String, String, String)> = sqlx::query_as(
            "select distinct w.account_id, w.contact_id, k.address_hash
             from unnest($1::text[], $2::text[]) as w (account_id, contact_id)
             cross join lateral (select k.address_hash from keepwell.contact_addresses k
                 where k.account_id = w.account_id and k.contact_id = w.contact_id
                 order by k.since desc, k.address_hash limit 1) k",
        )
        .persistent(false)
        .bind(&moved.accounts)
        .bind(&moved.contacts)
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query(
            "insert into keepwell.contact_addresses (account_id, contact_id, address_hash)
             select distinct account_id, contact_id, address_hash
             from unnest($1::text[], $2::text[], $3::text[]) as w (account_id, contact_id, address_hash)
             order by account_id, contact_id, address_hash
             on conflict (account_id, contact_id, address_hash) do update set since = excluded.since",
        )
        .bind(&moved.accounts)
        .bind(&moved.contacts)
        .bind(&moved.hashes)
        .execute(&mut *tx)
        .await?;
        let mut all: Vec<&str> = moved.hashes.iter().map(String::as_str).collect();
        all.extend(before.iter().map(|(.., hash)| hash.as_str()));
        // Whoever records a wish at the moment has locked a row of these, or
        // will see what was added.
        lock(&mut tx, &all).await?;
        sqlx::query(
            "update keepwell.recipients r set suppressed = wished.classes || r.suppressed
             from (select w.address_hash, jsonb_object_agg(said.class, said.word || '{\"through\": \"contact\"}') as classes
                   from unnest($1::text[], $2::text[], $3::text[]) as w (account_id, contact_id, address_hash)
                   join unnest($4::text[], $5::text[], $6::text[]) as b (account_id, contact_id, address_hash)
                       on b.account_id = w.account_id and b.contact_id = w.contact_id
                       and b.address_hash <> w.address_hash
                   join keepwell.recipients o on o.address_hash = b.address_hash
                   cross join lateral jsonb_each(o.suppressed) as said (class, word)
                   where said.word ->> 'source' <> all($7)
                   group by w.address_hash) wished
             where r.address_hash = wished.address_hash",
        )
        .persistent(false)
        .bind(&moved.accounts)
        .bind(&moved.contacts)
        .bind(&moved.hashes)
        .bind(before.iter().map(|(account, ..)| account.as_str()).collect::<Vec<_>>())
        .bind(before.iter().map(|(_, contact, _)| contact.as_str()).collect::<Vec<_>>())
        .bind(before.iter().map(|(.., hash)| hash.as_str()).collect::<Vec<_>>())
        .bind(OF_THE_ADDRESS)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    /// Whether each mail is suppressed, in the order given: by a word about its
    /// address, or by a wish at the address that its contact had before. Nothing
    /// is written.
    pub async fn suppressed(&self, mails: &[Addressee<'_>]) -> sqlx::Result<Vec<bool>> {
        let current = self.contact_addresses(mails).await?;
        let rows: Vec<(Option<serde_json::Value>, Option<serde_json::Value>)> = sqlx::query_as(
            "select (select r.suppressed from keepwell.recipients r where r.address_hash = w.address_hash),
                    (select jsonb_object_agg(said.class, said.word)
                     from (select k.address_hash from keepwell.contact_addresses k
                           where w.contact_id <> '' and k.account_id = w.account_id and k.contact_id = w.contact_id
                           order by k.since desc, k.address_hash limit 1) latest
                     join keepwell.recipients o on o.address_hash = latest.address_hash
                     cross join lateral jsonb_each(o.suppressed) as said (class, word)
                     where latest.address_hash <> w.address_hash and said.word ->> 'source' <> all($4))
             from unnest($1::text[], $2::text[], $3::text[])
                 with ordinality as w (account_id, contact_id, address_hash, place)
             order by w.place",
        )
        // Not a plan from when there were few.
        .persistent(false)
        .bind(&current.accounts)
        .bind(&current.contacts)
        .bind(&current.hashes)
        .bind(OF_THE_ADDRESS)
        .fetch_all(self.pool())
        .await?;
        let covered = |((own, before), mail): ((Option<_>, Option<_>), &Addressee<'_>)| {
            [own, before].iter().flatten().any(|classes| covers(classes, mail.class))
        };
        Ok(rows.into_iter().zip(mails).map(covered).collect())
    }

    /// The addresses that a contact has had, or all contacts of an account, as
    /// keyed hashes.
    pub(crate) async fn address_hashes_of(&self, account: &str, contact: Option<&str>) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(
            "select distinct address_hash from keepwell.contact_addresses
             where account_id = $1 and ($2::text is null or contact_id = $2)",
        )
        .bind(account)
        .bind(contact)
        .fetch_all(self.pool())
        .await
    }

    async fn contact_addresses<'a>(&self, mails: &[Addressee<'a>]) -> sqlx::Result<ContactAddresses<'a>> {
        let mut hashes = Vec::with_capacity(mails.len());
        for mail in mails {
            hashes.push(self.address_hash(mail.address).await?);
        }
        let accounts = mails.iter().map(|mail| mail.account).collect();
        // Without an address there is nothing to keep for a contact.
        let contact = |mail: &Addressee<'a>| if mail.address.is_empty() { "" } else { mail.contact };
        Ok(ContactAddresses { accounts, contacts: mails.iter().map(contact).collect(), hashes })
    }
}
