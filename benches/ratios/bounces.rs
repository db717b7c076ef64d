//! How well reports about mail are understood: a folder of mails that really
//! came back, against what somebody else says about each of them.
//!
//! The folder is that of `sisimai/set-of-emails`, and the answers stand in the
//! tests of `sisimai/go-sisimai` (`fact/*_test.go`) or `sisimai/p5-sisimai`
//! (`t/*.t`). Both are read where they are; nothing of them is kept here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use keepwell::delivery::report::{self, Fate, Report};
use keepwell::message::bounce::Severity;

/// Where the two folders are.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    pub corpus: Option<PathBuf>,
    pub expected: Option<PathBuf>,
}

/// What is expected of a mail, by the reasons of its recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Hard,
    /// Soft or policy.
    NotHard,
    /// Either: `filtered` is whatever a server says behind the text of a mail,
    /// and `suspend` a mailbox that is closed or only locked.
    Either,
    Delivered,
    Complaint,
    Unsubscribe,
    OtherFeedback,
    Vacation,
}

/// What is made of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Hard,
    NotHard,
    Delivered,
    Complaint,
    Unsubscribe,
    Noted,
    NotRead,
}

pub fn measure(folders: &Folders) -> anyhow::Result<()> {
    let corpus = folders.corpus.as_ref().context("bounces needs --corpus and the folder of sisimai/set-of-emails")?;
    let tests = folders.expected.as_ref().context("bounces needs --expected and the folder of sisimai/go-sisimai")?;
    let expected = expected(tests)?;
    ensure!(!expected.is_empty(), "{} has no answers", tests.display());
    let mut cases = Vec::new();
    let (mut mails, mut unrelated) = (0, Vec::new());
    for (name, bytes) in files(&corpus.join("maildir/bsd"))? {
        mails += 1;
        if let Some(expected) = expected.get(&name) {
            cases.push((name, *expected, answer(&bytes)));
        }
    }
    for (name, bytes) in files(&corpus.join("maildir/not"))? {
        unrelated.push((name, answer(&bytes)));
    }
    println!("\nbounces: {mails} mails, {} with an answer", cases.len());
    print(&cases, &unrelated);
    Ok(())
}

fn print(cases: &[(String, Expected, Answer)], unrelated: &[(String, Answer)]) {
    use Expected::{Complaint, Delivered, Either, Hard, NotHard, OtherFeedback, Unsubscribe, Vacation};
    let of = |kinds: &[Expected]| -> Vec<&(String, Expected, Answer)> {
        cases.iter().filter(|(_, expected, _)| kinds.contains(expected)).collect()
    };
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let wrong = |cases: &[&(String, Expected, Answer)]| -> Vec<String> {
        let wrong = cases.iter().filter(|(_, expected, answer)| !is_right(*expected, *answer));
        wrong.map(|(name, expected, answer)| format!("{name} ({expected:?}, {answer:?})")).collect()
    };
    let bounces = of(&[Hard, NotHard, Either, Delivered]);
    let mistaken = wrong(&bounces);
    let right = bounces.len() - mistaken.len();
    println!(
        "  bounces, soft and policy as one: {right} of {} right, {:.1} %",
        bounces.len(),
        share(right, bounces.len())
    );
    let hard: Vec<_> = cases.iter().filter(|(_, _, answer)| *answer == Answer::Hard).collect();
    let falsely: Vec<_> = hard.iter().filter(|(_, expected, _)| !matches!(expected, Hard | Either)).collect();
    let either = hard.iter().filter(|(_, expected, _)| *expected == Either).count();
    println!(
        "  hard: {}, false {}, {:.1} %; {either} more where either answer is good",
        hard.len() - either,
        falsely.len(),
        share(falsely.len(), hard.len())
    );
    for (what, kinds) in [
        ("complaints", &[Complaint][..]),
        ("requests to unsubscribe", &[Unsubscribe]),
        ("reports about something else", &[OtherFeedback]),
        ("vacation notices", &[Vacation]),
    ] {
        let (all, mistaken) = (of(kinds), wrong(&of(kinds)));
        println!("  {what}: {} of {} right {}", all.len() - mistaken.len(), all.len(), mistaken.join(", "));
    }
    let taken: Vec<&str> =
        unrelated.iter().filter(|(_, answer)| *answer != Answer::NotRead).map(|(name, _)| name.as_str()).collect();
    println!("  unrelated mails taken for something: {} of {} {}", taken.len(), unrelated.len(), taken.join(", "));
    println!("  false hard: {}", falsely.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", "));
    println!("  not right: {}", mistaken.join(", "));
}

fn is_right(expected: Expected, answer: Answer) -> bool {
    match expected {
        Expected::Hard => answer == Answer::Hard,
        Expected::NotHard => answer == Answer::NotHard,
        Expected::Either => matches!(answer, Answer::Hard | Answer::NotHard),
        Expected::Delivered => answer == Answer::Delivered,
        Expected::Complaint => answer == Answer::Complaint,
        Expected::Unsubscribe => answer == Answer::Unsubscribe,
        Expected::OtherFeedback | Expected::Vacation => answer == Answer::Noted,
    }
}

/// The most severe of what a mail says about anybody.
fn answer(bytes: &[u8]) -> Answer {
    match report::read(bytes) {
        None => Answer::NotRead,
        Some(Report::Complaint { .. }) => Answer::Complaint,
        Some(Report::Unsubscribe) => Answer::Unsubscribe,
        Some(Report::AutomaticReply | Report::Feedback { .. } | Report::Wanted) => Answer::Noted,
        Some(Report::Delivery(reports)) => match report::most_severe(&reports).map(|one| one.fate) {
            None => Answer::NotRead,
            Some(Fate::Delivered) => Answer::Delivered,
            Some(Fate::Delayed) => Answer::NotHard,
            Some(Fate::Failed(reason)) if reason.severity() == Severity::Hard => Answer::Hard,
            Some(Fate::Failed(_)) => Answer::NotHard,
        },
    }
}

/// The answers in the tests of a version of Sisimai, by file name.
fn expected(tests: &Path) -> anyhow::Result<BTreeMap<String, Expected>> {
    let mut found: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for folder in ["fact", "t"] {
        let Ok(sources) = files(&tests.join(folder)) else { continue };
        for (name, bytes) in sources {
            let stem = name.trim_end_matches("_test.go").trim_end_matches(".t");
            let Some((_, kind)) = stem.split_once('-').filter(|(number, _)| number.parse::<u32>().is_ok()) else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            // What follows is about mails that are not published.
            let text = text.split("secretlist").next().unwrap_or_default();
            let mut label = String::new();
            for line in text.lines() {
                for row in rows(line, &mut label) {
                    found.entry(format!("{kind}-{label}.eml")).or_default().push(row);
                }
            }
        }
    }
    Ok(found.into_iter().map(|(name, rows)| (name, class(&rows))).collect())
}

/// One recipient's answer.
struct Row {
    reason: String,
    hard: bool,
    feedback: String,
}

/// The rows of a line of source: `{"01", 1, "5.1.1", "550", "userunknown", true, ""}`
/// in Go, `'01' => [['5.1.1', '550', 'userunknown', 1]` in Perl, where the label
/// stands on the first of several lines.
fn rows(line: &str, label: &mut String) -> Vec<Row> {
    let line = line.trim();
    if line.starts_with("//") || line.starts_with('#') {
        return Vec::new();
    }
    let perl =
        line.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).filter(|(_, rest)| rest.contains("=> [["));
    if let Some((name, _)) = perl {
        *label = name.to_owned();
    }
    let mut rows = Vec::new();
    for group in line.split(['{', '[']).map(|rest| rest.split(['}', ']']).next().unwrap_or_default()) {
        let values: Vec<&str> = group.split(',').map(|value| value.trim().trim_matches(['"', '\''])).collect();
        let row = |reason: &str, hard: &str, feedback: Option<&&str>| Row {
            reason: reason.to_owned(),
            hard: ["true", "1"].contains(&hard),
            feedback: feedback.map_or("", |text| text).to_owned(),
        };
        match values[..] {
            [name, _, _, _, reason, hard @ ("true" | "false"), ..] => {
                *label = name.to_owned();
                rows.push(row(reason, hard, values.get(6)));
            }
            [_, _, reason, hard @ ("0" | "1"), ..] => rows.push(row(reason, hard, values.get(4))),
            _ => {}
        }
    }
    rows
}

fn class(rows: &[Row]) -> Expected {
    let any = |reasons: &[&str]| rows.iter().any(|row| reasons.contains(&row.reason.as_str()));
    match rows.first() {
        Some(row) if row.reason == "feedback" => match row.feedback.as_str() {
            "abuse" | "fraud" => Expected::Complaint,
            "opt-out" => Expected::Unsubscribe,
            _ => Expected::OtherFeedback,
        },
        _ if any(&["vacation"]) => Expected::Vacation,
        _ if rows.iter().all(|row| row.reason == "delivered") => Expected::Delivered,
        _ if rows.iter().any(|row| row.hard) => Expected::Hard,
        _ if any(&["filtered", "suspend"]) => Expected::Either,
        _ => Expected::NotHard,
    }
}

fn files(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            found.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?));
        }
    }
    found.sort();
    Ok(found)
}
