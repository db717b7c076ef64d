//! What a text brings in a week, as an estimate: its slots of the last days are
//! played again, one a day, and what those who enter get on their whole way is
//! counted for the week in which they enter.
//!
//! Facts are as of each slot as far as they have dates: events, scores, tickets,
//! and accounts that had not signed up yet. Columns are as they are now. Whoever
//! matches before the first of these slots is no part of a week: it counts as if
//! it had entered before, at some time within the gap of `reentry` if there is one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};

use super::audience::BATCH;
use crate::catalog::{ReadyPlaybook, ReadyReentry};
use crate::clock::Instant;
use crate::effect::{EffectBody, MessageDraft};
use crate::enrollment::{Admission, Decision, Enrollment, History, MatchChange, MatchedSince};
use crate::facts::{Facts, SubjectId};
use crate::ids;
use crate::message::class::Class;
use crate::playbook::{Duration, Mode};
use crate::worker::enrollments::advancer::{foresee, look_ahead};
use crate::worker::revision_cache::Loaded;
use crate::worker::runs::candidates::Candidates;
use crate::worker::runs::decide::decide;
use crate::worker::runs::evaluation_budget::EvaluationBudget;
use crate::worker::shared::Shared;

/// The days whose slots are played again; of a rarer schedule the latest slot is.
pub const DAYS: i64 = 7;

/// How far back a slot is looked for.
const FARTHEST: TimeDelta = TimeDelta::days(400);

/// The longest `holds_for` that is played from its beginning.
const LONGEST_HOLD: TimeDelta = TimeDelta::days(28);

/// Long before anything that matters.
const LONG_AGO: TimeDelta = TimeDelta::days(3650);

/// What a week brings, on average.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Week {
    pub entries: f64,
    pub messages: BTreeMap<Class, f64>,
    pub tasks: f64,
    /// Tasks by whom they go to.
    pub by_colleague: BTreeMap<String, f64>,
}

impl Week {
    /// Messages of all classes.
    pub fn all_messages(&self) -> f64 {
        self.messages.values().fold(0.0, |sum, count| sum + count)
    }

    /// The average of a week of so many.
    fn of(mut self, weeks: f64) -> Week {
        let part = |count: &mut f64| *count = (*count / weeks * 100.0).round() / 100.0;
        part(&mut self.entries);
        part(&mut self.tasks);
        self.messages.values_mut().chain(self.by_colleague.values_mut()).for_each(part);
        self
    }
}

/// The slots that are played.
struct Slots {
    /// Those that only say who has entered before.
    before: Vec<Instant>,
    counted: Vec<Instant>,
    weeks: f64,
}

/// The average week of a text, at an instant; further names hold history of it, too.
pub(super) async fn estimate(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    further: &[String],
    now: Instant,
) -> anyhow::Result<Week> {
    let ready = &loaded.ready;
    let Some(slots) = slots(ready, now).filter(|_| ready.playbook.mode == Mode::Live) else {
        return Ok(Week::default());
    };
    let first = slots.before.first().or(slots.counted.first()).copied().unwrap_or(now);
    let signed_up = shared.store.signed_up_after(first).await?;
    let mut replay = Replay { shared, loaded, further, first, signed_up, known: HashMap::new(), week: Week::default() };
    for slot in slots.before {
        replay.play(slot, false).await?;
    }
    for slot in slots.counted {
        replay.play(slot, true).await?;
    }
    Ok(replay.week.of(slots.weeks))
}

/// The last slot of each day of the last days, and those before that are needed to
/// know who is new at them; `None` where there was no slot for long.
fn slots(ready: &ReadyPlaybook, now: Instant) -> Option<Slots> {
    let (schedule, day) = (&ready.schedule, |slot: &Instant| slot.with_timezone(&ready.zone).date_naive());
    let latest = |before: Instant| schedule.latest_between(before - FARTHEST, before);
    let daily = |from: Instant, until: Instant| -> Vec<Instant> {
        // By the day, since a schedule may have a slot every minute.
        let mut found: Vec<Instant> = Vec::new();
        let mut end = until;
        while let Some(slot) = schedule.latest_between(from, end) {
            found.push(slot);
            end = midnight(ready, day(&slot)) - TimeDelta::microseconds(1);
        }
        found.reverse();
        found
    };
    let mut counted = daily(now - TimeDelta::days(DAYS), now);
    if counted.is_empty() {
        counted.push(latest(now)?);
    }
    let (start, end) = (*counted.first()?, *counted.last()?);
    let base = latest(midnight(ready, day(&start)) - TimeDelta::microseconds(1));
    let span = base.map_or(FARTHEST, |base| end - base);
    let weeks = span.as_seconds_f64() / TimeDelta::days(DAYS).as_seconds_f64();
    let held = match ready.playbook.holds_for {
        Some(hold) => seconds(hold).min(LONGEST_HOLD),
        None => TimeDelta::zero(),
    };
    let before = match base {
        Some(base) => {
            let from = latest(base - held).unwrap_or(base);
            daily(from - TimeDelta::microseconds(1), base)
        }
        None => Vec::new(),
    };
    Some(Slots { before, counted, weeks })
}

/// The first instant of a day in the playbook's zone.
fn midnight(ready: &ReadyPlaybook, day: NaiveDate) -> Instant {
    crate::playbook::local_time::instant(ready.zone, day.and_time(chrono::NaiveTime::MIN))
}

/// Business days as calendar days.
fn seconds(span: Duration) -> TimeDelta {
    match span {
        Duration::Seconds(seconds) => TimeDelta::seconds(seconds),
        Duration::BusinessDays(days) => TimeDelta::days(i64::from(days) * 7 / 5),
    }
}

/// A subject as the replay knows it.
#[derive(Clone, Debug, Default)]
struct PlayedSubject {
    history: History,
    /// Until when it is on its way.
    active_until: Option<Instant>,
}

struct Replay<'a> {
    shared: &'a Arc<Shared>,
    loaded: &'a Arc<Loaded>,
    further: &'a [String],
    first: Instant,
    /// When accounts signed up that did so after the first slot.
    signed_up: HashMap<String, Instant>,
    known: HashMap<SubjectId, PlayedSubject>,
    week: Week,
}

impl Replay<'_> {
    /// Plays one slot; what comes of it is counted or only remembered.
    async fn play(&mut self, slot: Instant, counts: bool) -> anyhow::Result<()> {
        let (shared, loaded) = (self.shared, self.loaded);
        let mut candidates = Candidates::open(shared, loaded, slot).await?;
        let entered = self.decide(slot, counts, &mut candidates).await;
        let closed = candidates.close().await;
        let entered = entered?;
        closed?;
        for batch in entered.chunks(BATCH) {
            self.count(batch, slot).await?;
        }
        Ok(())
    }

    /// Decides everybody at a slot; gives those who enter and count.
    async fn decide(
        &mut self,
        slot: Instant,
        counts: bool,
        candidates: &mut Candidates<'_>,
    ) -> anyhow::Result<Vec<Enrollment>> {
        let (shared, loaded) = (self.shared, self.loaded);
        let cap = loaded.ready.playbook.guardrails.over(&shared.config.guardrails).max_per_day;
        let budget = EvaluationBudget::of(shared.config.limits.run);
        let (mut entered, mut seen) = (Vec::new(), HashSet::new());
        loop {
            let mut chunk = candidates.next().await?;
            if chunk.is_empty() {
                break;
            }
            chunk.retain(|facts| self.signed_up.get(&facts.account).is_none_or(|at| *at < slot));
            let histories = self.histories(&chunk, slot).await?;
            for (subject, Decision { admission, match_change }) in
                decide(shared, loaded, chunk, histories, &budget).await?
            {
                seen.insert(subject.clone());
                self.turn(&subject, &admission, match_change, slot);
                let is_full = || counts && cap.is_some_and(|cap| entered.len() as u64 >= cap);
                if let Admission::Enroll(enrollment) = admission
                    && !is_full()
                {
                    self.enter(&subject, &enrollment, slot, counts);
                    if counts {
                        entered.push(*enrollment);
                    }
                }
            }
        }
        // Whom the prefilter passes by does not match any more.
        for (subject, played) in &mut self.known {
            if !seen.contains(subject) {
                played.history.matched_since = None;
            }
        }
        Ok(entered)
    }

    /// What is known of subjects before a slot.
    async fn histories(&mut self, chunk: &[Facts], slot: Instant) -> anyhow::Result<HashMap<SubjectId, History>> {
        let (store, ready) = (&self.shared.store, &self.loaded.ready);
        let id = &ready.playbook.id;
        let subjects: Vec<SubjectId> = chunk.iter().map(Facts::subject).collect();
        let new: Vec<SubjectId> = subjects.iter().filter(|one| !self.known.contains_key(one)).cloned().collect();
        if !new.is_empty() {
            let mut arms = HashMap::new();
            if ready.playbook.holdout.is_some() {
                store.load_arms(id, &new, &mut arms).await?;
            }
            let mut past = store.history_before(id, self.first, &new).await?;
            for name in self.further {
                for (subject, entries) in store.history_before(name, self.first, &new).await? {
                    past.entry(subject).or_default().add(entries);
                }
            }
            for subject in new {
                let past = past.remove(&subject).unwrap_or_default();
                let drawn = arms.remove(&subject).unwrap_or_default().drawn;
                let history = History { keys: past.keys, last_started: past.last_started, drawn, ..History::default() };
                self.known.insert(subject, PlayedSubject { history, active_until: past.active_until });
            }
        }
        let before = |subject: SubjectId| {
            let played = self.known.get(&subject).cloned().unwrap_or_default();
            let mut history = played.history;
            history.active = played.active_until.is_some_and(|until| until > slot);
            if slot == self.first && ready.follows_edges() {
                history.matched_since = Some(self.long_ago());
            }
            (subject, history)
        };
        Ok(subjects.into_iter().map(before).collect())
    }

    /// Of those that match at the first slot.
    fn long_ago(&self) -> MatchedSince {
        MatchedSince { since: self.first - LONG_AGO, existing: self.loaded.ready.playbook.skip_existing }
    }

    /// Remembers how a subject's condition turned.
    fn turn(&mut self, subject: &SubjectId, admission: &Admission, change: MatchChange, slot: Instant) {
        let at_first = (slot == self.first && self.loaded.ready.follows_edges()).then(|| self.long_ago());
        let played = self.known.entry(subject.clone()).or_default();
        match (change, admission) {
            (MatchChange::Rose(since), _) => played.history.matched_since = Some(since),
            (MatchChange::Fell, _) | (_, Admission::NotCandidate) => played.history.matched_since = None,
            (MatchChange::Unchanged, _) => {
                played.history.matched_since = played.history.matched_since.or(at_first);
            }
        }
    }

    /// Remembers that a subject has entered. Of one that enters before anything
    /// counts, and of which nothing is known, nobody knows since when: its time is
    /// drawn from within the gap.
    fn enter(&mut self, subject: &SubjectId, enrollment: &Enrollment, slot: Instant, counts: bool) {
        let ready = &self.loaded.ready;
        let gap = match &ready.reentry {
            ReadyReentry::Never => None,
            ReadyReentry::OnRematch { gap } | ReadyReentry::Again { gap, .. } => *gap,
        };
        let played = self.known.entry(subject.clone()).or_default();
        let mut started = slot;
        if let (false, None, Some(gap)) = (counts, played.history.last_started, gap) {
            let (id, name) = (&ready.playbook.id, subject.to_string());
            let within = seconds(gap).num_seconds().unsigned_abs();
            let drawn = ids::share(&["week", id, &name], within);
            started = slot - TimeDelta::seconds(i64::try_from(drawn).unwrap_or(0));
        }
        played.history.keys.insert(enrollment.entry_key.clone());
        played.history.last_started = Some(started);
    }

    /// Counts what some who enter get on their whole way.
    async fn count(&mut self, entered: &[Enrollment], slot: Instant) -> anyhow::Result<()> {
        let foreseen = foresee(self.shared, self.loaded, entered.to_vec(), slot).await?;
        let (ways, _) = look_ahead(self.shared, self.loaded, foreseen, slot).await?;
        for (enrollment, way) in entered.iter().zip(ways) {
            self.week.entries += 1.0;
            for one in &way.effects {
                match &one.effect.body {
                    EffectBody::Task(draft) => {
                        self.week.tasks += 1.0;
                        let colleague = draft.assignee.clone().unwrap_or_default();
                        *self.week.by_colleague.entry(colleague).or_default() += 1.0;
                    }
                    EffectBody::Message(draft) => {
                        if let Some(class) = class(draft) {
                            *self.week.messages.entry(class).or_default() += 1.0;
                        }
                    }
                    EffectBody::Referral { .. }
                    | EffectBody::Label(_)
                    | EffectBody::Plan { .. }
                    | EffectBody::Report(_) => {}
                }
            }
            let played = self.known.entry(enrollment.subject()).or_default();
            played.active_until = Some(way.ends_at.unwrap_or(Instant::MAX_UTC));
        }
        Ok(())
    }
}

/// The class of what leaves; `None` of what does not.
fn class(draft: &MessageDraft) -> Option<Class> {
    match draft {
        MessageDraft::Mail(mail) => Some(mail.class),
        MessageDraft::Notice(_) | MessageDraft::Webhook(_) => Some(Class::Internal),
        MessageDraft::Skipped { .. } | MessageDraft::Failed { .. } => None,
    }
}
