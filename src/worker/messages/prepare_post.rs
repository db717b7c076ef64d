//! Right before a webhook or a Slack notice leaves: where it goes, and with
//! which secret. Its words are final since the decision.

use super::posts::{self, Words};
use super::prepare_mail::Prepared;
use crate::clock::Instant;
use crate::delivery::post::Post;
use crate::delivery::target::Target;
use crate::message::gate::has_expired;
use crate::message::state::State;
use crate::store::messages::answer_posts::ANSWER_STEP;
use crate::store::messages::claimed::{Claimed, Rendered};
use crate::worker::owner_notice::{FailedStep, alert_failed_step, alert_lost_answer};
use crate::worker::shared::Shared;

/// What becomes of it; failures are told to the owners of the playbook.
pub(crate) async fn prepare(shared: &Shared, message: &Claimed, now: Instant) -> anyhow::Result<Prepared> {
    if has_expired(message.valid_until, now) {
        if message.step == ANSWER_STEP {
            let reason = "its time is over, and it was tried until then";
            alert_lost_answer(shared, reason, now).await?;
        }
        return Ok(Prepared::expired(message));
    }
    let text = shared.store.notice_text(message).await?;
    let to = message.to_address.clone().unwrap_or_default();
    let rendered = Rendered {
        subject: message.subject.clone().unwrap_or_default(),
        text: text.clone(),
        html: String::new(),
        question: None,
        redirected_to: None,
    };
    if message.shadow {
        return Ok(Prepared::Shadow { rendered, to });
    }
    match post(shared, message, &to, text, now) {
        Ok(post) => Ok(Prepared::Post { post: Box::new(post), rendered, to }),
        Err(reason) => {
            failed(shared, message, &reason, now).await?;
            Ok(Prepared::ended(State::Failed, reason))
        }
    }
}

/// Tells the owners, once for each step of a revision; of answers to surveys once a day.
pub(crate) async fn failed(shared: &Shared, message: &Claimed, reason: &str, now: Instant) -> anyhow::Result<()> {
    if message.step == ANSWER_STEP {
        return alert_lost_answer(shared, reason, now).await;
    }
    if let Some(revision) = &message.revision
        && let Ok(loaded) = shared.loaded(&message.playbook, revision).await?
    {
        let failed = FailedStep { step: &message.step, account: &message.account_id, reason };
        alert_failed_step(shared, &loaded, failed, now).await?;
    }
    Ok(())
}

fn post(shared: &Shared, message: &Claimed, to: &str, text: String, now: Instant) -> Result<Post, String> {
    let variable = to.strip_prefix("env:").unwrap_or_default();
    let look_up = |name: &str| (shared.variables)(name).filter(|value| !value.trim().is_empty());
    let url = look_up(variable).ok_or_else(|| format!("the environment variable {variable} is not set"))?;
    let target = Target::parse(&url, &shared.config.webhooks_allow).map_err(|why| format!("{variable}: {why}"))?;
    let channel = posts::by(message.channel).ok_or_else(|| format!("{} is not posted", message.channel))?;
    channel.post(target, Words { id: &message.id.to_string(), text, variable, look_up: &look_up, now })
}
