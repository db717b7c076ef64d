//! Labels: what the step `set` has written down of accounts and contacts.
//!
//! Invariant: a label's past is kept, so that a run sees it as it was at its
//! slot, whenever it is carried out. Of two writes at one instant the later
//! one holds.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::planned_effect::PlannedEffect;
use crate::clock::Instant;
use crate::effect::LabelDraft;
use crate::store::sql::bulk_rows::Rows;

/// Writes labels inside the transaction of the transitions that set them.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    labels: &[PlannedEffect<'_, LabelDraft>],
    now: Instant,
) -> sqlx::Result<()> {
    // Each once, and in the same order by everybody who writes at the same time.
    let mut latest: BTreeMap<_, &PlannedEffect<LabelDraft>> = BTreeMap::new();
    for one in labels {
        let of = &one.enrollment;
        latest.insert((&of.account, &one.draft.name, &of.contact, of.shadow), one);
    }
    if latest.is_empty() {
        return Ok(());
    }
    let each = || latest.values();
    let rows = Rows::default()
        .column("account_id", each().map(|one| one.enrollment.account.as_str()))
        .column("contact_id", each().map(|one| one.enrollment.contact.as_str()))
        .column("name", each().map(|one| one.draft.name.as_str()))
        .column("at", each().map(|_| now))
        .column("shadow", each().map(|one| one.enrollment.shadow))
        .column("value", each().map(|one| one.draft.value.as_deref()))
        .column("enrollment_id", each().map(|one| one.enrollment.id))
        .column("playbook", each().map(|one| one.enrollment.playbook.as_str()))
        .column("step", each().map(|one| one.effect.step.as_str()));
    let again = "on conflict (account_id, name, contact_id, at, shadow)
         do update set value = excluded.value, enrollment_id = excluded.enrollment_id,
             playbook = excluded.playbook, step = excluded.step";
    rows.insert("keepwell.labels", again)?.execute(tx).await?;
    Ok(())
}
