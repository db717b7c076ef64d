//! Notices to the owners of a playbook, once for each occasion.

use super::revision_cache::Loaded;
use super::shared::Shared;
use crate::clock::Instant;
use crate::ids;
use crate::message::state::State;
use crate::store::messages::insert::{NoticeText, OwnerNotice};

/// A notice to the owners of a playbook, the same one for the same `occasion`;
/// `None` where nobody is named.
pub(crate) fn owner_notice<'a>(
    shared: &'a Shared,
    loaded: &'a Loaded,
    occasion: &[&str],
    text: NoticeText<'a>,
) -> Option<OwnerNotice<'a>> {
    let playbook = &loaded.ready.playbook;
    let to = playbook.alerts_to.as_ref().or(shared.config.alerts_to.as_ref())?;
    Some(OwnerNotice::alert(ids::notice(occasion), &playbook.id, to, text))
}

/// Sends the owners of a playbook a notice, once for the same `occasion`;
/// nothing where nobody is named.
pub(crate) async fn alert(
    shared: &Shared,
    loaded: &Loaded,
    occasion: &[&str],
    text: NoticeText<'_>,
    now: Instant,
) -> anyhow::Result<()> {
    if let Some(notice) = owner_notice(shared, loaded, occasion, text) {
        shared.store.notice(&notice, now).await?;
    }
    Ok(())
}

/// A step that failed or waits for an account, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedStep<'a> {
    pub step: &'a str,
    pub account: &'a str,
    pub reason: &'a str,
}

/// Tells the owners that a step fails, once for each step of a revision.
pub(crate) async fn alert_failed_step(
    shared: &Shared,
    loaded: &Loaded,
    failed: FailedStep<'_>,
    now: Instant,
) -> anyhow::Result<()> {
    let (id, revision) = (&loaded.ready.playbook.id, &loaded.ready.revision);
    let FailedStep { step, account, reason } = failed;
    let text = format!(
        "The step {step} of the playbook {id} failed for the account {account}: {reason}.\n\n\
         Others may follow; this is said once. To see them all: keepwell messages --playbook {id} --state failed"
    );
    let text = NoticeText { subject: &format!("Failed: {id}"), text: &text };
    alert(shared, loaded, &["failed", id, revision, step], text, now).await
}

/// Tells the owners that somebody waits at a step because a condition cannot be
/// decided, once for each step of a revision.
pub(crate) async fn alert_undecided_step(
    shared: &Shared,
    loaded: &Loaded,
    waiting: FailedStep<'_>,
    now: Instant,
) -> anyhow::Result<()> {
    let (id, revision) = (&loaded.ready.playbook.id, &loaded.ready.revision);
    let FailedStep { step, account, reason } = waiting;
    let text = format!(
        "The account {account} waits at the step {step} of the playbook {id}, which cannot be decided: {reason}.\n\n\
         Until it can, nothing of it leaves; it is looked at again on the quarter hours. Others may follow; this is \
         said once. To see them all: keepwell enrollments --playbook {id} --state active"
    );
    let text = NoticeText { subject: &format!("Undecided: {id}"), text: &text };
    alert(shared, loaded, &["undecided", id, revision, step], text, now).await
}

/// Tells the owners of a mail to a customer that ends without having left, once
/// for each step of a revision and the state it ends in.
pub(crate) async fn alert_lost_mail(
    shared: &Shared,
    loaded: &Loaded,
    lost: FailedStep<'_>,
    state: State,
    now: Instant,
) -> anyhow::Result<()> {
    let (id, revision) = (&loaded.ready.playbook.id, &loaded.ready.revision);
    let FailedStep { step, account, reason } = lost;
    let text = format!(
        "A mail of the step {step} of the playbook {id} about the account {account} was not sent: {reason}.\n\n\
         Others may follow; this is said once. To see them all: keepwell messages --playbook {id} --state {state}"
    );
    let text = NoticeText { subject: &format!("Not sent: {id}"), text: &text };
    alert(shared, loaded, &["lost", id, revision, step, state.name()], text, now).await
}

/// Tells whoever hears of failures that an answer to a survey does not reach the system
/// it is posted to, once a day.
pub(crate) async fn alert_lost_answer(shared: &Shared, reason: &str, now: Instant) -> anyhow::Result<()> {
    let Some(to) = shared.config.alerts_to.as_deref() else { return Ok(()) };
    let text = format!(
        "An answer to a survey was not posted to the webhook of `answers` in the configuration: {reason}.\n\n\
         It stands in the list of answers. Others may follow; this is said once a day. To see them: \
         keepwell messages --state failed, and --state expired"
    );
    let id = ids::notice(&["answers", &now.date_naive().to_string()]);
    let words = NoticeText { subject: "Not posted: an answer to a survey", text: &text };
    shared.store.notice(&OwnerNotice::alert(id, "", to, words), now).await?;
    Ok(())
}
