//! F15: clocks that are wrong, with Debian's libfaketime: those of single
//! daemons and of all; and, with Postgres's as well, the nights in which a zone
//! changes its time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::company::Company;
use super::{Row, Size};
use crate::support::program::{Daemon, until};

/// The part of this program that has Postgres's clock wrong as well.
pub const CHILD: &str = "nights";

const JUMPS: &str = "F15 wrong clocks";
const NIGHTS: &str = "F15 nights of a time change";

/// A wrong clock: how far it is off stands in a file.
struct Clock(PathBuf);

impl Clock {
    fn new(file: PathBuf) -> anyhow::Result<Clock> {
        let clock = Clock(file);
        clock.set(TimeDelta::zero())?;
        Ok(clock)
    }

    fn set(&self, ahead: TimeDelta) -> anyhow::Result<()> {
        // Never a file that is half written.
        let next = self.0.with_extension("next");
        std::fs::write(&next, format!("{:+}", ahead.num_seconds()))?;
        Ok(std::fs::rename(next, &self.0)?)
    }

    /// What a process needs to go by it. Spans of time stay right.
    fn variables(&self, library: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.0.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

/// The library for programs with threads.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

/// Three daemons; how far each is ahead of Postgres, in seconds, once work has begun.
const WRONG: [[i64; 3]; 5] = [[10_800, 0, 0], [-10_800, 0, 0], [300, 0, -300], [45, 0, -45], [10_800, 10_800, 10_800]];

/// A playbook whose mail is not due for a long time.
const LATER: &str = "playbook: later
about: A mail two hours after the start.
alerts_to: ops@example.com
schedule: \"* * * * *\"
when: account.seats >= 1
guardrails: { hold_above: off, first_run: go }
steps:
  - wait: 2h
  - email: { id: late, to: champion, subject: Late, body: Late }
";

pub async fn jumps(size: Size) -> anyhow::Result<Row> {
    let Some(library) = library() else { return Ok(Row::skipped(JUMPS, "Debian's package faketime is not installed")) };
    let mut company = Company::open("clocks", "").await?;
    company.home.write("playbooks/later.yaml", LATER);
    let clocks: Vec<Clock> = (0..3)
        .map(|number| Clock::new(company.home.path.join(format!("clock-{number}"))))
        .collect::<anyhow::Result<_>>()?;
    let daemons: Vec<Daemon> = clocks
        .iter()
        .map(|clock| {
            company.daemon_with(|command| {
                command.envs(clock.variables(&library));
            })
        })
        .collect();
    company.ready(&daemons).await;
    let (mut spans, mut early, mut trials) = (Vec::new(), 0, 0);
    let ahead = "select count(*) from keepwell.runs where slot > clock_timestamp() + interval '1 minute'";
    let late = "select count(*) from keepwell.messages where playbook = 'later'";
    for _ in 0..(size.rounds / 10).max(1) {
        for wrong in WRONG {
            trials += 1;
            // Enough that some wait when the clocks go wrong.
            company.wave(240).await?;
            let before = company.sent()?.sent;
            company.taken(before + 5).await;
            for (clock, seconds) in clocks.iter().zip(wrong) {
                clock.set(TimeDelta::seconds(seconds))?;
            }
            let since = Instant::now();
            // A right one is left, or nothing goes on until the clocks are mended.
            let right = wrong.iter().any(|seconds| seconds.abs() < 60);
            while since.elapsed() < Duration::from_secs(6) || (right && !company.is_done().await?) {
                early += company.number(ahead).await? + company.number(late).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
                anyhow::ensure!(since.elapsed() < Duration::from_secs(300), "{wrong:?}: it does not end");
            }
            for clock in &clocks {
                clock.set(TimeDelta::zero())?;
            }
            spans.push(company.finish().await?);
        }
    }
    let resting: usize = daemons.iter().map(|daemon| daemon.log().matches("nothing is done").count()).sum();
    daemons.into_iter().for_each(Daemon::stop_well);
    early += company.number(late).await?;
    let missed = company.number(MISSED).await?;
    let twice = company.number(TWICE).await?;
    anyhow::ensure!(early == 0 && missed == 0 && twice == 0, "{early} early, {missed} missed, {twice} double");
    anyhow::ensure!(resting > 0, "no daemon said that its clock is wrong");
    let note = format!(
        "one 3 h ahead, one behind, 5 min and 45 s between daemons, all 3 h ahead: 0 runs twice, 0 missed, 0 mails \
         early; {resting} times a daemon rested; from the right time"
    );
    Ok(Row { name: JUMPS, trials, found: company.compare().await?, spans, note })
}

const TWICE: &str =
    "select count(*) from (select 1 from keepwell.runs group by playbook, slot having count(*) > 1) twice";

/// Minutes between the first and the last slot of a playbook of which nothing is known.
const MISSED: &str = "select coalesce(sum(minutes - known), 0)::bigint from (
    select extract(epoch from max(slot) - min(slot)) / 60 + 1 as minutes, count(*) as known
    from keepwell.runs group by playbook) slots";

/// One night: when a daily slot is, as each zone's law has it.
struct Night {
    id: &'static str,
    zone: &'static str,
    schedule: &'static str,
    slot: &'static str,
}

/// A skipped time runs at the first valid minute after it, a repeated one at
/// its first occurrence. In the order of time.
const CALENDAR: [Night; 8] = [
    Night { id: "new-york-spring", zone: "America/New_York", schedule: "30 2 * * *", slot: "2027-03-14T07:00:00Z" },
    Night { id: "london-spring", zone: "Europe/London", schedule: "30 1 * * *", slot: "2027-03-28T01:00:00Z" },
    Night { id: "lord-howe-autumn", zone: "Australia/Lord_Howe", schedule: "45 1 * * *", slot: "2027-04-03T14:45:00Z" },
    Night { id: "santiago-autumn", zone: "America/Santiago", schedule: "30 23 * * *", slot: "2027-04-04T02:30:00Z" },
    Night { id: "santiago-spring", zone: "America/Santiago", schedule: "30 0 * * *", slot: "2027-09-05T04:00:00Z" },
    Night { id: "lord-howe-spring", zone: "Australia/Lord_Howe", schedule: "15 2 * * *", slot: "2027-10-02T15:30:00Z" },
    Night { id: "london-autumn", zone: "Europe/London", schedule: "30 1 * * *", slot: "2027-10-31T00:30:00Z" },
    Night { id: "new-york-autumn", zone: "America/New_York", schedule: "30 1 * * *", slot: "2027-11-07T05:30:00Z" },
];

/// Postgres and this program go by the wrong clock too, so all of it is a
/// program of its own.
pub async fn nights() -> anyhow::Result<Row> {
    let Some(library) = library() else {
        return Ok(Row::skipped(NIGHTS, "Debian's package faketime is not installed"));
    };
    let place = Company::place("nights-clock");
    let clock = Clock::new(place)?;
    let status = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe()?).arg(CHILD).envs(clock.variables(&library)).output()
    })
    .await??;
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    anyhow::ensure!(status.status.success(), "{said}{}", String::from_utf8_lossy(&status.stderr));
    let mut words = said.split_whitespace().map(str::parse::<usize>);
    let mut next = || words.next().and_then(Result::ok).ok_or_else(|| anyhow::anyhow!("it said {said}"));
    let found = super::Found { sent: next()?, duplicates: next()?, losses: next()?, unknown: next()? };
    let note =
        "New York, London, Santiago, Lord Howe, spring and autumn: each daily slot ran once, at the law's instant; \
                0 mails early"
            .to_owned();
    Ok(Row { name: NIGHTS, trials: CALENDAR.len(), found, spans: Vec::new(), note })
}

/// The same in that program; prints mails, duplicates, losses and unknown.
pub async fn child() -> anyhow::Result<()> {
    let library = library().ok_or_else(|| anyhow::anyhow!("no libfaketime"))?;
    let clock = Clock(Company::place("nights-clock"));
    let mut ahead = TimeDelta::zero();
    let mut go_to = |when: DateTime<Utc>| {
        ahead += when - Utc::now();
        clock.set(ahead)
    };
    let mut company = Company::open("nights", "catch_up: 1h\n").await?;
    for (name, value) in clock.variables(&library) {
        company.home.set(name, &value);
    }
    // Open for all nights: time passes for those who wait as well.
    let daemons = [company.daemon(), company.daemon()];
    company.ready(&daemons).await;
    for night in CALENDAR {
        let slot: DateTime<Utc> = night.slot.parse()?;
        go_to(slot - TimeDelta::minutes(95))?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let wave = company.people(5).await?;
        company.home.write(&format!("playbooks/{}.yaml", night.id), &night.playbook(wave));
        until("it is published", async || {
            let known = format!("select count(*) from keepwell.playbooks where id = '{}'", night.id);
            company.number(&known).await.unwrap_or(0) == 1
        })
        .await;
        for step in -2..=5 {
            go_to(slot + TimeDelta::minutes(30 * step + 1))?;
            tokio::time::sleep(Duration::from_millis(2_500)).await;
        }
        until("its mails are sent", async || company.is_done().await.unwrap_or(false)).await;
        let ran = |what: &str| {
            format!("select count(*) from keepwell.runs where playbook = '{}' and state <> 'skipped' {what}", night.id)
        };
        let (all, right) =
            (company.number(&ran("")).await?, company.number(&ran(&format!("and slot = '{slot}'"))).await?);
        anyhow::ensure!((all, right) == (1, 1), "{}: {all} runs, {right} of them at {slot}", night.id);
        let early =
            format!("select count(*) from keepwell.messages where playbook = '{}' and marked_at < '{slot}'", night.id);
        anyhow::ensure!(company.number(&early).await? == 0, "{}: mails were early", night.id);
        company.home.remove(&format!("playbooks/{}.yaml", night.id));
    }
    daemons.into_iter().for_each(Daemon::stop_well);
    let found = company.compare().await?;
    println!("{} {} {} {}", found.sent, found.duplicates, found.losses, found.unknown);
    Ok(())
}

impl Night {
    fn playbook(&self, wave: usize) -> String {
        format!(
            "playbook: {}
about: Once a day, in a zone of its own.
alerts_to: ops@example.com
schedule: \"{}\"
timezone: {}
when: account.seats == {wave}
guardrails: {{ hold_above: off, first_run: go }}
steps:
  - email: {{ id: mail, to: champion, subject: Hello, body: Hello }}
  - task: {{ id: call, title: Call, to: csm }}
",
            self.id, self.schedule, self.zone
        )
    }
}
