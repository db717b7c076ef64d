//! The database's clock against that of a daemon, and daemons that rest until
//! both agree.

use uuid::Uuid;

use super::stopped::{ITSELF, Stop, StopTarget};
use crate::clock::{Clock, Instant, ahead};
use crate::store::Store;

impl Store {
    /// How far a clock is ahead of the database's, negative when it is behind,
    /// and what it showed. How long the answer takes makes no difference.
    pub async fn ahead(&self, clock: Clock) -> sqlx::Result<(chrono::Duration, Instant)> {
        let before = clock.now();
        let theirs = self.lease_clock().await?;
        let after = clock.now();
        Ok((ahead(before, theirs, after), after))
    }

    /// Says that a daemon rests; to be said again within a minute.
    pub async fn report_resting(&self, process: Uuid, ahead: chrono::Duration) -> sqlx::Result<()> {
        sqlx::query(
            "with gone as (delete from keepwell.resting where process <> $1 and seen < $3 - interval '1 day')
             insert into keepwell.resting (process, seconds, seen) values ($1, $2, $3)
             on conflict (process) do update set seconds = excluded.seconds, seen = excluded.seen",
        )
        .bind(process)
        .bind(ahead.num_seconds())
        .bind(self.lease_clock().await?)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Says that it works again.
    pub async fn report_working(&self, process: Uuid) -> sqlx::Result<()> {
        sqlx::query("delete from keepwell.resting where process = $1").bind(process).execute(self.pool()).await?;
        Ok(())
    }
}

/// A daemon whose clock is so much ahead, as a stop that nobody has to lift.
pub(crate) fn resting_stop(seconds: i64) -> Stop {
    let reason = format!("{}; nothing is done until they agree", describe_offset(chrono::Duration::seconds(seconds)));
    Stop { target: StopTarget::Daemon, by: ITSELF.to_owned(), reason: Some(reason) }
}

/// `its clock is 3 hours ahead of the database's`, in the largest unit that
/// leaves at least two.
pub fn describe_offset(ahead: chrono::Duration) -> String {
    let seconds = ahead.num_seconds().abs();
    let (count, unit) = match seconds {
        ..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    let side = if ahead < chrono::Duration::zero() { "behind" } else { "ahead of" };
    format!("its clock is {count} {unit} {side} the database's")
}
