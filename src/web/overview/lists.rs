//! The tasks and mails behind figures of an overview.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::address::{OverviewAddress, OverviewQuery, unreadable};
use crate::message::class::Class;
use crate::store::views::web::{EndedRow, ListPart};
use crate::web::WebState;
use crate::web::fact::words;
use crate::web::language::{phrase, say, translated};
use crate::web::page::{Frame, Trouble, Web, account_href, account_name, below, capitalize, moment, with_pair};
use crate::web::stored_words::stored_words;

/// How many rows one page shows, and how many pages there are at most.
const AT_MOST: i64 = 100;
const MOST_PAGES: i64 = 100;

/// How a task ends.
const ENDS: [(&str, &str); 3] = [
    ("done", phrase!("Tasks done")),
    ("dismissed", phrase!("Tasks dismissed")),
    ("closed", phrase!("Tasks closed by themselves")),
];

/// What a list is asked for.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct EndedQuery {
    #[serde(default)]
    period: String,
    #[serde(default)]
    at: String,
    #[serde(default)]
    tier: String,
    #[serde(default)]
    csm: String,
    /// Of tasks.
    #[serde(default)]
    state: String,
    /// Of mails.
    #[serde(default)]
    class: String,
    /// From 1 on.
    #[serde(default)]
    page: String,
}

#[derive(Serialize)]
struct EndedList {
    title: String,
    name: String,
    back: String,
    /// A phrase.
    who: &'static str,
    rows: Vec<EndedLine>,
    previous_href: Option<String>,
    next_href: Option<String>,
}

#[derive(Serialize)]
struct EndedLine {
    words: String,
    href: String,
    account: String,
    account_href: String,
    who: Option<String>,
    playbook: String,
    playbook_href: String,
    state: String,
    reason: Option<String>,
    when: String,
}

impl EndedQuery {
    fn address(&self, web: &WebState) -> Result<OverviewAddress, Trouble> {
        let [period, at, tier, csm] = [&self.period, &self.at, &self.tier, &self.csm].map(Clone::clone);
        OverviewQuery { period, at, tier, csm }.address(web, web.clock.now())
    }

    /// From 0 on.
    fn place(&self) -> i64 {
        self.page.parse::<i64>().unwrap_or(1).clamp(1, MOST_PAGES) - 1
    }

    fn part(&self) -> ListPart {
        ListPart { offset: self.place() * AT_MOST, limit: AT_MOST + 1 }
    }
}

/// The tasks that ended in a state in the period.
pub(in crate::web) async fn tasks(
    State(web): Web,
    query: Result<Query<EndedQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(query) = query.map_err(|_| unreadable())?;
    let address = query.address(&web)?;
    let (state, title) = ENDS.into_iter().find(|(state, _)| *state == query.state).ok_or_else(unreadable)?;
    let span = address.period.span(web.zone);
    let rows = web.store.ended_task_rows(span, &address.segment, state, query.part()).await?;
    let path = with_pair(&address.at("/overview/tasks", address.period), "state", state);
    page(&web, &address, &query, translated(title).into_owned(), phrase!("Whose"), "/tasks", &path, rows).await
}

/// The mails of a class that left or ended in the period.
pub(in crate::web) async fn mails(
    State(web): Web,
    query: Result<Query<EndedQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(query) = query.map_err(|_| unreadable())?;
    let address = query.address(&web)?;
    let (class, _) = Class::OF_MAIL.into_iter().find(|(class, _)| *class == query.class).ok_or_else(unreadable)?;
    let span = address.period.span(web.zone);
    let rows = web.store.ended_mail_rows(span, &address.segment, class, query.part()).await?;
    let path = with_pair(&address.at("/overview/mails", address.period), "class", class);
    let title = say!("{class} mails", class = translated(&capitalize(class)));
    page(&web, &address, &query, title, phrase!("To"), "/messages", &path, rows).await
}

#[expect(clippy::too_many_arguments, reason = "both lists give all of them")]
async fn page(
    web: &WebState,
    address: &OverviewAddress,
    query: &EndedQuery,
    title: String,
    who: &'static str,
    above: &str,
    path: &str,
    mut rows: Vec<EndedRow>,
) -> Result<Response, Trouble> {
    let place = query.place();
    let more = rows.len() as i64 > AT_MOST && place + 1 < MOST_PAGES;
    rows.truncate(AT_MOST as usize);
    let at = |place: i64| with_pair(path, "page", &(place + 1).to_string());
    let line = |row: EndedRow| EndedLine {
        words: row.words.filter(|text| !text.is_empty()).unwrap_or_else(|| words(&row.step)),
        href: below(above, &row.id.to_string()),
        account: account_name(row.account_name, &row.account_id),
        account_href: account_href(&row.account_id),
        who: row.who,
        playbook_href: below("/playbooks", &row.playbook),
        playbook: row.playbook,
        state: row.state,
        reason: row.reason.map(|reason| stored_words(&reason, web.zone)),
        when: moment(row.at, web.zone),
    };
    let list = EndedList {
        title,
        name: address.period.name(),
        back: address.at("/overview", address.period),
        who,
        rows: rows.into_iter().map(line).collect(),
        previous_href: (place > 0).then(|| at(place - 1)),
        next_href: more.then(|| at(place + 1)),
    };
    Frame::new(web, "overview", None).await?.page(StatusCode::OK, "overview_list.html", list)
}
