//! Those who are or were in a playbook: at a step, past it, or who left there.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::journey::{Journey, people_path, state_label};
use super::language::{phrase, say, translated};
use super::page::{Frame, Trouble, Web, account_href, account_name, below, href, moment};
use super::playbooks::{find_playbook, parse_playbook};
use super::stored_words::stored_words;
use crate::store::views::web::{EnrolledRow, StepGroup};

/// How many one page shows.
const AT_MOST: usize = 50;

/// Whom the list is about; one of these, or all.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PlaybookAccountsQuery {
    /// A step at which they stand.
    #[serde(default)]
    at: String,
    /// A step that they are past.
    #[serde(default)]
    past: String,
    /// A step at which they left.
    #[serde(default)]
    left: String,
    #[serde(default)]
    state: String,
    /// The account and the id of the last one of the page before.
    #[serde(default)]
    from: String,
    #[serde(default)]
    after: String,
}

#[derive(Serialize)]
struct PlaybookAccountsPage {
    playbook: String,
    playbook_href: String,
    /// Who they are, in words.
    who: String,
    count: i64,
    enrolled: Vec<EnrolledView>,
    first_href: Option<String>,
    next_href: Option<String>,
}

#[derive(Serialize)]
struct EnrolledView {
    name: String,
    href: String,
    account: String,
    contact: Option<String>,
    shadow: bool,
    state: String,
    label: &'static str,
    reason: Option<String>,
    /// Where they stand, or left.
    step: Option<String>,
    due: Option<String>,
    started: String,
    ended: Option<String>,
}

/// In order of their accounts.
pub(super) async fn list(
    State(web): Web,
    Path(id): Path<String>,
    asked: Result<Query<PlaybookAccountsQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let unreadable = || {
        let words = phrase!("This address cannot be read. Begin again from the page of the playbook.");
        Trouble::refusal(StatusCode::BAD_REQUEST, words)
    };
    let Query(asked) = asked.map_err(|_| unreadable())?;
    let published = find_playbook(&web, &id).await?;
    let written = parse_playbook(&web, &published).await?;
    let steps = written.as_ref().map_or(&[][..], |playbook| &playbook.steps);
    let counts = web.store.step_counts(&id).await?;
    let journey = Journey::new(&id, steps, &counts, web.zone);
    let (groups, pair, who) = choose(&journey, &asked);
    let after = match asked.after.as_str() {
        "" => None,
        after => Some((asked.from.as_str(), after.parse::<Uuid>().map_err(|_| unreadable())?)),
    };
    let mut rows = web.store.enrolled_page(&id, &groups, after, AT_MOST as i64 + 1).await?;
    let more = rows.len() > AT_MOST;
    rows.truncate(AT_MOST);
    let here: Vec<(&str, &str)> = pair.into_iter().collect();
    let next_href = rows.last().filter(|_| more).map(|last| {
        let last_id = last.id.to_string();
        let key = [("from", last.enrollment.account_id.as_str()), ("after", last_id.as_str())];
        href(&people_path(&id), &[here.as_slice(), &key].concat())
    });
    let page = PlaybookAccountsPage {
        playbook_href: below("/playbooks", &id),
        who,
        count: journey.count(&groups),
        enrolled: rows.into_iter().map(|row| view(row, web.zone)).collect(),
        first_href: after.is_some().then(|| href(&people_path(&id), &here)),
        next_href,
        playbook: id.clone(),
    };
    Frame::new(&web, "playbooks", None).await?.page(StatusCode::OK, "playbook_accounts.html", page)
}

/// Whom the address asks for, with the pair that does, and in words.
fn choose<'q>(
    journey: &Journey<'_>,
    asked: &'q PlaybookAccountsQuery,
) -> (Vec<StepGroup>, Option<(&'static str, &'q str)>, String) {
    let PlaybookAccountsQuery { at, past, left, state, .. } = asked;
    match [at, past, left, state].map(String::as_str) {
        ["", "", "", ""] => (journey.everybody(), None, say!("Everybody")),
        [at, _, _, _] if !at.is_empty() => (journey.standing(at), Some(("at", at)), say!("Stand at {step}", step = at)),
        [_, past, _, _] if !past.is_empty() => {
            (journey.past(past), Some(("past", past)), say!("Are past {step}", step = past))
        }
        [_, _, left, _] if !left.is_empty() => {
            (journey.left(left), Some(("left", left)), say!("Left at {step}", step = left))
        }
        [_, _, _, state] => {
            (journey.in_state(state), Some(("state", state)), translated(state_label(state)).into_owned())
        }
    }
}

fn view(row: EnrolledRow, zone: chrono_tz::Tz) -> EnrolledView {
    let EnrolledRow { enrollment, left_step, ended_at, .. } = row;
    EnrolledView {
        name: account_name(enrollment.account_name, &enrollment.account_id),
        href: account_href(&enrollment.account_id),
        account: enrollment.account_id,
        contact: enrollment.contact_name,
        shadow: enrollment.shadow,
        label: state_label(&enrollment.state),
        state: enrollment.state,
        reason: enrollment.reason.map(|reason| stored_words(&reason, zone)),
        step: enrollment.step.or(left_step),
        due: enrollment.due_at.map(|at| moment(at, zone)),
        started: moment(enrollment.started_at, zone),
        ended: ended_at.map(|at| moment(at, zone)),
    }
}
