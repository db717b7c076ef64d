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

/// `its clock is 3 hours ahead of the database's`: rounded to the nearest, in
/// the largest unit of which that leaves at least two.
pub fn describe_offset(ahead: chrono::Duration) -> String {
    let milliseconds = ahead.num_milliseconds().unsigned_abs();
    let rounded = |unit: u64| (milliseconds + unit / 2) / unit;
    const UNITS: [(u64, &str, u64); 4] =
        [(1_000, "seconds", 120), (60_000, "minutes", 120), (3_600_000, "hours", 48), (86_400_000, "days", u64::MAX)];
    let fitting = UNITS.into_iter().find(|(unit, _, end)| rounded(*unit) < *end);
    let (unit, name, _) = fitting.unwrap_or(UNITS[3]);
    let side = if ahead < chrono::Duration::zero() { "behind" } else { "ahead of" };
    format!("its clock is {} {name} {side} the database's", rounded(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_rounded_to_the_nearest() {
        for (milliseconds, expected) in [
            (90_000, "90 seconds ahead of"),
            (89_600, "90 seconds ahead of"),
            (-119_400, "119 seconds behind"),
            (119_600, "2 minutes ahead of"),
            (179_900, "3 minutes ahead of"),
            (5_400_000, "90 minutes ahead of"),
            (7_199_900, "2 hours ahead of"),
            (10_799_000, "3 hours ahead of"),
            (-10_799_999, "3 hours behind"),
            (10_800_000, "3 hours ahead of"),
            (169_000_000, "47 hours ahead of"),
            (172_799_000, "2 days ahead of"),
            (-604_799_000, "7 days behind"),
        ] {
            let told = describe_offset(chrono::Duration::milliseconds(milliseconds));
            assert_eq!(told, format!("its clock is {expected} the database's"), "{milliseconds}");
        }
    }
}
