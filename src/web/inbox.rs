//! The open tasks of one colleague: what to do today, and why.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::page::{Frame, Trouble, Web, href};
use super::task::{TaskView, UNASSIGNED, act_notice, views};
use crate::store::views::web::{Inbox, OpenCount};

/// How many tasks one page shows.
const AT_MOST: i64 = 100;

/// What stands in a link for the tasks of all colleagues.
const EVERYBODY: &str = "everybody";

/// What the page is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct InboxQuery {
    /// A CSM's id, an address, `everybody` or `unassigned`.
    csm: Option<String>,
    /// What was just done with tasks.
    act: Option<String>,
}

#[derive(Serialize)]
struct InboxPage {
    name: String,
    /// Whether the tasks may be anybody's.
    everybody: bool,
    inbox: String,
    people: Vec<Person>,
    open: i64,
    tasks: Vec<TaskView>,
    snoozed: Vec<TaskView>,
    more: i64,
}

#[derive(Serialize)]
struct Person {
    name: String,
    open: i64,
    href: String,
    current: bool,
}

/// The inbox of the chosen colleague, else of the first who has something to do.
pub(super) async fn show(State(web): Web, Query(asked): Query<InboxQuery>) -> Result<Response, Trouble> {
    let now = web.clock.now();
    let counts = web.store.open_counts(now).await?;
    let chosen = asked.csm.filter(|csm| !csm.is_empty());
    let inbox = match chosen {
        None => first(&counts),
        Some(name) if name == EVERYBODY => Inbox::Everybody,
        Some(name) if name == UNASSIGNED => Inbox::Unassigned,
        Some(name) => Inbox::Of(name),
    };
    let people: Vec<Person> = people(&counts, &inbox);
    let (name, open) = match people.iter().find(|person| person.current) {
        Some(person) => (person.name.clone(), person.open),
        None => match &inbox {
            // Somebody's last task may just have been done, by an address or by
            // a colleague who has left.
            Inbox::Of(who) if who.contains('@') || asked.act.is_some() => (who.clone(), 0),
            Inbox::Unassigned => (NOBODY.to_owned(), 0),
            _ => return Err(Trouble::NotFound("There is no such colleague.")),
        },
    };
    let rows = web.store.open_tasks(&inbox, now, AT_MOST).await?;
    let (snoozed, rows): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.snoozed_until.is_some_and(|until| until > now));
    let inbox_key = key(&inbox);
    let tasks = views(&web, rows, now).await?;
    let snoozed = views(&web, snoozed, now).await?;
    let page = InboxPage {
        name,
        everybody: inbox == Inbox::Everybody,
        inbox: inbox_key.clone(),
        people,
        open,
        more: (open - tasks.len() as i64).max(0),
        tasks,
        snoozed,
    };
    let notice = match asked.act.as_deref().and_then(|act| act.parse().ok()) {
        Some(act) => act_notice(&web, act).await?.map(|notice| notice.back_to(&href("/", &[("csm", &inbox_key)]))),
        None => None,
    };
    Frame::new(&web, "inbox", notice).await?.page(StatusCode::OK, "inbox.html", page)
}

const NOBODY: &str = "Unassigned";

fn first(counts: &[OpenCount]) -> Inbox {
    let busy = counts.iter().find(|one| one.open > 0 && one.name.is_some());
    match busy.and_then(|one| one.assignee.clone()) {
        Some(csm) => Inbox::Of(csm),
        None => Inbox::Everybody,
    }
}

fn people(counts: &[OpenCount], inbox: &Inbox) -> Vec<Person> {
    let person = |name: String, open: i64, which: Inbox| Person {
        name,
        open,
        href: href("/", &[("csm", &key(&which))]),
        current: which == *inbox,
    };
    let mut people = vec![person("Everybody".to_owned(), counts.iter().map(|one| one.open).sum(), Inbox::Everybody)];
    people.extend(counts.iter().map(|one| match &one.assignee {
        Some(who) => person(one.name.clone().unwrap_or_else(|| who.clone()), one.open, Inbox::Of(who.clone())),
        None => person(NOBODY.to_owned(), one.open, Inbox::Unassigned),
    }));
    people
}

fn key(inbox: &Inbox) -> String {
    match inbox {
        Inbox::Everybody => EVERYBODY.to_owned(),
        Inbox::Unassigned => UNASSIGNED.to_owned(),
        Inbox::Of(who) => who.clone(),
    }
}
