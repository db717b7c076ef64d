//! Subjects that were named, by a step `enroll` or by a person: admitted to a
//! playbook as a run would, but for the condition, which need not hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Instant;
use crate::enrollment::{Admission, Enrollment, admit_named, next_quarter};
use crate::facts::{Facts, Subject, SubjectId};
use crate::postgres::describe_error;
use crate::store::customers::facts::SubjectWindow;
use crate::store::enrollments::enroll_requests::Referral;
use crate::store::{FailureKind, failure_kind};
use crate::worker::portfolio;
use crate::worker::round::Round;
use crate::worker::runs::candidates;
use crate::worker::shared::Shared;

const BATCH: i64 = 500;

/// Decides what steps have asked for.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    let open = shared.store.open_referrals(now, &halted, BATCH).await?;
    let mut groups: BTreeMap<(String, Instant), Vec<Referral>> = BTreeMap::new();
    for referral in open {
        groups.entry((referral.target.clone(), referral.at)).or_default().push(referral);
    }
    let mut round = Round::default();
    for ((target, at), referrals) in groups {
        let settled = match settle(shared, &target, at, &referrals, now).await {
            Err(error) if failure_kind(&error) == FailureKind::Lasting => {
                tracing::error!(playbook = %target, "nobody can be admitted: {}", describe_error(error.as_ref()));
                let next = next_quarter(now, shared.config.recheck);
                shared.store.look_at_referrals_again(&referrals, next).await.map_err(anyhow::Error::from)
            }
            settled => settled,
        };
        round.record(settled.map(|()| referrals.len()))?;
    }
    round.end()
}

/// Decides referrals to one playbook at one instant.
async fn settle(
    shared: &Arc<Shared>,
    target: &str,
    at: Instant,
    referrals: &[Referral],
    now: Instant,
) -> anyhow::Result<()> {
    let subject = |one: &Referral| SubjectId { account: one.account_id.clone(), contact: one.contact_id.clone() };
    let mut subjects: Vec<SubjectId> = referrals.iter().map(subject).collect();
    // Where accounts are enrolled, a contact brings theirs.
    if enrolls(shared, target).await? == Some(Subject::Account) {
        subjects.iter_mut().for_each(|subject| subject.contact.clear());
    }
    let decided = decide(shared, target, at, &subjects).await?;
    for (referral, mut decided) in referrals.iter().zip(decided) {
        if let Ok(enrollment) = &mut decided {
            named_by(enrollment, &format!("the playbook {}, step {}", referral.playbook, referral.step));
        }
        if let Err(reason) = &decided {
            tracing::info!(playbook = %target, account = %referral.account_id, "not enrolled: {reason}");
        }
        let decided = decided.as_ref().map_err(String::as_str);
        shared.store.settle_referral(referral, decided, now).await?;
    }
    Ok(())
}

/// Keeps with the evidence who named the subject.
pub fn named_by(enrollment: &mut Enrollment, who: &str) {
    enrollment.evidence.insert("enrolled by".to_owned(), who.into());
}

/// What the current revision of a playbook enrolls; `None` when there is none
/// that can be used.
async fn enrolls(shared: &Arc<Shared>, playbook: &str) -> anyhow::Result<Option<Subject>> {
    let current = super::snapshot::current(shared, playbook).await?;
    Ok(current.map(|current| Subject::from(current.ready.playbook.subject)))
}

/// Whether a reason of [`decide`] says that there is no such subject.
pub fn names_nobody(reason: &str) -> bool {
    [Subject::Account, Subject::Contact].iter().any(|kind| reason == no_such(*kind) || reason == enrolls_only(*kind))
}

fn no_such(kind: Subject) -> String {
    format!("no such {}", kind.name())
}

fn enrolls_only(kind: Subject) -> String {
    format!("the playbook enrolls {}s", kind.name())
}

/// Decides subjects at an instant, each with an enrollment that is not written
/// yet or the name of what keeps it out.
pub async fn decide(
    shared: &Arc<Shared>,
    playbook: &str,
    at: Instant,
    subjects: &[SubjectId],
) -> anyhow::Result<Vec<Result<Enrollment, String>>> {
    let nobody = |reason: &str| Ok(subjects.iter().map(|_| Err(reason.to_owned())).collect());
    let store = &shared.store;
    let published = store.published().await?;
    let Some(current) = published.iter().find(|known| known.id == playbook) else {
        return nobody("no such playbook");
    };
    if !current.present || shared.is_paused(current).await? {
        return nobody("paused");
    }
    if store.stopped().await?.covers(playbook) {
        return nobody("stopped");
    }
    let loaded = match shared.loaded(playbook, &current.revision).await? {
        Ok(loaded) => loaded,
        Err(why) => return nobody(&why),
    };
    // Each is decided alone; a subject of the other kind is nobody here.
    let kind = Subject::from(loaded.ready.playbook.subject);
    let fits = move |subject: &SubjectId| subject.contact.is_empty() == (kind == Subject::Account);
    let windows: Vec<SubjectWindow> =
        subjects.iter().filter(|subject| fits(subject)).cloned().map(SubjectWindow::from).collect();
    let facts: Vec<Option<Facts>> = portfolio::fetch(shared, &loaded, &loaded.entry, at, &windows, None).await?;
    let history = candidates::recall(shared, &loaded, subjects, None, None).await?;
    let (with, subjects) = (shared.clone(), subjects.to_vec());
    let decided = tokio::task::spawn_blocking(move || {
        let mut facts = facts.into_iter();
        subjects
            .iter()
            .map(|subject| {
                if !fits(subject) {
                    return Err(enrolls_only(kind));
                }
                let Some(facts) = facts.next().flatten() else { return Err(no_such(kind)) };
                let history = history.get(subject).cloned().unwrap_or_default();
                match crate::worker::round::unless_panicking(|| {
                    admit_named(&loaded.ready, facts, &history, &with.calendar)
                }) {
                    Some(Admission::Enroll(enrollment)) => Ok(*enrollment),
                    Some(Admission::Skip(skip)) => Err(skip.name().to_owned()),
                    Some(Admission::NotCandidate) => Err("no longer matches".to_owned()),
                    None => Err("undecided".to_owned()),
                }
            })
            .collect()
    });
    Ok(decided.await?)
}
