//! What is stopped, and the forms to stop something and to let it go on, each
//! with what comes of it.

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::WebState;
use super::language::{phrase, say, translated};
use super::page::{Frame, Notice, Trouble, Web, account_href, below, capitalize, href, moment};
use super::stop_words::{reason_words, stop_words, target_words};
use super::visitor::{Visitor, actor_words};
use crate::message::channel::Channel;
use crate::postgres::describe_error;
use crate::store::upkeep::stopped::{Stop, StopTarget, Stopped};
use crate::store::upkeep::stops::WaitingMessages;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// What a form is about, as the database names it: `all`, `playbook:ID`,
/// `channel:NAME` or `account:ID`.
#[derive(Debug, Deserialize)]
pub(super) struct StopQuery {
    #[serde(default)]
    what: String,
    /// The id of an account, where it is asked for by itself.
    #[serde(default)]
    account: String,
}

/// A person's word.
#[derive(Debug, Deserialize)]
pub(super) struct StopForm {
    what: String,
    #[serde(default)]
    because: String,
}

#[derive(Serialize)]
struct StopsPage {
    stops: Vec<StopView>,
    /// What can be stopped.
    everything_href: Option<String>,
    playbooks: Vec<TargetView>,
    channels: Vec<TargetView>,
}

#[derive(Serialize)]
struct StopView {
    what: String,
    href: Option<String>,
    by: String,
    reason: Option<String>,
    since: Option<String>,
    /// `None` where no form lets it go on.
    resume_href: Option<String>,
}

#[derive(Serialize)]
struct TargetView {
    value: String,
    label: String,
}

/// The page that says what comes of it, before it is done.
#[derive(Serialize)]
struct ConfirmPage {
    /// `stop` or `resume`.
    deed: &'static str,
    what: String,
    target: String,
    /// Whether it is so already.
    already: bool,
    lines: Vec<String>,
    /// What waits to leave, and what becomes of it.
    waiting: Vec<String>,
    longest: usize,
}

/// What is stopped now.
pub(super) async fn list(State(web): Web) -> Result<Response, Trouble> {
    page(&web, StatusCode::OK, None).await
}

async fn page(web: &WebState, status: StatusCode, notice: Option<Notice>) -> Result<Response, Trouble> {
    let stopped = web.store.stopped().await?;
    let times = web.store.stop_times().await?;
    let view = |stop: &Stop| {
        let scope = stop.target.scope();
        // What the database itself finds out has no row that could be taken away.
        let since = times.iter().find(|(known, _)| *known == scope).map(|(_, at)| *at);
        StopView {
            what: capitalize(&target_words(&stop.target)),
            href: match &stop.target {
                StopTarget::Playbook(id) => Some(below("/playbooks", id)),
                StopTarget::Account(id) | StopTarget::AccountMail { account: id, .. } => Some(account_href(id)),
                _ => None,
            },
            by: actor_words(&stop.by).into_owned(),
            reason: reason_words(stop),
            since: since.map(|at| moment(at, web.zone)),
            resume_href: since.map(|_| href("/stops/resume", &[("what", &scope)])),
        }
    };
    let target =
        |target: StopTarget, label: String| (!stopped.is(&target)).then(|| TargetView { value: target.scope(), label });
    let published = web.store.published().await?;
    let page = StopsPage {
        stops: stopped.stops.iter().map(view).collect(),
        everything_href: (!stopped.all()).then(|| href("/stops/stop", &[("what", &StopTarget::All.scope())])),
        playbooks: published
            .into_iter()
            .filter_map(|one| target(StopTarget::Playbook(one.id.clone()), one.id))
            .collect(),
        channels: Channel::ALL
            .into_iter()
            .filter_map(|channel| {
                target(StopTarget::Channel(channel), translated(channel.properties().carries?).into_owned())
            })
            .collect(),
    };
    Frame::new(web, "messages", notice).await?.page(status, "stops.html", page)
}

/// What somebody else has done before changes nothing, and is said.
async fn overtaken(web: &WebState, words: &str) -> Result<Response, Trouble> {
    page(web, StatusCode::CONFLICT, Some(Notice::error(translated(words).into_owned()))).await
}

/// What comes of stopping something.
pub(super) async fn ask_stop(
    State(web): Web,
    asked: Result<Query<StopQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let target = read(&web, asked).await?;
    let stopped = web.store.stopped().await?;
    let waiting = web.store.waiting_messages(&target, web.clock.now()).await?;
    let concerned: Vec<String> = waiting.iter().filter(|one| one.due > 0).map(would_wait).collect();
    confirm(&web, "stop", &target, stopped.is(&target), stop_lines(&target), concerned).await
}

/// What comes of letting something go on.
pub(super) async fn ask_resume(
    State(web): Web,
    asked: Result<Query<StopQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(|_| unreadable())?;
    let target = StopTarget::of(&asked.what).ok_or_else(unreadable)?;
    let stopped = web.store.stopped().await?;
    let already = !stopped.is(&target);
    let left = Stopped { stops: stopped.stops.into_iter().filter(|stop| stop.target != target).collect() };
    let now = web.clock.now();
    let waiting = web.store.waiting_messages(&target, now).await?;
    let mut lines: Vec<String> = waiting.iter().filter(|one| one.may_leave_beside(&left)).flat_map(fate).collect();
    let due = web.store.due_steps(&target, now).await?;
    lines.extend(due.iter().filter(|(playbook, _)| !left.covers(playbook)).map(|(playbook, count)| {
        say!(
            *count,
            "{n} journey goes on at once in {playbook}: a step of theirs is due, which may be a mail.",
            "{n} journeys go on at once in {playbook}: a step of theirs is due, which may be a mail.",
            n = count,
            playbook = playbook
        )
    }));
    lines.extend(left.stops.iter().map(|stop| say!("Still stopped: {stop}.", stop = stop_words(stop))));
    confirm(&web, "resume", &target, already, resume_lines(&target), lines).await
}

/// A person stops something.
pub(super) async fn stop(
    State(web): Web,
    visitor: Visitor,
    form: Result<Form<StopForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(given) = form.map_err(unread)?;
    let target = StopTarget::of(&given.what).ok_or_else(unreadable)?;
    check(&web, &target).await?;
    let because = given.because.trim();
    if because.chars().count() > LONGEST_REASON {
        let words = phrase!("The reason is longer than 200 characters. Nothing was stopped.");
        return Err(Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, words));
    }
    let because = Some(because).filter(|because| !because.is_empty());
    if !web.store.stop(&target, visitor.actor(), because, web.clock.now()).await? {
        return overtaken(&web, phrase!("It was stopped already; your reason was not kept.")).await;
    }
    Ok(Redirect::to("/stops").into_response())
}

/// A person lets something go on.
pub(super) async fn resume(
    State(web): Web,
    visitor: Visitor,
    form: Result<Form<StopForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(given) = form.map_err(unread)?;
    let target = StopTarget::of(&given.what).ok_or_else(unreadable)?;
    if !web.store.resume(&target, visitor.actor(), web.clock.now()).await? {
        return overtaken(&web, phrase!("It was not stopped any more, so nothing has changed.")).await;
    }
    Ok(Redirect::to("/stops").into_response())
}

/// What a page is asked about, if it is there.
async fn read(web: &WebState, asked: Result<Query<StopQuery>, QueryRejection>) -> Result<StopTarget, Trouble> {
    let Query(asked) = asked.map_err(|_| unreadable())?;
    let account = asked.account.trim();
    let target = match account {
        "" => StopTarget::of(&asked.what).ok_or_else(unreadable)?,
        id => StopTarget::Account(id.to_owned()),
    };
    check(web, &target).await?;
    Ok(target)
}

/// Refuses what is not there, as the command `stop` does.
async fn check(web: &WebState, target: &StopTarget) -> Result<(), Trouble> {
    match target {
        StopTarget::Playbook(id) if !web.store.is_published(id).await? => {
            Err(Trouble::NotFound("There is no such playbook."))
        }
        StopTarget::Channel(channel) if channel.properties().carries.is_none() => {
            Err(Trouble::NotFound("Nothing leaves by this channel."))
        }
        StopTarget::Account(id) | StopTarget::AccountMail { account: id, .. } => {
            match web.store.has_account(id).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Trouble::NotFound("There is no such account.")),
                // A stop must not depend on the database of the accounts: it is for emergencies.
                Err(error) => {
                    tracing::warn!(
                        error = describe_error(&error),
                        "whether there is an account could not be looked up"
                    );
                    Ok(())
                }
            }
        }
        _ => Ok(()),
    }
}

async fn confirm(
    web: &WebState,
    deed: &'static str,
    target: &StopTarget,
    already: bool,
    lines: Vec<String>,
    waiting: Vec<String>,
) -> Result<Response, Trouble> {
    let page = ConfirmPage {
        deed,
        what: target.scope(),
        target: target_words(target),
        already,
        lines,
        waiting,
        longest: LONGEST_REASON,
    };
    Frame::new(web, "messages", None).await?.page(StatusCode::OK, "stop.html", page)
}

/// What becomes of waiting messages when something is stopped.
fn would_wait(waiting: &WaitingMessages) -> String {
    let kind = translated(waiting.channel.properties().label);
    match waiting.playbook.as_str() {
        "" => say!(
            waiting.due,
            "{n} of kind “{kind}” is to leave now and would wait.",
            "{n} of kind “{kind}” are to leave now and would wait.",
            n = waiting.due,
            kind = kind
        ),
        playbook => say!(
            waiting.due,
            "{n} of {playbook}, kind “{kind}”, is to leave now and would wait.",
            "{n} of {playbook}, kind “{kind}”, are to leave now and would wait.",
            n = waiting.due,
            playbook = playbook,
            kind = kind
        ),
    }
}

/// What becomes of waiting messages when nothing stops them.
fn fate(waiting: &WaitingMessages) -> Vec<String> {
    let WaitingMessages { due, expired, playbook, .. } = waiting;
    let kind = translated(waiting.channel.properties().label);
    let mut lines = Vec::new();
    if *due > 0 {
        lines.push(match playbook.as_str() {
            "" => say!("{n} of kind “{kind}” may leave at once, each after one more look.", n = due, kind = kind),
            playbook => say!(
                "{n} of {playbook}, kind “{kind}”, may leave at once, each after one more look.",
                n = due,
                playbook = playbook,
                kind = kind
            ),
        });
    }
    if *expired > 0 {
        lines.push(match playbook.as_str() {
            "" => say!("{n} of kind “{kind}” came too late by now and will not be sent.", n = expired, kind = kind),
            playbook => say!(
                "{n} of {playbook}, kind “{kind}”, came too late by now and will not be sent.",
                n = expired,
                playbook = playbook,
                kind = kind
            ),
        });
    }
    lines
}

/// What comes of stopping a target.
fn stop_lines(target: &StopTarget) -> Vec<String> {
    const ONE_MORE: &str = phrase!(
        "It holds before the next message leaves, for all daemons. A message that has passed its last \
                            check by then, one a connection at most, is still finished."
    );
    const MISSED: &str = phrase!("A run whose time comes in the meantime is skipped and not made up for later.");
    let lines: &[&str] = match target {
        StopTarget::All => &[
            phrase!("Nobody is enrolled, no step goes on and nothing leaves: no mail, no notice, no webhook."),
            ONE_MORE,
            MISSED,
            phrase!("These pages, and the links in mail that has left, work as before."),
        ],
        StopTarget::Playbook(_) => &[
            phrase!(
                "Nobody enters it any more, whoever is on the way stays where they stand, and its mail does not leave."
            ),
            ONE_MORE,
            MISSED,
            phrase!("Its open tasks stay open. Other playbooks go on."),
        ],
        StopTarget::Channel(_) => {
            &[phrase!("What would leave by this channel waits. Runs, waits and tasks go on."), ONE_MORE]
        }
        StopTarget::Account(_) => &[
            phrase!(
                "The account enters no playbook, whoever of it is on the way stays where they stand, and nothing leaves to it."
            ),
            ONE_MORE,
            phrase!("Its open tasks stay open. Other accounts go on."),
        ],
        StopTarget::AccountMail { .. } => &[
            phrase!(
                "Mail of this class to the account waits, and is not sent when it comes too late. Its journeys go on."
            ),
            ONE_MORE,
        ],
        StopTarget::Daemon => &[],
    };
    lines.iter().map(|line| translated(line).into_owned()).collect()
}

/// What comes of letting a target go on.
fn resume_lines(target: &StopTarget) -> Vec<String> {
    let lines: &[&str] = match target {
        StopTarget::All => &[phrase!(
            "Steps that are due by now go on at once, and runs begin with their next time. What is stopped by itself stays so."
        )],
        StopTarget::Playbook(_) => &[
            phrase!(
                "Whoever is on the way goes on at once where a step is due by now, and its next run is at its next time."
            ),
            phrase!("If Keepwell stopped it because of its mail, what happened before does not count again."),
        ],
        StopTarget::Channel(_) => &[phrase!("What waits for this channel leaves, each message after one more look.")],
        StopTarget::Account(_) => {
            &[phrase!("Its steps that are due by now go on at once, and it may enter playbooks again.")]
        }
        StopTarget::AccountMail { .. } => {
            &[phrase!("Mail of this class that waits for the account leaves, each message after one more look.")]
        }
        StopTarget::Daemon => &[],
    };
    lines.iter().map(|line| translated(line).into_owned()).collect()
}

fn unreadable() -> Trouble {
    Trouble::refusal(StatusCode::BAD_REQUEST, "This does not say what is meant. Begin again from the list of stops.")
}

fn unread(rejected: FormRejection) -> Trouble {
    Trouble::refusal(rejected.status(), phrase!("The form could not be read. Nothing was done."))
}
