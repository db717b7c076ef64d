//! What became of attempts: written when a server has answered, when nobody
//! listens to it any more, or when a person knows.
//!
//! A fact about an attempt is taken whenever it comes: also when its claim was
//! lost meanwhile, and also when a person has said otherwise. What is not known
//! stays `unknown` in the column `outcome`, which keeps the machine from ever
//! sending it again.

use std::collections::HashSet;
use std::sync::LazyLock;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::ending::Ending;
use super::transitions::{REPEATABLE, settle};
use crate::clock::Instant;
use crate::message::budget::just_after;
use crate::message::gate::Wait;
use crate::message::outcome::Fact;
use crate::message::state::State;
use crate::postgres::describe_error;
use crate::store::Store;
use crate::store::sql::bulk_rows::Rows;
use crate::store::sql::errors::is_about_a_row;
use crate::store::sql::kept_connection::KeptConnection;
use crate::store::sql::same_error::all_failed;

impl Store {
    /// Writes how one attempt went, together with those that end at the same
    /// moment; see [`Store::settle_all`].
    pub async fn settle(&self, ending: Ending) -> sqlx::Result<bool> {
        self.shared.endings.ask(ending, |all, connection| self.settle_together(all, connection)).await
    }

    async fn settle_together(
        &self,
        all: Vec<Ending>,
        mut connection: OwnedMutexGuard<KeptConnection>,
    ) -> Vec<sqlx::Result<bool>> {
        match self.settle_over(&mut connection, &all).await {
            Ok(taken) => taken.into_iter().map(Ok).collect(),
            Err(error) if all.len() == 1 || !is_about_a_row(&error) => all_failed(error, all.len()),
            // One of them is at fault; the others shall not suffer.
            Err(_) => {
                let mut taken = Vec::with_capacity(all.len());
                for one in &all {
                    let alone = self.settle_over(&mut connection, std::slice::from_ref(one)).await;
                    taken.push(alone.map(|taken| taken.contains(&true)));
                }
                taken
            }
        }
    }

    /// Writes how attempts went, all or none, and lets the enrollments that
    /// wait for them look again. Says of each whether it was taken: not when
    /// the claim was lost and nothing was learned about an attempt of ours.
    pub async fn settle_all(&self, endings: &[Ending]) -> sqlx::Result<Vec<bool>> {
        let mut connection = self.shared.endings.connection().await;
        self.settle_over(&mut connection, endings).await
    }

    async fn settle_over(&self, connection: &mut KeptConnection, endings: &[Ending]) -> sqlx::Result<Vec<bool>> {
        let settle = settling(endings)?;
        let rows = connection
            .carry(&self.pool().connect_options(), async |connection| settle.fetch_all(connection).await)
            .await?;
        let (mut taken, mut woken) = (HashSet::new(), HashSet::new());
        for row in rows {
            let id: Uuid = row.try_get("id")?;
            // By the claim: of the same message another may end at the same moment.
            match row.try_get("is_message")? {
                true => taken.insert((id, row.try_get::<Uuid, _>("token")?)),
                false => woken.insert(id),
            };
        }
        let taken = |one: &Ending| taken.contains(&(one.message.id, one.message.token));
        for one in endings.iter().filter(|one| taken(one)) {
            // What ended has ended: who is not told now looks again by itself, later.
            if let Err(error) = self.tell_those_who_wait(one, &woken).await {
                tracing::warn!(message = %one.message.id, "nobody could be told of its end: {}", describe_error(&error));
            }
        }
        Ok(endings.iter().map(taken).collect())
    }

    async fn tell_those_who_wait(&self, one: &Ending, woken: &HashSet<Uuid>) -> sqlx::Result<()> {
        // Those that were in somebody's hands: one at a time, since whoever
        // holds one may wait for another.
        if let Some(enrollment) = one.message.enrollment_id.filter(|id| one.wakes() && !woken.contains(id)) {
            let mut connection = self.pool().acquire().await?;
            wake(&mut connection, &one.message.account_id, enrollment, one.ended).await?;
        }
        if one.message.class.may_be_refused() && one.settled.frees_budget() {
            self.give_back(&one.message.account_id, one.ended).await?;
        }
        Ok(())
    }
}

/// What the server said is taken of every attempt of ours without a known
/// outcome; that a webhook was taken, always; that a server did not take a
/// message, also when its claim was lost meanwhile: it may go again. Not where a
/// person has settled it, who may have written to the customer: it has failed. Nor
/// where its second body has begun: that one may arrive. What was tried is recorded; enrollments look again as far as nobody holds them.
static SETTLE: LazyLock<String> =
    LazyLock::new(|| SETTLE_ROWS.replacen("SET", &settle(), 1).replace("REPEATABLE", &REPEATABLE));

const SETTLE_ROWS: &str = "
    with ending as materialized (select * from ROWS),
    taken as (
        update keepwell.messages m
        set SET
        from ending e
        where m.account_id = e.account_id and m.id = e.id
          and case when e.again then m.token = e.token and m.again_at is null
                  and (m.state in ('sending', 'unknown') or m.state in ('accepted', 'failed') and m.outcome = 'unknown')
              else (m.token = e.token and (m.state = 'sending'
                                           or (m.outcome = 'unknown' and (e.outcome = 'accepted' or m.again_at is null
                                                   and e.outcome in ('rejected', 'deferred')))))
                   or (m.channel in REPEATABLE and m.state in ('deferred', 'sending') and e.outcome = 'accepted') end
        returning m.account_id, m.id, e.token, m.enrollment_id, e.n, e.tried, e.wakes, e.started_at, e.at, e.reply),
    recorded as (
        insert into keepwell.attempts (account_id, message, n, started_at, ended_at, outcome, reply)
        select account_id, id, n, started_at, at, tried, reply from taken where tried is not null
        on conflict (account_id, message, n) do nothing),
    woken as (
        update keepwell.enrollments e set look_at = least(e.look_at, w.at), version = e.version + 1
        from (select account_id, id, min(at) as at
              from (select f.account_id, f.id, t.at from taken t
                    join keepwell.enrollments f on f.account_id = t.account_id and f.id = t.enrollment_id
                    where t.wakes and (f.state = 'active') is true and (f.phase = 'sending') is true
                    for update of f skip locked) free
              group by account_id, id) w
        where e.account_id = w.account_id and e.id = w.id
        returning e.id)
    select true as is_message, id, token from taken union all select false, id, null from woken";

fn settling(endings: &[Ending]) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
    let each = || endings.iter();
    let again = |one: &Ending| one.settled.is_deferred();
    let state = |one: &Ending| one.settled.state();
    let sent = |one: &&Ending| matches!(state(one), State::Accepted | State::Captured);
    let tried = |one: &&Ending| one.settled.was_tried() && one.message.channel.records_attempts();
    // What is put back is looked at again when it has expired, and no later.
    let next_at = |one: &Ending| one.settled.next_at().map(|at| at.min(just_after(one.message.valid_until)));
    Rows::steady()
        .column("account_id", each().map(|one| one.message.account_id.as_str()))
        .column("id", each().map(|one| one.message.id))
        .column("token", each().map(|one| one.message.token))
        .column("again", each().map(again))
        .column("state", each().map(|one| state(one).name()))
        .column("reason", each().map(|one| one.settled.reason()))
        .column("outcome", each().map(|one| one.settled.fact().map(Fact::name)))
        .column("ended_at", each().map(|one| Some(one.ended).filter(|_| !again(one))))
        .column("sent_at", each().map(|one| Some(one).filter(sent).map(|one| one.ended)))
        // Given up before anything was tried, or looked at only.
        .column("uncounted", each().map(|one| i32::from(!one.settled.was_tried())))
        .column("next_at", each().map(next_at))
        .column("over_budget", each().map(|one| one.settled.wait() == Some(Wait::Budget)))
        .column(
            "leaves_at",
            each().map(|one| match one.settled.wait() {
                Some(Wait::Undo { until }) => Some(until),
                _ => None,
            }),
        )
        .column(
            "held_until",
            each().map(|one| match one.settled.wait() {
                Some(Wait::Quiet { until }) => Some(until),
                _ => None,
            }),
        )
        .column("wakes", each().map(Ending::wakes))
        .column("n", each().map(|one| one.message.attempts))
        .column("tried", each().map(|one| Some(one).filter(tried).map(|one| state(one).name())))
        .column("started_at", each().map(|one| one.started))
        .column("at", each().map(|one| one.ended))
        .column("reply", each().map(|one| one.reply.as_deref()))
        .with(&SETTLE)
}

/// Makes the enrollment look again now that one of its messages has ended. A
/// look that is under way may not have seen the end: the new version makes its
/// commit stale, else it would put the enrollment back to sleep.
pub(crate) async fn wake(tx: &mut PgConnection, account: &str, enrollment: Uuid, at: Instant) -> sqlx::Result<()> {
    sqlx::query(
        "update keepwell.enrollments set look_at = least(look_at, $3), version = version + 1
         where account_id = $1 and id = $2 and state = 'active' and phase = 'sending'",
    )
    .bind(account)
    .bind(enrollment)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}
