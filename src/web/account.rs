//! One account: what it is, where it stands, what happened and what was done,
//! and whom one writes to.

use std::collections::HashMap;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{Days, NaiveTime};
use serde::{Deserialize, Serialize};

use super::WebState;
use super::account_charts::{ChartView, charts};
use super::account_contacts::{ContactView, contacts, is_there};
use super::account_pauses::{PausesView, UNKNOWN};
use super::accounts::{column, unreadable};
use super::goals::{GoalView, PlanLinkView, goal_views, plan_links};
use super::language::{phrase, say, translated};
use super::page::{Frame, Notice, Trouble, Web, account_href, below, date, href, moment};
use super::reports::{LISTED, ReportLine, report_lines};
use super::stages::{MoveView, moves_of};
use super::timeline::{TimelineLine, line};
use super::visitor::Visitor;
use super::why::{WhyView, explain_playbook};
use crate::clock::Instant;
use crate::evaluation::score::{FactorMove, factor_moves};
use crate::facts::Contact;
use crate::playbook::local_time;
use crate::store::documents::plans::GoalFilter;
use crate::store::documents::scores::ScoreRow;
use crate::store::views::web::{AccountEnrollmentRow, AccountHeader, TaskRow, TimelineSpan};

/// How many entries of the timeline one page shows.
const ENTRIES: usize = 100;

/// For how long events are counted.
const EVENT_DAYS: u64 = 365;

/// How many enrollments are read, and how many open tasks are shown.
pub(super) const ENROLLMENTS: i64 = 500;
const JOURNEYS: usize = 20;
const TASKS: i64 = 20;

/// How many scores of documents are shown, those of contacts included.
const SCORES: usize = 50;

/// How many moves to other stages and tiers are shown.
const MOVES: usize = 20;

/// What the page is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct AccountPageQuery {
    /// A playbook that is to be explained, and of which contact.
    why: Option<String>,
    contact: Option<String>,
    /// Only what happened before is shown.
    before: Option<Instant>,
    /// What a form has done.
    done: Option<String>,
}

#[derive(Serialize)]
struct AccountPage {
    id: String,
    name: String,
    /// Whether the customer store has it no more.
    gone: bool,
    status: Option<String>,
    header: Vec<HeaderView>,
    charts: Vec<ChartView>,
    scores: Vec<ScoreView>,
    goals: Vec<GoalView>,
    plan_links: Vec<PlanLinkView>,
    reports: Vec<ReportLine>,
    moves: Vec<MoveView>,
    pausing: PausesView,
    audit_href: String,
    pause_href: String,
    resume_href: String,
    why: Option<WhyView>,
    journeys: Vec<JourneyView>,
    more_journeys: usize,
    tasks: Vec<OpenTaskView>,
    timeline: Vec<TimelineLine>,
    /// Until when this part of the timeline goes; `None` for the latest.
    before: Option<String>,
    latest_href: String,
    older_href: Option<String>,
    event_days: u64,
    contacts: Vec<ContactView>,
    more_contacts: usize,
    playbooks: Vec<PlaybookLine>,
}

#[derive(Serialize)]
struct HeaderView {
    label: &'static str,
    value: String,
    href: Option<String>,
}

/// A score that a document has made.
#[derive(Serialize)]
struct ScoreView {
    name: String,
    contact: Option<String>,
    value: String,
    band: Option<String>,
    /// Against the one before; `None` for the first, and where it is the same.
    change: Option<String>,
    at: String,
    factors: Vec<FactorView>,
}

#[derive(Serialize)]
struct FactorView {
    id: String,
    value: String,
    change: Option<String>,
}

/// A playbook on whose way the account is, or one of its contacts.
#[derive(Serialize)]
struct JourneyView {
    playbook: String,
    playbook_href: String,
    contact: Option<String>,
    state: String,
    step: Option<String>,
    due: Option<String>,
    since: String,
    shadow: bool,
    /// Where a person ends it; `None` of one that waits for approval.
    cancel_href: Option<String>,
}

#[derive(Serialize)]
struct OpenTaskView {
    href: String,
    title: String,
    assignee: String,
    due: Option<String>,
    overdue: bool,
    snoozed: Option<String>,
}

/// A playbook, and what the account has to do with it.
#[derive(Serialize)]
struct PlaybookLine {
    id: String,
    href: String,
    standing: String,
    is_in: bool,
    why_href: String,
    enroll_href: String,
    current: bool,
}

/// The page of an account; also of one that the customer store has no more,
/// as long as Keepwell knows something of it.
pub(super) async fn show(
    State(web): Web,
    visitor: Visitor,
    id: Result<Path<String>, PathRejection>,
    asked: Result<Query<AccountPageQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Path(id) = id.map_err(|_| UNKNOWN)?;
    let Query(asked) = asked.map_err(unreadable)?;
    let now = web.clock.now();
    let header = web.store.account_header(&id).await?;
    let enrollments = web.store.enrollments_of_account(&id, ENROLLMENTS).await?;
    let days = days(&web, now);
    let span = TimelineSpan { before: asked.before, days: &days, limit: ENTRIES };
    let timeline = web.store.timeline(&id, &span).await?;
    if header.is_none() && enrollments.is_empty() && timeline.entries.is_empty() {
        return Err(UNKNOWN);
    }
    let people = web.store.people(std::slice::from_ref(&id)).await?.remove(&id).unwrap_or_default();
    let names: HashMap<&str, &str> =
        people.contacts.iter().map(|contact| (contact.id.as_str(), contact.name.as_str())).collect();
    let contact = |id: &str| names.get(id).filter(|name| !name.is_empty()).map_or(id, |name| name).to_owned();
    let name = header.as_ref().and_then(|header| header.name.clone()).unwrap_or_else(|| id.clone());
    let here = account_href(&id);
    let why = asked.why.filter(|playbook| !playbook.is_empty());
    let why = match &why {
        Some(playbook) => {
            let there: Vec<&Contact> = people.contacts.iter().filter(|one| is_there(one, now)).collect();
            let chosen = asked.contact.as_deref().filter(|contact| !contact.is_empty());
            Some(explain_playbook(&web, playbook, (&id, &name), chosen, &there, now).await?)
        }
        None => None,
    };
    let on_way = enrollments.iter().filter(|row| row.ended_at.is_none() && row.state != "held").count();
    let pausing = PausesView::of(&web, &visitor, &id, on_way, now).await?;
    let (journeys, more_journeys) = journeys(&web, &enrollments, &here, &contact);
    let (contacts, more_contacts) = contacts(&web, &id, &people.contacts, now).await?;
    let last = timeline.entries.last().filter(|_| timeline.more).map(|entry| entry.at.to_rfc3339());
    let scores = web.store.latest_scores(None, Some(&id), now).await?;
    let of_account = GoalFilter { account: Some(&id), ..GoalFilter::default() };
    let goals = web.store.goals_at(of_account, now).await?;
    let reports = web.store.reports_of(&id, now, LISTED).await?;
    let published = web.store.published().await?;
    let current = why.as_ref().map(|why| why.playbook.clone());
    let page = AccountPage {
        gone: header.is_none(),
        status: header.as_ref().and_then(|header| header.status.clone()),
        header: header.map(|header| header_views(&web, header, health(&scores))).unwrap_or_default(),
        charts: charts(&web, &id, now).await?,
        scores: score_views(&web, scores, &contact),
        plan_links: plan_links(&web, &id, &goals, now).await?,
        goals: goal_views(goals, web.zone),
        reports: report_lines(reports, web.zone),
        moves: moves_of(&web, &id, now, MOVES).await?,
        tasks: web.store.open_tasks_of_account(&id, TASKS).await?.into_iter().map(|row| task(&web, row, now)).collect(),
        timeline: timeline.entries.into_iter().map(|entry| line(entry, web.zone, &contact)).collect(),
        before: asked.before.map(|before| moment(before, web.zone)),
        older_href: last.map(|last| format!("{}#timeline", href(&here, &[("before", &last)]))),
        event_days: EVENT_DAYS,
        playbooks: published
            .into_iter()
            .map(|known| playbook_line(&web, known.id, &enrollments, &here, current.as_deref()))
            .collect(),
        latest_href: format!("{here}#timeline"),
        pausing,
        audit_href: href("/audit", &[("account", &id)]),
        pause_href: format!("{here}/pause"),
        resume_href: format!("{here}/resume"),
        why,
        journeys,
        more_journeys,
        contacts,
        more_contacts,
        name,
        id,
    };
    let notice = asked.done.as_deref().and_then(notice);
    Frame::new(&web, "accounts", notice).await?.page(StatusCode::OK, "account.html", page)
}

/// What a form has done, in words.
fn notice(done: &str) -> Option<Notice> {
    let words = match done {
        "was-paused" => say!("It was paused already; your reason was not kept."),
        "paused" => say!("Paused. It stands below, with who did it, until somebody resumes it."),
        "resumed" => say!("Resumed."),
        "was-not-paused" => say!("It was not paused any more."),
        "enrolled" => say!("Enrolled. The journey begins at the next look of the daemon."),
        "held-out" => say!("Entered, but held out for comparison: it gets nothing of the playbook."),
        "cancelled" => say!("Cancelled: the journey has ended."),
        _ => return None,
    };
    Some(Notice::done(words))
}

/// When each day begins on which events are counted.
fn days(web: &WebState, now: Instant) -> Vec<Instant> {
    let today = local_time::date(web.zone, now);
    let day = |back| today.checked_sub_days(Days::new(back));
    let begin = |day: chrono::NaiveDate| local_time::instant(web.zone, day.and_time(NaiveTime::MIN));
    (0..=EVENT_DAYS).rev().filter_map(day).map(begin).collect()
}

/// `90 green`: what the score `health` says of the account itself.
fn health(scores: &[ScoreRow]) -> Option<String> {
    let health = scores.iter().find(|score| score.name == "health" && score.contact.is_empty())?;
    let value = health.value.round();
    Some(health.band.as_ref().map_or_else(|| value.to_string(), |band| format!("{value} {band}")))
}

fn header_views(web: &WebState, header: AccountHeader, health: Option<String>) -> Vec<HeaderView> {
    let known = |text: &Option<String>| column(text, web.zone);
    let view = |label, value: Option<String>| HeaderView {
        label,
        value: value.filter(|value| !value.is_empty()).unwrap_or_else(|| "–".to_owned()),
        href: None,
    };
    let seats = match (known(&header.seats_used), known(&header.seats)) {
        (Some(used), Some(seats)) => Some(say!("{used} of {seats}", used = used, seats = seats)),
        (Some(used), None) => Some(say!("{used} used", used = used)),
        (None, seats) => seats,
    };
    let csm_href = header.csm_id.as_deref().map(|csm| href("/accounts", &[("csm", csm)]));
    let mut views = vec![
        view(phrase!("Tier"), known(&header.tier)),
        view(phrase!("MRR"), known(&header.mrr)),
        view(phrase!("Renewal"), known(&header.renewal_at)),
        view(phrase!("Seats"), seats),
        HeaderView { href: csm_href, ..view(phrase!("CSM"), header.csm_name.or(header.csm_id)) },
        view(phrase!("Signed up"), known(&header.signed_up_at)),
    ];
    views.extend(health.map(|health| view(phrase!("Health"), Some(health))));
    views.extend(header.stage.map(|stage| view(phrase!("Stage"), Some(stage))));
    views
}

/// What documents say of the account and of its people.
fn score_views(web: &WebState, scores: Vec<ScoreRow>, contact: &dyn Fn(&str) -> String) -> Vec<ScoreView> {
    let number = |value: f64| ((value * 10.0).round() / 10.0).to_string();
    let change = |value: Option<f64>, before: Option<f64>| {
        let change = value? - before?;
        (change.abs() >= 0.05).then(|| format!("{}{}", if change > 0.0 { "+" } else { "−" }, number(change.abs())))
    };
    let factor = |one: FactorMove| FactorView {
        value: one.value.map_or_else(|| say!("missing"), number),
        change: change(one.value, one.before),
        id: one.factor,
    };
    let view = |score: ScoreRow| ScoreView {
        contact: Some(score.contact.as_str()).filter(|id| !id.is_empty()).map(contact),
        value: number(score.value),
        change: change(Some(score.value), score.before),
        at: moment(score.at, web.zone),
        factors: factor_moves(&score.factors, score.factors_before.as_ref()).into_iter().map(factor).collect(),
        band: score.band,
        name: score.name,
    };
    scores.into_iter().take(SCORES).map(view).collect()
}

fn journeys(
    web: &WebState,
    enrollments: &[AccountEnrollmentRow],
    here: &str,
    contact: &dyn Fn(&str) -> String,
) -> (Vec<JourneyView>, usize) {
    let current: Vec<_> = enrollments.iter().filter(|row| row.ended_at.is_none()).collect();
    let view = |row: &&AccountEnrollmentRow| JourneyView {
        playbook_href: below("/playbooks", &row.playbook),
        playbook: row.playbook.clone(),
        contact: Some(row.contact_id.as_str()).filter(|id| !id.is_empty()).map(contact),
        state: row.state.clone(),
        step: row.step.clone(),
        due: row.due_at.map(|due| moment(due, web.zone)),
        since: date(row.started_at, web.zone),
        shadow: row.shadow,
        cancel_href: (row.state != "held")
            .then(|| href(&format!("{here}/cancel"), &[("enrollment", &row.id.to_string())])),
    };
    (current.iter().take(JOURNEYS).map(view).collect(), current.len().saturating_sub(JOURNEYS))
}

fn task(web: &WebState, row: TaskRow, now: Instant) -> OpenTaskView {
    OpenTaskView {
        href: below("/tasks", &row.id.to_string()),
        title: row.title,
        assignee: row.assignee_name.or(row.assignee).unwrap_or_else(|| say!("Unassigned")),
        due: row.due_at.map(|due| moment(due, web.zone)),
        overdue: row.due_at.is_some_and(|due| due < now),
        snoozed: row.snoozed_until.filter(|until| *until > now).map(|until| moment(until, web.zone)),
    }
}

fn playbook_line(
    web: &WebState,
    id: String,
    enrollments: &[AccountEnrollmentRow],
    here: &str,
    current: Option<&str>,
) -> PlaybookLine {
    let of_it: Vec<_> = enrollments.iter().filter(|row| row.playbook == id).collect();
    let on_way = of_it.iter().filter(|row| row.ended_at.is_none()).count();
    let is_in = on_way > 0;
    let latest = of_it.iter().filter_map(|row| Some((row.ended_at?, *row))).max_by_key(|(ended, _)| *ended);
    let standing = match (on_way, latest) {
        (1, _) => say!("In it now"),
        (0, None) => say!("Never in it"),
        (0, Some((ended, row))) => {
            say!("Ended {day}: {state}", day = date(ended, web.zone), state = translated(&row.state))
        }
        (many, _) => say!("In it now, {n} times", n = many),
    };
    PlaybookLine {
        href: below("/playbooks", &id),
        why_href: format!("{}#why", href(here, &[("why", &id)])),
        enroll_href: href(&format!("{here}/enroll"), &[("playbook", &id)]),
        current: current == Some(&id),
        standing,
        is_in,
        id,
    }
}
