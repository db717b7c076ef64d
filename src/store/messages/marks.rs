//! The marker: the last look between a server's "go ahead" and the first byte
//! of a body. Behind it the body may leave, and only once.
//!
//! Connections that wait for theirs at the same moment share a transaction.
//! Each of them has one message at the most, so that a crash leaves no more
//! outcomes unknown than if each had a transaction of its own.

use std::collections::HashMap;
use std::sync::LazyLock;

use sqlx::{Connection, Row};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::claimed::Claimed;
use super::mark_request::{MarkRequest, Marked, WaitingMarkRequest};
use super::outbox::withheld;
use super::surveys::{ASKED_AT, HAS_ASKED};
use crate::clock::Instant;
use crate::message::refusal::Refusal;
use crate::store::Store;
use crate::store::sql::bulk_rows::Rows;
use crate::store::sql::errors::is_about_a_row;
use crate::store::sql::kept_connection::KeptConnection;
use crate::store::sql::same_error::all_failed;
use crate::store::upkeep::epoch::SET_BACK;
use crate::store::upkeep::last_marker::LastMarker;
use crate::store::upkeep::stopped::{ITSELF, StopTarget};
use crate::store::upkeep::stops::insert;

/// So much of a lease has to be left: what is still on its way through the
/// network when it ends would be taken for lost.
const LEASE_LEFT: chrono::Duration = chrono::Duration::seconds(30);

const NOT_OURS: Marked = Marked::No(Refusal::NotOurs);

/// Whoever marks the mail of a survey is alone with its contact until the transaction
/// ends. The marker is a statement of its own behind it, and so sees what others marked
/// while it waited. In one order, so that nobody waits in a circle.
const LOCK_CONTACTS: &str = "
    select pg_advisory_xact_lock(key) from (
        select distinct hashtextextended(account_id || ' ' || contact_id, 19) as key
        from unnest($1::text[], $2::text[]) as c (account_id, contact_id) order by key) contacts";

/// Its parts see the same instant of the database, but for the rows they wait
/// for: of those, the latest. `is true` keeps the update off the index of what
/// waits for an account: the key is better.
static MARK: LazyLock<String> = LazyLock::new(|| {
    let text = MARK_TEXT.replace("HAS_ASKED", &HAS_ASKED).replace("ASKED_AT", ASKED_AT);
    text.replace("WITHHELD", &withheld("a", "$11"))
});

const MARK_TEXT: &str = "
    with asking as materialized (select * from ROWS),
    locked as materialized (
        select address_hash, suppressed from keepwell.recipients
        where address_hash = any(array(select address_hash from asking where class <> 'internal'))
        order by address_hash for share),
    known as materialized (
        select clock_timestamp() as at, nextval('keepwell.marks') as number,
            (extract(epoch from epoch) * 1000000)::bigint as epoch,
            array(select scope from keepwell.stops where scope = any(array(
                select 'all' union all select 'playbook:' || playbook from asking
                union all select 'channel:' || channel from asking
                union all select 'account:' || account_id from asking
                union all select 'mail:' || class || ':' || account_id from asking))) as stopped,
            (select coalesce(jsonb_object_agg(address_hash, suppressed), '{}') from locked) as suppressed
        from keepwell.installation),
    asked as materialized (
        select a.account_id, a.id, a.token, k.at, k.number, k.epoch,
            -- Another may have taken the database's place since the last look.
            case when (k.epoch, k.number) <= ($13, $14) then 'set back'
                 when k.stopped && array['all', 'playbook:' || a.playbook, 'channel:' || a.channel,
                                         'account:' || a.account_id,
                                         'mail:' || a.class || ':' || a.account_id] then 'stopped'
                 when a.class <> 'internal' and k.suppressed -> a.address_hash ?| array['all', a.class]
                 then 'suppressed'
                 when WITHHELD then 'stopped'
                 -- Of several that ask at once the first, whatever becomes of it.
                 when a.left_alone > 0 and a.contact_id <> '' and (
                     exists (select from asking o where o.left_alone > 0 and o.id < a.id
                             and o.account_id = a.account_id and o.contact_id = a.contact_id)
                     or exists (select from keepwell.messages m
                                where m.account_id = a.account_id and m.contact_id = a.contact_id
                                  and m.survey is not null and m.id <> a.id and not m.shadow and HAS_ASKED
                                  and ASKED_AT > $11 - make_interval(secs => a.left_alone)))
                 then 'other survey' end as refused
        from asking a cross join known k),
    marked as (
        update keepwell.messages m set marked_at = a.at, outcome = null from asked a
        where a.refused is null and m.account_id = a.account_id and m.id = a.id and m.token = a.token
          and (m.state = 'sending') is true and m.marked_at is null
          and m.lease_until >= a.at + $12 and m.valid_until >= $11
        returning m.id, a.token)
    select id, token, refused, number, epoch, (id, token) in (select id, token from marked) is true as marked
    from asked";

impl Store {
    /// Marks one message, together with those that ask at the same moment; see
    /// [`Store::mark_all`].
    pub async fn mark(&self, asked: MarkRequest<'_>, now: Instant) -> sqlx::Result<Marked> {
        let MarkRequest { message, to, left_alone } = asked;
        let request = WaitingMarkRequest { message: message.clone(), to: to.to_owned(), left_alone, now };
        match self.shared.marks.ask(request, |all, connection| self.mark_together(all, connection)).await? {
            Some(marked) => Ok(marked),
            // Each in its own turn, and the body follows its marker at once.
            None => {
                let alone = self.mark_all(&[asked], now).await?;
                Ok(alone.first().copied().unwrap_or(NOT_OURS))
            }
        }
    }

    /// Marks all, or says that each had better ask alone.
    async fn mark_together(
        &self,
        all: Vec<WaitingMarkRequest>,
        mut connection: OwnedMutexGuard<KeptConnection>,
    ) -> Vec<sqlx::Result<Option<Marked>>> {
        let asking: Vec<MarkRequest<'_>> = all
            .iter()
            .map(|one| MarkRequest { message: &one.message, to: &one.to, left_alone: one.left_alone })
            .collect();
        let Some(now) = all.iter().map(|one| one.now).max() else { return Vec::new() };
        match self.mark_over(&mut connection, &asking, now).await {
            Ok(answers) => answers.into_iter().map(|marked| Ok(Some(marked))).collect(),
            // One of them is at fault, and none was marked.
            Err(error) if all.len() > 1 && is_about_a_row(&error) => all.iter().map(|_| Ok(None)).collect(),
            Err(error) => all_failed(error, all.len()),
        }
    }

    /// Marks messages in one statement, which sees what was stopped before it
    /// began; the recipients' rows are locked against a suppression that is
    /// being acknowledged; then each message is marked that is still ours and
    /// still valid, and that no other survey keeps back. The answers are in the order given. After an error nobody
    /// knows what was marked.
    pub async fn mark_all(&self, asked: &[MarkRequest<'_>], now: Instant) -> sqlx::Result<Vec<Marked>> {
        let mut connection = self.shared.marks.connection().await;
        self.mark_over(&mut connection, asked, now).await
    }

    async fn mark_over(
        &self,
        connection: &mut KeptConnection,
        asked: &[MarkRequest<'_>],
        now: Instant,
    ) -> sqlx::Result<Vec<Marked>> {
        let mut hashes = Vec::with_capacity(asked.len());
        for one in asked {
            hashes.push(self.address_hash(one.to).await?);
        }
        let each = || asked.iter().map(|one| one.message);
        let rows = Rows::steady()
            .column("account_id", each().map(|one| one.account_id.as_str()))
            .column("contact_id", each().map(|one| one.contact_id.as_str()))
            .column("enrollment_id", each().map(|one| one.enrollment_id))
            .column("id", each().map(|one| one.id))
            .column("token", each().map(|one| one.token))
            .column("playbook", each().map(|one| one.playbook.as_str()))
            .column("channel", each().map(|one| one.channel.name()))
            .column("class", each().map(|one| one.class.name()))
            .column("address_hash", hashes.iter().map(String::as_str))
            .column("left_alone", asked.iter().map(|one| one.left_alone));
        let of_surveys = asked.iter().filter(|one| one.left_alone.is_some()).map(|one| one.message);
        let (accounts, contacts): (Vec<&str>, Vec<&str>) =
            of_surveys.map(|one| (one.account_id.as_str(), one.contact_id.as_str())).unzip();
        let last = self.last_mark();
        let mark = rows.with(&MARK)?.bind(now).bind(LEASE_LEFT).bind(last.epoch).bind(last.number);
        let answers = connection
            .carry(&self.pool().connect_options(), async |connection| {
                if accounts.is_empty() {
                    return mark.fetch_all(connection).await;
                }
                let mut tx = connection.begin().await?;
                sqlx::query(LOCK_CONTACTS).bind(accounts).bind(contacts).execute(&mut *tx).await?;
                let answers = mark.fetch_all(&mut *tx).await?;
                tx.commit().await?;
                Ok(answers)
            })
            .await?;
        let mut known = HashMap::with_capacity(asked.len());
        for row in answers {
            let (refused, marked): (Option<String>, bool) = (row.try_get("refused")?, row.try_get("marked")?);
            if marked {
                self.remember(LastMarker { epoch: row.try_get("epoch")?, number: row.try_get("number")? });
            }
            let answer = match refused.as_deref() {
                None if marked => Marked::Go,
                None => NOT_OURS,
                Some("other survey") => Marked::No(Refusal::OtherSurvey),
                Some("suppressed") => Marked::No(Refusal::Suppressed),
                Some("set back") => {
                    let mut connection = self.pool().acquire().await?;
                    insert(&mut connection, &StopTarget::All, ITSELF, Some(SET_BACK), now).await?;
                    Marked::No(Refusal::Stopped)
                }
                Some(_) => Marked::No(Refusal::Stopped),
            };
            // By the claim: a process that has lost one may have the next of the
            // same message, and ask for both at once.
            known.insert((row.try_get::<Uuid, _>("id")?, row.try_get::<Uuid, _>("token")?), answer);
        }
        Ok(each().map(|one| known.get(&(one.id, one.token)).copied().unwrap_or(NOT_OURS)).collect())
    }
}

/// What stops a message.
pub(crate) fn scopes(message: &Claimed) -> [String; 4] {
    [
        format!("playbook:{}", message.playbook),
        format!("channel:{}", message.channel),
        format!("account:{}", message.account_id),
        format!("mail:{}:{}", message.class, message.account_id),
    ]
}
