//! Tasks as steps make them.

use sqlx::PgConnection;

use crate::clock::Instant;
use crate::effect::TaskDraft;
use crate::store::enrollments::planned_effect::PlannedEffect;
use crate::store::sql::bulk_rows::Rows;

/// Writes tasks inside the transaction of their transitions. Where the same
/// step's task is open for the same subject, that one is refreshed instead; where
/// this very task has ended, it stays as it is.
pub(in crate::store) async fn insert(
    tx: &mut PgConnection,
    tasks: &[PlannedEffect<'_, TaskDraft>],
    now: Instant,
) -> sqlx::Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let each = || tasks.iter();
    let state = |one: &PlannedEffect<TaskDraft>| if one.enrollment.shadow { "shadow" } else { "open" };
    let rows = Rows::default()
        .column("account_id", each().map(|one| one.enrollment.account.as_str()))
        .column("contact_id", each().map(|one| one.enrollment.contact.as_str()))
        .column("id", each().map(|one| one.effect.id))
        .column("enrollment_id", each().map(|one| one.enrollment.id))
        .column("playbook", each().map(|one| one.enrollment.playbook.as_str()))
        .column("revision", each().map(|one| one.enrollment.revision.as_str()))
        .column("step", each().map(|one| one.effect.step.as_str()))
        .column("ordinal", each().map(|one| one.effect.ordinal))
        .column("title", each().map(|one| one.draft.title.as_str()))
        .column("description", each().map(|one| one.draft.description.as_deref()))
        .column("assignee", each().map(|one| one.draft.assignee.as_deref()))
        .column("due_at", each().map(|one| one.draft.due_at))
        .column("priority", each().map(|one| one.draft.priority.name()))
        .column("checklist", each().map(|one| serde_json::json!(one.draft.checklist)))
        .column("outcomes", each().map(|one| serde_json::json!(one.draft.outcomes)))
        .column("keep", each().map(|one| one.draft.keep))
        .column("state", each().map(state))
        .column("evidence", each().map(|one| serde_json::json!(one.enrollment.evidence)))
        .column("look_at", each().map(|_| now))
        .column("created_at", each().map(|_| now))
        .column("refreshed_at", each().map(|_| now))
        .column("reason", each().map(|one| one.draft.reason.as_deref()))
        .column("pool", each().map(|one| one.draft.pool.as_deref()))
        .column("escalate_at", each().map(|one| one.draft.escalate_at));
    // One that is over already stays so, and whoever asked goes on: nobody is
    // asked twice for the same.
    let refresh = "where not exists (select 1 from keepwell.tasks t
             where t.account_id = r.account_id and t.id = r.id and t.state <> 'open')
         on conflict (account_id, contact_id, playbook, step, ordinal) where state = 'open'
         do update set enrollment_id = excluded.enrollment_id, revision = excluded.revision, title = excluded.title,
             description = excluded.description, due_at = excluded.due_at,
             -- Whoever has it from a pool keeps it.
             assignee = case when tasks.pool = excluded.pool then tasks.assignee else excluded.assignee end,
             reason = case when tasks.pool = excluded.pool then tasks.reason else excluded.reason end,
             pool = excluded.pool,
             handed_from = case when tasks.pool = excluded.pool or tasks.assignee = excluded.assignee then tasks.handed_from end,
             handed_at = case when tasks.pool = excluded.pool or tasks.assignee = excluded.assignee then tasks.handed_at end,
             -- New to whoever gets it now.
             told_at = case when tasks.pool = excluded.pool or tasks.assignee = excluded.assignee then tasks.told_at end,
             escalate_at = case when tasks.escalated_at is not null then null
                 when tasks.snoozed_until > excluded.refreshed_at then greatest(tasks.escalate_at, excluded.escalate_at)
                 else excluded.escalate_at end,
             priority = excluded.priority, checklist = excluded.checklist, outcomes = excluded.outcomes,
             keep = excluded.keep, evidence = excluded.evidence, look_at = excluded.look_at,
             refreshed_at = excluded.refreshed_at";
    rows.insert("keepwell.tasks", refresh)?.execute(tx).await?;
    Ok(())
}
