//! What keeps a playbook's name while something is written under it.

use sqlx::PgConnection;

/// Whether a playbook has this name, and keeps it until the transaction ends. A
/// name that nobody has given is nobody else's either.
pub(in crate::store) async fn holds_name(tx: &mut PgConnection, playbook: &str) -> sqlx::Result<bool> {
    sqlx::query("select 1 from keepwell.playbooks where id = $1 for key share")
        .bind(playbook)
        .execute(&mut *tx)
        .await?;
    // A statement of its own sees what was renamed while this one waited.
    sqlx::query_scalar(
        "select exists (select from keepwell.playbooks where id = $1)
             or not exists (select from keepwell.renames where was = $1)",
    )
    .bind(playbook)
    .fetch_one(tx)
    .await
}
