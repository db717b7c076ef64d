//! What the web pages show: typed rows, newest or most urgent first, and
//! never more than a page.

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::clock::Instant;
use crate::store::runs::playbooks::RevisionText;
use crate::store::{Relation, Store};

/// A task with the names around it.
#[derive(Clone, Debug, FromRow)]
pub struct TaskRow {
    pub id: Uuid,
    pub account_id: String,
    /// `None` when the account is gone.
    pub account_name: Option<String>,
    /// The enrolled contact's name; `None` for account playbooks.
    pub contact_name: Option<String>,
    pub enrollment_id: Uuid,
    pub playbook: String,
    pub revision: String,
    pub step: String,
    pub title: String,
    pub description: Option<String>,
    /// A CSM's id or an address; `None` is unassigned.
    pub assignee: Option<String>,
    /// The CSM's name, when the assignee is one.
    pub assignee_name: Option<String>,
    pub due_at: Option<Instant>,
    pub priority: String,
    /// A list of texts.
    pub checklist: Json,
    /// A list of texts; empty when any outcome will do.
    pub outcomes: Json,
    pub state: String,
    /// While it is open, why it is theirs; at the end, why it ended.
    pub reason: Option<String>,
    pub outcome: Option<String>,
    pub snoozed_until: Option<Instant>,
    /// When the manager was told that it is overdue.
    pub escalated_at: Option<Instant>,
    /// Who had it before they went away, and since when they have it no more.
    pub handed_from: Option<String>,
    pub handed_at: Option<Instant>,
    /// Canonical text of a fact to its value at enrollment.
    pub evidence: Json,
    /// When these facts were read; `None` when the enrollment is gone.
    pub enrolled_at: Option<Instant>,
    pub created_at: Instant,
    pub ended_at: Option<Instant>,
}

/// How people judged a playbook's tasks.
#[derive(Clone, Debug)]
pub struct Usefulness {
    pub done: i64,
    pub dismissed: i64,
    /// Closed by themselves: nobody judged them.
    pub closed: i64,
    /// The most frequent reasons of dismissals with their counts.
    pub reasons: Vec<(String, i64)>,
}

impl Usefulness {
    /// The share of the judged ones that were done, in percent.
    pub fn percent(&self) -> Option<i64> {
        let judged = self.done + self.dismissed;
        (judged > 0).then(|| (self.done * 100 + judged / 2) / judged)
    }
}

/// Whose open tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbox {
    Everybody,
    /// Tasks without an assignee.
    Unassigned,
    /// A CSM's id or an address.
    Of(String),
}

/// How many tasks are open for somebody.
#[derive(Clone, Debug, FromRow)]
pub struct OpenCount {
    /// A CSM's id or an address; `None` is unassigned.
    pub assignee: Option<String>,
    /// The CSM's name; `None` for an address and for unassigned.
    pub name: Option<String>,
    pub open: i64,
}

/// One run with its counts.
#[derive(Clone, Debug, FromRow)]
pub struct RunRow {
    pub playbook: String,
    pub slot: Instant,
    pub kind: String,
    pub state: String,
    pub reason: Option<String>,
    /// How many wait, when it is held.
    pub ceiling: Option<i64>,
    pub candidates: i64,
    pub enrolled: i64,
    /// Of these, those that are held out.
    pub ghosts: i64,
    /// Reason to count.
    pub skipped: Json,
    /// A list of `{account, reason, message}`.
    pub details: Json,
    pub approved_by: Option<String>,
}

/// One enrollment with its account's name.
#[derive(Clone, Debug, FromRow)]
pub struct EnrollmentRow {
    pub account_id: String,
    pub account_name: Option<String>,
    pub contact_name: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub step: Option<String>,
    pub due_at: Option<Instant>,
    pub started_at: Instant,
    pub shadow: bool,
}

/// Somebody who waits in a held run.
#[derive(Clone, Debug, FromRow)]
pub struct HeldRow {
    pub account_id: String,
    pub account_name: Option<String>,
    /// Empty for account playbooks.
    pub contact_id: String,
    pub contact_name: Option<String>,
    /// Canonical text of a fact to its value.
    pub evidence: Json,
}

impl HeldRow {
    /// `account.tier = A, account.mrr = 9000`: why they would enter.
    pub fn read(&self) -> String {
        let told = |(fact, value): (&String, &Json)| match value.as_str() {
            Some(text) => format!("{fact} = {text}"),
            None => format!("{fact} = {value}"),
        };
        self.evidence.as_object().into_iter().flatten().map(told).collect::<Vec<_>>().join(", ")
    }
}

/// One message without its body.
#[derive(Clone, Debug, FromRow)]
pub struct MessageRow {
    pub id: Uuid,
    pub playbook: String,
    pub step: String,
    pub channel: String,
    pub to_address: Option<String>,
    /// `None` until it is rendered.
    pub subject: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub created_at: Instant,
}

/// One message whole.
#[derive(Clone, Debug, FromRow)]
pub struct MessageWhole {
    pub id: Uuid,
    /// Empty for mail that belongs to no account.
    pub account_id: String,
    pub account_name: Option<String>,
    pub playbook: String,
    pub step: String,
    pub channel: String,
    pub class: String,
    pub to_address: Option<String>,
    pub subject: Option<String>,
    pub body_text: Option<String>,
    pub body_html: Option<String>,
    pub state: String,
    /// `unknown` also when a person has said what became of it.
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub message_id: String,
    pub created_at: Instant,
    /// When it is looked at next, if it has not ended.
    pub next_at: Instant,
    pub sent_at: Option<Instant>,
    pub ended_at: Option<Instant>,
}

/// One try at sending a message.
#[derive(Clone, Debug, FromRow)]
pub struct AttemptRow {
    pub started_at: Instant,
    pub outcome: String,
    /// What the server said.
    pub reply: Option<String>,
}

/// Tasks with the names around them.
fn task(store: &Store) -> String {
    let [accounts, contacts, csms] =
        [Relation::Accounts, Relation::Contacts, Relation::Csms].map(|relation| store.relation(relation));
    let account = store.key().of_text("t.account_id");
    format!(
        "
    select t.id, t.account_id, a.name as account_name, k.name as contact_name, t.enrollment_id, t.playbook,
        t.revision, t.step, t.title, t.description, t.assignee, c.name as assignee_name, t.due_at, t.priority,
        t.checklist, t.outcomes, t.state, t.reason, t.outcome, t.snoozed_until, t.escalated_at, t.handed_at, coalesce(h.name, t.handed_from) as handed_from, t.evidence, e.started_at as enrolled_at,
        t.created_at, t.ended_at
    from keepwell.tasks t
    left join {accounts} a on a.id = {account}
    left join {contacts} k on k.account_id = {account} and k.id = t.contact_id
    left join {csms} c on c.id = t.assignee
    left join {csms} h on h.id = t.handed_from
    left join keepwell.enrollments e on e.account_id = t.account_id and e.id = t.enrollment_id"
    )
}

const RUN: &str =
    "playbook, slot, kind, state, reason, ceiling, candidates, enrolled, ghosts, skipped, details, approved_by";

impl Store {
    /// Whether the database answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(self.pool()).await.map(|_| ())
    }

    /// Open tasks, those due first at the top, then by priority, those put off
    /// at the end; at most `limit`.
    pub async fn open_tasks(&self, inbox: &Inbox, now: Instant, limit: i64) -> sqlx::Result<Vec<TaskRow>> {
        let (of, who) = match inbox {
            Inbox::Everybody => ("$1::text is null", None),
            Inbox::Unassigned => ("t.assignee is null and $1::text is null", None),
            Inbox::Of(who) => ("t.assignee = $1", Some(who)),
        };
        // Only our own constants are put together here; values are bound.
        let sql = format!(
            "{} where t.state = 'open' and {of}
             order by case when t.snoozed_until > $3 then t.snoozed_until end nulls first,
                 t.due_at nulls last, array_position(array['urgent', 'high', 'normal', 'low'], t.priority),
                 t.created_at, t.id
             limit $2",
            task(self)
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(who).bind(limit).bind(now).fetch_all(&mut *self.read().await?).await
    }

    /// What became of a playbook's tasks that ended after `since`.
    pub async fn usefulness(&self, playbook: &str, since: Instant) -> sqlx::Result<Usefulness> {
        let counts: Vec<(String, i64)> = sqlx::query_as(
            "select state, count(*) from keepwell.tasks
             where playbook = $1 and state in ('done', 'dismissed', 'closed') and ended_at > $2 group by state",
        )
        .bind(playbook)
        .bind(since)
        .fetch_all(self.pool())
        .await?;
        let reasons = sqlx::query_as(
            "select reason, count(*) as count from (
                 -- What stands behind the colon is about one account.
                 select split_part(coalesce(reason, ''), ':', 1) as reason from keepwell.tasks
                 where playbook = $1 and state = 'dismissed' and ended_at > $2) dismissed
             group by reason order by 2 desc, 1 limit 5",
        )
        .bind(playbook)
        .bind(since)
        .fetch_all(self.pool())
        .await?;
        let count = |state: &str| counts.iter().find(|(of, _)| of == state).map_or(0, |(_, count)| *count);
        Ok(Usefulness { done: count("done"), dismissed: count("dismissed"), closed: count("closed"), reasons })
    }

    /// Every CSM, and everybody else who has open tasks that are not put off; by name, addresses
    /// after the CSMs, and unassigned, if there is any, at the end.
    pub async fn open_counts(&self, now: Instant) -> sqlx::Result<Vec<OpenCount>> {
        let csms = self.relation(Relation::Csms);
        let sql = format!(
            "select coalesce(t.assignee, c.id) as assignee, c.name, coalesce(t.open, 0) as open
             from (select assignee, count(*) as open from keepwell.tasks
                   where state = 'open' and (snoozed_until is null or snoozed_until <= $1) group by assignee) t
             full join {csms} c on c.id = t.assignee
             order by c.name nulls last, 1 nulls last"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(now).fetch_all(&mut *self.read().await?).await
    }

    /// One task, whatever its state.
    pub async fn task_row(&self, id: Uuid) -> sqlx::Result<Option<TaskRow>> {
        let sql = format!("{} where t.id = $1", task(self));
        sqlx::query_as(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *self.read().await?).await
    }

    /// The texts of these revisions, given as playbook and revision.
    pub async fn revision_texts(&self, wanted: &[(&str, &str)]) -> sqlx::Result<Vec<RevisionText>> {
        let (playbooks, revisions): (Vec<&str>, Vec<&str>) = wanted.iter().copied().unzip();
        sqlx::query_as(
            "select r.playbook, r.revision, r.file, r.text, r.scripts from keepwell.revisions r
             where (r.playbook, r.revision) in (select * from unnest($1::text[], $2::text[]))",
        )
        .bind(playbooks)
        .bind(revisions)
        .fetch_all(self.pool())
        .await
    }

    /// Of every playbook the last run, and all that are held.
    pub async fn latest_runs(&self) -> sqlx::Result<Vec<RunRow>> {
        let sql = format!(
            "select {RUN} from keepwell.runs where state = 'held'
             union
             select last.* from keepwell.playbooks p,
                 lateral (select {RUN} from keepwell.runs r where r.playbook = p.id order by slot desc limit 1) last
             order by playbook, slot desc"
        );
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *self.read().await?).await
    }

    /// Some of those who wait in a held run: the account, its name if it is
    /// there, the contact, and what the condition read.
    pub async fn held_sample(&self, playbook: &str, slot: Instant, limit: i64) -> sqlx::Result<Vec<HeldRow>> {
        let (accounts, contacts) = (self.relation(Relation::Accounts), self.relation(Relation::Contacts));
        let account = self.key().of_text("e.account_id");
        let sql = format!(
            "select e.account_id, a.name as account_name, e.contact_id, k.name as contact_name, e.evidence
             from keepwell.enrollments e
             left join {accounts} a on a.id = {account}
             left join {contacts} k on k.account_id = {account} and k.id = e.contact_id
             where e.playbook = $1 and e.run_slot = $2 and e.state = 'held'
             order by e.account_id, e.contact_id limit $3"
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(playbook)
            .bind(slot)
            .bind(limit)
            .fetch_all(&mut *self.read().await?)
            .await
    }

    /// The last runs of a playbook, newest first.
    pub async fn runs_of(&self, playbook: &str, limit: i64) -> sqlx::Result<Vec<RunRow>> {
        let sql = format!("select {RUN} from keepwell.runs where playbook = $1 order by slot desc limit $2");
        sqlx::query_as(AssertSqlSafe(sql)).bind(playbook).bind(limit).fetch_all(&mut *self.read().await?).await
    }

    /// The latest enrollments of a playbook, newest first.
    pub async fn enrollments_of(&self, playbook: &str, limit: i64) -> sqlx::Result<Vec<EnrollmentRow>> {
        let (accounts, contacts) = (self.relation(Relation::Accounts), self.relation(Relation::Contacts));
        let account = self.key().of_text("e.account_id");
        let sql = format!(
            "select e.account_id, a.name as account_name, k.name as contact_name, e.state, e.reason, e.step,
                 e.due_at, e.started_at, e.shadow
             from keepwell.enrollments e
             left join {accounts} a on a.id = {account}
             left join {contacts} k on k.account_id = {account} and k.id = e.contact_id
             where e.playbook = $1 order by e.started_at desc, e.account_id, e.id limit $2"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(playbook).bind(limit).fetch_all(&mut *self.read().await?).await
    }

    /// Messages, newest first, of a playbook and in a state if these are given.
    pub async fn messages_page(
        &self,
        playbook: Option<&str>,
        state: Option<&str>,
        limit: i64,
    ) -> sqlx::Result<Vec<MessageRow>> {
        sqlx::query_as(
            "select id, playbook, step, channel, to_address, subject, state, reason, created_at
             from keepwell.messages
             where ($1::text is null or playbook = $1) and ($2::text is null or state = $2)
             order by created_at desc, id limit $3",
        )
        .bind(playbook)
        .bind(state)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }

    /// How many messages are in each state, of one playbook if it is given.
    pub async fn message_states(&self, playbook: Option<&str>) -> sqlx::Result<Vec<(String, i64)>> {
        sqlx::query_as(
            "select state, count(*) from keepwell.messages where $1::text is null or playbook = $1
             group by state order by state",
        )
        .bind(playbook)
        .fetch_all(self.pool())
        .await
    }

    /// One message with its body.
    pub async fn message_whole(&self, id: Uuid) -> sqlx::Result<Option<MessageWhole>> {
        let accounts = self.relation(Relation::Accounts);
        let account = self.key().of_text("m.account_id");
        let sql = format!(
            "select m.id, m.account_id, a.name as account_name, m.playbook, m.step, m.channel, m.class, m.to_address,
                 m.subject, m.body_text, m.body_html, m.state, m.outcome, m.reason, m.message_id, m.created_at, m.next_at,
                 m.sent_at, m.ended_at
             from keepwell.messages m left join {accounts} a on a.id = {account}
             where m.id = $1"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *self.read().await?).await
    }

    /// The tries at sending a message, in order.
    pub async fn attempts_of(&self, account: &str, message: Uuid) -> sqlx::Result<Vec<AttemptRow>> {
        sqlx::query_as(
            "select started_at, outcome, reply from keepwell.attempts where account_id = $1 and message = $2 order by n",
        )
        .bind(account)
        .bind(message)
        .fetch_all(self.pool())
        .await
    }
}
