//! What one mistake in a rule may do: each comparison, number, `&&` and `||` of
//! each shipped playbook is turned, one at a time. Who would notice is told;
//! and, as if the playbook had no cases of its own, the mistaken playbook runs
//! on the sample company, grown, with no history that could warn.

use std::path::Path;

use anyhow::Context;
use chrono::TimeDelta;
use keepwell::catalog;
use keepwell::clock::Instant;
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::rehearsal::mutants::{Mutant, Noticed, try_all};
use keepwell::store::customers::sample::SampleCompany;
use sqlx::Executor;

use crate::support::world::{World, at};

/// A Monday, when every shipped playbook is due or could be.
const SLOT: &str = "2026-11-02T09:00:00Z";

/// What holds where a configuration says nothing; a world has none of it by itself.
const CONFIG: &str = "budget: { contact: [1 per 1d, 3 per 7d], account: [6 per 7d] }\n\
                      guardrails: { first_run: canary, unseen: hold }\n";

/// Days after the run at which its later steps are looked for.
const LATER: [i64; 6] = [1, 3, 7, 14, 30, 45];

/// The first batch of what a person approved, by default.
const FIRST_BATCH: usize = 10;

/// What became of mutants.
#[derive(Clone, Copy, Debug, Default)]
struct Fates {
    all: usize,
    /// Refused by `check`.
    refused: usize,
    /// Not taken, because a case of the playbook fails.
    by_case: usize,
    /// Neither; the playbook would have been taken.
    taken: usize,
    /// The most mails one of those sent without a person's word.
    most_taken: usize,
    /// Nobody entered until a person's word.
    held: usize,
    /// Ran without one, and no mail left.
    silent: usize,
    /// Sent at most as many mails as the playbook without the mistake.
    no_more: usize,
    /// Sent more than that.
    more: usize,
    /// Of these, those that sent more than the first batch.
    many: usize,
    /// Of those that ran: how often the budget put a mail off.
    put_off: usize,
    most: usize,
    most_held: usize,
}

pub async fn measure(accounts: i64) -> anyhow::Result<()> {
    println!("\nmutants: {accounts} accounts of the sample company");
    let slot = at(SLOT);
    let world = World::with(CONFIG).await;
    let company = SampleCompany::generate(slot, usize::try_from(accounts)?);
    company.insert(world.store().pool(), |_, _, _| {}).await?;
    world.store().pool().execute("analyze").await?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = SourceSet::read(&[], &root.join("scripts")).scripts;
    for (name, text) in files(&root.join("scripts"))? {
        world.script(name.trim_end_matches(".rhai"), &text);
    }
    println!(
        "\n| playbook | mutants | refused by check | not taken: a case fails | taken, most mails | without cases: held | ran, no mail | no more mails than before | more | most mails without a word | most held |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut sum = Fates::default();
    let mut worst = Vec::new();
    for (name, text) in files(&root.join("playbooks"))? {
        let id = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let usual = run(&world, &id, &text, slot).await?.sent;
        let mut fates = Fates::default();
        let file = SourceFile { path: name.as_str().into(), text: text.as_str().into() };
        let sources = SourceSet { playbooks: vec![file], scripts: scripts.clone(), ..SourceSet::default() };
        let (config, schema) = (&world.shared.config, world.store().schema());
        let (ready, _) = catalog::load(&sources, &[], config, schema);
        let ready = ready.first().with_context(|| format!("{name} cannot be used"))?;
        for (mutant, noticed) in try_all(ready, &sources, &[], config, schema) {
            fates.all += 1;
            match noticed {
                Noticed::ByCheck => {
                    fates.refused += 1;
                    continue;
                }
                Noticed::ByCase => fates.by_case += 1,
                Noticed::Not => fates.taken += 1,
            }
            // Without its cases it is taken.
            let untested = mutant.text.split("\ntests:").next().unwrap_or_default();
            let ran = run(&world, &id, untested, slot)
                .await
                .with_context(|| format!("{id}: {} to {}", mutant.from, mutant.to))?;
            if noticed == Noticed::Not {
                fates.most_taken = fates.most_taken.max(ran.sent);
            }
            fates.most_held = fates.most_held.max(ran.held);
            fates.most = fates.most.max(ran.sent);
            fates.put_off += usize::from(ran.put_off > 0);
            match ran.sent {
                0 if ran.held > 0 => fates.held += 1,
                0 => fates.silent += 1,
                sent if sent <= usual => fates.no_more += 1,
                sent => {
                    fates.more += 1;
                    fates.many += usize::from(sent > FIRST_BATCH);
                    let Mutant { place, from, to, .. } = &mutant;
                    let line = place.line;
                    worst.push((sent, format!("{name}:{line}: `{from}` to `{to}`: {sent} mails instead of {usual}")));
                }
            }
        }
        print(&format!("{id} ({usual} mails)"), &fates);
        sum = sum.and(fates);
    }
    print("all", &sum);
    let share = |count: usize| 100.0 * count as f64 / sum.all.max(1) as f64;
    println!(
        "\nnot taken: {:.0} % ({:.0} % by check, {:.0} % by a case); taken: {}, at most {} mails\n\
         without cases, before the first mail: {:.0} % ({:.0} % by check, {:.0} % held, {:.0} % with nobody to write to); \
         {} had mails put off by the budget; {} sent more than before, {} of them more than the {FIRST_BATCH} of a first batch",
        share(sum.refused + sum.by_case),
        share(sum.refused),
        share(sum.by_case),
        sum.taken,
        sum.most_taken,
        share(sum.refused + sum.held + sum.silent),
        share(sum.refused),
        share(sum.held),
        share(sum.silent),
        sum.put_off,
        sum.more,
        sum.many
    );
    worst.sort();
    for (_, told) in worst.iter().rev().take(10) {
        println!("  {told}");
    }
    Ok(())
}

fn print(name: &str, fates: &Fates) {
    let Fates { all, refused, by_case, taken, most_taken, held, silent, no_more, more, most, most_held, .. } = fates;
    println!(
        "| {name} | {all} | {refused} | {by_case} | {taken}, {most_taken} | {held} | {silent} | {no_more} | {more} | {most} | {most_held} |"
    );
}

impl Fates {
    fn and(self, other: Fates) -> Fates {
        Fates {
            all: self.all + other.all,
            refused: self.refused + other.refused,
            by_case: self.by_case + other.by_case,
            taken: self.taken + other.taken,
            most_taken: self.most_taken.max(other.most_taken),
            held: self.held + other.held,
            silent: self.silent + other.silent,
            no_more: self.no_more + other.no_more,
            more: self.more + other.more,
            many: self.many + other.many,
            put_off: self.put_off + other.put_off,
            most: self.most.max(other.most),
            most_held: self.most_held.max(other.most_held),
        }
    }
}

/// What a playbook did without a person.
struct Ran {
    /// Mails to customers, in the run and the weeks after it.
    sent: usize,
    held: usize,
    put_off: usize,
}

/// Lets a playbook run once, and what it began go on; leaves nothing behind.
async fn run(world: &World, id: &str, text: &str, slot: Instant) -> anyhow::Result<Ran> {
    world.playbook(text).run_at(SLOT).await;
    for days in LATER {
        world.pass_at(&(slot + TimeDelta::days(days)).to_rfc3339()).await;
    }
    let pool = world.store().pool();
    let count = async |what: &'static str| -> anyhow::Result<usize> {
        let count: i64 = sqlx::query_scalar(what).fetch_one(pool).await?;
        Ok(usize::try_from(count)?)
    };
    let ran = Ran {
        sent: count("select count(*) from keepwell.messages where channel = 'email' and state = 'captured'").await?,
        held: count("select count(*) from keepwell.enrollments where state = 'held'").await?,
        put_off: count("select count(*) from keepwell.messages where over_budget or reason like 'budget:%'").await?,
    };
    world.remove(id);
    let tables: Vec<String> = sqlx::query_scalar(
        "select 'keepwell.' || tablename from pg_tables
         where schemaname = 'keepwell' and tablename not in ('installation', 'labels', 'audit', '_sqlx_migrations')",
    )
    .fetch_all(pool)
    .await?;
    world.sql(&format!("truncate {}", tables.join(", "))).await;
    Ok(ran)
}

/// The files of a folder and of those in it, by their paths below it.
fn files(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(below) = folders.pop() {
        for entry in std::fs::read_dir(below)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(path)?));
        }
    }
    files.sort();
    Ok(files)
}
