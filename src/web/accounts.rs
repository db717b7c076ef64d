//! The list of accounts: where a colleague finds a customer.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::fact;
use super::language::say;
use super::page::{Frame, Trouble, Web, account_href, date, href};
use super::task_view::UNASSIGNED;
use crate::playbook::local_time;
use crate::store::views::web::{AccountDate, AccountFilter, AccountOwner, AccountRow, Span, read_json};

/// How many accounts one page shows.
const AT_MOST: usize = 50;

/// What an address says of accounts that are in no stage.
pub(super) const NO_STAGE: &str = "none";

/// What the list is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct AccountQuery {
    q: Option<String>,
    /// A CSM's id, or `unassigned`.
    csm: Option<String>,
    tier: Option<String>,
    /// A stage, or `none`.
    stage: Option<String>,
    /// `yes`: those that have left; `no`: the others.
    left: Option<String>,
    /// `yes`: those that are activated.
    activated: Option<String>,
    /// Of what the two days below are: `renewal`, `sign-up`, `churn` or `activation`.
    date: Option<String>,
    /// The first day, and the last one.
    since: Option<String>,
    until: Option<String>,
    /// `yes`: those whose renewal lay between the two days and moved on.
    renewed: Option<String>,
    /// What the page before was in order of at its end, and the account there.
    from: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct AccountList {
    q: String,
    /// Whether only some accounts are asked for.
    narrowed: bool,
    /// Whether there was no time to look within words.
    is_cut_off: bool,
    csms: Vec<CsmChoice>,
    /// What narrows the list further, for the form, and in words.
    kept: Vec<(&'static str, String)>,
    only: Vec<String>,
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

impl AccountQuery {
    /// The parts that no field of the form has, as pairs of an address.
    fn pairs_beside_the_form(&self) -> Vec<(&'static str, String)> {
        let parts = [
            ("tier", &self.tier),
            ("stage", &self.stage),
            ("left", &self.left),
            ("activated", &self.activated),
            ("date", &self.date),
            ("since", &self.since),
            ("until", &self.until),
            ("renewed", &self.renewed),
        ];
        let parts = parts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        parts.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// What they ask for.
    fn narrowing(&self, zone: Tz) -> Result<AccountFilter, Trouble> {
        const UNREADABLE: Trouble = Trouble::Refused(
            StatusCode::BAD_REQUEST,
            "This address cannot be read. Begin again from the list of accounts.",
        );
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let yes_or_no = |text: &Option<String>| match given(text).as_deref() {
            None => Ok(None),
            Some("yes") => Ok(Some(true)),
            Some("no") => Ok(Some(false)),
            Some(_) => Err(UNREADABLE),
        };
        let day = |text: &Option<String>| -> Option<NaiveDate> { given(text)?.parse().ok() };
        let date = match given(&self.date) {
            None => None,
            Some(word) => {
                let date = AccountDate::ALL.into_iter().find(|date| date.word() == word).ok_or(UNREADABLE)?;
                let (since, until) = day(&self.since).zip(day(&self.until)).ok_or(UNREADABLE)?;
                let midnight = |day: NaiveDate| local_time::instant(zone, day.and_time(NaiveTime::MIN));
                let behind = until.succ_opt().ok_or(UNREADABLE)?;
                // What Postgres can hold.
                if since.year() < 1000 || behind.year() > 9999 {
                    return Err(UNREADABLE);
                }
                Some((date, Span { from: midnight(since), until: midnight(behind) }))
            }
        };
        Ok(AccountFilter {
            tier: given(&self.tier),
            stage: given(&self.stage).map(|stage| if stage == NO_STAGE { String::new() } else { stage }),
            left: yes_or_no(&self.left)?,
            activated: yes_or_no(&self.activated)? == Some(true),
            renewed: date.is_some() && yes_or_no(&self.renewed)? == Some(true),
            date,
            ..AccountFilter::default()
        })
    }
}

/// What narrows a list, apart from words and a CSM.
fn in_words(filter: &AccountFilter, zone: Tz) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(filter.tier.as_ref().map(|tier| say!("are in tier {tier}", tier = tier)));
    words.extend(filter.stage.as_ref().map(|stage| match stage.as_str() {
        "" => say!("are in no stage"),
        stage => say!("are in stage {stage}", stage = stage),
    }));
    words.extend(filter.left.map(|left| if left { say!("have left") } else { say!("have not left") }));
    words.extend(filter.activated.then(|| say!("are activated")));
    words.extend(filter.date.map(|(which, span)| {
        let (from, to) = (date(span.from, zone), date(span.until - TimeDelta::seconds(1), zone));
        match which {
            AccountDate::Renewal if filter.renewed => {
                say!("renewed a contract that was due from {from} to {to}", from = from, to = to)
            }
            AccountDate::Renewal => say!("renew from {from} to {to}", from = from, to = to),
            AccountDate::SignUp => say!("signed up from {from} to {to}", from = from, to = to),
            AccountDate::Churn => say!("left from {from} to {to}", from = from, to = to),
            AccountDate::Activation => say!("were activated from {from} to {to}", from = from, to = to),
        }
    }));
    words
}

/// Accounts in order of their names.
pub(super) async fn list(
    State(web): Web,
    asked: Result<Query<AccountQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(unreadable)?;
    let words = asked.q.as_ref().map(|q| q.trim().to_owned()).filter(|q| !q.is_empty());
    let csm = asked.csm.clone().filter(|csm| !csm.is_empty());
    let kept = asked.pairs_beside_the_form();
    let owner = match csm.as_deref() {
        None => AccountOwner::Anybody,
        Some(UNASSIGNED) => AccountOwner::Nobody,
        Some(id) => AccountOwner::Csm(id.to_owned()),
    };
    let names = web.store.csm_names().await?;
    let after = asked.from.clone().zip(asked.after.clone());
    let is_later = after.is_some();
    let filter = AccountFilter { owner, words, after, ..asked.narrowing(web.zone)? };
    let part = web.store.accounts_page(&filter, AT_MOST as i64 + 1).await?;
    let mut rows = part.rows;
    if let AccountOwner::Csm(id) = &filter.owner
        && rows.is_empty()
        && !names.iter().any(|(known, _)| known == id)
    {
        return Err(Trouble::NotFound("There is no such colleague."));
    }
    let more = rows.len() > AT_MOST;
    rows.truncate(AT_MOST);
    let kept_pairs = kept.iter().map(|(name, value)| (*name, value.as_str()));
    let narrowed = [("q", filter.words.as_deref()), ("csm", csm.as_deref())];
    let narrowed: Vec<(&str, &str)> =
        narrowed.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(kept_pairs).collect();
    let next_href = rows.last().filter(|_| more).map(|last| {
        let mut pairs = narrowed.clone();
        pairs.extend([("from", last.sort_key.as_str()), ("after", last.id.as_str())]);
        href("/accounts", &pairs)
    });
    let page = AccountList {
        first_href: is_later.then(|| href("/accounts", &narrowed)),
        is_cut_off: part.is_cut_off,
        narrowed: !narrowed.is_empty(),
        csms: csm_choices(names, &filter.owner, csm.as_deref()),
        only: in_words(&filter, web.zone),
        accounts: rows.into_iter().map(|row| line(&web, row)).collect(),
        next_href,
        q: filter.words.unwrap_or_default(),
        kept,
    };
    Frame::new(&web, "accounts", None).await?.page(StatusCode::OK, "accounts.html", page)
}

/// Whose accounts can be chosen; somebody who has left stays chosen.
fn csm_choices(names: Vec<(String, String)>, owner: &AccountOwner, asked: Option<&str>) -> Vec<CsmChoice> {
    let choice = |id: &str, name: String| CsmChoice { id: id.to_owned(), name, current: asked.unwrap_or("") == id };
    let is_known = matches!(owner, AccountOwner::Csm(id) if names.iter().any(|(known, _)| known == id));
    let mut choices = vec![choice("", say!("Everybody’s"))];
    choices.extend(names.into_iter().map(|(id, name)| choice(&id, name)));
    choices.push(choice(UNASSIGNED, say!("Nobody’s")));
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
