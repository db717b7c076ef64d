//! What `explain` has to see of a subject at an instant. Nothing is written.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{breaker, candidates, event_watch};
use crate::catalog::ReadyTrigger;
use crate::clock::Instant;
use crate::enrollment::{Guard, History, State};
use crate::facts::{Facts, Subject, SubjectId, Value};
use crate::playbook::Mode;
use crate::rehearsal::explanation::{
    EntryVerdict, EventOver, Explanation, Halt, Limit, RevisionInForce, Sight, explain, restore,
};
use crate::rule::Rule;
use crate::rule::functions::plans_of;
use crate::store::customers::facts::SubjectWindow;
use crate::store::documents::plans::{GoalFilter, GoalRow};
use crate::store::documents::scores::ScoreRow;
use crate::store::upkeep::stopped::{Stop, StopTarget};
use crate::store::views::past::SubjectEnrollment;
use crate::worker::portfolio;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// A playbook's text that is to decide.
pub struct InForce {
    pub loaded: Arc<Loaded>,
    pub revision: RevisionInForce,
    /// Whether its file is there; without it the playbook is paused.
    pub present: bool,
}

/// The revision of a published playbook that was in force at an instant, before
/// its first publication the present one; `None` where nothing was published
/// under that id. The inner error says why this version cannot use it.
pub async fn in_force(shared: &Shared, playbook: &str, at: Instant) -> anyhow::Result<Option<Result<InForce, String>>> {
    let store = &shared.store;
    let published = store.published().await?;
    let Some(current) = published.into_iter().find(|known| known.id == playbook) else { return Ok(None) };
    let then = store.revision_at(playbook, at).await?;
    let (revision, published_at, note) = match then {
        Some(then) => {
            let note = (then.revision != current.revision)
                .then(|| format!("the revision in force today is {}", current.revision));
            (then.revision, Some(then.published_at), note)
        }
        None => {
            let note = "nothing was in force at that instant: this is what the present text says".to_owned();
            (current.revision.clone(), None, Some(note))
        }
    };
    let loaded = match shared.loaded(playbook, &revision).await? {
        Ok(loaded) => loaded,
        Err(why) => return Ok(Some(Err(why))),
    };
    let revision = RevisionInForce { file: loaded.ready.playbook.file.to_string(), revision, published_at, note };
    Ok(Some(Ok(InForce { loaded, revision, present: current.present })))
}

/// Explains one subject at an instant: a slot that was, or one as if it were
/// there. `now` says whether the instant has passed.
pub async fn explain_subject(
    shared: &Shared,
    in_force: &InForce,
    subject: &SubjectId,
    at: Instant,
    now: Instant,
) -> anyhow::Result<Explanation> {
    let (store, loaded) = (&shared.store, &in_force.loaded);
    let ready = &loaded.ready;
    let id = &ready.playbook.id;
    let kind = Subject::from(ready.playbook.subject);
    let fits = match &ready.portfolio {
        Some(portfolio) => subject.account.is_empty() && subject.contact.is_empty() != portfolio.per_csm,
        None => subject.contact.is_empty() == (kind == Subject::Account),
    };
    let windows = [SubjectWindow::from(subject.clone())];
    let mut found = match fits {
        true => portfolio::fetch(shared, loaded, &loaded.entry, at, &windows, None).await?.pop().flatten(),
        false => None,
    };
    let mut constant = BTreeSet::new();
    if let Some(facts) = found.as_mut().filter(|_| at < now && ready.portfolio.is_none()) {
        let row = match store.schema().absent.contains("changes") {
            true => None,
            false => store.account_as_it_was(&subject.account, at).await?,
        };
        constant = restore(facts, store.schema(), row.as_ref());
    }
    let enrollments = store.subject_enrollments(id, subject).await?;
    let mut histories = HashMap::from([(subject.clone(), remember(&enrollments, at))]);
    let subjects = std::slice::from_ref(subject);
    candidates::recall_besides(shared, loaded, id, subjects, (Some(at), Some(at)), &mut histories).await?;
    let mut history = histories.remove(subject).unwrap_or_default();
    let forgotten_edge = std::mem::take(&mut history.overtaken);
    if forgotten_edge {
        history.matched_since = None;
    }
    history.first_run = ready.playbook.skip_existing && store.is_first_run(id, at).await?;
    history.began = candidates::began(shared, loaded, at).await?;
    let stops = if at < now { store.stops_at(id, &subject.account, at).await? } else { store.stopped().await?.stops };
    history.stopped = stops.iter().any(|stop| stop.target == StopTarget::Account(subject.account.clone()));
    let run = store.run_at_slot(id, at).await?;
    let event_over = match (&ready.on, &found) {
        (Some(on), Some(facts)) => event_over(shared, id, on, facts).await?,
        _ => None,
    };
    let sight = Sight {
        playbook: ready,
        revision: in_force.revision.clone(),
        subject: subject.clone(),
        at,
        halt: halt(in_force, &stops),
        facts: found,
        constant,
        history,
        forgotten_edge,
        enrollments,
        run,
        event_over,
        scores: scores_read(shared, &ready.when, subject, at).await?,
        goals: goals_read(shared, &ready.when, subject, at).await?,
        limit: None,
        calendar: &shared.calendar,
    };
    let explanation = explain(sight.clone());
    // What a run may do matters to those who would enter; that of a past run is known.
    if explanation.verdict != EntryVerdict::Enters || sight.run.is_some() {
        return Ok(explanation);
    }
    let limit = breaker::limit(shared, loaded, at, None).await?;
    Ok(explain(Sight { limit: Some(Limit { hold: limit.hold, room_today: limit.room_today }), ..sight }))
}

/// Why the latest event of a subject that is due does not call it any more.
async fn event_over(shared: &Shared, id: &str, on: &ReadyTrigger, facts: &Facts) -> anyhow::Result<Option<EventOver>> {
    let (store, subject, at) = (&shared.store, facts.subject(), facts.as_of);
    let Some(Value::Time(event)) = facts.get(&on.cell) else { return Ok(None) };
    if let Some(slot) = store.event_look(id, &subject, *event).await?.filter(|slot| *slot < at) {
        return Ok(Some(EventOver::LookedAt(slot)));
    }
    let published = store.published().await?.into_iter().find(|known| known.id == id);
    let since = published.and_then(|known| Some(known.events_since?.max(known.events_after? - event_watch::LATE)));
    let is_past = on.due_at(*event).zip(since).is_some_and(|(due, since)| due <= since);
    Ok(is_past.then_some(EventOver::Past))
}

/// The scores of documents that a condition reads of a subject, as of an instant.
async fn scores_read(shared: &Shared, when: &Rule, subject: &SubjectId, at: Instant) -> anyhow::Result<Vec<ScoreRow>> {
    let read = when.scores_read();
    if read.is_empty() {
        return Ok(Vec::new());
    }
    let mut scores = shared.store.latest_scores(None, Some(&subject.account), at).await?;
    // Of an account all that it may have been taken from.
    let is_whose =
        |score: &ScoreRow| subject.contact.is_empty() || score.contact.is_empty() || score.contact == subject.contact;
    scores.retain(|score| read.contains(&score.name) && is_whose(score));
    Ok(scores)
}

/// The goals of success plans that a condition reads of a subject's account, as of
/// an instant.
async fn goals_read(shared: &Shared, when: &Rule, subject: &SubjectId, at: Instant) -> anyhow::Result<Vec<GoalRow>> {
    let read: Vec<Option<Vec<&str>>> = when.cells().iter().map(plans_of).collect();
    let is_read = |plan: &str| read.iter().any(|plans| plans.as_ref().is_none_or(|plans| plans.contains(&plan)));
    if read.iter().flatten().all(Vec::is_empty) && read.iter().all(Option::is_some) {
        return Ok(Vec::new());
    }
    let filter = GoalFilter { account: Some(&subject.account), ..GoalFilter::default() };
    let mut goals = shared.store.goals_at(filter, at).await?;
    goals.retain(|goal| is_read(&goal.plan));
    Ok(goals)
}

/// What the run of a playbook at a slot did with an account: with the account,
/// or with each of its contacts. The error says why nobody can say.
pub async fn explain_run(
    shared: &Shared,
    playbook: &str,
    account: &str,
    slot: Instant,
    now: Instant,
) -> anyhow::Result<Result<Vec<Explanation>, String>> {
    let decided = match in_force(shared, playbook, slot).await? {
        Some(Ok(decided)) => decided,
        Some(Err(why)) => return Ok(Err(why)),
        None => return Ok(Err("the playbook is not published".to_owned())),
    };
    if decided.loaded.ready.portfolio.is_some() {
        return Ok(Err("it is about all accounts together".to_owned()));
    }
    let of = |contact: &str| SubjectId { account: account.to_owned(), contact: contact.to_owned() };
    let subjects = match Subject::from(decided.loaded.ready.playbook.subject) {
        Subject::Account => vec![of("")],
        Subject::Contact => {
            let people = shared.store.people(&[account.to_owned()]).await?.remove(account).unwrap_or_default();
            people.contacts.iter().map(|contact| of(&contact.id)).collect()
        }
    };
    let mut explained = Vec::new();
    for subject in subjects {
        explained.push(explain_subject(shared, &decided, &subject, slot, now).await?);
    }
    Ok(Ok(explained))
}

/// What the playbook knew of the subject before an instant by its enrollments:
/// those that began later do not count, and those that have ended since were
/// active.
fn remember(enrollments: &[SubjectEnrollment], at: Instant) -> History {
    let counts = |one: &&SubjectEnrollment| (one.state != State::Held.name() || one.is_approved) && one.started_at < at;
    let before = || enrollments.iter().filter(counts);
    History {
        active: before().any(|one| one.ended_at.is_none_or(|ended| ended > at)),
        keys: before().map(|one| one.entry_key.clone()).collect(),
        last_started: before().map(|one| one.started_at).max(),
        ..History::default()
    }
}

/// Why no run decides anything.
fn halt(in_force: &InForce, stops: &[Stop]) -> Option<Halt> {
    let playbook = &in_force.loaded.ready.playbook;
    let stopped = |reason: String| Some(Halt { guard: Guard::Stopped, reason });
    let paused = |reason: &str| Some(Halt { guard: Guard::Paused, reason: reason.to_owned() });
    let stop_of = |target: StopTarget| stops.iter().find(|stop| stop.target == target);
    if let Some(stop) = stop_of(StopTarget::All) {
        return stopped(format!("everything is stopped, {}", stop.describe()));
    }
    if let Some(stop) = stop_of(StopTarget::Playbook(playbook.id.clone())) {
        return stopped(format!("the playbook is stopped, {}", stop.describe()));
    }
    if !in_force.present {
        return paused("the playbook's file is gone, and so it is paused");
    }
    (playbook.mode == Mode::Paused).then(|| paused("the playbook says `mode: paused`")).flatten()
}
