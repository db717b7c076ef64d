//! What one mistake in a rule may do: each comparison, number, `&&` and `||` of
//! each shipped playbook is turned, one at a time, and the mistaken playbook
//! runs on the sample company, grown, with no history that could warn.

use std::path::Path;

use anyhow::Context;
use chrono::TimeDelta;
use keepwell::catalog;
use keepwell::clock::Instant;
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::store::sample::SampleCompany;
use sqlx::Executor;

use crate::support::world::{World, at};

/// A Monday, when every shipped playbook is due or could be.
const SLOT: &str = "2026-11-02T09:00:00Z";

/// The default one; without a word of it, none would be in force.
const CONFIG: &str = "budget: { contact: [1 per 1d, 3 per 7d], account: [6 per 7d] }\n";

/// Days after the run at which its later steps are looked for.
const LATER: [i64; 6] = [1, 3, 7, 14, 30, 45];

/// The first batch of what a person approved, by default.
const FIRST_BATCH: usize = 10;

struct Mutant {
    line: usize,
    from: String,
    to: String,
    text: String,
}

/// What became of mutants.
#[derive(Clone, Copy, Debug, Default)]
struct Fates {
    all: usize,
    /// Refused by `check`.
    refused: usize,
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
        "\n| playbook | mutants | refused by check | held | ran, no mail | no more mails than before | more | most mails without a word | most held |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut sum = Fates::default();
    let mut worst = Vec::new();
    for (name, text) in files(&root.join("playbooks"))? {
        let id = name.trim_end_matches(".yaml").to_owned();
        let usual = run(&world, &id, &text, slot).await?.sent;
        let mut fates = Fates::default();
        for mutant in mutants(&text) {
            fates.all += 1;
            let file = SourceFile { path: name.as_str().into(), text: mutant.text.as_str().into() };
            let sources = SourceSet { playbooks: vec![file], scripts: scripts.clone(), ..SourceSet::default() };
            let (_, problems) = catalog::load(&sources, &[], &world.shared.config, world.store().schema());
            if problems.iter().any(|problem| problem.is_error()) {
                fates.refused += 1;
                continue;
            }
            let ran = run(&world, &id, &mutant.text, slot)
                .await
                .with_context(|| format!("{id}: {} to {}", mutant.from, mutant.to))?;
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
                    let Mutant { line, from, to, .. } = &mutant;
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
        "\nbefore the first mail: {:.0} % ({:.0} % by check, {:.0} % held, {:.0} % with nobody to write to); \
         {} had mails put off by the budget; {} sent more than before, {} of them more than the {FIRST_BATCH} of a first batch",
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
    let Fates { all, refused, held, silent, no_more, more, most, most_held, .. } = fates;
    println!("| {name} | {all} | {refused} | {held} | {silent} | {no_more} | {more} | {most} | {most_held} |");
}

impl Fates {
    fn and(self, other: Fates) -> Fates {
        Fates {
            all: self.all + other.all,
            refused: self.refused + other.refused,
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
        "select 'keepwell.' || tablename from pg_tables where schemaname = 'keepwell' and tablename not in ('installation', 'labels')",
    )
    .fetch_all(pool)
    .await?;
    world.sql(&format!("truncate {}", tables.join(", "))).await;
    Ok(ran)
}

/// The files of a folder, by name.
fn files(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, std::fs::read_to_string(path)?));
    }
    files.sort();
    Ok(files)
}

/// Every mistake of one token in a playbook's conditions.
fn mutants(text: &str) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let (mut start, mut inside) = (0, false);
    for (number, line) in text.lines().enumerate() {
        let key = line.split(':').next().unwrap_or_default();
        if line.starts_with("tests:") {
            break;
        }
        if !line.starts_with([' ', '#']) && !line.is_empty() {
            inside = ["when", "goal", "exit", "suppress"].contains(&key);
        }
        let condition = key.trim().trim_start_matches("- ") == "if";
        if (inside || condition) && !line.trim_start().starts_with('#') {
            let from =
                if inside && !line.starts_with(' ') || condition { line.find(':').map_or(0, |at| at + 1) } else { 0 };
            for (at, token, turned) in tokens(&line[from..]) {
                for to in turned {
                    let place = start + from + at;
                    let text = format!("{}{to}{}", &text[..place], &text[place + token.len()..]);
                    mutants.push(Mutant { line: number + 1, from: token.to_owned(), to, text });
                }
            }
        }
        start += line.len() + 1;
    }
    mutants
}

/// Tokens of a line with what they may be mistaken for; texts and comments are
/// left alone.
fn tokens(line: &str) -> Vec<(usize, &str, Vec<String>)> {
    const TURNED: [(&str, &[&str]); 8] = [
        ("&&", &["||"]),
        ("||", &["&&"]),
        ("==", &["!="]),
        ("!=", &["=="]),
        ("<=", &[">", ">="]),
        (">=", &["<", "<="]),
        ("<", &[">=", ">"]),
        (">", &["<=", "<"]),
    ];
    let mut found = Vec::new();
    let (mut at, mut quoted) = (0, None);
    while at < line.len() {
        let rest = &line[at..];
        let letter = rest.chars().next().unwrap_or_default();
        if let Some(quote) = quoted {
            quoted = Some(quote).filter(|quote| *quote != letter);
        } else if letter == '"' || letter == '`' {
            quoted = Some(letter);
        } else if rest.starts_with("//") || rest.starts_with(" #") {
            break;
        } else if let Some((token, turned)) = TURNED.iter().find(|(token, _)| rest.starts_with(token)) {
            found.push((at, &line[at..at + token.len()], turned.iter().map(|to| (*to).to_owned()).collect()));
            at += token.len();
            continue;
        } else if letter.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number = &line[at..at + length];
            let ten = if number.chars().all(|c| c == '0') { "10".to_owned() } else { format!("{number}0") };
            let ten = if number.contains('.') { number.replacen('.', "0.", 1) } else { ten };
            let zero = if number.contains('.') { "0.0" } else { "0" };
            let turned = [ten, zero.to_owned()].into_iter().filter(|to| to != number).collect();
            found.push((at, number, turned));
            at += length;
            continue;
        } else if letter.is_alphanumeric() || letter == '_' {
            at += rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            continue;
        }
        at += letter.len_utf8();
    }
    found
}
