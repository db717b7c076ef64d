//! Tasks for the page of one and for that of an account, and how many everybody has.

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::clock::Instant;
use crate::store::{Relation, Store};

/// A task with the names around it.
#[derive(Clone, Debug, FromRow)]
pub struct TaskRow {
    pub id: Uuid,
    pub account_id: String,
    /// `None` when the account is gone.
    pub account_name: Option<String>,
    /// The enrolled contact; empty for account playbooks.
    pub contact_id: String,
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
    /// The zone of that CSM.
    pub timezone: Option<String>,
    pub due_at: Option<Instant>,
    pub priority: String,
    /// A list of texts.
    pub checklist: Json,
    /// Those of them that are ticked.
    pub ticked: Json,
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

/// Tasks with the names around them.
fn task(store: &Store) -> String {
    let [accounts, contacts, csms] =
        [Relation::Accounts, Relation::Contacts, Relation::Csms].map(|relation| store.relation(relation));
    let account = store.key().of_text("t.account_id");
    format!(
        "
    select t.id, t.account_id, t.contact_id, a.name as account_name, k.name as contact_name, t.enrollment_id, t.playbook,
        t.revision, t.step, t.title, t.description, t.assignee, c.name as assignee_name, c.timezone, t.due_at, t.priority,
        t.checklist, t.ticked, t.outcomes, t.state, t.reason, t.outcome, t.snoozed_until, t.escalated_at, t.handed_at, coalesce(h.name, t.handed_from) as handed_from, t.evidence, e.started_at as enrolled_at,
        t.created_at, t.ended_at
    from keepwell.tasks t
    left join {accounts} a on a.id = {account}
    left join {contacts} k on k.account_id = {account} and k.id = t.contact_id
    left join {csms} c on c.id = t.assignee
    left join {csms} h on h.id = t.handed_from
    left join keepwell.enrollments e on e.account_id = t.account_id and e.id = t.enrollment_id"
    )
}

impl Store {
    /// The open tasks of an account, those due first at the top; at most `limit`.
    pub async fn open_tasks_of_account(&self, account: &str, limit: i64) -> sqlx::Result<Vec<TaskRow>> {
        let sql = format!(
            "{} where t.account_id = $1 and t.state = 'open' order by t.due_at nulls last, t.created_at, t.id limit $2",
            task(self)
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(account).bind(limit).fetch_all(&mut *self.read().await?).await
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
}
