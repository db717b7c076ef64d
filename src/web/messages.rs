//! What was written to customers and colleagues: the list and its search.

use std::collections::HashMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as FromState};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WebState;
use super::language::{phrase, say};
use super::message::{properties, redirection, subject, witness_of};
use super::message_states::label;
use super::page::{Frame, Trouble, Web, account_href, below, href, moment};
use super::stored_words::stored_words;
use crate::clock::Instant;
use crate::message::channel::Witness;
use crate::message::state::State;
use crate::playbook::calendar::local_date;
use crate::store::views::web::{AccountFilter, AccountPart, MessageFilter, MessageRow};

/// How many messages one page shows.
const AT_MOST: usize = 50;

/// How many of the latest messages are counted by their states.
const COUNTED: i64 = 5_000;

/// The years that a day can be in; the database keeps no others.
const YEARS: std::ops::RangeInclusive<i32> = 1_000..=9_999;

/// How many accounts one name may stand for.
const CUSTOMERS: usize = 20;

/// What the list is asked for. Empty is not asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct MessageQuery {
    /// An account's id, or a part of the name of accounts.
    #[serde(default)]
    customer: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    playbook: String,
    /// As in `2026-03-02`.
    #[serde(default)]
    day: String,
    /// The instant and the id of the last message of the page before.
    #[serde(default)]
    from: String,
    #[serde(default)]
    after: String,
}

impl MessageQuery {
    /// The address of the first page with the same search, but for these parts.
    fn href(&self, changes: &[(&str, &str)]) -> String {
        let kept = [
            ("customer", &self.customer),
            ("address", &self.address),
            ("state", &self.state),
            ("playbook", &self.playbook),
            ("day", &self.day),
        ];
        let kept = kept.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let kept = kept.map(|(name, value)| (*name, value.trim()));
        let pairs: Vec<(&str, &str)> =
            kept.chain(changes.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
        href("/messages", &pairs)
    }
}

#[derive(Serialize)]
struct List {
    customer: String,
    address: String,
    playbook: String,
    day: String,
    /// What can be chosen.
    states: Vec<MessageChoice>,
    playbooks: Vec<MessageChoice>,
    /// The states that occur, "All" first.
    filters: Vec<Filter>,
    /// How many were counted, where there are more.
    counted: Option<i64>,
    /// How many there are in all of which nobody knows whether they arrived.
    unknown: i64,
    unknown_href: String,
    /// Why there may be messages of more customers with this name.
    partial: Option<String>,
    /// Where the suppression of the address would be.
    suppression_href: Option<String>,
    narrowed: bool,
    messages: Vec<Line>,
    here: String,
    first_href: Option<String>,
    next_href: Option<String>,
}

#[derive(Serialize)]
struct MessageChoice {
    value: String,
    label: String,
    current: bool,
}

#[derive(Serialize)]
struct Filter {
    label: String,
    count: i64,
    href: String,
    current: bool,
}

#[derive(Serialize)]
struct Line {
    id: Uuid,
    href: String,
    state: String,
    label: String,
    reason: Option<String>,
    /// What it is, where it is no mail to a customer.
    kind: Option<&'static str>,
    to: Option<String>,
    /// Where it went, or will go, in place of its reader.
    redirected: Option<String>,
    subject: String,
    account: Option<String>,
    account_href: String,
    playbook: String,
    when: String,
    /// How a person finds out what became of it, while nobody knows.
    witness: Option<Witness>,
}

/// Messages, newest first.
pub(super) async fn list(
    FromState(web): Web,
    asked: Result<Query<MessageQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(unreadable)?;
    let (mut filter, partial) = read(&web, &asked).await?;
    let mut rows = web.store.messages_page(&filter, AT_MOST as i64 + 1).await?;
    let more = rows.len() > AT_MOST;
    rows.truncate(AT_MOST);
    let next_href = rows.last().filter(|_| more).map(|last| {
        let (from, after) = (last.created_at.to_rfc3339(), last.id.to_string());
        asked.href(&[("from", &from), ("after", &after)])
    });
    let is_later = filter.before.take().is_some();
    let state = filter.state.take();
    let counts = web.store.message_states(&filter, COUNTED + 1).await?;
    let all: i64 = counts.iter().map(|(_, count)| count).sum();
    let mut filters =
        vec![Filter { label: say!("All"), count: all, href: asked.href(&[("state", "")]), current: state.is_none() }];
    filters.extend(counts.iter().map(|(name, count)| Filter {
        label: label(name),
        count: *count,
        href: asked.href(&[("state", name)]),
        current: state.is_some_and(|state| state.name() == name),
    }));
    let here = asked.href(&[]);
    let accounts: Vec<String> = rows.iter().map(|row| row.account_id.clone()).collect();
    let names = web.store.account_names(&accounts).await?;
    let page = List {
        states: State::ALL.into_iter().map(|one| choose(one.name(), &label(one.name()), state == Some(one))).collect(),
        playbooks: playbooks(&web, asked.playbook.trim()).await?,
        filters,
        counted: (all > COUNTED).then_some(COUNTED),
        unknown: web.store.unknown_messages().await?,
        unknown_href: href("/messages", &[("state", State::Unknown.name())]),
        partial,
        suppression_href: filter.address.as_deref().map(|address| href("/suppressions", &[("address", address)])),
        narrowed: here != "/messages",
        messages: rows.into_iter().map(|row| line(&web, &names, row)).collect(),
        first_href: is_later.then(|| here.clone()),
        next_href,
        here,
        customer: asked.customer,
        address: asked.address,
        playbook: asked.playbook,
        day: asked.day,
    };
    Frame::new(&web, "messages", None).await?.page(StatusCode::OK, "messages.html", page)
}

/// What is asked for, and why the customer's name may stand for more accounts than
/// are looked at.
async fn read(web: &WebState, asked: &MessageQuery) -> Result<(MessageFilter, Option<String>), Trouble> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let refuse = |words| Trouble::refusal(StatusCode::BAD_REQUEST, words);
    let state = given(&asked.state)
        .map(|name| {
            State::parse(&name).ok_or_else(|| refuse(phrase!("There is no such state. Begin again from all messages.")))
        })
        .transpose()?;
    let day = given(&asked.day).map(|text| day_named(web, &text)).transpose()?;
    let before = match (given(&asked.from), given(&asked.after)) {
        (None, None) => None,
        (from, after) => {
            let from = from.and_then(|from| from.parse::<Instant>().ok()).filter(|from| YEARS.contains(&from.year()));
            let before = from.zip(after.and_then(|after| after.parse::<Uuid>().ok()));
            Some(before.ok_or_else(|| refuse(phrase!("This address cannot be read. Begin again from all messages.")))?)
        }
    };
    let (accounts, partial) = match given(&asked.customer) {
        None => (None, None),
        Some(customer) => {
            let (accounts, partial) = find_customers(web, customer).await?;
            (Some(accounts), partial)
        }
    };
    let filter = MessageFilter {
        accounts,
        address: given(&asked.address),
        state,
        playbook: given(&asked.playbook),
        day,
        before,
    };
    Ok((filter, partial))
}

/// The accounts that a text stands for: the one of this id, else those with it
/// in their name or that of a contact. One that the customer store does not have
/// any more is found by its id. And why there may be more.
async fn find_customers(web: &WebState, customer: String) -> Result<(Vec<String>, Option<String>), Trouble> {
    if web.store.has_account(&customer).await? {
        return Ok((vec![customer], None));
    }
    let filter = AccountFilter { words: Some(customer.clone()), ..AccountFilter::default() };
    let AccountPart { mut rows, is_cut_off } = web.store.accounts_page(&filter, CUSTOMERS as i64 + 1).await?;
    let partial = if rows.len() > CUSTOMERS {
        Some(say!(
            "Many customers have this in their name: the first {n} are looked at. Write more of the name, or the id.",
            n = CUSTOMERS
        ))
    } else if is_cut_off {
        Some(say!("There was no time to look for it within words. Write the beginning of a word, or the id."))
    } else {
        None
    };
    rows.truncate(CUSTOMERS);
    let found = rows.into_iter().map(|row| row.id);
    Ok((std::iter::once(customer).chain(found).collect(), partial))
}

/// When the day begins and ends here that somebody names as in 2026-03-02.
pub(super) fn day_named(web: &WebState, text: &str) -> Result<(Instant, Instant), Trouble> {
    let day = text.parse::<NaiveDate>().ok().filter(|day| YEARS.contains(&day.year()));
    let day = day.ok_or(Trouble::refusal(StatusCode::BAD_REQUEST, "A day is written as in 2026-03-02."))?;
    Ok(day_of(web, day))
}

/// When a day begins and ends here.
fn day_of(web: &WebState, day: NaiveDate) -> (Instant, Instant) {
    let midnight = |day: NaiveDate| {
        // No zone is a whole day from UTC: the first midnight is this day's, or that of the one before.
        let first = web.calendar.next_local_time(
            day.and_time(NaiveTime::MIN).and_utc() - TimeDelta::days(1),
            NaiveTime::MIN,
            web.zone,
        );
        match local_date(first, web.zone) < day {
            true => web.calendar.next_local_time(first + TimeDelta::hours(12), NaiveTime::MIN, web.zone),
            false => first,
        }
    };
    (midnight(day), midnight(day.succ_opt().unwrap_or(day)))
}

/// The playbooks that can be chosen; one that is not published stays chosen.
async fn playbooks(web: &WebState, asked: &str) -> Result<Vec<MessageChoice>, Trouble> {
    let mut ids: Vec<String> = web.store.published().await?.into_iter().map(|one| one.id).collect();
    if !asked.is_empty() && !ids.iter().any(|id| id == asked) {
        ids.push(asked.to_owned());
    }
    ids.sort();
    Ok(ids.iter().map(|id| choose(id, id, id == asked)).collect())
}

fn choose(value: &str, label: &str, current: bool) -> MessageChoice {
    MessageChoice { value: value.to_owned(), label: label.to_owned(), current }
}

fn line(web: &WebState, names: &HashMap<String, String>, row: MessageRow) -> Line {
    let of = properties(&row.channel);
    let redirected = redirection(web, &row.channel, &row.state, row.redirected_to);
    Line {
        href: below("/messages", &row.id.to_string()),
        id: row.id,
        subject: subject(row.subject.as_deref(), &row.step),
        label: label(&row.state),
        kind: Some(of).filter(|of| !of.reaches_customers).map(|of| of.label),
        witness: witness_of(&row.channel, row.outcome.as_deref())
            .filter(|_| State::parse(&row.state) == Some(State::Unknown)),
        state: row.state,
        reason: row.reason.map(|reason| stored_words(&reason, web.zone)),
        to: row.to_address,
        redirected,
        account_href: account_href(&row.account_id),
        account: names.get(&row.account_id).cloned().or(Some(row.account_id).filter(|id| !id.is_empty())),
        playbook: row.playbook,
        when: moment(row.created_at, web.zone),
    }
}

fn unreadable(_: QueryRejection) -> Trouble {
    Trouble::refusal(StatusCode::BAD_REQUEST, "This address cannot be read. Begin again from all messages.")
}
