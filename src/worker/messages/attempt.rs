//! One attempt: on a connection, past its marker, and what came of it.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use super::auto_stop::Troubles;
use super::domain_limits::InFlight;
use super::prepare_mail::Prepared;
use super::settlement::settle;
use super::under_way::UnderWay;
use crate::clock::{Deadline, Instant, Stopwatch};
use crate::delivery::post::Post;
use crate::delivery::{Composed, Outcome, Permission, Session};
use crate::message::outcome::Settled;
use crate::message::refusal::Refusal;
use crate::message::state::State;
use crate::postgres::describe_error;
use crate::store::messages::claimed::Claimed;
use crate::store::messages::ending::Ending;
use crate::store::messages::mark_request::{MarkRequest, Marked};
use crate::store::messages::resends::MailCopy;
use crate::worker::shared::Shared;

/// What is sent.
enum Parcel {
    Mail(Box<Composed>),
    Post(Box<Post>),
}

/// How it is sent.
enum Way<'a> {
    Mail(Box<Composed>, Session<'a>),
    Post(Box<Post>),
}

/// What the attempts of one batch share.
pub(crate) struct Attempt {
    pub shared: Arc<Shared>,
    /// Until when the gate's verdict holds.
    pub gate: Deadline,
    pub now: Instant,
    pub stop: watch::Receiver<bool>,
    pub under_way: UnderWay,
    pub troubles: Troubles,
}

impl Attempt {
    /// Carries one out and writes what came of it.
    pub async fn carry_out(&self, message: Claimed, prepared: Prepared, pass: Option<InFlight>) -> anyhow::Result<()> {
        let (store, now) = (&self.shared.store, self.now);
        let (mut copy, mut left_alone) = (None, None);
        let (parcel, to) = match prepared {
            Prepared::Ended { state, reason } => {
                let ended = Settled::untried(state, Some(reason));
                store.settle(Ending::at(message.clone(), ended, now)).await?;
                self.count(&message, state == State::Failed);
                return Ok(());
            }
            Prepared::Later { next_at, reason, wait } => {
                let later = Settled::Deferred { next_at, reason, counts: false, wait };
                store.settle(Ending::at(message, later, now)).await?;
                return Ok(());
            }
            Prepared::Shadow { .. } => {
                store.settle(Ending::at(message, Settled::untried(State::Shadow, None), now)).await?;
                return Ok(());
            }
            Prepared::Mail { composed, to, sends_again, left_alone: survey, .. } => {
                left_alone = survey;
                copy = sends_again.then(|| MailCopy {
                    bytes: composed.bytes.clone(),
                    envelope_from: composed.envelope_from.clone(),
                    to_address: composed.to.clone(),
                });
                (Parcel::Mail(composed), to)
            }
            Prepared::Post { post, to, .. } => (Parcel::Post(post), to),
        };
        let put_back = async |why| settle(&self.shared, &message, &Outcome::NotMarked(why), now, now).await;
        if let Some(why) = self.forbids() {
            return put_back(why).await;
        }
        let way = match parcel {
            Parcel::Mail(composed) => Way::Mail(composed, self.shared.channel.session().await),
            Parcel::Post(post) => Way::Post(post),
        };
        // What others have on the connections can take long.
        if let Some(why) = self.forbids() {
            return put_back(why).await;
        }
        if let Some(copy) = copy {
            store.keep_copy(&message, &copy).await?;
        }
        if let Some(pass) = &pass {
            pass.begin();
        }
        let watch = Stopwatch::start();
        let body = OnceLock::new();
        let mark = || async {
            // Counted before the stop is looked at, so that a stop either
            // is seen here or sees this body.
            body.get_or_init(|| [self.under_way.begin(), self.shared.under_way.begin()]);
            self.mark(MarkRequest { message: &message, to: &to, left_alone }).await
        };
        let outcome = match way {
            Way::Mail(composed, session) => session.deliver(&composed, mark).await,
            Way::Post(post) => self.shared.http.deliver(&post, mark).await,
        };
        let ended = now + watch.whole_seconds();
        if let Some(pass) = pass {
            pass.end(&outcome, ended);
        }
        settle(&self.shared, &message, &outcome, now, ended).await?;
        self.count(&message, matches!(outcome, Outcome::Rejected { .. } | Outcome::Unknown { .. }));
        Ok(())
    }

    /// Counts what came of a customer's mail.
    fn count(&self, message: &Claimed, bad: bool) {
        if message.channel.reaches_customers() {
            self.troubles.count(&message.playbook, bad);
        }
    }

    /// Why no body may begin any more.
    fn forbids(&self) -> Option<Refusal> {
        if *self.stop.borrow() {
            return Some(Refusal::Stopping);
        }
        self.gate.has_passed().then_some(Refusal::Stale)
    }

    async fn mark(&self, asked: MarkRequest<'_>) -> Permission {
        if let Some(why) = self.forbids() {
            return Permission::No(why);
        }
        match self.shared.store.mark(asked, self.now).await {
            Ok(Marked::Go) => Permission::Go,
            Ok(Marked::No(why)) => Permission::No(why),
            Err(error) => {
                tracing::error!(message = %asked.message.id, "the marker failed: {}", describe_error(&error));
                Permission::Unclear
            }
        }
    }
}
