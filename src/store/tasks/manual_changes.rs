//! What a person does with tasks: completes, dismisses, puts off, gives to
//! somebody else. It holds at once, and can be undone for [`UNDO_FOR`]: until
//! then nothing that it causes moves.

use std::collections::{HashMap, HashSet};

use chrono::Duration;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use uuid::Uuid;

use crate::action::snooze::Snooze;
use crate::clock::Instant;
use crate::effect::kind;
use crate::ids::Actor;
use crate::random;
use crate::store::sql::bulk_rows::Rows;
use crate::store::upkeep::audit::record;
use crate::store::{Relation, Store};

/// How long a person may undo what they did with tasks.
pub const UNDO_FOR: Duration = Duration::seconds(30);

/// What a person does with a task.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskDeed {
    /// It is done, with an outcome where one is chosen.
    Complete { outcome: Option<String> },
    /// It is not needed. The enrollment goes on its way.
    Dismiss { because: String },
    /// It is not needed, and neither is the rest: the enrollment ends.
    Stop { because: String },
    /// It comes back later. It stays open, so that its playbook makes no second
    /// one; nobody is reminded of it before.
    Snooze(Snooze),
    /// Somebody else shall do it: a CSM's id or an address; `None` nobody yet.
    Reassign { to: Option<String> },
}

impl TaskDeed {
    /// The word for it in the database.
    pub fn kind(&self) -> &'static str {
        match self {
            TaskDeed::Complete { .. } => "complete",
            TaskDeed::Dismiss { .. } => "dismiss",
            TaskDeed::Stop { .. } => "stop",
            TaskDeed::Snooze(_) => "snooze",
            TaskDeed::Reassign { .. } => "reassign",
        }
    }

    /// The word for it among the deeds of people.
    fn word(&self) -> &'static str {
        match self {
            TaskDeed::Complete { .. } => "complete-task",
            TaskDeed::Dismiss { .. } | TaskDeed::Stop { .. } => "dismiss-task",
            TaskDeed::Snooze(_) => "snooze-task",
            TaskDeed::Reassign { .. } => "reassign-task",
        }
    }

    /// The kinds by which a task is over.
    pub(super) const ENDING: [&'static str; 3] = ["complete", "dismiss", "stop"];

    /// Whether the task is over by it.
    pub fn ends(&self) -> bool {
        Self::ENDING.contains(&self.kind())
    }
}

/// What became of a person's word on a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskChange {
    Changed,
    /// It is not open any more.
    NotOpen,
    Unknown,
    /// The outcome is not one of those the task offers.
    NoSuchOutcome,
}

/// What became of a word on several tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskAct {
    /// By which all of it can be undone.
    pub id: Uuid,
    /// In the order given.
    pub changes: Vec<TaskChange>,
}

impl TaskAct {
    /// How many tasks were changed.
    pub fn changed(&self) -> usize {
        self.changes.iter().filter(|change| **change == TaskChange::Changed).count()
    }
}

/// A task as it was before.
#[derive(FromRow)]
struct TaskBefore {
    account_id: String,
    contact_id: String,
    id: Uuid,
    enrollment_id: Uuid,
    outcomes: Json,
    before: Json,
}

impl Store {
    /// Does something with one task; see [`Store::act_on_tasks`].
    pub async fn act_on_task(
        &self,
        id: Uuid,
        deed: &TaskDeed,
        by: Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<TaskChange> {
        let act = self.act_on_tasks(&[id], deed, by, now).await?;
        Ok(act.changes.first().copied().unwrap_or(TaskChange::Unknown))
    }

    /// Does the same with tasks, each as far as it is open, in one transaction.
    /// Their enrollments do not move before it cannot be undone any more, and
    /// then at once.
    pub async fn act_on_tasks(
        &self,
        tasks: &[Uuid],
        deed: &TaskDeed,
        by: Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<TaskAct> {
        let act = random::token();
        let mut tx = self.pool().begin().await?;
        // Enrollments first, as whoever moves them does.
        sqlx::query(
            "select 1 from keepwell.enrollments e
             where (e.account_id, e.id) in (select account_id, enrollment_id from keepwell.tasks where id = any($1))
             order by e.account_id, e.id for update",
        )
        .bind(tasks)
        .execute(&mut *tx)
        .await?;
        let found: Vec<TaskBefore> = sqlx::query_as(
            "select account_id, contact_id, id, enrollment_id, outcomes,
                 jsonb_build_object('state', state, 'reason', reason, 'outcome', outcome, 'look_at', look_at,
                     'snoozed_until', snoozed_until, 'escalate_at', escalate_at, 'assignee', assignee, 'pool', pool,
                     'handed_from', handed_from, 'handed_at', handed_at, 'told_at', told_at) as before
             from keepwell.tasks where id = any($1) order by account_id, id for update",
        )
        .bind(tasks)
        .fetch_all(&mut *tx)
        .await?;
        let mut changes: HashMap<Uuid, TaskChange> = HashMap::new();
        let mut changed: Vec<&TaskBefore> = Vec::new();
        for task in &found {
            let change = match deed {
                _ if task.before["state"] != "open" => TaskChange::NotOpen,
                TaskDeed::Complete { outcome: Some(outcome) } if !offers(&task.outcomes, outcome) => {
                    TaskChange::NoSuchOutcome
                }
                _ => TaskChange::Changed,
            };
            changes.insert(task.id, change);
            if change == TaskChange::Changed {
                changed.push(task);
            }
        }
        if !changed.is_empty() {
            write(&mut tx, &changed, deed, now).await?;
            let before = match deed.ends() {
                true => hold_back(&mut tx, &changed, deed, by, now).await?,
                false => HashMap::new(),
            };
            for task in &changed {
                let about = json!({ (kind::TASK): task.id, "account": task.account_id });
                record(&mut tx, deed.word(), by, &about, now).await?;
            }
            if matches!(deed, TaskDeed::Stop { .. }) {
                for (enrollment, account) in changed.iter().map(|task| (task.enrollment_id, &task.account_id)) {
                    let about = json!({ "enrollment": enrollment, "account": account });
                    record(&mut tx, "cancel", by, &about, now).await?;
                }
            }
            remember(&mut tx, &changed, &before, (act, deed.kind(), by.0), now).await?;
        }
        tx.commit().await?;
        let changes = tasks.iter().map(|id| changes.get(id).copied().unwrap_or(TaskChange::Unknown)).collect();
        Ok(TaskAct { id: act, changes })
    }

    /// The zone of the colleague who has a task: nothing where there is no such
    /// task, and nothing inside where nobody's zone is known.
    pub async fn task_zone(&self, id: Uuid) -> sqlx::Result<Option<Option<String>>> {
        let csms = self.relation(Relation::Csms);
        let sql =
            format!("select c.timezone from keepwell.tasks t left join {csms} c on c.id = t.assignee where t.id = $1");
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *self.read().await?).await
    }
}

fn offers(outcomes: &Json, outcome: &str) -> bool {
    outcomes.as_array().is_none_or(|list| list.is_empty() || list.iter().any(|one| one == outcome))
}

/// Changes the tasks themselves.
async fn write(tx: &mut PgConnection, tasks: &[&TaskBefore], deed: &TaskDeed, now: Instant) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    let accounts: Vec<&str> = tasks.iter().map(|task| task.account_id.as_str()).collect();
    let each = "from unnest($1::text[], $2::uuid[]) as n (account_id, id)
         where t.account_id = n.account_id and t.id = n.id and t.state = 'open'";
    let over = |state: &str| {
        format!(
            "update keepwell.tasks t set state = '{state}', reason = $3, outcome = $4, ended_at = $5, look_at = null {each}"
        )
    };
    let query = |sql: String| sqlx::query(AssertSqlSafe(sql)).bind(accounts.clone()).bind(ids.clone());
    let query = match deed {
        TaskDeed::Complete { outcome } => query(over("done")).bind(None::<&str>).bind(outcome.as_deref()).bind(now),
        TaskDeed::Dismiss { because } | TaskDeed::Stop { because } => {
            query(over("dismissed")).bind(Some(because.as_str())).bind(None::<&str>).bind(now)
        }
        TaskDeed::Snooze(snooze) => query(format!(
            "update keepwell.tasks t set snoozed_until = $3, escalate_at =
                 case when escalated_at is null and due_at is not null then greatest(escalate_at, $4) end {each}"
        ))
        .bind(snooze.until)
        .bind(snooze.escalate_at),
        // New to whoever gets it now. From here on it is no pool's.
        TaskDeed::Reassign { to } => query(format!(
            "update keepwell.tasks t set handed_from = assignee, handed_at = $4, assignee = $3, reason = null,
                 pool = null, told_at = null {each}"
        ))
        .bind(to.as_deref())
        .bind(now),
    };
    query.execute(tx).await?;
    Ok(())
}

/// Keeps the enrollments of tasks that are over where they are until it cannot
/// be undone any more; returns what they were before, by enrollment. Their mail
/// asks before it leaves, see [`crate::store::messages::outbox`].
async fn hold_back(
    tx: &mut PgConnection,
    tasks: &[&TaskBefore],
    deed: &TaskDeed,
    by: Actor<'_>,
    now: Instant,
) -> sqlx::Result<HashMap<Uuid, Json>> {
    let keys: HashSet<(&str, Uuid)> = tasks.iter().map(|task| (task.account_id.as_str(), task.enrollment_id)).collect();
    let (accounts, ids): (Vec<&str>, Vec<Uuid>) = keys.into_iter().unzip();
    let stop = match deed {
        TaskDeed::Stop { because } => Some(format!("stopped by {}: {because}", by.0)),
        _ => None,
    };
    let before: Vec<(Uuid, Json)> = sqlx::query_as(
        "select e.id, jsonb_build_object('look_at', e.look_at, 'stop_reason', e.stop_reason, 'step', e.step,
             'phase', e.phase, 'step_at', e.step_at)
         from unnest($1::text[], $2::uuid[]) as n (account_id, id)
         join keepwell.enrollments e on e.account_id = n.account_id and e.id = n.id
         where e.state = 'active'",
    )
    .bind(&accounts)
    .bind(&ids)
    .fetch_all(&mut *tx)
    .await?;
    // A look that is under way finds another version, and looks again. A clock that is
    // behind that of another daemon shortens nobody's half minute.
    sqlx::query(
        "update keepwell.enrollments e
         set undo_until = greatest(e.undo_until, $3), look_at = greatest(e.undo_until, $3), version = version + 1,
             stop_reason = coalesce(e.stop_reason, $4)
         from unnest($1::text[], $2::uuid[]) as n (account_id, id)
         where e.account_id = n.account_id and e.id = n.id and e.state = 'active'",
    )
    .bind(&accounts)
    .bind(&ids)
    .bind(now + UNDO_FOR)
    .bind(&stop)
    .execute(&mut *tx)
    .await?;
    Ok(before.into_iter().collect())
}

/// Writes down who did it, and how everything was before.
async fn remember(
    tx: &mut PgConnection,
    tasks: &[&TaskBefore],
    enrollments: &HashMap<Uuid, Json>,
    (act, kind, by): (Uuid, &str, &str),
    now: Instant,
) -> sqlx::Result<()> {
    let before = |task: &TaskBefore| json!({ "row": task.before, "enrollment": enrollments.get(&task.enrollment_id) });
    let rows = Rows::default()
        .column("account_id", tasks.iter().map(|task| task.account_id.as_str()))
        .column("contact_id", tasks.iter().map(|task| task.contact_id.as_str()))
        .column("task_id", tasks.iter().map(|task| task.id))
        .column("act", tasks.iter().map(|_| act))
        .column("kind", tasks.iter().map(|_| kind))
        .column("by", tasks.iter().map(|_| by))
        .column("at", tasks.iter().map(|_| now))
        .column("undo_until", tasks.iter().map(|_| now + UNDO_FOR))
        .column("before", tasks.iter().map(|task| before(task)));
    rows.insert("keepwell.task_acts", "")?.execute(tx).await?;
    Ok(())
}
