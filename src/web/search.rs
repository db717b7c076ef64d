//! What somebody looks for: an account, a contact or address, or an id.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::accounts::unreadable;
use super::language::say;
use super::page::{Frame, Trouble, Web, account_href, below, href};
use crate::store::views::web::{AccountFilter, AccountRow, FoundById};

/// How many accounts are shown; the list of accounts has them all.
const AT_MOST: usize = 20;

/// What is looked for.
#[derive(Debug, Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    q: String,
}

#[derive(Serialize)]
struct SearchPage {
    q: String,
    found: Vec<Found>,
    /// All accounts that fit, where there are more.
    more_href: Option<String>,
    /// Whether there was no time to look within words.
    is_cut_off: bool,
}

#[derive(Serialize)]
struct Found {
    href: String,
    kind: String,
    name: String,
    /// What else is known of it.
    more: Vec<String>,
}

/// What has the words in its name or address, or that id.
pub(super) async fn find(
    State(web): Web,
    asked: Result<Query<SearchQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(SearchQuery { q }) = asked.map_err(unreadable)?;
    let q = q.trim().to_owned();
    let mut found = Vec::new();
    let mut more_href = None;
    let mut is_cut_off = false;
    if let Ok(id) = q.parse::<Uuid>() {
        found.extend(web.store.find_by_id(id).await?.into_iter().map(by_id));
    }
    if !q.is_empty() {
        let filter = AccountFilter { words: Some(q.clone()), ..AccountFilter::default() };
        let part = web.store.accounts_page(&filter, AT_MOST as i64 + 1).await?;
        is_cut_off = part.is_cut_off;
        let mut accounts = part.rows;
        if accounts.len() > AT_MOST {
            accounts.truncate(AT_MOST);
            more_href = Some(href("/accounts", &[("q", &q)]));
        }
        found.extend(accounts.into_iter().map(account));
    }
    let page = SearchPage { q, found, more_href, is_cut_off };
    Frame::new(&web, "search", None).await?.page(StatusCode::OK, "search.html", page)
}

fn account(row: AccountRow) -> Found {
    let contact = match (row.contact_name, row.contact_email) {
        (Some(name), Some(email)) => Some(format!("{name}, {email}")),
        (name, email) => name.or(email),
    };
    let csm = row.csm_name.or(row.csm_id).map(|csm| say!("CSM {who}", who = csm));
    let tasks = match row.open_tasks {
        0 => None,
        open => Some(say!(open, "1 open task", "{n} open tasks", n = open)),
    };
    Found {
        href: account_href(&row.id),
        kind: say!("Account"),
        name: row.name.unwrap_or_else(|| row.id.clone()),
        more: Some(row.id).into_iter().chain(contact).chain(csm).chain(tasks).collect(),
    }
}

fn by_id(found: FoundById) -> Found {
    let (kind, href) = match found.path.as_str() {
        "/tasks" => (say!("Task"), below(&found.path, &found.id)),
        "/messages" => (say!("Message"), below(&found.path, &found.id)),
        _ => (say!("Enrollment"), account_href(&found.id)),
    };
    let of = Some(found.account_id)
        .filter(|account| !account.is_empty())
        .map(|account| say!("of {account}", account = account));
    Found { href, kind, name: found.words, more: of.into_iter().collect() }
}
