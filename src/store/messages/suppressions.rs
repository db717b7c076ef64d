//! What an address does not want. Addresses are kept as a keyed hash only.
//!
//! What a reader wants or does not want follows the reader to other addresses,
//! see `contact_addresses.rs`; that an address is dead, or its owner was erased,
//! is about this address alone.

use crate::ids::Actor;
use sqlx::PgConnection;

use crate::address::parse_address;
use crate::clock::Instant;
use crate::signature::{Signed, is_keyed, keyed};
use crate::store::Store;
use crate::store::upkeep::audit::record;

/// The classes a suppression can name; `all` includes transactional mail.
pub const CLASSES: [&str; 4] = ["all", "lifecycle", "marketing", "transactional"];

/// The source of what a person says on the command line.
pub const BY_COMMAND: &str = "command line";

/// The source of what a person says on a page.
pub const BY_PAGE: &str = "page";

/// Sources of a suppression that say something about the address and nothing
/// about its reader.
pub(crate) const OF_THE_ADDRESS: [&str; 4] = ["bounce", "soft bounces", "refusal", ERASED];

/// The source of what an erasure leaves, so that nobody is mailed who was forgotten.
pub const ERASED: &str = "erased";

/// The source of what a reader said by calling a mail unwanted.
pub const COMPLAINT: &str = "complaint";

/// Which mail an address gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preferences {
    pub lifecycle: bool,
    pub marketing: bool,
    /// Not even what is wanted: the address was suppressed as a whole.
    pub nothing: bool,
}

/// Whether suppressed classes, as stored, stop mail of this class.
pub(crate) fn covers(suppressed: &serde_json::Value, class: &str) -> bool {
    let has = |name: &str| suppressed.get(name).is_some();
    has("all") || has(class)
}

/// What is suppressed, and what says so.
#[derive(Clone, Copy, Debug)]
pub struct Suppression<'a> {
    /// A class of mail, or `all`.
    pub class: &'a str,
    /// Where it comes from, as `unsubscribe` or `bounce`.
    pub source: &'a str,
}

impl Store {
    /// The keyed hash an address goes by: case and outer blanks do not matter,
    /// nor whether an international domain is in its ASCII form.
    pub async fn address_hash(&self, address: &str) -> sqlx::Result<String> {
        let address = parse_address(address).unwrap_or_else(|_| address.trim().to_owned());
        Ok(keyed(self.secret().await?, "address", &address.to_lowercase()))
    }

    /// The unguessable part of an unsubscribe link: reusable, and it tells nothing.
    pub async fn unsubscribe_token(&self, address: &str, class: &str) -> sqlx::Result<String> {
        let hash = self.address_hash(address).await?;
        let signature = keyed(self.secret().await?, "unsubscribe", &format!("{hash}.{class}"));
        Ok(format!("{hash}.{class}.{signature}"))
    }

    /// Records that an address wants no mail of a class any more. When this
    /// returns, no body to it will be begun: markers in flight held the row. A
    /// reader's wish holds for all addresses of the contacts behind it.
    pub async fn suppress(&self, address: &str, suppression: Suppression<'_>, now: Instant) -> sqlx::Result<()> {
        let hash = self.address_hash(address).await?;
        let mut tx = self.pool().begin().await?;
        suppress_hash(&mut tx, &hash, suppression, now).await?;
        tx.commit().await
    }

    /// The same by a person's word, which is written down with their name.
    pub async fn suppress_by_hand(
        &self,
        address: &str,
        suppression: Suppression<'_>,
        by: Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<()> {
        let hash = self.address_hash(address).await?;
        let mut tx = self.pool().begin().await?;
        let word = serde_json::json!({ "at": now, "source": suppression.source, "by": by.0 });
        suppress_with(&mut tx, &hash, suppression, &word).await?;
        let about = serde_json::json!({ "address_hash": hash, "class": suppression.class });
        record(&mut tx, "suppress", by, &about, now).await?;
        tx.commit().await
    }

    /// Takes a suppression of exactly this class back by a person's word: the
    /// address works again, or its owner asked for it. False when there was none.
    /// Other addresses of its owner are not touched.
    pub async fn lift(&self, address: &str, class: &str, by: Actor<'_>, now: Instant) -> sqlx::Result<bool> {
        self.lift_hash(&self.address_hash(address).await?, class, None, by, now).await
    }

    /// The same of an address of which only its hash is known; with a `source` only as
    /// long as the suppression comes from there.
    pub async fn lift_hash(
        &self,
        hash: &str,
        class: &str,
        source: Option<&str>,
        by: Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let lifted: Option<Option<String>> = sqlx::query_scalar(
            "update keepwell.recipients r set suppressed = r.suppressed - $2
             from (select address_hash, suppressed -> $2 ->> 'source' as source from keepwell.recipients
                   where address_hash = $1 and suppressed ? $2 for update) before
             where r.address_hash = before.address_hash and ($3::text is null or before.source = $3)
             returning before.source",
        )
        .bind(hash)
        .bind(class)
        .bind(source)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(source) = &lifted {
            // Soft bounces begin to count anew.
            sqlx::query("update keepwell.bounces set address_hash = '' where address_hash = $1")
                .bind(hash)
                .execute(&mut *tx)
                .await?;
            let about = serde_json::json!({ "address_hash": hash, "class": class, "source": source });
            record(&mut tx, "lift", by, &about, now).await?;
        }
        tx.commit().await?;
        Ok(lifted.is_some())
    }

    /// The hash and class that a token of a link stands for; `None` when it is
    /// not ours.
    pub(super) async fn opened<'a>(&self, token: &'a str) -> sqlx::Result<Option<(&'a str, &'a str)>> {
        let mut parts = token.splitn(3, '.');
        let (Some(hash), Some(class), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            return Ok(None);
        };
        let said = format!("{hash}.{class}");
        let ours = is_keyed(self.secret().await?, "unsubscribe", Signed { text: &said, signature })
            && CLASSES.contains(&class);
        Ok(ours.then_some((hash, class)))
    }

    /// Whether the address of a link does not want the link's kind of mail any more, and
    /// neither does any other address of its contacts; `None` when its token is not ours.
    pub async fn is_unsubscribed(&self, token: &str) -> sqlx::Result<Option<bool>> {
        let Some((hash, class)) = self.opened(token).await? else { return Ok(None) };
        let mut connection = self.pool().acquire().await?;
        let mut theirs = linked(&mut connection, hash).await?;
        theirs.push(hash.to_owned());
        let suppressed: i64 = sqlx::query_scalar(
            "select count(*) from keepwell.recipients where address_hash = any($1) and suppressed ? $2",
        )
        .bind(&theirs)
        .bind(class)
        .fetch_one(&mut *connection)
        .await?;
        Ok(Some(suppressed == theirs.len() as i64))
    }

    /// What the address of a link gets; `None` when its token is not ours.
    pub async fn preferences(&self, token: &str) -> sqlx::Result<Option<Preferences>> {
        let Some((hash, _)) = self.opened(token).await? else { return Ok(None) };
        let suppressed: Option<serde_json::Value> =
            sqlx::query_scalar("select suppressed from keepwell.recipients where address_hash = $1")
                .bind(hash)
                .fetch_optional(self.pool())
                .await?;
        let has = |class: &str| suppressed.as_ref().is_some_and(|classes| classes.get(class).is_some());
        let (lifecycle, marketing) = (!has("lifecycle"), !has("marketing"));
        Ok(Some(Preferences { lifecycle, marketing, nothing: has("all") }))
    }

    /// Keeps what the person behind a link wants, at once as [`Store::suppress`]
    /// does, and gives it back. What is suppressed for every class stays so. What
    /// they do want is wanted at the address of the link alone. `marketing` is `None` where
    /// they were not asked about it: then nothing of it changes.
    pub async fn prefer(
        &self,
        token: &str,
        lifecycle: bool,
        marketing: Option<bool>,
        now: Instant,
    ) -> sqlx::Result<Option<Preferences>> {
        let Some((hash, _)) = self.opened(token).await? else { return Ok(None) };
        let mut tx = self.pool().begin().await?;
        // What is not wanted first: it locks all rows of a contact in the order in which all do.
        let mut wishes = [("lifecycle", Some(lifecycle)), ("marketing", marketing)];
        wishes.sort_by_key(|(_, wanted)| *wanted == Some(true));
        for (class, wanted) in wishes {
            let Some(wanted) = wanted else { continue };
            if wanted {
                sqlx::query("update keepwell.recipients set suppressed = suppressed - $2 where address_hash = $1")
                    .bind(hash)
                    .bind(class)
                    .execute(&mut *tx)
                    .await?;
            } else {
                suppress_hash(&mut tx, hash, Suppression { class, source: "preferences" }, now).await?;
            }
        }
        tx.commit().await?;
        self.preferences(token).await
    }

    /// The same as [`Store::suppress`] for a token of a link; false when the
    /// token is not ours.
    pub async fn suppress_by_token(&self, token: &str, now: Instant) -> sqlx::Result<bool> {
        let Some((hash, class)) = self.opened(token).await? else { return Ok(false) };
        let mut tx = self.pool().begin().await?;
        suppress_hash(&mut tx, hash, Suppression { class, source: "unsubscribe" }, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Whether mail of this class to the address is suppressed.
    pub async fn is_suppressed(&self, address: &str, class: &str) -> sqlx::Result<bool> {
        let hash = self.address_hash(address).await?;
        let suppressed: Option<serde_json::Value> =
            sqlx::query_scalar("select suppressed from keepwell.recipients where address_hash = $1")
                .bind(hash)
                .fetch_optional(self.pool())
                .await?;
        Ok(suppressed.is_some_and(|classes| covers(&classes, class)))
    }
}

/// Suppresses a class of mail to an address; once committed, no body is begun.
pub(crate) async fn suppress_hash(
    tx: &mut PgConnection,
    hash: &str,
    suppression: Suppression<'_>,
    now: Instant,
) -> sqlx::Result<()> {
    suppress_with(tx, hash, suppression, &serde_json::json!({ "at": now, "source": suppression.source })).await
}

/// The same with this word, which is kept.
async fn suppress_with(
    tx: &mut PgConnection,
    hash: &str,
    suppression: Suppression<'_>,
    word: &serde_json::Value,
) -> sqlx::Result<()> {
    sqlx::query("insert into keepwell.recipients (address_hash) values ($1) on conflict (address_hash) do nothing")
        .bind(hash)
        .execute(&mut *tx)
        .await?;
    let follows = !OF_THE_ADDRESS.contains(&suppression.source);
    let linked = if follows { lock_linked(tx, hash).await? } else { Vec::new() };
    // The first word stays: it says since when. A wish takes the place of what says
    // something about the address alone, and that of its reader the place of what a
    // colleague said, who could otherwise lift it with their own word. An erasure stays.
    let by_hand = [BY_COMMAND, BY_PAGE];
    let weaker: Vec<&str> = match suppression.source {
        _ if !follows => Vec::new(),
        source if by_hand.contains(&source) => OF_THE_ADDRESS.to_vec(),
        _ => OF_THE_ADDRESS.iter().chain(&by_hand).copied().collect(),
    };
    let weaker: Vec<&str> = weaker.into_iter().filter(|source| *source != ERASED).collect();
    sqlx::query(
        "update keepwell.recipients r
         set suppressed = case when r.suppressed -> $3::text ->> 'source' = any($5) then r.suppressed || word.said
                               else word.said || r.suppressed end
         from (select $1::text as address_hash, jsonb_build_object($3::text, $4::jsonb) as said
               union all
               select hash, jsonb_build_object($3::text, $4::jsonb || '{\"through\": \"contact\"}') from unnest($2::text[]) as hash
              ) word
         where r.address_hash = word.address_hash",
    )
    .bind(hash)
    .bind(linked)
    .bind(suppression.class)
    .bind(word)
    .bind(weaker)
    .execute(tx)
    .await?;
    Ok(())
}

/// The other addresses of the contacts that have, or have had, an address. Its
/// own row and theirs are locked, in the order in which all lock them.
async fn lock_linked(tx: &mut PgConnection, hash: &str) -> sqlx::Result<Vec<String>> {
    let linked = linked(tx, hash).await?;
    let mut all: Vec<&str> = linked.iter().map(String::as_str).collect();
    all.push(hash);
    lock(tx, &all).await?;
    // One that was added before the lock was given.
    self::linked(tx, hash).await
}

async fn linked(tx: &mut PgConnection, hash: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select distinct other.address_hash from keepwell.contact_addresses one
         join keepwell.contact_addresses other using (account_id, contact_id)
         where one.address_hash = $1 and other.address_hash <> $1",
    )
    .bind(hash)
    .fetch_all(tx)
    .await
}

/// Locks the rows of addresses, in the order in which all lock them.
pub(super) async fn lock(tx: &mut PgConnection, hashes: &[&str]) -> sqlx::Result<()> {
    sqlx::query("select 1 from keepwell.recipients where address_hash = any($1) order by address_hash for update")
        .bind(hashes)
        .execute(tx)
        .await?;
    Ok(())
}
