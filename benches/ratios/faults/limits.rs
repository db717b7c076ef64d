//! F23 and F25: no space left for Postgres and for the daemon's own files, and
//! too few open files.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::company::Company;
use super::{Row, Size};
use crate::support::program::Daemon;

/// A file system of its own in memory, as large as is said; gone with this.
struct Narrow(PathBuf);

impl Narrow {
    /// `None` where nobody may mount.
    fn mount(place: &Path, size: &str) -> Option<Narrow> {
        let _ = Command::new("umount").arg(place).output();
        let _ = std::fs::remove_dir_all(place);
        std::fs::create_dir_all(place).ok()?;
        let options = format!("size={size},mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "keepwell-faults"]).arg(place);
        mount.output().ok()?.status.success().then(|| Narrow(place.to_owned()))
    }

    /// Takes every byte that is left.
    fn fill(&self) {
        let Ok(mut balloon) = File::create(self.0.join("balloon")) else { return };
        let mut piece = 1 << 20;
        while piece > 0 {
            match balloon.write(&vec![0; piece]) {
                Ok(1..) => {}
                _ => piece /= 2,
            }
        }
    }

    fn relieve(&self) {
        let _ = std::fs::remove_file(self.0.join("balloon"));
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).output();
    }
}

/// F23: first there is no space for rows, then none for the write-ahead log
/// either, which Postgres does not survive; the daemons' log and memory are
/// full as well.
pub async fn full_disk(size: Size) -> anyhow::Result<Row> {
    const NAME: &str = "F23 no space left";
    let place = Company::place("disk");
    let Some(disk) = Narrow::mount(&place, "320m") else {
        return Ok(Row::skipped(NAME, "needs a user who may mount"));
    };
    let mut company = Company::open_in(place, "disk", "").await?;
    let own = Narrow::mount(&company.home.path.join("own"), "1m").ok_or_else(|| anyhow::anyhow!("mounted nothing"))?;
    let start = |log: &str| company.home.start(&["run", "--data", "own/data"], log);
    let mut daemons = [start("own/one"), start("own/two")];
    let (mut spans, mut ended, mut bodies) = (Vec::new(), 0, 0);
    let rounds = (size.rounds / 5).max(2);
    for round in 0..rounds {
        company.wave(60).await?;
        let before = company.sent()?.sent;
        company.taken(before + 5).await;
        disk.fill();
        own.fill();
        if round % 2 == 1 {
            // The next word needs a new file of the log.
            let _ = company.sql("select pg_switch_wal()").await;
        }
        let full = Instant::now();
        tokio::time::sleep(Duration::from_secs(6)).await;
        bodies += company.taken_after(full);
        disk.relieve();
        own.relieve();
        if !company.postgres.is_owner() {
            ended += 1;
            company.restart().await?;
        }
        for daemon in &mut daemons {
            anyhow::ensure!(daemon.is_running(), "a daemon ended: {}", daemon.log());
        }
        company.let_a_minute_pass().await?;
        spans.push(company.finish().await?);
    }
    daemons.into_iter().for_each(Daemon::stop_well);
    let found = company.compare().await?;
    let note = format!(
        "{bodies} mails left within 6 s without space; Postgres ended in {ended} of {rounds} rounds and was started \
         again, the daemons went on; from then"
    );
    drop((company, disk, own));
    Ok(Row { name: NAME, trials: rounds, found, spans, note })
}

/// F25: daemons that may open few files.
pub async fn few_files(size: Size) -> anyhow::Result<Row> {
    let mut company = Company::open("files", "").await?;
    let (mut notes, mut spans, mut trials) = (Vec::new(), Vec::new(), 0);
    for limit in [64, 32, 24, 16, 8] {
        let (mut sent, mut ended) = (0, 0);
        let rounds = (size.rounds / 10).max(1);
        for _ in 0..rounds {
            trials += 1;
            company.wave(60).await?;
            let before = company.sent()?.sent;
            let mut narrow = company.daemon_with(|command| {
                let limits = libc::rlimit { rlim_cur: limit, rlim_max: limit };
                let set = move || {
                    // SAFETY: one system call, with a struct of our own.
                    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limits) } {
                        0 => Ok(()),
                        _ => Err(std::io::Error::last_os_error()),
                    }
                };
                // SAFETY: the closure allocates nothing and takes no lock.
                unsafe { command.pre_exec(set) };
            });
            let since = Instant::now();
            while narrow.is_running() && since.elapsed() < Duration::from_secs(12) && !company.is_done().await? {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let log = narrow.log();
            anyhow::ensure!(!log.contains("panicked"), "with {limit} files: {log}");
            match narrow.is_running() {
                true => narrow.stop_well(),
                // It said why.
                false => {
                    anyhow::ensure!(!log.trim().is_empty(), "with {limit} files it ended without a word");
                    ended += 1;
                }
            }
            sent += company.sent()?.sent - before;
            let usual = company.daemon();
            company.let_a_minute_pass().await?;
            company.retry_now().await?;
            spans.push(company.finish().await?);
            usual.stop_well();
        }
        notes.push(match ended {
            0 => format!("{limit}: {sent} mails"),
            _ => format!("{limit}: ends at its start in words"),
        });
    }
    let note = format!("open files {}; then a usual daemon, from its start", notes.join(", "));
    Ok(Row { name: "F25 few open files", trials, found: company.compare().await?, spans, note })
}
