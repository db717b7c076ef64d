//! The list of accounts: where a colleague finds a customer.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::fact;
use super::page::{Frame, Trouble, Web, account_href, href};
use super::task_view::UNASSIGNED;
use crate::store::views::web::{AccountFilter, AccountOwner, AccountRow, read_json};

/// How many accounts one page shows.
const AT_MOST: usize = 50;

/// What the list is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct AccountQuery {
    q: Option<String>,
    /// A CSM's id, or `unassigned`.
    csm: Option<String>,
    /// What the page before was in order of at its end, and the account there.
    from: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct AccountList {
    q: String,
    /// Whether only some accounts are asked for.
    narrowed: bool,
    csms: Vec<CsmChoice>,
    accounts: Vec<AccountLine>,
    first_href: Option<String>,
    next_href: Option<String>,
}

#[derive(Serialize)]
struct CsmChoice {
    /// Empty for all accounts.
    id: String,
    name: String,
    current: bool,
}

#[derive(Serialize)]
struct AccountLine {
    href: String,
    id: String,
    name: String,
    tier: Option<String>,
    status: Option<String>,
    csm: Option<String>,
    csm_href: Option<String>,
    mrr: Option<String>,
    renewal: Option<String>,
    open_tasks: i64,
    /// The contact that was searched for.
    contact: Option<String>,
}

/// What an address that nobody here wrote gets.
pub(super) fn unreadable(_: QueryRejection) -> Trouble {
    Trouble::refusal(StatusCode::BAD_REQUEST, "This address cannot be read. Begin again from the list of accounts.")
}

/// Accounts in order of their names.
pub(super) async fn list(
    State(web): Web,
    asked: Result<Query<AccountQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(unreadable)?;
    let words = asked.q.map(|q| q.trim().to_owned()).filter(|q| !q.is_empty());
    let csm = asked.csm.filter(|csm| !csm.is_empty());
    let owner = match csm.as_deref() {
        None => AccountOwner::Anybody,
        Some(UNASSIGNED) => AccountOwner::Nobody,
        Some(id) => AccountOwner::Csm(id.to_owned()),
    };
    let names = web.store.csm_names().await?;
    let after = asked.from.zip(asked.after);
    let is_later = after.is_some();
    let filter = AccountFilter { owner, words, after };
    let mut rows = web.store.accounts_page(&filter, AT_MOST as i64 + 1).await?;
    if let AccountOwner::Csm(id) = &filter.owner
        && rows.is_empty()
        && !names.iter().any(|(known, _)| known == id)
    {
        return Err(Trouble::NotFound("There is no such colleague."));
    }
    let more = rows.len() > AT_MOST;
    rows.truncate(AT_MOST);
    let narrowed = [("q", filter.words.as_deref()), ("csm", csm.as_deref())];
    let narrowed: Vec<(&str, &str)> = narrowed.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let next_href = rows.last().filter(|_| more).map(|last| {
        let mut pairs = narrowed.clone();
        pairs.extend([("from", last.sort_key.as_str()), ("after", last.id.as_str())]);
        href("/accounts", &pairs)
    });
    let page = AccountList {
        first_href: is_later.then(|| href("/accounts", &narrowed)),
        narrowed: !narrowed.is_empty(),
        csms: csm_choices(names, &filter.owner, csm.as_deref()),
        accounts: rows.into_iter().map(|row| line(&web, row)).collect(),
        next_href,
        q: filter.words.unwrap_or_default(),
    };
    Frame::new(&web, "accounts", None).await?.page(StatusCode::OK, "accounts.html", page)
}

/// Whose accounts can be chosen; somebody who has left stays chosen.
fn csm_choices(names: Vec<(String, String)>, owner: &AccountOwner, asked: Option<&str>) -> Vec<CsmChoice> {
    let choice = |id: &str, name: String| CsmChoice { id: id.to_owned(), name, current: asked.unwrap_or("") == id };
    let is_known = matches!(owner, AccountOwner::Csm(id) if names.iter().any(|(known, _)| known == id));
    let mut choices = vec![choice("", "Everybody’s".to_owned())];
    choices.extend(names.into_iter().map(|(id, name)| choice(&id, name)));
    choices.push(choice(UNASSIGNED, "Nobody’s".to_owned()));
    if let (AccountOwner::Csm(id), false) = (owner, is_known) {
        choices.push(choice(id, id.clone()));
    }
    choices
}

fn line(web: &WebState, row: AccountRow) -> AccountLine {
    let column = |text: &Option<String>| column(text, web.zone);
    AccountLine {
        href: account_href(&row.id),
        name: row.name.unwrap_or_else(|| row.id.clone()),
        tier: column(&row.tier),
        status: row.status,
        csm_href: row.csm_id.as_deref().map(|id| href("/accounts", &[("csm", id)])),
        csm: row.csm_name.or(row.csm_id),
        mrr: column(&row.mrr),
        renewal: column(&row.renewal_at),
        open_tasks: row.open_tasks,
        contact: match (row.contact_name, row.contact_email) {
            (Some(name), Some(email)) => Some(format!("{name}, {email}")),
            (name, email) => name.or(email),
        },
        id: row.id,
    }
}

/// A column that may be of any type, as people write it; `None` when it is not set.
pub(super) fn column(text: &Option<String>, zone: chrono_tz::Tz) -> Option<String> {
    let value = read_json(text.as_deref());
    (!value.is_null()).then(|| fact::value(&value, zone)).filter(|text| !text.is_empty())
}
