//! Into a playbook and out of it by a person's hand: first what follows, then the
//! deed, with the refusals of `keepwell enroll` and `keepwell cancel`.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WebState;
use super::account::ENROLLMENTS;
use super::account_pauses::{LONGEST_REASON, UNKNOWN};
use super::language::{phrase, say, translated};
use super::outlook_words::outlook_lines;
use super::page::{Frame, Notice, Trouble, Web, account_href, below, date, href, with_pair};
use super::stop_words::stop_words;
use super::visitor::Visitor;
use crate::facts::{Contact, Subject, SubjectId};
use crate::ids::Word;
use crate::rehearsal::explanation::ConsequenceLine;
use crate::store::enrollments::manual_moves::Cancelled;
use crate::store::upkeep::stopped::StopTarget;
use crate::worker::enrollments::enroll_requests;
use crate::worker::enrollments::journeys::{outlook_at_entry, outlook_from_here};
use crate::worker::runs::explain::in_force;

const NO_PLAYBOOK: Trouble = Trouble::NotFound("There is no such playbook.");
const NO_JOURNEY: Trouble = Trouble::NotFound("There is no such journey of this account.");

/// Who is to enter what.
#[derive(Debug, Deserialize)]
pub(super) struct EnrollForm {
    #[serde(default)]
    playbook: String,
    /// Empty where the account itself is meant.
    #[serde(default)]
    contact: String,
    #[serde(default)]
    because: String,
}

#[derive(Serialize)]
struct EnrollPage {
    id: String,
    name: String,
    href: String,
    playbook: String,
    playbook_href: String,
    contact: Option<ContactChoice>,
    /// One of these has to be chosen first.
    contacts: Vec<ContactChoice>,
    /// Why nobody can be enrolled.
    refused: Option<String>,
    why_href: String,
    lines: Vec<ConsequenceLine>,
    shadow: bool,
    /// Whether it is held out for comparison.
    held_out: bool,
    /// What keeps the journey from going on.
    stopped: Vec<String>,
    because: String,
}

#[derive(Serialize)]
struct ContactChoice {
    id: String,
    name: String,
    href: String,
}

/// Which journey is to end.
#[derive(Debug, Deserialize)]
pub(super) struct CancelForm {
    #[serde(default)]
    enrollment: String,
    #[serde(default)]
    because: String,
}

#[derive(Serialize)]
struct CancelPage {
    id: String,
    name: String,
    href: String,
    enrollment: Uuid,
    playbook: String,
    playbook_href: String,
    contact: Option<String>,
    step: Option<String>,
    since: String,
    /// Why it cannot be ended.
    refused: Option<&'static str>,
    /// What comes of its end.
    lines: Vec<ConsequenceLine>,
    /// What would come without it.
    goes_on: Vec<ConsequenceLine>,
    because: String,
}

/// What comes of enrolling the account, or one of its contacts.
pub(super) async fn ask_enroll(
    State(web): Web,
    Path(id): Path<String>,
    Query(asked): Query<EnrollForm>,
) -> Result<Response, Trouble> {
    enroll_page(&web, id, asked, StatusCode::OK, None).await
}

/// A person enrolls the account, or one of its contacts.
pub(super) async fn enroll(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<EnrollForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Ok(Form(given)) = form else { return Err(unreadable()) };
    if is_too_long(&given.because) {
        return enroll_page(&web, id, given, StatusCode::UNPROCESSABLE_ENTITY, Some(too_long())).await;
    }
    let now = web.clock.now();
    let subject = SubjectId { account: id.clone(), contact: given.contact.clone() };
    let decided = enroll_requests::decide(&web.shared, &given.playbook, now, &[subject]).await?.pop();
    let reason = match decided {
        Some(Ok(mut enrollment)) => {
            enroll_requests::named_by(&mut enrollment, &visitor.name);
            let word = Word::new(visitor.actor(), now).because(Some(&given.because));
            if web.store.enroll_named(&enrollment, word).await? {
                let done = if enrollment.is_ghost() { "held-out" } else { "enrolled" };
                let path = with_pair(&account_href(&id), "done", done);
                return Ok(Redirect::to(&path).into_response());
            }
            "active".to_owned()
        }
        Some(Err(reason)) => reason,
        None => return Err(UNKNOWN),
    };
    let why = in_words(&reason);
    let notice = Notice::error(say!("Nobody was enrolled in {playbook}: {why}.", playbook = given.playbook, why = why));
    enroll_page(&web, id, given, StatusCode::CONFLICT, Some(notice)).await
}

async fn enroll_page(
    web: &WebState,
    id: String,
    given: EnrollForm,
    status: StatusCode,
    notice: Option<Notice>,
) -> Result<Response, Trouble> {
    let now = web.clock.now();
    let header = web.store.account_header(&id).await?.ok_or(UNKNOWN)?;
    let decided = in_force(&web.shared, &given.playbook, now).await?.ok_or(NO_PLAYBOOK)?;
    let here = account_href(&id);
    let why = [("why", given.playbook.as_str()), ("contact", given.contact.as_str())];
    let mut page = EnrollPage {
        name: header.name.unwrap_or_else(|| id.clone()),
        playbook_href: below("/playbooks", &given.playbook),
        why_href: format!("{}#why", href(&here, &why[..if given.contact.is_empty() { 1 } else { 2 }])),
        contact: None,
        contacts: Vec::new(),
        refused: None,
        lines: Vec::new(),
        shadow: false,
        held_out: false,
        stopped: Vec::new(),
        because: given.because,
        playbook: given.playbook,
        href: here,
        id,
    };
    let of_contacts = match decided {
        Err(why) => {
            page.refused = Some(why);
            return Frame::new(web, "accounts", notice).await?.page(status, "enroll.html", page);
        }
        Ok(decided) => {
            let is_whole = decided.loaded.ready.portfolio.is_some();
            page.refused = is_whole.then(|| say!("it is about all accounts together"));
            !is_whole && Subject::from(decided.loaded.ready.playbook.subject) == Subject::Contact
        }
    };
    if of_contacts {
        let people = web.store.people(std::slice::from_ref(&page.id)).await?.remove(&page.id).unwrap_or_default();
        let there = people.contacts.iter().filter(|one| one.left_at.is_none_or(|left| left > now));
        let mut choices: Vec<ContactChoice> = there.map(|one| choice(&page, one)).collect();
        match choices.iter().position(|one| one.id == given.contact) {
            Some(place) => page.contact = Some(choices.swap_remove(place)),
            None if choices.is_empty() => page.refused = Some(say!("it is for contacts, and the account has none")),
            None => page.contacts = choices,
        }
    }
    if page.refused.is_none() && page.contacts.is_empty() {
        let contact = page.contact.as_ref().map(|one| one.id.clone()).unwrap_or_default();
        let subject = SubjectId { account: page.id.clone(), contact };
        match enroll_requests::decide(&web.shared, &page.playbook, now, &[subject]).await?.pop() {
            Some(Ok(enrollment)) => {
                page.held_out = enrollment.is_ghost();
                if !page.held_out {
                    let outlook = outlook_at_entry(&web.shared, &enrollment, now).await?;
                    page.lines = outlook.map(|outlook| outlook_lines(&outlook, now, web.zone)).unwrap_or_default();
                }
                page.shadow = enrollment.shadow;
                page.stopped = stops_of(web, &page.id).await?;
            }
            Some(Err(reason)) => page.refused = Some(in_words(&reason)),
            None => return Err(UNKNOWN),
        }
    }
    Frame::new(web, "accounts", notice).await?.page(status, "enroll.html", page)
}

/// What keeps somebody out, by the name that `keepwell enroll` says.
fn in_words(reason: &str) -> String {
    let words = match reason {
        "active" => say!("they are in it already"),
        "exit" => say!("its exit is true of them"),
        "goal" => say!("they have reached its goal"),
        "gap" => say!("they were in it too recently"),
        "reentry" => say!("they were in it, and it lets nobody in again"),
        "stage" => say!("they are in a stage that it leaves out"),
        "status" => say!("their status is one that it leaves out"),
        "suppress" => say!("its own rule keeps them out at this moment"),
        "undecided" => say!("nobody can decide it now"),
        "stopped" => say!("the playbook is stopped, or everything of the account is"),
        "paused" => say!("the playbook is paused"),
        "no key" => say!("what tells its entries apart has no value for them"),
        "no value" => say!("a value that it keeps of them is missing"),
        other => return translated(other).into_owned(),
    };
    say!("{words} ({name})", words = words, name = reason)
}

fn choice(page: &EnrollPage, contact: &Contact) -> ContactChoice {
    let pairs = [("playbook", page.playbook.as_str()), ("contact", contact.id.as_str())];
    ContactChoice {
        href: href(&format!("{}/enroll", page.href), &pairs),
        name: if contact.name.is_empty() { contact.id.clone() } else { contact.name.clone() },
        id: contact.id.clone(),
    }
}

/// What is stopped of an account, in words.
async fn stops_of(web: &WebState, account: &str) -> Result<Vec<String>, Trouble> {
    let stops = web.store.stopped().await?.stops.into_iter();
    let concerns = |target: &StopTarget| match target {
        StopTarget::Account(id) | StopTarget::AccountMail { account: id, .. } => id == account,
        StopTarget::Channel(_) => true,
        StopTarget::All | StopTarget::Playbook(_) | StopTarget::Daemon => false,
    };
    Ok(stops.filter(|stop| concerns(&stop.target)).map(|stop| stop_words(&stop)).collect())
}

/// What comes of the end of a journey.
pub(super) async fn ask_cancel(
    State(web): Web,
    Path(id): Path<String>,
    Query(asked): Query<CancelForm>,
) -> Result<Response, Trouble> {
    cancel_page(&web, id, asked, StatusCode::OK, None).await
}

/// A person ends a journey.
pub(super) async fn cancel(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<CancelForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Ok(Form(given)) = form else { return Err(unreadable()) };
    if is_too_long(&given.because) {
        return cancel_page(&web, id, given, StatusCode::UNPROCESSABLE_ENTITY, Some(too_long())).await;
    }
    let enrollment: Uuid = given.enrollment.parse().map_err(|_| NO_JOURNEY)?;
    let of_account = web.store.enrollments_of_account(&id, ENROLLMENTS).await?;
    if !of_account.iter().any(|one| one.id == enrollment) {
        return Err(NO_JOURNEY);
    }
    let word = Word::new(visitor.actor(), web.clock.now()).because(Some(&given.because));
    match web.store.cancel_enrollment(enrollment, word).await? {
        Cancelled::Done => Ok(Redirect::to(&with_pair(&account_href(&id), "done", "cancelled")).into_response()),
        Cancelled::Unknown => Err(NO_JOURNEY),
        // The page says why.
        Cancelled::NotActive(_) => cancel_page(&web, id, given, StatusCode::CONFLICT, None).await,
    }
}

async fn cancel_page(
    web: &WebState,
    id: String,
    given: CancelForm,
    status: StatusCode,
    notice: Option<Notice>,
) -> Result<Response, Trouble> {
    let now = web.clock.now();
    let enrollment: Uuid = given.enrollment.parse().map_err(|_| NO_JOURNEY)?;
    let rows = web.store.enrollments_of_account(&id, ENROLLMENTS).await?;
    let row = rows.into_iter().find(|one| one.id == enrollment).ok_or(NO_JOURNEY)?;
    let name = web.store.account_header(&id).await?.and_then(|header| header.name).unwrap_or_else(|| id.clone());
    let refused = match (row.state.as_str(), row.ended_at) {
        ("held", _) => {
            Some(phrase!("It waits for approval with its run, which can be discarded as a whole. Nothing has changed."))
        }
        (_, Some(_)) => Some(phrase!("It has ended already. Nothing has changed.")),
        _ => None,
    };
    let mut lines = Vec::new();
    let mut goes_on = Vec::new();
    if refused.is_none() {
        let open = web.store.open_work_of(&id, enrollment).await?;
        let whats = [
            match open.mails {
                0 => say!("no mail of it waits to leave"),
                many => say!(
                    many,
                    "1 mail that waits to leave is not sent",
                    "{n} mails that wait to leave are not sent",
                    n = many
                ),
            },
            match open.tasks {
                0 => say!("no open task of it closes"),
                many => say!(many, "1 open task closes", "{n} open tasks close", n = many),
            },
            say!("it cannot be taken back; the playbook’s own rule says whether it may enter again"),
        ];
        lines.extend(whats.map(|what| ConsequenceLine { when: String::new(), what }));
        let outlook = outlook_from_here(&web.shared, &id, enrollment, now).await?;
        goes_on = outlook.map(|outlook| outlook_lines(&outlook, now, web.zone)).unwrap_or_default();
    }
    let people = web.store.people(std::slice::from_ref(&id)).await?.remove(&id).unwrap_or_default();
    let named = |contact: &str| {
        let found = people.contacts.iter().find(|one| one.id == contact).filter(|one| !one.name.is_empty());
        found.map_or_else(|| contact.to_owned(), |one| one.name.clone())
    };
    let page = CancelPage {
        href: account_href(&id),
        name,
        enrollment,
        playbook_href: below("/playbooks", &row.playbook),
        contact: Some(row.contact_id.as_str()).filter(|contact| !contact.is_empty()).map(named),
        playbook: row.playbook,
        step: row.step,
        since: date(row.started_at, web.zone),
        refused,
        lines,
        goes_on,
        because: given.because,
        id,
    };
    Frame::new(web, "accounts", notice).await?.page(status, "cancel.html", page)
}

fn is_too_long(because: &str) -> bool {
    because.chars().count() > LONGEST_REASON
}

fn too_long() -> Notice {
    Notice::error(say!("The reason is too long: 500 characters are the limit. Nothing has changed."))
}

fn unreadable() -> Trouble {
    Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, "The form could not be read. Nothing has changed.")
}
