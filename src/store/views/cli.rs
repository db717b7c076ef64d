//! What people list: enrollments, tasks, messages and runs, as JSON rows with
//! the field names that other tools rely on.

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::clock::Instant;
use crate::store::{Relation, Store};

/// Which rows to list; every given part must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub playbook: Option<String>,
    pub account: Option<String>,
    pub state: Option<String>,
    /// A CSM's id or an address; for tasks.
    pub assignee: Option<String>,
    /// One enrollment, task or message.
    pub id: Option<Uuid>,
    /// All of them when absent.
    pub limit: Option<i64>,
}

const ENROLLMENTS: &str = "
    select jsonb_build_object('id', id, 'playbook', playbook, 'revision', revision, 'account', account_id,
        'contact', nullif(contact_id, ''), 'state', state, 'reason', reason, 'step', step, 'due_at', due_at,
        'started_at', started_at, 'ended_at', ended_at, 'shadow', shadow, 'entry_key', entry_key,
        'goal_at', goal_at, 'outcome', outcome, 'counted', counted, 'moved', moved -> 'ways',
        'evidence', evidence,
            'referrals', (select coalesce(jsonb_agg(jsonb_build_object('step', r.step, 'playbook', r.target,
                'state', r.state, 'reason', r.reason, 'enrollment', r.enrolled_id) order by r.at, r.step), '[]')
                from keepwell.referrals r
                where r.account_id = e.account_id and r.enrollment_id = e.id),
            'labels', (select coalesce(jsonb_agg(jsonb_build_object('step', l.step, 'label', l.name,
                'value', l.value, 'at', l.at, 'shadow', l.shadow) order by l.at, l.name), '[]')
                from keepwell.labels l
                where l.account_id = e.account_id and l.enrollment_id = e.id)) as row,
        playbook, account_id as account, state, null::text as assignee, started_at as ordered, id::text as last, id as row_id
    from keepwell.enrollments e";

fn tasks(store: &Store) -> String {
    let (accounts, key) = (store.relation(Relation::Accounts), store.key());
    format!(
        "
    select jsonb_build_object('id', t.id, 'playbook', t.playbook, 'account', t.account_id,
        'contact', nullif(t.contact_id, ''), 'step', t.step,
        'title', t.title, 'description', t.description, 'assignee', t.assignee, 'due_at', t.due_at,
        'priority', t.priority, 'state', t.state, 'snoozed_until', t.snoozed_until, 'reason', t.reason, 'pool', t.pool, 'handed_from', t.handed_from, 'handed_at', t.handed_at, 'escalated_at', t.escalated_at,
        'outcome', t.outcome, 'outcomes', t.outcomes, 'checklist', t.checklist, 'evidence', t.evidence,
        'account_name', a.name, 'enrollment', t.enrollment_id, 'created_at', t.created_at,
        'ended_at', t.ended_at) as row,
        t.playbook, t.account_id as account, t.state, t.assignee,
        coalesce(t.due_at, t.created_at) as ordered, t.id::text as last, t.id as row_id
    from keepwell.tasks t left join {accounts} a on a.id = {}",
        key.of_text("t.account_id")
    )
}

const MESSAGES: &str = "
    select jsonb_build_object('id', id, 'playbook', playbook, 'account', nullif(account_id, ''),
        'contact', nullif(contact_id, ''), 'step', step, 'channel', channel, 'class', class, 'to', to_address,
        'subject', subject, 'state', state, 'reason', reason, 'attempts', attempts, 'sent_at', sent_at,
        'message_id', message_id, 'enrollment', enrollment_id, 'created_at', created_at, 'next_at', next_at,
        'valid_until', valid_until, 'audience', audience, 'variant', variant) as row,
        playbook, account_id as account, state, null::text as assignee, created_at as ordered, id::text as last, id as row_id
    from keepwell.messages";

const RUNS: &str = "
    select jsonb_build_object('id', playbook || '@' || to_char(slot, 'YYYY-MM-DD\"T\"HH24:MI:SS') ||
            case when extract(microseconds from slot)::int % 1000000 = 0 then '' else to_char(slot, '.US') end || 'Z',
        'playbook', playbook, 'revision', revision, 'slot', slot, 'kind', kind, 'state', state, 'reason', reason,
        'candidates', candidates, 'enrolled', enrolled, 'ghosts', ghosts, 'held', case when state = 'held' then ceiling end,
        'skipped', skipped, 'details', details, 'approved_by', approved_by, 'approved_at', approved_at,
        'started_at', started_at, 'ended_at', ended_at,
        'was', (select jsonb_agg(r.was order by r.at, r.was) from keepwell.renames r
                where r.playbook = runs.playbook)) as row,
        playbook, ''::text as account, state, null::text as assignee, slot as ordered, playbook as last, null::uuid as row_id
    from keepwell.runs";

/// The states there are, as the database's own checks say them.
pub const ENROLLMENT_STATES: [&str; 9] =
    ["active", "completed", "goal", "exited", "blocked", "held", "cancelled", "failed", "ghost"];
pub const TASK_STATES: [&str; 5] = ["open", "done", "dismissed", "closed", "shadow"];
pub const RUN_STATES: [&str; 5] = ["running", "done", "held", "skipped", "failed"];

impl Store {
    /// Enrollments in order of their start.
    pub async fn list_enrollments(&self, filter: &Filter) -> sqlx::Result<Vec<Json>> {
        self.list(ENROLLMENTS, filter).await
    }

    /// Tasks in order of their due date.
    pub async fn list_tasks(&self, filter: &Filter) -> sqlx::Result<Vec<Json>> {
        self.list(&tasks(self), filter).await
    }

    /// Messages in order of their making.
    pub async fn list_messages(&self, filter: &Filter) -> sqlx::Result<Vec<Json>> {
        self.list(MESSAGES, filter).await
    }

    /// Runs in order of their slots.
    pub async fn list_runs(&self, filter: &Filter) -> sqlx::Result<Vec<Json>> {
        self.list(RUNS, filter).await
    }

    async fn list(&self, what: &str, filter: &Filter) -> sqlx::Result<Vec<Json>> {
        // Only our own constants are put together here; values are bound.
        let sql = format!(
            "select row from ({what}) listed
             where ($1::text is null or playbook = $1) and ($2::text is null or account = $2)
               and ($3::text is null or state = $3) and ($4::text is null or assignee = $4)
               and ($5::uuid is null or row_id = $5)
             order by ordered, last limit $6"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(&filter.playbook)
            .bind(&filter.account)
            .bind(&filter.state)
            .bind(&filter.assignee)
            .bind(filter.id)
            .bind(filter.limit)
            .fetch_all(&mut *self.read().await?)
            .await?;
        rows.iter().map(|row| row.try_get::<Json, _>("row")).collect()
    }

    /// Messages per playbook, channel and state.
    pub async fn message_counts(&self) -> sqlx::Result<Vec<(String, String, String, i64)>> {
        sqlx::query_as(
            "select playbook, channel, state, count(*) from keepwell.messages group by playbook, channel, state order by 1, 2, 3",
        )
        .fetch_all(self.pool())
        .await
    }

    /// The runs that began at or after an instant: the playbook, the slot, the state
    /// and, of a held one, how many wait for a person. Slots without a run are none.
    pub async fn runs_since(&self, begin: Instant) -> sqlx::Result<Vec<(String, Instant, String, Option<i64>)>> {
        sqlx::query_as(
            "select playbook, slot, state, case when state = 'held' then ceiling end from keepwell.runs
             where started_at >= $1 and state <> 'skipped'",
        )
        .bind(begin)
        .fetch_all(self.pool())
        .await
    }

    /// How many enrollments there are, those that are held left out.
    pub async fn enrollment_count(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("select count(*) from keepwell.enrollments where state <> 'held'")
            .fetch_one(self.pool())
            .await
    }

    /// Tasks per playbook and state.
    pub async fn task_counts(&self) -> sqlx::Result<Vec<(String, String, i64)>> {
        sqlx::query_as("select playbook, state, count(*) from keepwell.tasks group by playbook, state order by 1, 2")
            .fetch_all(self.pool())
            .await
    }
}
