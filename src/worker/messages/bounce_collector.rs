//! Collects what came back about mail from a Maildir: each file is taken once,
//! kept as a row and moved from `new` to `cur`. One that nobody understands is
//! moved there with a flag, so that a person sees it in any mail program.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::clock::Instant;
use crate::delivery::report::{self, Fate, RecipientReport, Report};
use crate::message::bounce::Severity;
use crate::store::messages::bounces::{Meaning, Returned, Taken};
use crate::worker::shared::Shared;

/// Files in one look; the others are due at once after it.
const BATCH: usize = 50;
/// What is read of a file, in bytes: reports begin with what they say.
const LONGEST: u64 = 1 << 20;

/// Takes what has arrived; returns how many files are done with.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let Some(bounces) = &shared.config.mail.bounces else { return Ok(0) };
    let maildir = bounces.maildir.clone();
    let found = tokio::task::spawn_blocking(move || arrived(&maildir)).await?;
    let found = found.with_context(|| format!("the Maildir {} cannot be read", bounces.maildir.display()))?;
    let mut done = 0;
    for (path, bytes) in found {
        done += usize::from(take(shared, &bounces.maildir, &path, bytes, now).await?);
    }
    Ok(done)
}

/// Takes one file; false when it has to wait for its mail to be sent.
async fn take(shared: &Shared, maildir: &Path, path: &Path, bytes: Vec<u8>, now: Instant) -> anyhow::Result<bool> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // The name without the flags that a mail program may have put there.
    let name = file.split(":2,").next().unwrap_or_default();
    // The envelope's address stands above whatever the report quotes.
    let message = shared.store.messages_named(&bytes).await?.first().copied();
    let read = tokio::task::spawn_blocking(move || crate::worker::round::unless_panicking(|| report::read(&bytes)));
    let read = read.await?.flatten();
    let verdict = match (read, message) {
        (None, _) => Verdict::unclear("it is no report that can be read"),
        (Some(Report::AutomaticReply), _) => Verdict::new("automatic reply", Meaning::Noted, ""),
        (Some(Report::Feedback { kind }), _) => Verdict::new("feedback", Meaning::Noted, &kind),
        (Some(_), None) => Verdict::unclear("it names no mail of ours"),
        (Some(Report::Delivery(reports)), Some(message)) => {
            let to = shared.store.recipient_of(message).await?;
            let readers = [to.as_deref(), shared.config.mail.redirect_to.as_deref()];
            delivery(&reports, &readers.into_iter().flatten().collect::<Vec<_>>())
        }
        (Some(Report::Unsubscribe), _) => Verdict::new("unsubscribe", Meaning::Unwanted, "by mail"),
        (Some(Report::Wanted), _) => Verdict::new("not-spam", Meaning::Arrived, "not-spam"),
        (Some(Report::Complaint { kind }), _) => Verdict::new("complaint", Meaning::Complaint, &kind),
    };
    let may_suppress = shared.config.mail.redirect_to.is_none();
    let Verdict { word, meaning, detail } = verdict;
    let report = Returned { name, verdict: word, meaning, detail: &detail, may_suppress };
    let taken = shared.store.take_report(&report, message, now).await?;
    match &taken {
        Taken::NotYet => return Ok(false),
        Taken::Settled { account, state, suppressed } => {
            tracing::info!(account, state = state.name(), suppressed, verdict = report.verdict, "a mail came back");
        }
        Taken::Unsubscribed { account } => tracing::info!(account, "somebody unsubscribed by mail"),
        Taken::Kept if report.meaning == Meaning::Unclear => {
            tracing::warn!(file = name, "a mail to the bounce address is not understood: {}", report.detail);
        }
        Taken::Kept | Taken::Already => {}
    }
    let flag = if report.meaning == Meaning::Unclear { "F" } else { "S" };
    let seen = maildir.join("cur").join(format!("{name}:2,{flag}"));
    let path = path.to_owned();
    match tokio::task::spawn_blocking(move || fs::rename(path, seen)).await? {
        // Another daemon was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(true),
    }
}

/// What a file says: a word, what follows from it, and more words.
struct Verdict {
    word: &'static str,
    meaning: Meaning,
    detail: String,
}

impl Verdict {
    fn new(word: &'static str, meaning: Meaning, detail: &str) -> Verdict {
        Verdict { word, meaning, detail: detail.to_owned() }
    }

    fn unclear(why: &str) -> Verdict {
        Verdict::new("unclear", Meaning::Unclear, why)
    }
}

/// What a report says about a mail to one of these addresses; about whoever it
/// names where ours is not known any more.
fn delivery(reports: &[RecipientReport], readers: &[&str]) -> Verdict {
    let about = readers.iter().find_map(|reader| report::about(reports, reader));
    let about = if readers.is_empty() { report::most_severe(reports) } else { about };
    let Some(about) = about else {
        let detail = report::most_severe(reports).map_or("", |other| other.detail.as_str());
        return Verdict::new("forwarded", Meaning::Arrived, detail);
    };
    match about.fate {
        Fate::Delivered => Verdict::new("delivered", Meaning::Arrived, &about.detail),
        Fate::Delayed => Verdict::new("delayed", Meaning::Arrived, &about.detail),
        Fate::Failed(reason) => {
            let severity = reason.severity();
            let meaning = match severity {
                Severity::Soft => Meaning::Soft,
                Severity::Policy => Meaning::Policy,
                Severity::Hard => Meaning::Hard,
            };
            Verdict::new(
                severity.name(),
                meaning,
                format!("{}: {}", reason.name(), about.detail).trim_end_matches(": "),
            )
        }
    }
}

/// The oldest files in `new`, as far as they are read.
fn arrived(maildir: &Path) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut names: Vec<_> = fs::read_dir(maildir.join("new"))?.collect::<Result<Vec<_>, _>>()?;
    names.retain(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    names.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in names.into_iter().take(BATCH) {
        let mut bytes = Vec::new();
        let read = fs::File::open(entry.path()).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
        match read {
            // Another daemon has it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            // One file must not keep the others: it is put aside like any that is not understood.
            Err(error) => tracing::warn!("{} cannot be read: {error}", entry.path().display()),
            Ok(_) => {}
        }
        found.push((entry.path(), bytes));
    }
    Ok(found)
}
