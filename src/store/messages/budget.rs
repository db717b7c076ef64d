//! The attention budget on disk: who used it, who asks, and the one row per
//! account under which places are given.

use std::collections::BTreeMap;

use chrono::Duration;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::transitions::{COUNTS, WAITING, among};
use crate::clock::Instant;
use crate::message::budget::{BudgetAnswer, Contender, Rank, Standing, Use, allot};
use crate::message::state::State;
use crate::playbook::budget::Budget;
use crate::store::{Relation, Store};

/// How long the mail of a slot waits for another run of the same slot or an
/// earlier one.
pub const PATIENCE: Duration = Duration::minutes(5);

/// A mail that passed everything else.
#[derive(Clone, Copy, Debug)]
pub struct BudgetRequest<'a> {
    pub account: &'a str,
    pub id: Uuid,
}

/// Which mail waits for runs that are not through: what was decided at or
/// after the slot of another playbook's run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// The earliest slot, and whose it is.
    pub first: Option<(String, Instant)>,
    /// The earliest slot of any other playbook.
    pub others: Option<Instant>,
}

impl UnderWay {
    /// From playbooks and their slots, in any order.
    pub fn of(mut slots: Vec<(String, Instant)>) -> UnderWay {
        slots.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
        let first = slots.first().cloned();
        let others = slots.iter().find(|(playbook, _)| Some(playbook) != first.as_ref().map(|(first, _)| first));
        UnderWay { others: others.map(|(_, slot)| *slot), first }
    }
}

/// What is counted, and who may not go first.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub budget: &'a Budget,
    /// Names of events that are touches.
    pub touch_events: &'a [String],
    /// Playbooks that do not act, so nobody waits for their mail.
    pub paused: &'a [String],
    /// Accounts' mail of a class that is stopped, as [`Halted`](crate::store::upkeep::stopped::Halted)
    /// names it: nobody waits for it either.
    pub account_mail: &'a [String],
}

#[derive(FromRow)]
struct UseRow {
    account_id: String,
    contact_id: String,
    at: Instant,
    what: String,
}

#[derive(FromRow)]
struct ContenderRow {
    account_id: String,
    contact_id: String,
    id: Uuid,
    to_address: Option<String>,
    what: String,
    priority: i32,
    valid_until: Instant,
    held_until: Option<Instant>,
    survived: bool,
}

/// When a mail used the budget: when it got its place; of mail that never asked
/// for one, when it was sent or ended. None leaves after its validity, so this is
/// never later, by which the index finds it. (`least` passes over nulls: one that
/// is under way and has no place uses nothing.)
const USED_AT: &str = "coalesce(m.reserved_at, case when coalesce(m.sent_at, m.ended_at) is not null
                                       then least(coalesce(m.sent_at, m.ended_at), m.valid_until) end)";

impl Store {
    /// Answers mails claimed under one token that ask for a place, and reserves
    /// those that get one; one that is not ours any more is not answered.
    ///
    /// One short transaction: the accounts' budget rows are locked in the order
    /// of their ids, then what used them is counted, so that two daemons never
    /// give the same place away. Events that are touches are read before it.
    pub async fn reserve(
        &self,
        asking: &[BudgetRequest<'_>],
        token: Uuid,
        rules: Rules<'_>,
        now: Instant,
    ) -> sqlx::Result<BTreeMap<Uuid, BudgetAnswer>> {
        let mut accounts: Vec<&str> = asking.iter().map(|one| one.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let ids: Vec<Uuid> = asking.iter().map(|one| one.id).collect();
        let lease_now = self.lease_clock().await?;
        let touches = touches(self, &accounts, rules, now).await?;
        let mut tx = self.pool().begin().await?;
        sqlx::query(
            "insert into keepwell.budgets (account_id)
             select a from unnest($1::text[]) a
             where not exists (select 1 from keepwell.budgets b where b.account_id = a) order by a
             on conflict do nothing",
        )
        .bind(&accounts)
        .execute(&mut *tx)
        .await?;
        sqlx::query("select 1 from keepwell.budgets where account_id = any($1) order by account_id for update")
            .bind(&accounts)
            .execute(&mut *tx)
            .await?;
        let around = around(&mut tx, &accounts, &ids, Some(token), rules, touches, now, lease_now).await?;
        let mut answers = BTreeMap::new();
        for (account, (uses, contenders)) in &around {
            answers.extend(allot(rules.budget, account, uses, contenders, now));
        }
        let going: Vec<&BudgetRequest<'_>> =
            asking.iter().filter(|one| answers.get(&one.id) == Some(&BudgetAnswer::Go)).collect();
        sqlx::query(
            "update keepwell.messages m set reserved_at = $4, over_budget = false
             from unnest($1::text[], $2::uuid[]) going(account, id)
             where m.account_id = going.account and m.id = going.id and m.token = $3 and m.valid_until >= $4
               and (m.state = 'sending') is true",
        )
        .bind(going.iter().map(|one| one.account).collect::<Vec<_>>())
        .bind(going.iter().map(|one| one.id).collect::<Vec<_>>())
        .bind(token)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(answers)
    }

    /// What used the budgets of these accounts, and what waits for a place
    /// now; nothing is locked or written.
    pub async fn attention(
        &self,
        accounts: &[&str],
        rules: Rules<'_>,
        now: Instant,
    ) -> sqlx::Result<BTreeMap<String, (Vec<Use>, Vec<Contender>)>> {
        let lease_now = self.lease_clock().await?;
        let touches = touches(self, accounts, rules, now).await?;
        let mut connection = self.pool().acquire().await?;
        around(&mut connection, accounts, &[], None, rules, touches, now, lease_now).await
    }

    /// A mail that had a place did not use it: those that wait for one look
    /// again now.
    pub async fn give_back(&self, account: &str, now: Instant) -> sqlx::Result<()> {
        sqlx::query(
            "update keepwell.messages set next_at = $2
             where account_id = $1 and state = 'deferred' and over_budget and next_at > $2",
        )
        .bind(account)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Where mail may still be missing: each playbook with a run of the last
    /// five minutes that is not through, or whose new enrollments have not
    /// been looked at yet, with the earliest such slot.
    pub async fn runs_under_way(&self, now: Instant) -> sqlx::Result<Vec<(String, Instant)>> {
        sqlx::query_as(
            "select r.playbook, min(r.slot) from keepwell.runs r
             where r.started_at > $1 and r.started_at <= $2
               and (r.state = 'running'
                    or (r.state = 'done' and exists (select 1 from keepwell.enrollments e
                        where e.state = 'active' and e.look_at <= $2 and e.look_at >= r.slot and e.phase = 'begin'
                          and e.playbook = r.playbook and e.run_slot = r.slot)))
             group by r.playbook",
        )
        .bind(now - PATIENCE)
        .bind(now)
        .fetch_all(self.pool())
        .await
    }
}

impl ContenderRow {
    fn contender(self, ours: &[Uuid]) -> Contender {
        let standing = match (ours.contains(&self.id), self.survived) {
            (true, _) => Standing::Asking,
            (false, true) => Standing::Survived,
            (false, false) => Standing::Expected,
        };
        Contender {
            rank: Rank::new(self.priority, self.valid_until, self.id),
            contact: self.contact_id,
            to: self.to_address.unwrap_or_default(),
            what: self.what,
            valid_until: self.valid_until,
            held_until: self.held_until,
            standing,
        }
    }
}

/// Per account what used its budget, and what asks for a place or may go first.
#[expect(clippy::too_many_arguments)]
async fn around(
    tx: &mut PgConnection,
    accounts: &[&str],
    ids: &[Uuid],
    token: Option<Uuid>,
    rules: Rules<'_>,
    touches: Vec<UseRow>,
    now: Instant,
    lease_now: Instant,
) -> sqlx::Result<BTreeMap<String, (Vec<Use>, Vec<Contender>)>> {
    let mut around: BTreeMap<String, (Vec<Use>, Vec<Contender>)> = BTreeMap::new();
    if let Some(longest) = rules.budget.longest() {
        for row in used(tx, accounts, now, longest).await?.into_iter().chain(touches) {
            let used = Use { contact: row.contact_id, at: row.at, what: row.what };
            around.entry(row.account_id).or_default().0.push(used);
        }
    }
    for row in contending(tx, accounts, ids, token, rules, now, lease_now).await? {
        around.entry(row.account_id.clone()).or_default().1.push(row.contender(ids));
    }
    Ok(around)
}

/// The events of these accounts that are touches and still count. They are read
/// like all that is of customers: never in a transaction that writes.
async fn touches(store: &Store, accounts: &[&str], rules: Rules<'_>, now: Instant) -> sqlx::Result<Vec<UseRow>> {
    let Some(longest) = rules.budget.longest().filter(|_| !rules.touch_events.is_empty()) else {
        return Ok(Vec::new());
    };
    let key = store.key();
    let sql = format!(
        "select {} as account_id, coalesce(e.contact_id, '') as contact_id, e.at, 'the event ' || e.name as what
         from {} e
         where {} and e.name = any($2) and e.at > $3 and e.at <= $4",
        key.to_text("e.account_id"),
        store.relation(Relation::Events),
        key.among("e.account_id", "$1")
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(accounts)
        .bind(rules.touch_events)
        .bind(now - longest)
        .bind(now)
        .fetch_all(&mut *store.read().await?)
        .await
}

/// What used the budgets of these accounts and still counts, but for touches.
async fn used(tx: &mut PgConnection, accounts: &[&str], now: Instant, longest: Duration) -> sqlx::Result<Vec<UseRow>> {
    let sql = format!(
        "select m.account_id, m.contact_id, {USED_AT} as at, m.playbook || '/' || m.step as what
         from keepwell.messages m
         where m.account_id = any($1) and {} and m.state in {}
           and m.valid_until > $2 and {USED_AT} > $2 and {USED_AT} < $3
         union all
         select t.account_id, t.contact_id, t.ended_at, 'the task ' || t.playbook || '/' || t.step
         from keepwell.tasks t
         where t.account_id = any($1) and t.state = 'done' and t.ended_at > $2 and t.ended_at < $3",
        *COUNTS,
        among(&State::ALL.into_iter().filter(|state| state.uses_budget()).collect::<Vec<_>>())
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(accounts).bind(now - longest).bind(now + longest).fetch_all(tx).await
}

/// The mails of these accounts that ask, that may go first, or that survived
/// the quiet hours which held one that asks.
async fn contending(
    tx: &mut PgConnection,
    accounts: &[&str],
    ids: &[Uuid],
    token: Option<Uuid>,
    rules: Rules<'_>,
    now: Instant,
    lease_now: Instant,
) -> sqlx::Result<Vec<ContenderRow>> {
    let (counts, waiting, sending) = (&*COUNTS, &*WAITING, State::Sending);
    let sql = format!(
        "select m.account_id, m.contact_id, m.id, m.to_address, m.playbook || '/' || m.step as what, m.priority,
             m.valid_until, m.held_until, false as survived
         from keepwell.messages m
         where m.account_id = any($1) and {counts}
           and ((m.state in {waiting} and m.next_at <= $3 and m.valid_until >= $3
                 and m.playbook <> all($4) and m.class || ':' || m.account_id <> all($7))
                or (m.state = '{sending}' and m.reserved_at is null
                    and (m.id = any($2) or (m.lease_until > $5 and m.token <> $6))))
         union all
         select m.account_id, m.contact_id, m.id, m.to_address, m.playbook || '/' || m.step, m.priority,
             m.valid_until, m.held_until, true
         from keepwell.messages m
         join (select distinct o.account_id, o.contact_id, o.held_until from keepwell.messages o
               where o.account_id = any($1) and o.id = any($2) and o.held_until is not null) held
           on held.account_id = m.account_id and held.contact_id = m.contact_id and held.held_until = m.held_until
         where m.account_id = any($1) and {counts} and m.id <> all($2)
           and (m.reserved_at is not null or m.over_budget and m.class || ':' || m.account_id <> all($7))"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(accounts)
        .bind(ids)
        .bind(now)
        .bind(rules.paused)
        .bind(lease_now)
        .bind(token)
        .bind(rules.account_mail)
        .fetch_all(tx)
        .await
}
