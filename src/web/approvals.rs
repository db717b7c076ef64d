//! Runs that wait for a person: why, whom they would touch and with what, and
//! that person's word.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::account_pauses::LONGEST_REASON;
use super::approval_outlook::OutlookView;
use super::fact::{self, Fact, number};
use super::language::{phrase, say, translated};
use super::page::{Frame, Notice, Trouble, Web, account_href, below, href};
use super::playbook_views::{RunView, held_name, run_view};
use super::visitor::{Visitor, actor_words};
use crate::catalog;
use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::ids::Word;
use crate::playbook::source::SourceFile;
use crate::playbook::{Step, StepBody};
use crate::store::runs::releases::{ReleaseAnswer, ReleasePace};
use crate::store::runs::{parse_run_id, run_id};
use crate::store::views::web::{HeldOfCsm, HeldRow, RunRow};

/// How many of those who wait are named on one page.
const NAMED: i64 = 200;

const UNKNOWN: Trouble = Trouble::NotFound("There is no such run.");

/// What the page is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RunQuery {
    /// An account whose mails are shown.
    account: Option<String>,
    /// The subject after which the names begin.
    after: Option<String>,
    contact: Option<String>,
}

/// A person's word.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RunForm {
    /// `once`, or the ramp.
    #[serde(default)]
    pace: String,
    #[serde(default)]
    because: String,
}

/// A run in the list.
#[derive(Serialize)]
struct HeldRunLine {
    playbook: String,
    run: RunView,
}

#[derive(Serialize)]
struct ListPage {
    runs: Vec<HeldRunLine>,
}

/// What one CSM's customers would get.
#[derive(Serialize)]
struct CsmShare {
    csm: Option<String>,
    accounts: i64,
    waiting: i64,
    mrr: Option<String>,
    open_tasks: i64,
}

/// Somebody who waits.
#[derive(Serialize)]
struct Waiting {
    name: String,
    href: String,
    facts: Vec<Fact>,
    /// Whether the revision before would not have enrolled them.
    is_new: bool,
    /// Whether their reason is gone since.
    is_gone: bool,
    /// The other playbooks in which their account is.
    others: Vec<String>,
    mails_href: String,
}

/// A step of the way ahead of those who wait.
#[derive(Serialize)]
struct StepAhead {
    id: String,
    kind: String,
}

#[derive(Serialize)]
struct RunPage {
    playbook: String,
    playbook_href: String,
    about: Option<String>,
    run: RunView,
    /// By whom and why it was approved or dropped, and how those enter who are let in.
    approval: Option<String>,
    /// All MRR together, where any is a number.
    mrr: Option<String>,
    csms: Vec<CsmShare>,
    steps: Vec<StepAhead>,
    outlook: Option<OutlookView>,
    waiting: Vec<Waiting>,
    /// Whether the names begin in the midst.
    first_href: Option<String>,
    next_href: Option<String>,
}

/// All of them.
pub(super) async fn list(State(web): Web) -> Result<Response, Trouble> {
    let runs = web.store.held_runs().await?;
    let held = |run: RunRow| HeldRunLine { playbook: run.playbook.clone(), run: run_view(run, web.zone) };
    let runs = runs.into_iter().map(held).collect();
    Frame::new(&web, "approvals", None).await?.page(StatusCode::OK, "approvals.html", ListPage { runs })
}

/// One of them.
pub(super) async fn show(
    State(web): Web,
    Path(id): Path<String>,
    asked: Result<Query<RunQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let (playbook, slot) = resolve_run(&web, &id).await?;
    let asked = asked.map_or_else(|_| RunQuery::default(), |Query(asked)| asked);
    page(&web, &playbook, slot, &asked, StatusCode::OK, None).await
}

/// A person lets them in.
pub(super) async fn approve(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<RunForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (playbook, slot) = resolve_run(&web, &id).await?;
    let form = sent(form)?;
    let pace = if form.pace == "once" { ReleasePace::AtOnce } else { ReleasePace::Ramp };
    let word = Word::new(visitor.actor(), web.clock.now()).because(Some(&form.because));
    let answer = web.store.approve_run(&playbook, slot, pace, word).await?;
    respond(&web, &playbook, slot, answer).await
}

/// A person drops the run.
pub(super) async fn discard(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<RunForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (playbook, slot) = resolve_run(&web, &id).await?;
    let form = sent(form)?;
    let word = Word::new(visitor.actor(), web.clock.now()).because(Some(&form.because));
    let answer = web.store.discard_run(&playbook, slot, word).await?;
    respond(&web, &playbook, slot, answer).await
}

fn sent(form: Result<Form<RunForm>, FormRejection>) -> Result<RunForm, Trouble> {
    let refused = |words| Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, words);
    let Ok(Form(form)) = form else {
        return Err(refused(phrase!("The form could not be read. The run is as it was.")));
    };
    match form.because.chars().count() > LONGEST_REASON {
        true => Err(refused(phrase!("The reason is too long: 500 characters are the limit. The run is as it was."))),
        false => Ok(form),
    }
}

/// The run by its playbook's name of now: a mail may say the one of before.
async fn resolve_run(web: &WebState, id: &str) -> Result<(String, Instant), Trouble> {
    let (playbook, slot) = parse_run_id(id).ok_or(UNKNOWN)?;
    Ok((web.store.name_of_now(&playbook).await?, slot))
}

async fn respond(web: &WebState, playbook: &str, slot: Instant, answer: ReleaseAnswer) -> Result<Response, Trouble> {
    let words = match answer {
        ReleaseAnswer::Taken | ReleaseAnswer::Already => {
            return Ok(Redirect::to(&below("/approvals", &run_id(playbook, slot))).into_response());
        }
        ReleaseAnswer::Unknown => return Err(UNKNOWN),
        ReleaseAnswer::NotHeld => phrase!("Nobody waits in this run any more, so nothing has changed."),
        ReleaseAnswer::UnderWay => phrase!("The run is just being released: try again in a minute."),
        ReleaseAnswer::OtherPace => {
            phrase!("A colleague has approved this run in another way, see below: nothing has changed.")
        }
        ReleaseAnswer::Outdated => phrase!("The playbook has changed since; its next run decides anew."),
    };
    let notice = Notice::error(translated(words).into_owned());
    page(web, playbook, slot, &RunQuery::default(), StatusCode::CONFLICT, Some(notice)).await
}

async fn page(
    web: &WebState,
    playbook: &str,
    slot: Instant,
    asked: &RunQuery,
    status: StatusCode,
    notice: Option<Notice>,
) -> Result<Response, Trouble> {
    let row = web.store.run_row(playbook, slot).await?.ok_or(UNKNOWN)?;
    let here = below("/approvals", &run_id(playbook, slot));
    let is_held = row.state == "held";
    let after = asked.after.as_deref().map(|account| (account, asked.contact.as_deref().unwrap_or_default()));
    let (csms, mut waiting) = match is_held {
        true => {
            let csms = web.store.held_by_csm(playbook, slot).await?;
            (csms, web.store.held_after(playbook, slot, after, NAMED + 1).await?)
        }
        false => (Vec::new(), Vec::new()),
    };
    let is_more = waiting.len() as i64 > NAMED;
    waiting.truncate(NAMED as usize);
    let next = waiting.last().filter(|_| is_more);
    let next_href = next
        .map(|last| format!("{}#waiting", href(&here, &[("after", &last.account_id), ("contact", &last.contact_id)])));
    let outlook = match is_held && row.approved_by.is_none() {
        true => Some(OutlookView::of(web, &row, &waiting, asked.account.as_deref(), &csms).await?),
        false => None,
    };
    let (about, steps) = read_steps(web, playbook, &row.revision).await?;
    let word = web.store.word_on_run(playbook, slot).await?.filter(|word| row.approved_by.as_ref() == Some(&word.by));
    let known: Vec<f64> = csms.iter().filter_map(|one| one.mrr).collect();
    let body = RunPage {
        playbook: playbook.to_owned(),
        playbook_href: below("/playbooks", playbook),
        about,
        approval: describe_approval(&row, word.and_then(|word| word.reason)),
        mrr: (!known.is_empty()).then(|| number(known.iter().sum())),
        csms: csms.into_iter().map(view_csm).collect(),
        steps,
        waiting: waiting.iter().map(|one| view_waiting(one, outlook.as_ref(), &here, web.zone)).collect(),
        first_href: after.is_some().then(|| format!("{here}#waiting")),
        next_href,
        outlook,
        run: run_view(row, web.zone),
    };
    Frame::new(web, "approvals", notice).await?.page(status, "approval.html", body)
}

/// Who has approved or dropped a run and why, and how those enter who are let in.
fn describe_approval(run: &RunRow, because: Option<String>) -> Option<String> {
    let who = actor_words(run.approved_by.as_ref()?);
    let is_held = run.state == "held";
    let is_dropped = run.reason.as_deref() == Some("discarded");
    Some(match (because, is_held, is_dropped) {
        (Some(because), true, _) if run.at_once => {
            say!("Approved by {who} (“{because}”). They enter all at once.", who = who, because = because)
        }
        (Some(because), true, _) => {
            say!("Approved by {who} (“{because}”). They enter in growing batches.", who = who, because = because)
        }
        (None, true, _) if run.at_once => say!("Approved by {who}. They enter all at once.", who = who),
        (None, true, _) => say!("Approved by {who}. They enter in growing batches.", who = who),
        (Some(because), false, true) => say!("Dropped by {who}: {because}.", who = who, because = because),
        (None, false, true) => say!("Dropped by {who}.", who = who),
        (Some(because), false, false) => say!("Approved by {who}: {because}.", who = who, because = because),
        (None, false, false) => say!("Approved by {who}.", who = who),
    })
}

/// What the revision of a run is for, and its steps in the order of the text.
async fn read_steps(
    web: &WebState,
    playbook: &str,
    revision: &str,
) -> Result<(Option<String>, Vec<StepAhead>), Trouble> {
    let text = web.store.revision_texts(&[(playbook, revision)]).await?.pop();
    let parsed = text.and_then(|text| {
        let file = SourceFile { path: text.file.into(), text: text.text.into() };
        catalog::parse(&file, &mut Vec::new())
    });
    let Some(parsed) = parsed else { return Ok((None, Vec::new())) };
    // The ways of a branch are listed, and it does nothing itself.
    let steps = Step::walk(&parsed.steps).into_iter().filter(|step| !matches!(step.body, StepBody::Branch(_)));
    let steps = steps.map(|step| StepAhead { id: step.id.clone(), kind: step.kind.clone() }).collect();
    Ok((parsed.about, steps))
}

fn view_csm(one: HeldOfCsm) -> CsmShare {
    let HeldOfCsm { csm, accounts, waiting, mrr, open_tasks, .. } = one;
    CsmShare { csm, accounts, waiting, mrr: mrr.map(number), open_tasks }
}

fn view_waiting(one: &HeldRow, outlook: Option<&OutlookView>, here: &str, zone: Tz) -> Waiting {
    let subject = SubjectId { account: one.account_id.clone(), contact: one.contact_id.clone() };
    Waiting {
        name: held_name(one),
        href: account_href(&one.account_id),
        facts: fact::all(&one.evidence, zone),
        is_new: outlook.is_some_and(|outlook| outlook.is_new(&subject)),
        is_gone: outlook.is_some_and(|outlook| outlook.is_gone(&subject)),
        others: outlook.map(|outlook| outlook.others_of(&subject)).unwrap_or_default(),
        mails_href: format!("{}#mails", href(here, &[("account", &one.account_id)])),
    }
}
