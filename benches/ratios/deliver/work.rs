//! What a delivery costs: time on a processor, and transactions.

use std::time::Duration;

use anyhow::Context;
use sqlx::{AssertSqlSafe, PgPool};

/// Time on a processor, which says more than time on the clock where others
/// are at work.
pub struct Work {
    ours: f64,
    postgres: f64,
}

impl Work {
    /// Seconds since both began.
    pub fn so_far() -> anyhow::Result<Work> {
        let own = i64::from(std::process::id());
        let processes: Vec<Vec<i64>> = std::fs::read_dir("/proc")?
            .filter_map(|entry| {
                let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
                let (pid, rest) = stat.split_once(" (")?;
                let numbers = rest.rsplit_once(") ")?.1.split(' ').skip(1).filter_map(|word| word.parse().ok());
                Some(std::iter::once(pid.parse().ok()?).chain(numbers).collect())
            })
            .collect();
        // The process, its parent, and what it worked; children that ended count as their parent's.
        let spent = |process: &[i64], ended: bool| process[11..if ended { 15 } else { 13 }].iter().sum::<i64>() as f64;
        let of = |parent: i64| processes.iter().filter(move |process| process.len() > 15 && process[1] == parent);
        let mine = of_pid(&processes, own).context("this process")?;
        let servers: Vec<&Vec<i64>> = of(own).collect();
        let backends = servers.iter().flat_map(|server| of(server[0])).map(|backend| spent(backend, false));
        let postgres = servers.iter().map(|server| spent(server, true)).chain(backends).sum::<f64>();
        Ok(Work { ours: spent(mine, false) / 100.0, postgres: postgres / 100.0 })
    }

    pub fn until_now(self, mails: i64) -> anyhow::Result<String> {
        let now = Work::so_far()?;
        let each = |seconds: f64| seconds * 1e6 / mails as f64;
        let (ours, postgres) = (each(now.ours - self.ours), each(now.postgres - self.postgres));
        Ok(format!("{ours:.0} us of ours and {postgres:.0} us of Postgres' on a processor"))
    }
}

fn of_pid(processes: &[Vec<i64>], pid: i64) -> Option<&Vec<i64>> {
    processes.iter().find(|process| process.first() == Some(&pid))
}

/// How many transactions there were.
pub async fn commits(pool: &PgPool) -> anyhow::Result<i64> {
    // What each server process has counted becomes visible within a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let sql = "select xact_commit from pg_stat_database where datname = current_database()";
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await?)
}
