//! What people did: who, when, what.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::WebState;
use super::accounts::unreadable;
use super::language::{say, translated};
use super::messages::day_named;
use super::page::{Frame, Trouble, Web, account_href, below, capitalize, href, list_in_words, moment};
use super::visitor::actor_words;
use crate::clock::Instant;
use crate::effect::kind;
use crate::store::runs::run_id;
use crate::store::views::web::{DeedFilter, DeedRow};

/// How many deeds one page shows.
const AT_MOST: usize = 100;

/// What the page is asked for. Empty is not asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AuditQuery {
    /// Only deeds of this person.
    #[serde(default)]
    by: String,
    /// Only those that name this account.
    #[serde(default)]
    account: String,
    /// Only those of this kind.
    #[serde(default)]
    deed: String,
    /// Only those of this day, as in `2026-03-02`.
    #[serde(default)]
    day: String,
    /// Only those before the one of this number.
    before: Option<i64>,
}

impl AuditQuery {
    /// The address of the same list, and of the part before a number.
    fn href(&self, before: Option<i64>) -> String {
        let before = before.map(|before| before.to_string()).unwrap_or_default();
        let pairs = [
            ("by", self.by.trim()),
            ("account", self.account.trim()),
            ("deed", self.deed.trim()),
            ("day", self.day.trim()),
            ("before", before.as_str()),
        ];
        href("/audit", &pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
    }

    /// What the list has then.
    fn filter(&self, web: &WebState) -> Result<DeedFilter, Trouble> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(DeedFilter {
            by: given(&self.by),
            account: given(&self.account),
            deed: given(&self.deed),
            day: given(&self.day).map(|day| day_named(web, &day)).transpose()?,
            before: self.before,
        })
    }
}

#[derive(Serialize)]
struct AuditPage {
    by: String,
    account: String,
    day: String,
    kinds: Vec<DeedKind>,
    /// Whether only some deeds are asked for.
    narrowed: bool,
    deeds: Vec<DeedView>,
    first_href: Option<String>,
    next_href: Option<String>,
}

/// A kind of deeds that can be chosen.
#[derive(Serialize)]
struct DeedKind {
    value: String,
    label: String,
    current: bool,
}

#[derive(Serialize)]
struct DeedView {
    when: String,
    by: String,
    by_href: String,
    deed: String,
    details: Vec<DeedDetail>,
    reason: Option<String>,
}

/// Something that a deed is about.
#[derive(Serialize)]
struct DeedDetail {
    label: String,
    value: String,
    href: Option<String>,
}

/// The latest first.
pub(super) async fn list(
    State(web): Web,
    asked: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(unreadable)?;
    let mut rows = web.store.deeds_page(&asked.filter(&web)?, AT_MOST as i64 + 1).await?;
    let more = rows.len() > AT_MOST;
    rows.truncate(AT_MOST);
    let first = asked.href(None);
    let page = AuditPage {
        next_href: rows.last().filter(|_| more).map(|last| asked.href(Some(last.n))),
        narrowed: first != "/audit",
        first_href: asked.before.is_some().then_some(first),
        kinds: kinds(web.store.deed_kinds().await?, asked.deed.trim()),
        deeds: rows.into_iter().map(|row| view(row, web.zone)).collect(),
        by: asked.by,
        account: asked.account,
        day: asked.day,
    };
    Frame::new(&web, "audit", None).await?.page(StatusCode::OK, "audit.html", page)
}

/// The kinds that can be chosen; one of which there is no deed stays chosen.
fn kinds(mut known: Vec<String>, asked: &str) -> Vec<DeedKind> {
    if !asked.is_empty() && !known.iter().any(|kind| kind == asked) {
        known.push(asked.to_owned());
    }
    let kind = |value: String| DeedKind { label: words(&value), current: value == asked, value };
    known.into_iter().map(kind).collect()
}

/// `Settle`, `Tag answer`.
fn words(deed: &str) -> String {
    translated(&capitalize(&deed.replace('-', " "))).into_owned()
}

fn view(row: DeedRow, zone: chrono_tz::Tz) -> DeedView {
    let details = row.about.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    DeedView {
        when: moment(row.at, zone),
        by_href: href("/audit", &[("by", &row.by)]),
        by: actor_words(&row.by).into_owned(),
        deed: words(&row.deed),
        reason: row.reason,
        details: details.map(|(key, value)| detail(key, value, &row.about)).collect(),
    }
}

fn detail(key: &str, value: &Json, about: &Json) -> DeedDetail {
    let value = match (key, value) {
        ("class" | "kind" | "as" | "role" | "source" | "channel", Json::String(word)) => translated(word).into_owned(),
        (_, Json::String(text)) => text.clone(),
        (_, Json::Bool(true)) => say!("yes"),
        (_, Json::Array(all)) if all.iter().all(Json::is_string) => {
            list_in_words(&all.iter().filter_map(Json::as_str).collect::<Vec<&str>>())
        }
        (_, other) => other.to_string(),
    };
    let href = match key {
        "account" => Some(account_href(&value)),
        kind::TASK => Some(below("/tasks", &value)),
        "message" => Some(below("/messages", &value)),
        "playbook" => Some(below("/playbooks", &value)),
        "slot" => {
            let slot = value.parse::<Instant>().ok();
            slot.zip(about["playbook"].as_str()).map(|(slot, playbook)| below("/approvals", &run_id(playbook, slot)))
        }
        _ => None,
    };
    DeedDetail { label: translated(&key.replace('_', " ")).into_owned(), value, href }
}
