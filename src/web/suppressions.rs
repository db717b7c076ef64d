//! Addresses that want no mail, or cannot get any: why, since when, and by whom.

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::WebState;
use super::language::{phrase, say, translated};
use super::page::{Frame, Notice, Trouble, Web, account_href, account_name, below, href, moment};
use super::stored_words::stored_words;
use super::visitor::{Visitor, actor_words};
use crate::address::parse_address;
use crate::clock::Instant;
use crate::store::messages::suppressions::{BY_COMMAND, BY_PAGE, CLASSES, COMPLAINT, ERASED, Suppression};
use crate::store::views::web::{SuppressedContact, SuppressedRow, SuppressionFilter};

/// How many addresses one page shows.
const AT_MOST: usize = 50;

/// What no click lifts: mail would go to somebody who was forgotten, or who called it unwanted.
const FIRM: [&str; 2] = [COMPLAINT, ERASED];

/// How many contacts are named at one address.
const CONTACTS: i64 = 5;

/// Where suppressions come from, in words.
const SOURCES: [(&str, &str); 9] = [
    ("unsubscribe", phrase!("Its reader unsubscribed")),
    ("preferences", phrase!("Its reader chose so on the page of preferences")),
    (COMPLAINT, phrase!("Its reader called a mail unwanted")),
    ("bounce", phrase!("Mail came back: there is no such mailbox")),
    ("soft bounces", phrase!("Mail came back three times within 30 days")),
    ("refusal", phrase!("The server refused the address")),
    (ERASED, phrase!("Its owner’s data was erased")),
    (BY_COMMAND, phrase!("A colleague said so on the command line")),
    (BY_PAGE, phrase!("A colleague said so on this page")),
];

/// Where a suppression comes from, within a sentence; a source that is not known, as it is.
pub(super) fn source_words(source: &str) -> String {
    let found = SOURCES.iter().find(|(value, _)| *value == source);
    let label: &str = match found {
        // Said on another page.
        Some((BY_PAGE, _)) => phrase!("A colleague said so"),
        Some((_, label)) => label,
        None => return source.to_owned(),
    };
    let label = translated(label);
    let mut letters = label.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// What the list is asked for. Empty is not asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SuppressionQuery {
    #[serde(default)]
    address: String,
    /// One of [`SOURCES`].
    #[serde(default)]
    source: String,
    /// The instant and the hash of the last address of the page before.
    #[serde(default)]
    from: String,
    #[serde(default)]
    after: String,
}

/// An address, or one that is to be suppressed.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct SuppressionForm {
    #[serde(default)]
    address: String,
    #[serde(default)]
    class: String,
}

#[derive(Deserialize)]
pub(super) struct LiftForm {
    class: String,
    /// Where it came from when it was shown.
    source: String,
}

#[derive(Serialize)]
struct SuppressionPage {
    address: String,
    sources: Vec<SourceChoice>,
    classes: Vec<ClassChoice>,
    suppressions: Vec<AddressView>,
    narrowed: bool,
    /// What was written of a new one.
    given: SuppressionForm,
    first_href: Option<String>,
    next_href: Option<String>,
}

#[derive(Serialize)]
struct SourceChoice {
    value: &'static str,
    label: &'static str,
    current: bool,
}

#[derive(Serialize)]
struct ClassChoice {
    value: &'static str,
    label: &'static str,
}

#[derive(Serialize)]
struct AddressView {
    href: String,
    /// The first letters of the hash.
    short: String,
    contacts: Vec<SuppressedContactView>,
    words: Vec<WordView>,
}

#[derive(Serialize)]
struct SuppressedContactView {
    name: String,
    href: String,
}

/// What is said of one class of mail.
#[derive(Serialize)]
struct WordView {
    class: String,
    source: String,
    can_be_lifted: bool,
    label: String,
    reason: String,
    by: Option<String>,
    by_href: String,
    since: Option<String>,
}

/// The latest first.
pub(super) async fn list(
    State(web): Web,
    asked: Result<Query<SuppressionQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let unreadable = phrase!("This address cannot be read. Begin again from the list of suppressions.");
    let Query(asked) = asked.map_err(|_| Trouble::refusal(StatusCode::BAD_REQUEST, unreadable))?;
    page(&web, StatusCode::OK, None, asked, SuppressionForm::default()).await
}

/// An address gets no mail of a class any more.
pub(super) async fn add(
    State(web): Web,
    visitor: Visitor,
    form: Result<Form<SuppressionForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(given) = form.map_err(unread)?;
    let refused = match parse_address(&given.address) {
        Err(error) => Some(say!("{reason}. Nothing was done.", reason = stored_words(&error.to_string(), web.zone))),
        Ok(_) if !CLASSES.contains(&given.class.as_str()) => Some(say!("Please choose which mail.")),
        Ok(address) => {
            let suppression = Suppression { class: &given.class, source: BY_PAGE };
            web.store.suppress_by_hand(&address, suppression, visitor.actor(), web.clock.now()).await?;
            let found = href("/suppressions", &[("address", &address)]);
            return Ok(Redirect::to(&found).into_response());
        }
    };
    let notice = refused.map(Notice::error);
    page(&web, StatusCode::UNPROCESSABLE_ENTITY, notice, SuppressionQuery::default(), given).await
}

/// An address gets mail of a class again.
pub(super) async fn lift(
    State(web): Web,
    visitor: Visitor,
    Path(hash): Path<String>,
    form: Result<Form<LiftForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(given) = form.map_err(unread)?;
    if FIRM.contains(&given.source.as_str()) {
        let words = phrase!(
            "A complaint or an erasure is not lifted here. Where its owner has asked for it, use the command line with \
             the whole address: keepwell suppress ADDRESS --lift."
        );
        return Err(Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, words));
    }
    let source = Some(given.source.as_str());
    if web.store.lift_hash(&hash, &given.class, source, visitor.actor(), web.clock.now()).await? {
        return Ok(Redirect::to("/suppressions").into_response());
    }
    let notice =
        Notice::error(say!("This is not suppressed any more, or for another reason by now, so nothing has changed."));
    page(&web, StatusCode::CONFLICT, Some(notice), SuppressionQuery::default(), SuppressionForm::default()).await
}

async fn page(
    web: &WebState,
    status: StatusCode,
    notice: Option<Notice>,
    asked: SuppressionQuery,
    given: SuppressionForm,
) -> Result<Response, Trouble> {
    let address = asked.address.trim();
    let hash = match address {
        "" => None,
        address => Some(web.store.address_hash(address).await?),
    };
    let source = Some(asked.source).filter(|source| !source.is_empty());
    let after = Some((asked.from, asked.after)).filter(|(from, _)| !from.is_empty());
    let filter = SuppressionFilter { hash, source, after };
    let mut rows = web.store.suppressed_page(&filter, AT_MOST as i64 + 1).await?;
    let more = rows.len() > AT_MOST;
    rows.truncate(AT_MOST);
    let hashes: Vec<&str> = rows.iter().map(|row| row.address_hash.as_str()).collect();
    let contacts = web.store.contacts_at(&hashes, CONTACTS).await?;
    let narrowed: Vec<(&str, &str)> = [("address", address), ("source", filter.source.as_deref().unwrap_or(""))]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let next_href = rows.last().filter(|_| more).map(|last| {
        let key = [("from", last.latest.as_str()), ("after", last.address_hash.as_str())];
        href("/suppressions", &[narrowed.as_slice(), &key].concat())
    });
    let body = SuppressionPage {
        sources: SOURCES
            .map(|(value, label)| SourceChoice { value, label, current: filter.source.as_deref() == Some(value) })
            .into(),
        classes: CLASSES.map(|value| ClassChoice { value, label: class_label(value) }).into(),
        suppressions: rows.iter().map(|row| view(web, row, &contacts)).collect(),
        narrowed: !narrowed.is_empty(),
        first_href: filter.after.is_some().then(|| href("/suppressions", &narrowed)),
        next_href,
        address: address.to_owned(),
        given,
    };
    Frame::new(web, "messages", notice).await?.page(status, "suppressions.html", body)
}

/// Which mail a class is.
fn class_label(class: &str) -> &'static str {
    match class {
        "all" => phrase!("Every mail"),
        "lifecycle" => phrase!("Lifecycle mail"),
        "marketing" => phrase!("Marketing mail"),
        "transactional" => phrase!("Transactional mail"),
        _ => phrase!("Other mail"),
    }
}

fn view(web: &WebState, row: &SuppressedRow, contacts: &[SuppressedContact]) -> AddressView {
    let theirs = contacts.iter().filter(|contact| contact.address_hash == row.address_hash);
    let words = row.suppressed.as_object().into_iter().flatten();
    AddressView {
        href: below("/suppressions", &row.address_hash),
        short: row.address_hash.chars().take(12).collect(),
        contacts: theirs.map(contact_view).collect(),
        words: words.map(|(class, word)| word_view(web, class, word)).collect(),
    }
}

fn contact_view(contact: &SuppressedContact) -> SuppressedContactView {
    let account = account_name(contact.account_name.clone(), &contact.account_id);
    let name = contact.contact_name.as_ref().unwrap_or(&contact.contact_id);
    SuppressedContactView { name: format!("{name}, {account}"), href: account_href(&contact.account_id) }
}

fn word_view(web: &WebState, class: &str, word: &Json) -> WordView {
    let text = |key: &str| word.get(key).and_then(Json::as_str);
    let source = text("source").unwrap_or_default();
    let known = SOURCES.iter().find(|(value, _)| *value == source);
    let reason = known.map_or(source.into(), |(_, label)| translated(label));
    WordView {
        class: class.to_owned(),
        source: source.to_owned(),
        can_be_lifted: !FIRM.contains(&source),
        label: class_label(class).to_owned(),
        reason: match text("through") {
            Some(_) => say!("{reason}, at another address of the same person", reason = reason),
            None => reason.into_owned(),
        },
        by_href: href("/audit", &[("by", text("by").unwrap_or_default())]),
        by: text("by").map(|by| actor_words(by).into_owned()),
        since: text("at").and_then(|at| at.parse::<Instant>().ok()).map(|at| moment(at, web.zone)),
    }
}

fn unread(rejected: FormRejection) -> Trouble {
    Trouble::refusal(rejected.status(), phrase!("The form could not be read. Nothing was done."))
}
