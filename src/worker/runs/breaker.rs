//! What the breaker has to see before a run, and the day that a run counts for.
//!
//! `run` and `plan` ask it alike; nothing here writes, and what follows from it
//! is decided in [`crate::enrollment::hold`].

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveTime};

use super::names;
use crate::catalog;
use crate::clock::Instant;
use crate::enrollment::hold::{self, BeforeRun, EARLIER_RUNS, HoldLimit, ReentryBefore, RevisionBefore};
use crate::facts::inventory::MissingName;
use crate::facts::{NameKind, Subject};
use crate::playbook::HoldAbove;
use crate::playbook::guardrails::Limits;
use crate::playbook::local_time;
use crate::playbook::source::SourceFile;
use crate::store::runs::daily_quota::QuotaDay;
use crate::worker::portfolio;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// What a run may do without a person's approval.
#[derive(Clone, Debug, PartialEq)]
pub struct RunLimit {
    pub hold: HoldLimit,
    /// How many may still enter today; the rest is tried on the following days.
    pub room_today: Option<u64>,
    /// How many subjects of its statuses there are.
    pub subjects: i64,
}

/// Reads the limit of a playbook's run at a slot. `files` are the ids of the
/// files as they stand, where they may not be published yet.
pub async fn limit(
    shared: &Shared,
    loaded: &Loaded,
    slot: Instant,
    files: Option<&[String]>,
) -> anyhow::Result<RunLimit> {
    let store = &shared.store;
    let playbook = &loaded.ready.playbook;
    let mut limits = playbook.guardrails.over(&shared.config.guardrails);
    if loaded.ready.portfolio.is_some() && playbook.guardrails.hold_above.is_none() {
        // What it does reaches colleagues, one by one: a crowd of them is no accident.
        limits.hold_above = HoldAbove::Off;
    }
    let room_today = match day(shared, loaded, slot) {
        Some(day) => Some(store.quota_left(&playbook.id, &day, slot).await?),
        None => None,
    };
    let before = before_run(shared, loaded, &limits, slot, files).await?;
    Ok(RunLimit { hold: hold::limit(&limits, &before), room_today, subjects: before.subjects })
}

/// What there is to see before a run.
async fn before_run(
    shared: &Shared,
    loaded: &Loaded,
    limits: &Limits,
    slot: Instant,
    files: Option<&[String]>,
) -> anyhow::Result<BeforeRun> {
    let store = &shared.store;
    let playbook = &loaded.ready.playbook;
    let mut stale = None;
    for fresh in &limits.fresh {
        if !store.is_fresh(fresh, slot).await? {
            stale = Some(*fresh);
            break;
        }
    }
    let twin = names::twin(store, &loaded.ready, files).await?;
    let by_events = loaded.ready.on.is_some();
    // Not asked where the answer would not matter.
    let is_approved = (limits.hold_unseen || twin.is_some() || by_events)
        && store.has_approved(&playbook.id, &loaded.ready.revision).await?;
    let unseen = match limits.hold_unseen && !is_approved {
        true => unseen(shared, loaded).await?,
        false => Vec::new(),
    };
    let earlier = store.earlier_run(&playbook.id, slot).await?;
    let compared = match by_events {
        true => store.earlier_run_with_entries(&playbook.id, slot).await?,
        false => earlier.clone(),
    };
    let revision = match &compared {
        None => RevisionBefore::NoRun,
        Some(earlier) if earlier.revision == loaded.ready.revision => RevisionBefore::Same,
        Some(earlier) => RevisionBefore::Other(match reentry_of(shared, &playbook.id, &earlier.revision).await? {
            Some(before) if before == playbook.reentry.canonical() => ReentryBefore::Same,
            Some(_) => ReentryBefore::Different,
            None => ReentryBefore::Unreadable,
        }),
    };
    let entered = match revision {
        RevisionBefore::Same if !by_events || is_approved => 0,
        _ => store.entered_by_revision(&playbook.id, &loaded.ready.revision, slot).await?,
    };
    let recent = match by_events {
        true => Some(store.entered_recently(&playbook.id, slot, hold::RECENT).await?),
        false => None,
    };
    let sizes = match limits.unusual {
        Some(_) if by_events => store.earlier_days(&playbook.id, slot, EARLIER_RUNS).await?,
        Some(_) => store.earlier_sizes(&playbook.id, slot, EARLIER_RUNS).await?,
        None => Vec::new(),
    };
    let subjects = match &loaded.ready.portfolio {
        Some(_) => portfolio::subjects(shared, loaded).await?.len() as i64,
        None => store.subjects_with_status(Subject::from(playbook.subject), &playbook.statuses, slot).await?,
    };
    Ok(BeforeRun {
        twin,
        stale,
        unseen,
        is_approved,
        revision,
        subjects,
        subjects_before: earlier.and_then(|earlier| earlier.subjects),
        sizes,
        entered,
        recent,
    })
}

/// What the condition reads and the customer store was never seen to hold, and
/// does not hold now.
async fn unseen(shared: &Shared, loaded: &Loaded) -> anyhow::Result<Vec<MissingName>> {
    let store = &shared.store;
    let mut names: Vec<(NameKind, String)> = loaded.ready.store_names().into_iter().collect();
    if names.iter().any(|(kind, _)| *kind == NameKind::Score) {
        // What documents make is no name of the store.
        let documents = store.published_documents().await?;
        let asked = answered_scores(shared).await?;
        let is_own = |name: &String| documents.iter().any(|known| known.id == *name) || asked.contains(name);
        names.retain(|(kind, name)| *kind != NameKind::Score || !is_own(name));
    }
    let unrecorded = store.unrecorded_names(&names).await?;
    if unrecorded.is_empty() {
        return Ok(Vec::new());
    }
    // It may have come since somebody looked.
    let kinds: Vec<NameKind> = unrecorded.iter().map(|(kind, _)| *kind).collect();
    let mut inventory = store.inventory().await?;
    inventory.merge(store.look_at_names(&kinds).await?);
    let mut missing = Vec::new();
    for (kind, name) in unrecorded {
        let is_there = match inventory.missing(kind, &name) {
            Some(_) => false,
            // Of some kinds not all names are known.
            None => inventory.has(kind, &name) || store.holds_name(kind, &name).await?,
        };
        if !is_there {
            missing.push(inventory.describe_missing(kind, &name));
        }
    }
    Ok(missing)
}

/// The names of the scores that answers to the questions of what is published are:
/// of surveys, and of steps.
async fn answered_scores(shared: &Shared) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for known in shared.store.published().await? {
        if let Ok(loaded) = shared.loaded(&known.id, &known.revision).await? {
            let questions = loaded.ready.questions();
            names.extend(questions.filter_map(|question| question.score_name()).map(str::to_owned));
        }
    }
    Ok(names)
}

/// The day of a playbook that an instant lies in; `None` without `max_per_day`.
pub(crate) fn day(shared: &Shared, loaded: &Loaded, at: Instant) -> Option<QuotaDay> {
    let most = loaded.ready.playbook.guardrails.over(&shared.config.guardrails).max_per_day?;
    let zone = loaded.ready.zone;
    let today = local_time::date(zone, at);
    let begins = |date: NaiveDate| local_time::instant(zone, date.and_time(NaiveTime::MIN));
    Some(QuotaDay { most, since: begins(today), until: begins(today.succ_opt().unwrap_or(today)) })
}

/// How a revision writes `reentry`, whether or not the rest of it can still be
/// used; `None` when it cannot be read.
async fn reentry_of(shared: &Shared, playbook: &str, revision: &str) -> anyhow::Result<Option<String>> {
    let Some(text) = shared.store.revision_text(playbook, revision).await? else { return Ok(None) };
    let file = SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() };
    Ok(catalog::parse(&file, &mut Vec::new()).map(|playbook| playbook.reentry.canonical()))
}
