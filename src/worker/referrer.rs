//! Subjects that were named, by a step `enroll` or by a person: admitted to a
//! playbook as a run would, but for the condition, which need not hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Shared;
use crate::clock::Instant;
use crate::enrollment::{Admission, Enrollment, admit_named};
use crate::facts::Facts;
use crate::store::facts::{self, SubjectWindow};
use crate::store::referrals::Referral;

const BATCH: i64 = 500;

/// An account's id and a contact's, which is empty where the subject is the account.
pub type Subject = (String, String);

/// Decides what steps have asked for.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> super::Result<usize> {
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    let open = shared.store.open_referrals(now, &halted, BATCH).await?;
    let handled = open.len();
    let mut groups: BTreeMap<(String, Instant), Vec<Referral>> = BTreeMap::new();
    for referral in open {
        groups.entry((referral.target.clone(), referral.at)).or_default().push(referral);
    }
    for ((target, at), referrals) in groups {
        let subjects: Vec<Subject> =
            referrals.iter().map(|one| (one.account_id.clone(), one.contact_id.clone())).collect();
        let decided = decide(shared, &target, at, &subjects).await?;
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
    }
    Ok(handled)
}

/// Keeps with the evidence who named the subject.
pub fn named_by(enrollment: &mut Enrollment, who: &str) {
    enrollment.evidence.insert("enrolled by".to_owned(), who.into());
}

/// Decides subjects at an instant, each with an enrollment that is not written
/// yet or the name of what keeps it out.
pub async fn decide(
    shared: &Arc<Shared>,
    playbook: &str,
    at: Instant,
    subjects: &[Subject],
) -> super::Result<Vec<Result<Enrollment, String>>> {
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
    let windows: Vec<SubjectWindow> = subjects
        .iter()
        .map(|(account, contact)| SubjectWindow {
            account: account.clone(),
            contact: contact.clone(),
            since_entry: None,
            since_step: None,
        })
        .collect();
    let accounts: Vec<String> = subjects.iter().map(|(account, _)| account.clone()).collect();
    let facts: Vec<Option<Facts>> = facts::fetch(store.pool(), &loaded.entry, at, &windows).await?;
    let history = store.history(playbook, None, &accounts).await?;
    let with = shared.clone();
    let decided = tokio::task::spawn_blocking(move || {
        facts
            .into_iter()
            .map(|facts| {
                let Some(facts) = facts else { return Err("no such account".to_owned()) };
                let history = history.get(&facts.account).cloned().unwrap_or_default();
                match super::unless_panicking(|| admit_named(&loaded.ready, facts, &history, &with.calendar)) {
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
