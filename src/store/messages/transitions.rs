//! How the row of a message changes with its state.
//!
//! Nothing else writes a state. Each function gives the `set` of a statement
//! over `keepwell.messages m`, so that the state, its times, the claim and the
//! marker fit together as the checks of the schema ask; the statement says
//! which rows, and binds what the expressions name.

use std::sync::LazyLock;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Instant;
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::message::outcome::Fact;
use crate::message::state::State;
use crate::store::sql::bulk_rows::Rows;

/// States as a list of SQL: `('planned', 'deferred')`.
pub(crate) fn among(states: &[State]) -> String {
    let names: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
    format!("({})", names.join(", "))
}

/// What waits to be claimed, as [`among`] writes it.
pub(crate) static WAITING: LazyLock<String> = LazyLock::new(|| among(&State::WAITING));

/// Claimed under a token until its lease is over.
pub(crate) fn claim(token: &str, lease_until: &str) -> String {
    format!(
        "state = '{}', token = {token}, lease_until = {lease_until}, attempts = m.attempts + 1, reserved_at = null",
        State::Sending
    )
}

/// Put back into the outbox by somebody else than its sender. An attempt that
/// was not marked is none.
pub(crate) fn free(next_at: &str, reason: &str) -> String {
    format!(
        "state = '{}', token = null, lease_until = null, next_at = {next_at}, reason = {reason}, marked_at = null,
         attempts = m.attempts - case when m.marked_at is null then 1 else 0 end",
        State::Deferred
    )
}

/// Ended without having been claimed.
pub(crate) fn end_waiting(state: State, ended_at: &str, reason: &str) -> String {
    format!("state = '{state}', ended_at = {ended_at}, reason = {reason}")
}

/// Nobody knows what became of a body that may have left.
pub(crate) fn lose(ended_at: &str, reason: &str) -> String {
    format!(
        "state = '{}', outcome = '{}', ended_at = {ended_at}, lease_until = null, reason = {reason}",
        State::Unknown,
        Fact::Unknown.name()
    )
}

/// Something became known of what has left, or a person says so: `state` is an
/// expression. Whatever left by it left when it ended.
pub(crate) fn learn(state: &str, reason: &str, sent_at: &str, outcome: &str) -> String {
    format!("state = {state}, reason = {reason}, sent_at = {sent_at}, outcome = {outcome}")
}

/// What the sender of a claim says of it, of the row `e` of its settlement. What
/// was not taken goes again; but a message that a person has settled meanwhile,
/// who may have written to the customer, has failed.
pub(crate) fn settle() -> String {
    let settled = format!("e.again and m.state in {}", among(&[State::Accepted, State::Failed]));
    format!(
        "state = case when {settled} then '{failed}' else e.state end,
            outcome = case when {settled} then '{deferred}' else e.outcome end,
            ended_at = case when {settled} then m.ended_at else e.ended_at end,
            reason = e.reason, sent_at = e.sent_at, lease_until = null, attempts = m.attempts - e.uncounted,
            token = case when e.again then null else m.token end,
            marked_at = case when e.again then null else m.marked_at end,
            next_at = case when e.again then e.next_at else m.next_at end,
            over_budget = case when e.again then e.over_budget else m.over_budget end,
            leaves_at = coalesce(e.leaves_at, m.leaves_at), held_until = coalesce(e.held_until, m.held_until)",
        failed = State::Failed,
        deferred = Fact::Deferred.name(),
    )
}

/// Cancels mail of enrollments that were stopped, as far as it waits. Each is
/// an account, an enrollment and the reason.
pub(crate) async fn cancel_mail(
    tx: &mut PgConnection,
    stopped: &[(&str, Uuid, &str)],
    now: Instant,
) -> sqlx::Result<()> {
    let rows = Rows::default()
        .column("account_id", stopped.iter().map(|(account, ..)| *account))
        .column("enrollment_id", stopped.iter().map(|(_, id, _)| *id))
        .column("reason", stopped.iter().map(|(.., reason)| *reason))
        .column("ended_at", stopped.iter().map(|_| now));
    let sql = format!(
        "update keepwell.messages m set {} from {}
         where m.account_id = s.account_id and m.enrollment_id = s.enrollment_id
           and m.state in {} and m.channel = '{}'",
        end_waiting(State::Cancelled, "s.ended_at", "s.reason"),
        rows.relation("s"),
        *WAITING,
        Channel::OF_CUSTOMERS
    );
    rows.query(sql)?.execute(tx).await?;
    Ok(())
}

/// Whether mail counts in the attention budget, apart from its state: of `m`.
pub(crate) static COUNTS: LazyLock<String> = LazyLock::new(|| {
    let classes: Vec<String> =
        Class::ALL.iter().filter(|class| class.may_be_refused()).map(|class| format!("'{class}'")).collect();
    format!("m.channel = '{}' and m.class in ({}) and not m.shadow", Channel::OF_CUSTOMERS, classes.join(", "))
});

/// Channels whose messages may leave twice, as a list of SQL.
pub(crate) static REPEATABLE: LazyLock<String> = LazyLock::new(|| {
    let channels: Vec<String> =
        Channel::ALL.iter().filter(|channel| channel.may_repeat()).map(|channel| format!("'{channel}'")).collect();
    format!("({})", channels.join(", "))
});
