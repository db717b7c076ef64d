//! What people did: who, when, what.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::accounts::unreadable;
use super::page::{Frame, Trouble, Web, account_href, below, capitalize, href, moment};
use crate::clock::Instant;
use crate::effect::kind;
use crate::store::runs::run_id;
use crate::store::views::web::DeedRow;

/// How many deeds one page shows.
const AT_MOST: usize = 100;

/// What the page is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct AuditQuery {
    /// Only deeds of this person.
    by: Option<String>,
    /// Only those before the one of this number.
    before: Option<i64>,
}

#[derive(Serialize)]
struct AuditPage {
    /// Whose deeds are shown; `None` is everybody's.
    by: Option<String>,
    deeds: Vec<DeedView>,
    first_href: Option<String>,
    next_href: Option<String>,
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
    let by = asked.by.filter(|by| !by.is_empty());
    let mut rows = web.store.deeds_page(by.as_deref(), asked.before, AT_MOST as i64 + 1).await?;
    let more = rows.len() > AT_MOST;
    rows.truncate(AT_MOST);
    let whose: Vec<(&str, &str)> = by.iter().map(|by| ("by", by.as_str())).collect();
    let next_href = rows.last().filter(|_| more).map(|last| {
        let before = last.n.to_string();
        href("/audit", &[whose.as_slice(), &[("before", &before)]].concat())
    });
    let page = AuditPage {
        first_href: asked.before.is_some().then(|| href("/audit", &whose)),
        next_href,
        deeds: rows.into_iter().map(|row| view(row, web.zone)).collect(),
        by,
    };
    Frame::new(&web, "audit", None).await?.page(StatusCode::OK, "audit.html", page)
}

fn view(row: DeedRow, zone: chrono_tz::Tz) -> DeedView {
    let details = row.about.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    DeedView {
        when: moment(row.at, zone),
        by_href: href("/audit", &[("by", &row.by)]),
        by: row.by,
        deed: capitalize(&row.deed.replace('-', " ")),
        reason: row.reason,
        details: details.map(|(key, value)| detail(key, value, &row.about)).collect(),
    }
}

fn detail(key: &str, value: &Json, about: &Json) -> DeedDetail {
    let value = match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
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
    DeedDetail { label: key.replace('_', " "), value, href }
}
