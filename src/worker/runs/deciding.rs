//! Deciding a run: decide first, then commit, so that another daemon can finish it.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::audience_diff;
use super::breaker::{self, RunLimit};
use super::decide::{BATCH, decide};
use super::evaluation_budget::EvaluationBudget;
use super::keep_runs::keep_runs;
use super::scan_share::Share;
use crate::clock::Instant;
use crate::enrollment::hold::HoldAnswer;
use crate::enrollment::{Admission, Decision, Enrollment, MatchChange, Skip, State};
use crate::facts::{Subject, SubjectId};
use crate::store::customers::arrivals::Arrival;
use crate::store::enrollments::matched_since::SubjectChange;
use crate::store::messages::insert::NoticeText;
use crate::store::runs::{Run, Tally, run_id};
use crate::worker::enrollments::advancer::Entry;
use crate::worker::enrollments::turns::turn;
use crate::worker::owner_notice::{alert, owner_notice};
use crate::worker::revision_cache::Loaded;
use crate::worker::runs::candidates::Candidates;
use crate::worker::shared::Shared;

/// A run being decided.
pub(super) struct Deciding<'a> {
    shared: &'a Arc<Shared>,
    loaded: &'a Arc<Loaded>,
    run: &'a Run,
    /// For all that its rules do.
    budget: &'a Arc<EvaluationBudget>,
    limit: RunLimit,
    admitted: u64,
    /// Whether it waits for a person: then nothing it writes is active.
    held: bool,
    /// Admitted and not yet written.
    buffer: Vec<Enrollment>,
    /// The batch that is being written while the next is decided.
    writing: Option<JoinHandle<anyhow::Result<()>>>,
    /// Written as held.
    waiting: i64,
    /// How many still enter of a run that is held; `None` while it is not held.
    canary_room: Option<usize>,
    /// For the first looks of those who enter; the others only enter.
    looks: Arc<EvaluationBudget>,
    /// The events that have called it; `None` where none has.
    arrivals: Option<Vec<Arrival>>,
    /// Whom these events need not make a candidate again.
    decided: HashSet<SubjectId>,
    tally: Tally,
}

impl<'a> Deciding<'a> {
    /// A run of which nothing is decided yet; `arrivals` are the events that have called it.
    pub fn new(
        shared: &'a Arc<Shared>,
        loaded: &'a Arc<Loaded>,
        run: &'a Run,
        budget: &'a Arc<EvaluationBudget>,
        limit: RunLimit,
        arrivals: Option<Vec<Arrival>>,
    ) -> Deciding<'a> {
        Deciding {
            shared,
            loaded,
            run,
            budget,
            limit,
            admitted: 0,
            held: run.verdict.as_deref() == Some("hold"),
            buffer: Vec::new(),
            writing: None,
            waiting: 0,
            canary_room: None,
            looks: turn(),
            arrivals,
            decided: HashSet::new(),
            tally: Tally::default(),
        }
    }

    /// Decides every candidate, then commits or holds.
    pub async fn carry_out(&mut self, share: Option<Share>, now: Instant) -> anyhow::Result<()> {
        let (shared, loaded, run) = (self.shared, self.loaded, self.run);
        let store = &shared.store;
        let mut candidates = match &self.arrivals {
            Some(arrivals) => {
                let subjects = arrivals.iter().map(|arrival| arrival.subject.clone()).collect();
                Candidates::named(shared, loaded, run.slot, subjects)
            }
            None => {
                let open = Candidates::open_on(shared, loaded, run.slot, share);
                keep_runs(shared, std::slice::from_ref(run), open).await?
            }
        };
        candidates = candidates.within(self.budget);
        let decided = self.decide_all(&mut candidates, now).await;
        let closed = candidates.close().await;
        decided.and(closed)?;
        match loaded.ready.follows_edges() {
            true => store.forget_fallen(&run.playbook, run.slot).await?,
            false => store.forget_matched_since(&run.playbook).await?,
        }
        self.finish(now).await
    }

    /// Decides every candidate, and writes what may be written already.
    async fn decide_all(&mut self, candidates: &mut Candidates<'_>, now: Instant) -> anyhow::Result<()> {
        let (shared, loaded, run) = (self.shared, self.loaded, self.run);
        let (store, ours) = (&shared.store, std::slice::from_ref(run));
        loop {
            let chunk = keep_runs(shared, ours, candidates.next()).await?;
            if chunk.is_empty() {
                return Ok(());
            }
            store.renew_run(run).await??;
            let histories = candidates.histories(&chunk, Some(run.slot)).await?;
            let mut changes = Vec::new();
            let decided = keep_runs(shared, ours, decide(shared, loaded, chunk, histories, self.budget)).await?;
            for (subject, Decision { admission, match_change }) in decided {
                self.count(&subject, admission);
                if match_change != MatchChange::Unchanged {
                    changes.push(SubjectChange { subject, match_change });
                }
            }
            store.record_match_changes(&run.playbook, run.slot, &changes).await?;
            self.flush(now).await?;
        }
    }

    /// Counts a subject, and buffers it where it enters.
    fn count(&mut self, subject: &SubjectId, admission: Admission) {
        if self.arrivals.is_some() && !matches!(&admission, Admission::Skip(skip) if skip.may_end()) {
            self.decided.insert(subject.clone());
        }
        match admission {
            Admission::NotCandidate => return,
            Admission::Enroll(_) if self.limit.room_today.is_some_and(|room| self.admitted >= room) => {
                self.decided.remove(subject);
                self.tally.skip(Skip::DAY_CAP);
            }
            Admission::Enroll(enrollment) => {
                self.admitted += 1;
                self.buffer.push(*enrollment);
            }
            Admission::Skip(skip) => {
                self.tally.skip(skip.name());
                if let Skip::Undecided(error) = &skip {
                    self.tally.detail(subject, skip.name(), &error.to_string());
                }
            }
        }
        self.tally.candidates += 1;
    }

    /// Looks at a batch and begins to write it, after the one before it.
    async fn enter(&mut self, batch: &[Enrollment], now: Instant) -> anyhow::Result<()> {
        if self.loaded.ready.weighs_load() {
            // The tasks of the batch before count.
            self.finish_writing().await?;
        }
        let look = Entry::look(self.shared, self.loaded, batch, &self.looks, self.run.slot, now);
        let entry = keep_runs(self.shared, std::slice::from_ref(self.run), look).await?;
        self.finish_writing().await?;
        self.shared.store.renew_run(self.run).await??;
        let (shared, loaded, run) = (self.shared.clone(), self.loaded.clone(), self.run.clone());
        self.writing = Some(tokio::spawn(async move { entry.write(&shared, &loaded, &run).await }));
        Ok(())
    }

    /// Waits until everything that was begun is written.
    pub async fn finish_writing(&mut self) -> anyhow::Result<()> {
        match self.writing.take() {
            Some(writing) => writing.await?,
            None => Ok(()),
        }
    }

    /// Writes what may be written already.
    async fn flush(&mut self, now: Instant) -> anyhow::Result<()> {
        let store = &self.shared.store;
        match self.limit.hold.most() {
            None if !self.held => {
                self.keep_room().await?;
                for batch in std::mem::take(&mut self.buffer).chunks(BATCH) {
                    self.enter(batch, now).await?;
                }
            }
            // A predecessor has decided already, and may have enrolled some.
            Some(_) if self.run.verdict.as_deref() == Some("go") => {}
            most if self.held || most.is_some_and(|most| self.buffer.len() as u64 > most) => {
                if !self.held {
                    store.decide_run(self.run, "hold", 0).await??;
                    self.held = true;
                }
                self.enter_canary(now).await?;
                for batch in self.buffer.chunks(BATCH) {
                    store.enroll(self.run, batch, State::Held).await??;
                    self.waiting += batch.len() as i64;
                }
                self.buffer.clear();
            }
            _ => {}
        }
        Ok(())
    }

    /// Of a run that is held, lets those in who may enter without a person's
    /// word. Who entered with a predecessor of this run counts.
    async fn enter_canary(&mut self, now: Instant) -> anyhow::Result<()> {
        let (store, run) = (&self.shared.store, self.run);
        let canary = usize::try_from(self.limit.hold.canary()).unwrap_or(usize::MAX);
        if canary == 0 {
            return Ok(());
        }
        self.finish_writing().await?;
        let done: HashSet<uuid::Uuid> = store.enrolled_ids(&run.playbook, run.slot).await?.into_iter().collect();
        self.buffer.retain(|enrollment| !done.contains(&enrollment.id));
        let room = self.canary_room.unwrap_or(canary.saturating_sub(done.len())).min(self.buffer.len());
        let rest = self.buffer.split_off(room);
        self.keep_room().await?;
        let first = std::mem::replace(&mut self.buffer, rest);
        self.canary_room = Some(canary.saturating_sub(done.len() + first.len()));
        for batch in first.chunks(BATCH) {
            self.enter(batch, now).await?;
        }
        Ok(())
    }

    async fn finish(&mut self, now: Instant) -> anyhow::Result<()> {
        self.finish_writing().await?;
        let (store, run) = (&self.shared.store, self.run);
        if self.held {
            self.keep_looks().await?;
            self.tally.skipped.insert("held".to_owned(), self.waiting);
            self.tally.entered = store.count_enrolled(&run.playbook, run.slot).await?;
            if self.tally.entered.all > 0 {
                store.count_canary_as_batch(run).await??;
            }
            let waiting = self.waiting as u64;
            let would_enter = waiting + self.tally.entered.all.unsigned_abs();
            let reason = match self.limit.hold.answer(would_enter) {
                HoldAnswer::Hold(reason) => reason.to_string(),
                // It was decided by a predecessor, with what held then.
                HoldAnswer::Go => format!("{waiting} would enter, and were held by a daemon that went away"),
            };
            let difference = match self.arrivals {
                Some(_) => None,
                None => audience_diff::describe(self.shared, run).await?,
            };
            let reason = difference.map_or(reason.clone(), |difference| format!("{reason}. {difference}"));
            store.decide_run(run, "hold", self.waiting).await??;
            let id = run_id(&run.playbook, run.slot);
            let pages = self.shared.config.pages_url();
            let (subject, text) = (format!("Held: {}", run.playbook), held_notice(run, &id, &reason, pages.as_deref()));
            let text = NoticeText { subject: &subject, text: &text };
            let notice = owner_notice(self.shared, self.loaded, &["held", &id], text);
            store.end_run(run, "held", Some(&reason), &self.tally, notice.as_ref(), now).await??;
            tracing::warn!(playbook = %run.playbook, slot = %run.slot, held = self.waiting, "held");
            return Ok(());
        }
        if self.limit.hold.most().is_some() {
            self.commit_decided(now).await?;
        }
        self.finish_writing().await?;
        self.keep_looks().await?;
        self.tally.entered = store.count_enrolled(&run.playbook, run.slot).await?;
        self.tell_undecided(now).await?;
        store.end_run(run, "done", None, &self.tally, None, now).await??;
        tracing::info!(
            playbook = %run.playbook, slot = %run.slot, candidates = self.tally.candidates,
            enrolled = self.tally.entered.all, skipped = ?self.tally.skipped, "run done"
        );
        Ok(())
    }

    /// Keeps which events were looked at. Only now: whoever takes the run over finds the
    /// same.
    async fn keep_looks(&self) -> anyhow::Result<()> {
        if let Some(arrivals) = &self.arrivals {
            let again = |subject: &SubjectId| !self.decided.contains(subject);
            self.shared.store.record_event_looks(self.run, arrivals, again).await??;
        }
        Ok(())
    }

    /// Ends the run as failed because its rules take too long. Who has entered
    /// goes on; nobody else does, and who was held no longer waits.
    pub async fn break_off(&mut self, why: &str, now: Instant) -> anyhow::Result<()> {
        let (store, run) = (&self.shared.store, self.run);
        self.decided.clear();
        self.keep_looks().await?;
        self.tally.entered = store.count_enrolled(&run.playbook, run.slot).await?;
        let (playbook, entered) = (&run.playbook, self.tally.entered.all);
        tracing::error!(playbook = %playbook, slot = %run.slot, entered, "the run was broken off: {why}");
        let text = format!(
            "A run of the playbook {playbook} was broken off: {why}. {entered} have entered, and go on; nobody else \
             does. The next run tries again.\n\nThis is said once for a revision. To see its runs: \
             keepwell runs --playbook {playbook}"
        );
        let text = NoticeText { subject: &format!("Too slow: {playbook}"), text: &text };
        let notice = owner_notice(self.shared, self.loaded, &["too slow", playbook, &run.revision], text);
        store.end_run(run, "failed", Some(why), &self.tally, notice.as_ref(), now).await??;
        Ok(())
    }

    /// Stores the verdict and the number, then commits up to it. A takeover
    /// finds both and may only finish up to that number.
    async fn commit_decided(&mut self, now: Instant) -> anyhow::Result<()> {
        let (store, run) = (&self.shared.store, self.run);
        let ceiling = match (run.verdict.as_deref(), run.ceiling) {
            (Some("go"), Some(ceiling)) => ceiling,
            _ => {
                self.keep_room().await?;
                let ceiling = self.buffer.len() as i64;
                store.decide_run(run, "go", ceiling).await??;
                ceiling
            }
        };
        let ids = store.enrolled_ids(&run.playbook, run.slot).await?;
        let done: HashSet<uuid::Uuid> = ids.into_iter().collect();
        let room = (ceiling - done.len() as i64).max(0) as usize;
        self.buffer.retain(|enrollment| !done.contains(&enrollment.id));
        // Those whom a predecessor did not decide about stay due.
        for enrollment in self.buffer.split_off(room.min(self.buffer.len())) {
            self.decided.remove(&enrollment.subject());
        }
        for batch in std::mem::take(&mut self.buffer).chunks(BATCH) {
            self.enter(batch, now).await?;
        }
        Ok(())
    }

    /// Keeps room on its day for those that are about to be written, and skips
    /// those for whom there is none: others may have entered since the run
    /// began.
    async fn keep_room(&mut self) -> anyhow::Result<()> {
        let day = breaker::day(self.shared, self.loaded, self.run.slot);
        let Some(day) = day.filter(|_| !self.buffer.is_empty()) else { return Ok(()) };
        self.finish_writing().await?;
        let (store, run) = (&self.shared.store, self.run);
        // Those that a predecessor has entered have their room.
        let done: HashSet<uuid::Uuid> = store.enrolled_ids(&run.playbook, run.slot).await?.into_iter().collect();
        self.buffer.retain(|enrollment| !done.contains(&enrollment.id));
        let fit = store.keep_room(run, &day, self.buffer.len()).await??;
        for enrollment in &self.buffer[fit.min(self.buffer.len())..] {
            self.decided.remove(&enrollment.subject());
            self.tally.skip(Skip::DAY_CAP);
        }
        self.buffer.truncate(fit);
        Ok(())
    }

    /// Tells the owners, once for a revision, that some cannot be decided.
    async fn tell_undecided(&self, now: Instant) -> anyhow::Result<()> {
        let Some(first) = self.tally.details.first() else { return Ok(()) };
        let (playbook, revision) = (&self.run.playbook, &self.run.revision);
        let text = |key: &str| first[key].as_str().unwrap_or_default().to_owned();
        let text = format!(
            "The playbook {playbook} could not decide about {} {}s, and leaves them alone. \
             The first is {}: {}.\n\nThis is said once. To see them all: keepwell runs --playbook {playbook} --format json",
            self.tally.skipped.get("undecided").copied().unwrap_or(0),
            Subject::from(self.loaded.ready.playbook.subject).name(),
            SubjectId { account: text("account"), contact: text("contact") },
            text("message"),
        );
        let text = NoticeText { subject: &format!("Undecided: {playbook}"), text: &text };
        alert(self.shared, self.loaded, &["undecided", playbook, revision], text, now).await
    }
}

/// What the playbook's owners read of a run that waits for them.
fn held_notice(run: &Run, id: &str, reason: &str, pages: Option<&str>) -> String {
    let page =
        pages.map_or(String::new(), |pages| format!("Whom it would touch, and a button: {pages}/approvals/{id}\n\n"));
    let next = match run.events_from {
        None => "The next run of the playbook replaces this one.",
        Some(_) => "Until then the playbook looks at nobody else: whose event comes meanwhile waits, too.",
    };
    format!(
        "The playbook {} is held: {reason}.\n\n{page}\
         To let it go on: keepwell approve {id}\n\n\
         To drop it: keepwell discard {id}\n\n\
         {next}",
        run.playbook
    )
}
