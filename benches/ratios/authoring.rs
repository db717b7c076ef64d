//! How long an author waits for `check`, `test` and `explain`: the whole
//! program, from its start to its end.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use keepwell::playbook::source::SourceSet;

use crate::Options;
use crate::store::Store;
use crate::support::program::Home;

/// How many playbooks are checked.
const FEW: usize = 100;
const MANY: usize = 1_000;
/// An account that every store has.
const ACCOUNT: &str = "a00000007";
/// For each round of the others, as these take long.
const EXPLANATIONS: usize = 10;

const CHECK_GOAL: Duration = Duration::from_secs(1);
const TEST_GOAL: Duration = Duration::from_secs(1);
const EXPLAIN_GOAL: Duration = Duration::from_millis(50);

pub async fn measure(store: &Store, options: &Options) -> anyhow::Result<()> {
    let rounds = options.rounds;
    let mut checks = Vec::new();
    for count in [FEW, MANY] {
        let home = home(&format!("authoring-{count}"), count)?;
        let waits = Waits::of(rounds, || {
            let said = home.done(&["check"]).stdout;
            anyhow::ensure!(said.contains(&format!("{count} playbooks, 0 errors")), "{said}");
            Ok(())
        })?;
        waits.print(&format!("check of {count} playbooks"), (count == MANY).then_some(CHECK_GOAL));
        checks.push(waits.median());
    }
    let growth = (checks[1].as_secs_f64() / checks[0].as_secs_f64()).log10() / (MANY as f64 / FEW as f64).log10();
    println!("  the time of check grows with the number of playbooks to the power of {growth:.2}");

    let mut home = home("authoring-shipped", 0)?;
    let waits = Waits::of(rounds, || home.done(&["test"]).code.eq(&0).then_some(()).context("a case fails"))?;
    waits.print("test of all shipped playbooks", Some(TEST_GOAL));

    // A kept store may be older than the program.
    store.keepwell.migrate().await?;
    home.set("DATABASE_URL", &store.url);
    home.done(&["run", "--once"]);
    for playbook in ["no-activation", "usage-drop"] {
        let waits = Waits::of(rounds * EXPLANATIONS, || {
            let said = home.done(&["explain", playbook, ACCOUNT]).stdout;
            anyhow::ensure!(said.contains(ACCOUNT), "{said}");
            Ok(())
        })?;
        waits.print(&format!("explain of one account, {playbook}"), Some(EXPLAIN_GOAL));
    }
    Ok(())
}

/// A folder with the shipped files, and with copies of the shipped playbooks, each
/// with an id of its own, until there are so many files.
fn home(name: &str, files: usize) -> anyhow::Result<Home> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = Home::new(name);
    let shipped = SourceSet::read(&[root.join("playbooks")], &root.join("scripts"));
    let scripts = shipped.scripts.iter().map(|script| (&script.path, &script.text));
    for (path, text) in shipped.playbooks.iter().map(|file| (&file.path, &file.text)).chain(scripts) {
        home.write(&Path::new(&**path).strip_prefix(root)?.display().to_string(), text);
    }
    let playbooks: Vec<(&str, &str)> = shipped.playbooks.iter().filter_map(|file| named(&file.text)).collect();
    for (copy, (id, text)) in playbooks.iter().cycle().take(files.saturating_sub(shipped.playbooks.len())).enumerate() {
        let text = text.replacen(&format!("playbook: {id}\n"), &format!("playbook: {id}-{copy}\n"), 1);
        home.write(&format!("playbooks/{id}-{copy}.yaml"), &text);
    }
    Ok(home)
}

/// The text of a playbook, with its id; `None` of another document.
fn named(text: &str) -> Option<(&str, &str)> {
    let id = text.lines().find_map(|line| line.strip_prefix("playbook: "))?;
    Some((id, text))
}

/// How long something took, each time that it was done, in ascending order.
struct Waits(Vec<Duration>);

impl Waits {
    /// Does it once to warm up, and then so many times.
    fn of(times: usize, work: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Waits> {
        work()?;
        let mut waits = Vec::with_capacity(times);
        for _ in 0..times {
            let start = Instant::now();
            work()?;
            waits.push(start.elapsed());
        }
        waits.sort_unstable();
        Ok(Waits(waits))
    }

    fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    /// The one that 95 of 100 do not exceed; of fewer than 20 the longest.
    fn p95(&self) -> Duration {
        let place = (self.0.len() * 95).div_ceil(100);
        self.0[place.clamp(1, self.0.len()) - 1]
    }

    fn print(&self, what: &str, goal: Option<Duration>) {
        let millis = |span: Duration| format!("{:.0} ms", span.as_secs_f64() * 1_000.0);
        let said = goal.map_or(String::new(), |goal| {
            let reached = if self.p95() < goal { "reached" } else { "NOT reached" };
            format!("; goal under {}: {reached}", millis(goal))
        });
        let (median, p95) = (millis(self.median()), millis(self.p95()));
        println!("  {what:<40} median {median:>8}, p95 {p95:>8} of {} times{said}", self.0.len());
    }
}
