//! Collects what came back about mail from a Maildir: each file is taken once,
//! kept as a row and moved from `new` to `cur`. One that nobody understands is
//! moved there with a flag, so that a person sees it in any mail program.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::clock::Instant;
use crate::delivery::report::{self, Fate, Report};
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
        done += usize::from(take(shared, &bounces.maildir, &path, &bytes, now).await?);
    }
    Ok(done)
}

/// Takes one file; false when it has to wait for its mail to be sent.
async fn take(shared: &Shared, maildir: &Path, path: &Path, bytes: &[u8], now: Instant) -> anyhow::Result<bool> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // The name without the flags that a mail program may have put there.
    let name = file.split(":2,").next().unwrap_or_default();
    let named = shared.store.messages_named(bytes).await?;
    let read = crate::worker::round::unless_panicking(|| report::read(bytes)).flatten();
    let redirected = shared.config.mail.redirect_to.is_some();
    let told = |verdict, meaning, detail| Returned { name, verdict, meaning, detail, may_suppress: !redirected };
    let report = match (&read, &named[..]) {
        (Some(_), []) => told("unclear", Meaning::Unclear, "it names no mail of ours"),
        (None, _) => told("unclear", Meaning::Unclear, "it is no report that can be read"),
        (Some(Report::Delivery { fate, told: detail }), _) => told(fate.name(), meaning(*fate), detail),
        (Some(Report::Unsubscribe), _) => told("unsubscribe", Meaning::Unwanted, "by mail"),
        (Some(Report::Complaint { kind }), _) if kind == "not-spam" => told("not-spam", Meaning::Arrived, kind),
        (Some(Report::Complaint { kind }), _) => told("complaint", Meaning::Complaint, kind),
    };
    // The envelope's address stands above whatever the report quotes.
    let taken = shared.store.take_report(&report, named.first().copied(), now).await?;
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

fn meaning(fate: Fate) -> Meaning {
    match fate {
        Fate::Delivered | Fate::Delayed => Meaning::Arrived,
        Fate::Soft => Meaning::Soft,
        Fate::Policy => Meaning::Policy,
        Fate::Hard => Meaning::Hard,
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
