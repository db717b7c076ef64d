//! The pauses of one account: wholly, or for mail of a class, with what follows
//! beside each choice.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::WebState;
use super::language::{phrase, say, translated};
use super::page::{Trouble, Web, account_href, capitalize, with_pair};
use super::visitor::{Visitor, actor_words};
use crate::clock::Instant;
use crate::ids::Word;
use crate::message::class::Class;
use crate::rehearsal::explanation::ConsequenceLine;
use crate::store::upkeep::stopped::{Stop, StopTarget};
use crate::store::views::web::WaitingMail;
use crate::user::role::Role;

/// The longest reason that is kept.
pub(super) const LONGEST_REASON: usize = 500;

pub(super) const UNKNOWN: Trouble = Trouble::NotFound("There is no such account.");

/// How a form names all of an account.
const WHOLE: &str = "all";

/// What the page shows of pauses.
#[derive(Debug, Serialize)]
pub(super) struct PausesView {
    /// Those that there are.
    pauses: Vec<PauseView>,
    /// What else could be paused.
    choices: Vec<PauseChoice>,
}

#[derive(Debug, Serialize)]
struct PauseView {
    value: &'static str,
    text: String,
    by: String,
    because: Option<String>,
    /// Whether whoever looks at it may end it.
    may_resume: bool,
    /// What comes of the end of it.
    lines: Vec<ConsequenceLine>,
}

#[derive(Debug, Serialize)]
struct PauseChoice {
    value: &'static str,
    label: String,
    lines: Vec<ConsequenceLine>,
}

/// What the forms send.
#[derive(Debug, Deserialize)]
pub(super) struct PauseForm {
    /// `all`, or a class of mail.
    #[serde(default)]
    what: String,
    #[serde(default)]
    because: String,
}

/// What of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Mail(Class),
}

impl Part {
    const ALL: [Part; 4] =
        [Part::Whole, Part::Mail(Class::Lifecycle), Part::Mail(Class::Marketing), Part::Mail(Class::Transactional)];

    fn name(self) -> &'static str {
        match self {
            Part::Whole => WHOLE,
            Part::Mail(class) => class.name(),
        }
    }

    fn target(self, account: &str) -> StopTarget {
        let account = account.to_owned();
        match self {
            Part::Whole => StopTarget::Account(account),
            Part::Mail(class) => StopTarget::AccountMail { account, class },
        }
    }
}

impl PausesView {
    /// The pauses of an account on so many journeys, and what else can be paused.
    pub async fn of(
        web: &WebState,
        visitor: &Visitor,
        account: &str,
        journeys: usize,
        now: Instant,
    ) -> Result<PausesView, Trouble> {
        let stopped = web.store.stopped().await?;
        let mail = web.store.waiting_mail_of(account, now).await?;
        let stop_of = |part: Part| stopped.stops.iter().find(|stop| stop.target == part.target(account));
        let whole = stop_of(Part::Whole).is_some();
        let paused: Vec<Part> = Part::ALL.into_iter().filter(|part| stop_of(*part).is_some()).collect();
        let mut pauses = Vec::new();
        for (part, stop) in paused.iter().filter_map(|part| Some((*part, stop_of(*part)?))) {
            pauses.push(pause(part, stop, &paused, &mail, may_resume(web, visitor, stop).await?));
        }
        let choices = Part::ALL.into_iter().filter(|part| stop_of(*part).is_none() && !whole);
        Ok(PausesView { choices: choices.map(|part| choice(part, journeys, &paused, &mail)).collect(), pauses })
    }
}

/// Whether somebody may end a stop of an account: an operator any, a CSM their own and
/// those of other CSMs.
async fn may_resume(web: &WebState, visitor: &Visitor, stop: &Stop) -> Result<bool, Trouble> {
    if visitor.may(Role::Operator) || visitor.may(Role::Csm) && stop.by == visitor.name {
        return Ok(true);
    }
    Ok(visitor.may(Role::Csm) && web.store.user_role(&stop.by).await? == Some(Role::Csm))
}

/// A pause beside the others that there are.
fn pause(part: Part, stop: &Stop, paused: &[Part], mail: &[WaitingMail], may_resume: bool) -> PauseView {
    let text = match part {
        Part::Whole => say!("The account is paused: nothing moves, and no mail leaves."),
        Part::Mail(class) => say!("{class} mail to the account is paused.", class = capitalized(class)),
    };
    let (waiting, late) = counted(part, mail);
    let stays = part != Part::Whole && paused.contains(&Part::Whole);
    let mut lines = Vec::new();
    if part == Part::Whole {
        lines.push(always(say!("its journeys go on: what is due is done")));
        for one in paused.iter().filter(|one| **one != Part::Whole) {
            lines.push(always(say!("{mail} stays paused", mail = one_mail(*one))));
        }
    }
    let kept: i64 = match part {
        Part::Whole => paused.iter().filter(|one| **one != Part::Whole).map(|one| counted(*one, mail).0).sum(),
        Part::Mail(_) => 0,
    };
    let waiting = waiting - kept;
    if stays && waiting > 0 {
        lines.push(always(say!("it waits all the same: the account is paused")));
    } else if waiting > 0 {
        lines.push(always(say!("{mails} may leave, each after one more look", mails = mails(waiting, part))));
    }
    if late > 0 {
        lines.push(always(say!(
            late,
            "{mails} is too late now and will not be sent",
            "{mails} are too late now and will not be sent",
            mails = mails(late, part)
        )));
    }
    if lines.is_empty() {
        lines.push(always(say!("no mail waits for it")));
    }
    PauseView {
        value: part.name(),
        text,
        by: actor_words(&stop.by).into_owned(),
        because: stop.reason.clone(),
        may_resume,
        lines,
    }
}

fn choice(part: Part, journeys: usize, paused: &[Part], mail: &[WaitingMail]) -> PauseChoice {
    let (waiting, _) = counted(part, mail);
    // What a pause of its class keeps back already.
    let kept: i64 = match part {
        Part::Whole => paused.iter().map(|one| counted(*one, mail).0).sum(),
        Part::Mail(_) => 0,
    };
    let waiting = waiting - kept;
    let keeps = match waiting {
        0 if kept > 0 => say!("no other mail waits to leave at this moment; a later one waits"),
        0 => say!("no {mail} waits to leave at this moment; a later one waits", mail = one_mail(part)),
        _ => say!(
            waiting,
            "{mails} waits to leave and does not",
            "{mails} wait to leave and do not",
            mails = mails(waiting, part)
        ),
    };
    let mut lines = Vec::new();
    if part == Part::Whole {
        lines.push(always(match journeys {
            0 => say!("it is in no playbook, and enters none until the pause ends"),
            many => say!(
                many as i64,
                "its journey stands still, and it enters no playbook until the pause ends",
                "its {n} journeys stand still, and it enters no playbook until the pause ends",
                n = many
            ),
        }));
    }
    lines.push(always(keeps));
    lines.push(always(match part {
        Part::Whole => say!("its open tasks stay open"),
        Part::Mail(_) => say!("a journey waits where it comes to such a mail; the others go on"),
    }));
    lines.push(always(say!("a mail that is too late when the pause ends is not sent any more")));
    let label = match part {
        Part::Whole => say!("Everything"),
        Part::Mail(class) => say!("{class} mail", class = capitalized(class)),
    };
    PauseChoice { value: part.name(), label, lines }
}

fn always(what: String) -> ConsequenceLine {
    ConsequenceLine { when: String::new(), what }
}

/// How many mails of a part can leave, and how many are too late.
fn counted(part: Part, mail: &[WaitingMail]) -> (i64, i64) {
    let is_of = |one: &&WaitingMail| part == Part::Whole || one.class == part.name();
    let of = || mail.iter().filter(is_of);
    (of().map(|one| one.waiting).sum(), of().map(|one| one.late).sum())
}

fn one_mail(part: Part) -> String {
    match part {
        Part::Whole => say!("mail"),
        Part::Mail(class) => say!("{class} mail", class = translated(class.name())),
    }
}

fn mails(count: i64, part: Part) -> String {
    match part {
        Part::Whole => say!(count, "{n} mail", "{n} mails", n = count),
        Part::Mail(class) => {
            say!(count, "{n} {class} mail", "{n} {class} mails", n = count, class = translated(class.name()))
        }
    }
}

/// The name of a class at the beginning of a sentence.
fn capitalized(class: Class) -> String {
    capitalize(&translated(class.name()))
}

/// A person pauses the account, or its mail of a class.
pub(super) async fn pause_account(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<PauseForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (part, because) = sent(form)?;
    // Of one that is gone from the customer store, what waits can still be paused.
    if web.store.account_header(&id).await?.is_none() && web.store.enrollments_of_account(&id, 1).await?.is_empty() {
        return Err(UNKNOWN);
    }
    let because = Some(because.trim()).filter(|because| !because.is_empty());
    let (target, now) = (part.target(&id), web.clock.now());
    let mut paused = web.store.stop(&target, visitor.actor(), because, now).await?;
    // What an operator pauses, no CSM resumes, whoever paused it first.
    if !paused && visitor.may(Role::Operator) {
        let stopped = web.store.stopped().await?;
        if let Some(stop) = stopped.stops.iter().find(|stop| stop.target == target)
            && web.store.user_role(&stop.by).await? == Some(Role::Csm)
        {
            let word = Word::new(visitor.actor(), now).because(because);
            paused = web.store.take_over_stop(&target, &stop.by, word).await?;
        }
    }
    let done = if paused { "paused" } else { "was-paused" };
    Ok(Redirect::to(&with_pair(&account_href(&id), "done", done)).into_response())
}

/// A person ends a pause.
pub(super) async fn resume_account(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<PauseForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (part, _) = sent(form)?;
    let stopped = web.store.stopped().await?;
    if let Some(stop) = stopped.stops.iter().find(|stop| stop.target == part.target(&id))
        && !may_resume(&web, &visitor, stop).await?
    {
        return Err(Trouble::refusal(
            StatusCode::FORBIDDEN,
            "No CSM paused this: an operator resumes it. Nothing has changed.",
        ));
    }
    let lifted = web.store.resume(&part.target(&id), visitor.actor(), web.clock.now()).await?;
    let done = if lifted { "resumed" } else { "was-not-paused" };
    Ok(Redirect::to(&with_pair(&account_href(&id), "done", done)).into_response())
}

fn sent(form: Result<Form<PauseForm>, FormRejection>) -> Result<(Part, String), Trouble> {
    let refused = |words| Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, words);
    let Ok(Form(given)) = form else { return Err(refused("The form could not be read. Nothing has changed.")) };
    if given.because.chars().count() > LONGEST_REASON {
        return Err(refused(phrase!("The reason is too long: 500 characters are the limit. Nothing has changed.")));
    }
    let part = Part::ALL.into_iter().find(|part| part.name() == given.what);
    let part = part.ok_or_else(|| refused(phrase!("Please choose what to pause. Nothing has changed.")))?;
    Ok((part, given.because))
}
