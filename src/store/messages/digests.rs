//! Digests: what a colleague should hear, gathered into one mail.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::insert::OwnerNotice;
use super::transitions::{WAITING, end_waiting};
use crate::clock::Instant;
use crate::facts::Colleague;
use crate::message::channel::Channel;
use crate::message::state::State;
use crate::store::Store;
use crate::store::sql::errors::retry_contention;
use crate::store::upkeep::stopped::Halted;

/// The most tasks and notices one digest lists, each.
pub const AT_MOST: i64 = 100;

/// Somebody who gets digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// What their tasks are assigned to: a CSM's id or an address.
    pub id: String,
    pub address: String,
}

/// What has gathered for somebody.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Open, not put off, and new or overdue; those due first at the top.
    pub tasks: Vec<GatheredTask>,
    /// Tasks that went on to somebody else since the last digest, in that order.
    pub handed: Vec<HandedTask>,
    /// In the order in which they were written.
    pub notices: Vec<GatheredNotice>,
}

/// Names in the customer store, by id.
struct Names {
    accounts: HashMap<String, String>,
    colleagues: HashMap<String, String>,
}

impl Names {
    /// The name for an id; one without a name is said itself.
    fn replace(names: &HashMap<String, String>, id: &mut String) {
        if let Some(name) = names.get(id.as_str()) {
            name.clone_into(id);
        }
    }
}

#[derive(Clone, Debug, FromRow)]
pub struct GatheredTask {
    pub id: Uuid,
    pub title: String,
    /// Its name.
    pub account: String,
    pub due_at: Option<Instant>,
    pub priority: String,
    /// Why they have it, as in `covers for Kim`.
    pub reason: Option<String>,
    /// Whether no digest has listed it yet.
    pub new: bool,
}

#[derive(Clone, Debug, FromRow)]
pub struct HandedTask {
    pub title: String,
    pub account: String,
    /// Who has it now.
    pub to: Option<String>,
}

#[derive(Clone, Debug, FromRow)]
pub struct GatheredNotice {
    pub subject: String,
    pub text: String,
    /// Whether the text is Markdown, as that of a list mail.
    pub is_markdown: bool,
}

impl Store {
    /// The colleague with this mail address, ignoring case; of several the one
    /// with the smallest id.
    pub async fn colleague_at(&self, address: &str) -> sqlx::Result<Option<Colleague>> {
        let colleagues = self.colleagues().await?;
        Ok(colleagues.into_iter().find(|one| one.csm.email.trim().eq_ignore_ascii_case(address.trim())))
    }

    /// Addresses that have open tasks.
    pub async fn task_addresses(&self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(
            "select distinct assignee from keepwell.tasks where state = 'open' and assignee like '%@%' order by 1",
        )
        .fetch_all(self.pool())
        .await
    }

    /// Up to when each recipient was told, by id; begins for those who are new
    /// just before `now`.
    pub async fn told_until(&self, ids: &[String], now: Instant) -> sqlx::Result<Vec<(String, Instant)>> {
        let known: Vec<(String, Instant)> =
            sqlx::query_as("select recipient, told_until from keepwell.digests where recipient = any($1)")
                .bind(ids)
                .fetch_all(self.pool())
                .await?;
        if known.len() == ids.len() {
            return Ok(known);
        }
        sqlx::query(
            "insert into keepwell.digests (recipient, told_until) select unnest($1::text[]), $2 on conflict do nothing",
        )
        .bind(ids)
        .bind(now - chrono::Duration::microseconds(1))
        .execute(self.pool())
        .await?;
        sqlx::query_as("select recipient, told_until from keepwell.digests where recipient = any($1)")
            .bind(ids)
            .fetch_all(self.pool())
            .await
    }

    /// Takes what has gathered for somebody since `told_until` into one mail,
    /// named by `id`: whoever moves `told_until` on writes it, so there is one.
    /// Nothing gathered is no mail. What is halted stays. It is
    /// one of the few statements over several accounts, like a claim.
    pub async fn write_digest(
        &self,
        recipient: &Recipient,
        id: Uuid,
        told_until: Instant,
        halted: &Halted,
        now: Instant,
        compose: impl Fn(&Gathered) -> (String, String),
    ) -> sqlx::Result<()> {
        let names = self.names_in_digest(recipient, told_until).await?;
        retry_contention(|| self.write_digest_once(recipient, id, told_until, halted, now, &names, &compose)).await
    }

    /// The names that a digest may need. Customers are not read in its
    /// transaction, which writes; a task that comes meanwhile shows ids.
    async fn names_in_digest(&self, recipient: &Recipient, told_until: Instant) -> sqlx::Result<Names> {
        let accounts: Vec<String> = sqlx::query_scalar(
            "select account_id from keepwell.tasks where state = 'open' and assignee = any($1)
             union
             select account_id from keepwell.tasks where handed_from = any($1) and handed_at > $2",
        )
        .bind([&recipient.id, &recipient.address].as_slice())
        .bind(told_until)
        .fetch_all(self.pool())
        .await?;
        if accounts.is_empty() {
            return Ok(Names { accounts: HashMap::new(), colleagues: HashMap::new() });
        }
        let colleagues = self.colleagues().await?.into_iter().map(|one| (one.csm.id, one.csm.name)).collect();
        Ok(Names { accounts: self.account_names(&accounts).await?, colleagues })
    }

    #[expect(clippy::too_many_arguments)]
    async fn write_digest_once(
        &self,
        recipient: &Recipient,
        id: Uuid,
        told_until: Instant,
        halted: &Halted,
        now: Instant,
        names: &Names,
        compose: impl Fn(&Gathered) -> (String, String),
    ) -> sqlx::Result<()> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let ours = sqlx::query("update keepwell.digests set told_until = $3 where recipient = $1 and told_until = $2")
            .bind(&recipient.id)
            .bind(told_until)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        if ours.rows_affected() == 0 {
            return tx.rollback().await;
        }
        let mut tasks: Vec<GatheredTask> = sqlx::query_as(
            "select t.id, t.title, t.account_id as account, t.due_at, t.priority, t.reason, t.told_at is null as new
             from keepwell.tasks t
             where t.state = 'open' and t.assignee = any($1) and (t.told_at is null or t.due_at < $2)
               and (t.snoozed_until is null or t.snoozed_until <= $2) and t.playbook <> all($3)
               and t.account_id <> all($5)
             order by t.due_at nulls last, t.created_at, t.id limit $4",
        )
        .bind([&recipient.id, &recipient.address].as_slice())
        .bind(now)
        .bind(&halted.playbooks)
        .bind(AT_MOST)
        .bind(&halted.accounts)
        .fetch_all(&mut *tx)
        .await?;
        let mut handed: Vec<HandedTask> = sqlx::query_as(
            "select t.title, t.account_id as account, t.assignee as to
             from keepwell.tasks t
             where t.handed_from = any($1) and t.handed_at > $2 and t.handed_at <= $3 and t.playbook <> all($4)
               and t.account_id <> all($6)
             order by t.handed_at, t.created_at, t.id limit $5",
        )
        .bind([&recipient.id, &recipient.address].as_slice())
        .bind(told_until)
        .bind(now)
        .bind(&halted.playbooks)
        .bind(AT_MOST)
        .bind(&halted.accounts)
        .fetch_all(&mut *tx)
        .await?;
        tasks.iter_mut().for_each(|task| Names::replace(&names.accounts, &mut task.account));
        for task in &mut handed {
            Names::replace(&names.accounts, &mut task.account);
            task.to.iter_mut().for_each(|to| Names::replace(&names.colleagues, to));
        }
        let sql = format!(
            "with taken as (
                 update keepwell.messages m set {take}
                 where (account_id, id) in (
                     select account_id, id from keepwell.messages
                     where channel = '{notice}' and state in {waiting} and audience in ('csm', 'manager')
                       and not shadow and step <> 'digest' and valid_until >= $2
                       and lower(trim(to_address)) = lower(trim($1)) and playbook <> all($4)
                       and account_id <> all($6)
                     order by created_at, id limit $5 for update skip locked)
                   and state in {waiting}
                 returning created_at, id, coalesce(subject, '') as subject, coalesce(body_text, '') as text,
                     words is not null as is_markdown)
             select subject, text, is_markdown from taken order by created_at, id",
            take = end_waiting(State::Captured, "$2", "$3"),
            notice = Channel::OF_COLLEAGUES,
            waiting = *WAITING
        );
        let notices: Vec<GatheredNotice> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(&recipient.address)
            .bind(now)
            .bind(format!("in the digest {id}"))
            .bind(&halted.playbooks)
            .bind(AT_MOST)
            .bind(&halted.accounts)
            .fetch_all(&mut *tx)
            .await?;
        sqlx::query("update keepwell.tasks set told_at = $2 where id = any($1) and told_at is null")
            .bind(tasks.iter().map(|task| task.id).collect::<Vec<_>>())
            .bind(now)
            .execute(&mut *tx)
            .await?;
        let gathered = Gathered { tasks, handed, notices };
        if !gathered.tasks.is_empty() || !gathered.handed.is_empty() || !gathered.notices.is_empty() {
            let (subject, text) = compose(&gathered);
            let notice = OwnerNotice {
                id,
                account: "",
                playbook: "",
                step: "digest",
                audience: "csm",
                to: Some(&recipient.address),
                subject: &subject,
                text: &text,
            };
            notice.insert(&mut tx, naming, now).await?;
        }
        tx.commit().await
    }
}
