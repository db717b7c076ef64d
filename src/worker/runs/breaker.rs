//! The breaker: what stops a run before its first action until a person has
//! looked, and how many may enter on one day.
//!
//! `run` and `plan` ask it alike; nothing here writes. The gate asks it for
//! the playbooks that mail here yields to.

use chrono::{NaiveDate, NaiveTime};

use crate::catalog;
use crate::clock::Instant;
use crate::enrollment::next_quarter;
use crate::facts::Subject;
use crate::playbook::guardrails::Limits;
use crate::playbook::source::SourceFile;
use crate::playbook::{HoldAbove, Playbook, local_time};
use crate::store::messages::claimed::Claimed;
use crate::store::runs::breaker::EarlierRun;
use crate::store::runs::daily_quota::QuotaDay;
use crate::store::runs::playbooks::Published;
use crate::worker::enrollments::snapshot::current_among;
use crate::worker::messages::prepare_mail::Prepared;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// So many earlier runs tell what is usual.
const EARLIER_RUNS: i64 = 7;
/// Fewer tell nothing.
const FEWEST_RUNS: usize = 3;

/// What a run may do without a person's word.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// More than this wait; `None` is any number.
    pub most: Option<u64>,
    /// How many may still enter today; the rest is tried on the following days.
    pub room_today: Option<u64>,
    /// How many subjects of its statuses there are.
    pub subjects: i64,
    why: Why,
}

/// What is looked at that way.
#[derive(Clone, Debug, PartialEq)]
enum Why {
    /// The run would enroll more than `hold_above`.
    Count,
    /// More than usual.
    Unusual { times: f64, median: f64 },
    /// Nobody enters without a word, however few.
    All(String),
}

impl Limit {
    /// Whether so many are too many.
    pub fn is_exceeded_by(&self, would_enter: u64) -> bool {
        self.most.is_some_and(|most| would_enter > most)
    }

    /// Why a run above its limit is held, in words.
    pub fn reason(&self, would_enter: u64) -> String {
        let most = self.most.unwrap_or(u64::MAX);
        match &self.why {
            Why::Count => format!("{would_enter} would enter; more than {most} wait for a person's approval"),
            Why::Unusual { times, median } => format!(
                "{would_enter} would enter, which is unusual: more than {times} times {median}, the median of the last runs"
            ),
            Why::All(reason) => format!("{reason}: {would_enter} would enter, and wait for a person's approval"),
        }
    }
}

/// The limit of a playbook's run at a slot.
pub async fn limit(shared: &Shared, loaded: &Loaded, slot: Instant) -> anyhow::Result<Limit> {
    let store = &shared.store;
    let playbook = &loaded.ready.playbook;
    let limits = playbook.guardrails.over(&shared.config.guardrails);
    let subject = Subject::from(playbook.subject);
    let subjects = store.subjects_with_status(subject, &playbook.statuses, slot).await?;
    let earlier = store.earlier_run(&playbook.id, slot).await?;
    let room_today = match day(shared, loaded, slot) {
        Some(day) => Some(store.quota_left(&playbook.id, &day, slot).await?),
        None => None,
    };
    let held = match untimely(shared, loaded, &limits, earlier.as_ref(), subjects, slot).await? {
        Some(reason) => Some((0, Why::All(reason))),
        None => counted(shared, loaded, &limits, subjects, slot).await?,
    };
    let (most, why) = held.map_or((None, Why::Count), |(most, why)| (Some(most), why));
    Ok(Limit { most, room_today, subjects, why })
}

/// The day of a playbook that an instant lies in; `None` without `max_per_day`.
pub(crate) fn day(shared: &Shared, loaded: &Loaded, at: Instant) -> Option<QuotaDay> {
    let most = loaded.ready.playbook.guardrails.over(&shared.config.guardrails).max_per_day?;
    let zone = loaded.ready.zone;
    let today = local_time::date(zone, at);
    let begins = |date: NaiveDate| local_time::instant(zone, date.and_time(NaiveTime::MIN));
    Some(QuotaDay { most, since: begins(today), until: begins(today.succ_opt().unwrap_or(today)) })
}

/// Playbooks that customer mail of this one yields to.
pub(crate) fn yields_to(shared: &Shared, playbook: &Playbook) -> Vec<String> {
    let mut others = playbook.guardrails.over(&shared.config.guardrails).yields_to;
    // The configuration's list is for all: none of them waits for itself.
    others.retain(|other| *other != playbook.id);
    others
}

/// Puts customer mail off that yields to another playbook, as long as that one
/// has an active enrollment of the account. The current revision says to whom.
pub(crate) async fn give_way(
    shared: &Shared,
    published: &[Published],
    playbook: &str,
    prepared: &mut [(Claimed, Prepared)],
    now: Instant,
) -> anyhow::Result<()> {
    let Some(current) = current_among(shared, published, playbook).await? else { return Ok(()) };
    let yields_to = yields_to(shared, &current.ready.playbook);
    if yields_to.is_empty() {
        return Ok(());
    }
    let accounts: Vec<String> = prepared.iter().map(|(message, _)| message.account_id.clone()).collect();
    let active = shared.store.active_in(&accounts, &yields_to).await?;
    for (message, outcome) in prepared {
        if let (Prepared::Mail { .. }, Some(other)) = (&*outcome, active.get(&message.account_id)) {
            let next_at = next_quarter(now, shared.config.recheck);
            *outcome = Prepared::retry(next_at, format!("yields to {other}, which is active"));
        }
    }
    Ok(())
}

/// How a revision writes `reentry`, whether or not the rest of it can still be
/// used; `None` when it cannot be read.
async fn reentry_of(shared: &Shared, playbook: &str, revision: &str) -> anyhow::Result<Option<String>> {
    let Some(text) = shared.store.revision_text(playbook, revision).await? else { return Ok(None) };
    let file = SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() };
    Ok(catalog::parse(&file, &mut Vec::new()).map(|playbook| playbook.reentry.canonical()))
}

/// Why nobody may enter without a person's word, if so.
async fn untimely(
    shared: &Shared,
    loaded: &Loaded,
    limits: &Limits,
    earlier: Option<&EarlierRun>,
    subjects: i64,
    slot: Instant,
) -> anyhow::Result<Option<String>> {
    let ready = &loaded.ready;
    for fresh in &limits.fresh {
        if !shared.store.is_fresh(fresh, slot).await? {
            let within = crate::playbook::Duration::Seconds(fresh.within.num_seconds());
            return Ok(Some(format!("stale: the store has no {} of the last {within}", fresh.source.name())));
        }
    }
    let changed = earlier.is_none_or(|earlier| earlier.revision != ready.revision);
    if let Some(earlier) = earlier.filter(|_| changed) {
        match reentry_of(shared, &ready.playbook.id, &earlier.revision).await? {
            Some(before) if before == ready.playbook.reentry.canonical() => {}
            Some(_) => return Ok(Some("`reentry` has changed".to_owned())),
            None => return Ok(Some("`reentry` may have changed: the revision before cannot be read".to_owned())),
        }
    }
    if limits.hold_first_run && changed {
        return Ok(Some("first run of this revision".to_owned()));
    }
    if let (Some(most), Some(before)) = (limits.store_change, earlier.and_then(|earlier| earlier.subjects)) {
        let moved = subjects.abs_diff(before);
        if moved > most.least && moved as f64 > most.share * before as f64 {
            return Ok(Some(format!("the store has changed from {before} to {subjects} since the last run")));
        }
    }
    Ok(None)
}

/// The number above which a run is held, and what it comes from; the smaller
/// of what `hold_above` and `unusual` say.
async fn counted(
    shared: &Shared,
    loaded: &Loaded,
    limits: &Limits,
    subjects: i64,
    slot: Instant,
) -> anyhow::Result<Option<(u64, Why)>> {
    let HoldAbove::Above { count, share } = limits.hold_above else { return Ok(None) };
    let most = count.max((share * subjects as f64).floor() as u64);
    if let Some(times) = limits.unusual {
        let sizes = shared.store.earlier_sizes(&loaded.ready.playbook.id, slot, EARLIER_RUNS).await?;
        if let Some(median) = median(&sizes) {
            let usual = count.max((times * median).floor() as u64);
            if usual < most {
                return Ok(Some((usual, Why::Unusual { times, median })));
            }
        }
    }
    Ok(Some((most, Why::Count)))
}

/// The middle of what earlier runs enrolled; `None` when there are too few.
fn median(sizes: &[i64]) -> Option<f64> {
    if sizes.len() < FEWEST_RUNS {
        return None;
    }
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let middle = sizes.len() / 2;
    Some(match sizes.len() % 2 {
        0 => (sizes[middle - 1] + sizes[middle]) as f64 / 2.0,
        _ => sizes[middle] as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_needs_three_runs() {
        assert_eq!(median(&[5, 1]), None);
        assert_eq!(median(&[9, 1, 2]), Some(2.0));
        assert_eq!(median(&[9, 1, 2, 4]), Some(3.0));
    }
}
