//! What came of each playbook's mail, and the stops that follow from it.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use super::insert::OwnerNotice;
use crate::clock::Instant;
use crate::message::auto_stop::{FAST, SLOW, Signals};
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::store::Store;
use crate::store::upkeep::stopped::StopTarget;
use crate::store::upkeep::stops::insert_and_tell;

#[derive(FromRow)]
struct Row {
    playbook: String,
    sent: i64,
    bounced: i64,
    complained: i64,
    offered: i64,
    rejected: i64,
    unknown: i64,
    failed: i64,
}

impl Store {
    /// Takes a look at something at an instant; false when that was taken
    /// already. One that lies more than a day ahead is a clock that went wrong.
    pub async fn take_look(&self, what: &str, at: Instant) -> sqlx::Result<bool> {
        let taken = sqlx::query(
            "insert into keepwell.looks as l (what, looked_at)
             select $1, $2 where not exists (select from keepwell.looks
                 where what = $1 and looked_at >= $2 and looked_at <= $2 + interval '1 day')
             on conflict (what) do update set looked_at = excluded.looked_at
             where l.looked_at < $2 or l.looked_at > $2 + interval '1 day'",
        )
        .bind(what)
        .bind(at)
        .execute(self.pool())
        .await?;
        Ok(taken.rows_affected() > 0)
    }

    /// What came of the customer mail of these playbooks, or of all, as seen at
    /// an instant. Mail of before a playbook's last trip does not count.
    pub async fn signals(&self, of: Option<&[String]>, now: Instant) -> sqlx::Result<BTreeMap<String, Signals>> {
        let came = format!(
            "with since as (
                 select p.id as playbook, greatest($2, max(t.at)) as slow, greatest($3, max(t.at)) as fast
                 from keepwell.playbooks p left join keepwell.trips t on t.playbook = p.id
                 where $1::text[] is null or p.id = any($1) group by p.id)
             select s.playbook,
                 count(*) filter (where m.state in ('accepted', 'captured', 'bounced', 'complained')) as sent,
                 count(*) filter (where m.state = 'bounced' and not exists (select from keepwell.bounces b
                     where b.account_id = m.account_id and b.message = m.id and b.verdict in ('soft', 'policy')))
                     as bounced,
                 count(*) filter (where m.state = 'complained') as complained,
                 count(*) filter (where coalesce(m.sent_at, m.ended_at) > s.fast and m.state in
                     ('accepted', 'captured', 'bounced', 'complained', 'rejected', 'unknown')) as offered,
                 count(*) filter (where coalesce(m.sent_at, m.ended_at) > s.fast and m.state = 'rejected') as rejected,
                 count(*) filter (where coalesce(m.sent_at, m.ended_at) > s.fast and m.state = 'unknown') as unknown,
                 count(*) filter (where coalesce(m.sent_at, m.ended_at) > s.fast and m.state = 'failed') as failed
             from since s
             join keepwell.messages m on m.playbook = s.playbook and coalesce(m.sent_at, m.ended_at) > s.slow
             where m.channel = '{}' and m.class <> '{}' and not m.shadow and m.ended_at is not null
             group by s.playbook",
            Channel::OF_CUSTOMERS,
            Class::Internal
        );
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(came))
            .persistent(false)
            .bind(of)
            .bind(now - SLOW)
            .bind(now - FAST)
            .fetch_all(self.pool())
            .await?;
        // Whoever unsubscribes does so of what came last.
        let unsubscribed: Vec<(String, i64)> = sqlx::query_as(
            "with since as (
                 select p.id as playbook, greatest($2, max(t.at)) as slow
                 from keepwell.playbooks p left join keepwell.trips t on t.playbook = p.id
                 where $1::text[] is null or p.id = any($1) group by p.id)
             select s.playbook, count(distinct g.address_hash)
             from since s
             join keepwell.address_guard g on g.playbook = s.playbook and g.at > s.slow
             join keepwell.recipients r on r.address_hash = g.address_hash
             cross join lateral jsonb_each(r.suppressed) as said (class, word)
             where said.word ->> 'source' in ('unsubscribe', 'preferences') and not said.word ? 'through'
               and (said.word ->> 'at')::timestamptz >= g.at
               and not exists (select from keepwell.address_guard later
                   where later.address_hash = g.address_hash and later.playbook <> g.playbook
                     and later.at > g.at and later.at <= (said.word ->> 'at')::timestamptz)
             group by s.playbook",
        )
        .persistent(false)
        .bind(of)
        .bind(now - SLOW)
        .fetch_all(self.pool())
        .await?;
        let mut unsubscribed: BTreeMap<String, i64> = unsubscribed.into_iter().collect();
        Ok(rows
            .into_iter()
            .map(|row| {
                let signals = Signals {
                    sent: row.sent,
                    bounced: row.bounced,
                    complained: row.complained,
                    unsubscribed: unsubscribed.remove(&row.playbook).unwrap_or_default(),
                    offered: row.offered,
                    rejected: row.rejected,
                    unknown: row.unknown,
                    failed: row.failed,
                };
                (row.playbook, signals)
            })
            .collect())
    }

    /// Stops a playbook by itself and remembers since when its mail is counted
    /// anew, and tells whoever is to hear of it; false when it is stopped already.
    pub async fn trip(
        &self,
        playbook: &str,
        reason: &str,
        notice: Option<&OwnerNotice<'_>>,
        now: Instant,
    ) -> sqlx::Result<bool> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let target = StopTarget::Playbook(playbook.to_owned());
        let stopped = insert_and_tell(&mut tx, &target, reason, notice, naming, now).await?;
        if stopped {
            sqlx::query("insert into keepwell.trips (playbook, at, reason) values ($1, $2, $3) on conflict do nothing")
                .bind(playbook)
                .bind(now)
                .bind(reason)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(stopped)
    }

    /// What is known of a playbook's mail when a person lets it go on does not
    /// stop it again: what was under way at its trip has come in since.
    pub(crate) async fn count_anew(tx: &mut PgConnection, playbook: &str) -> sqlx::Result<()> {
        let anew = format!(
            "update keepwell.trips t
             set at = greatest(t.at, (select max(coalesce(m.sent_at, m.ended_at)) from keepwell.messages m
                 where m.playbook = t.playbook and m.channel = '{}' and m.class <> '{}' and not m.shadow
                   and m.ended_at is not null))
             where t.playbook = $1 and t.at = (select max(at) from keepwell.trips where playbook = $1)",
            Channel::OF_CUSTOMERS,
            Class::Internal
        );
        sqlx::query(AssertSqlSafe(anew)).bind(playbook).execute(tx).await?;
        Ok(())
    }
}
