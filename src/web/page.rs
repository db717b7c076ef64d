//! What every page shares: the templates, the frame, and the words for trouble.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Output, State as MinijinjaState, UndefinedBehavior, Value, context};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::WebState;
use super::counters::Counters;
pub(super) use super::dates::{date, moment, short_date};
use super::html::escape;
use super::language::{self, phrase, say, translated};
use super::stop_words::stop_words;
use super::visitor::{Proof, Visitor};
use crate::postgres::describe_error;
use crate::store::upkeep::stopped::{Stop, StopTarget};
use crate::user::role::Role;

/// What an extractor needs for the state.
pub(super) type Web = State<Arc<WebState>>;

/// How many pauses of accounts are named at the top of each page.
const PAUSES: usize = 3;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("keepwell.js");

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("templates/", $name)))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "account.html",
    "accounts.html",
    "answers.html",
    "approval.html",
    "approvals.html",
    "audit.html",
    "base.html",
    "bulk.html",
    "cancel.html",
    "customer.html",
    "customer_plan.html",
    "damaged.html",
    "enroll.html",
    "finding.html",
    "follows.html",
    "head.html",
    "keys.html",
    "kpi.html",
    "kpi_line.html",
    "kpis.html",
    "languages.html",
    "login.html",
    "message.html",
    "message_source.html",
    "message_states.html",
    "messages.html",
    "overview.html",
    "overview_chart.html",
    "overview_list.html",
    "password.html",
    "people.html",
    "plan.html",
    "playbook.html",
    "playbook_accounts.html",
    "playbooks.html",
    "preferences.html",
    "report.html",
    "revisions.html",
    "run.html",
    "search.html",
    "source.html",
    "stages.html",
    "stop.html",
    "stops.html",
    "suppressions.html",
    "survey.html",
    "task.html",
    "task_forms.html",
    "task_pane.html",
    "today.html",
    "trouble.html",
    "trouble_framed.html",
    "unavailable.html",
    "unsubscribe.html",
    "why.html",
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(write_value);
    language::add_functions(&mut environment);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).expect("the templates are part of the program, and a test reads them all");
    }
    // A new sheet or script has a new address, so that browsers may keep each for long.
    environment.add_global("style", format!("/style.css?{}", version(STYLE.as_bytes())));
    environment.add_global("script", format!("/keepwell.js?{}", version(SCRIPT.as_bytes())));
    environment
});

/// What an address says of a file's content, so that another content has another address.
pub(super) fn version(content: &[u8]) -> String {
    Sha256::digest(content).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a value into a page. Text is escaped as the default does it, but for slashes.
fn write_value(out: &mut Output, state: &mut MinijinjaState, value: &Value) -> Result<(), minijinja::Error> {
    let Some(text) = value.as_str().filter(|_| !value.is_safe()) else {
        return minijinja::escape_formatter(out, state, value);
    };
    out.write_str(&escape(text)).map_err(minijinja::Error::from)
}

/// What the last form did.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Notice {
    kind: &'static str,
    text: String,
    /// The act that can be taken back, and for how many seconds.
    undo: Option<uuid::Uuid>,
    seconds: i64,
    /// The page to go back to then.
    back: String,
}

impl Notice {
    pub fn done(text: String) -> Notice {
        Notice { kind: "done", text, undo: None, seconds: 0, back: String::new() }
    }

    pub fn error(text: String) -> Notice {
        Notice { kind: "error", text, undo: None, seconds: 0, back: String::new() }
    }

    /// The same, of what can be taken back for so many seconds.
    pub fn with_undo(self, act: uuid::Uuid, seconds: i64) -> Notice {
        Notice { undo: Some(act), seconds, ..self }
    }

    /// The same, on the page at this path.
    pub fn back_to(self, path: &str) -> Notice {
        Notice { back: path.to_owned(), ..self }
    }

    /// The same, where so many others stayed as they were.
    pub fn with_rest(self, left: &str) -> Notice {
        match left.parse::<usize>() {
            Ok(left) if left > 0 => {
                let rest = say!(
                    left as i64,
                    "{done}. One other stays as it was.",
                    "{done}. {n} others stay as they were.",
                    done = self.text,
                    n = left
                );
                Notice { text: rest, ..self }
            }
            _ => self,
        }
    }

    pub fn can_be_undone(&self) -> bool {
        self.undo.is_some()
    }
}

/// The frame of a page for colleagues.
#[derive(Debug, Serialize)]
pub(super) struct Frame {
    page: &'static str,
    banner: Option<String>,
    notice: Option<Notice>,
    /// Empty where no time is shown.
    zone: &'static str,
    /// How Keepwell is called here.
    command: String,
    /// Who has logged in.
    user: Option<String>,
    /// Whether they can log out here.
    can_log_out: bool,
    /// Whether nobody logs in.
    is_open: bool,
    may: Rights,
    counters: Counters,
}

/// What the reader of a page may do; what they may not is not shown.
#[derive(Clone, Copy, Debug, Serialize)]
struct Rights {
    /// On tasks and accounts.
    work: bool,
    /// On runs, mail and stops.
    operate: bool,
    manage_people: bool,
}

impl Frame {
    /// The frame of a page under this heading of the navigation.
    pub async fn new(web: &WebState, page: &'static str, notice: Option<Notice>) -> Result<Frame, Trouble> {
        let stopped = web.store.stopped().await?;
        let everything = stopped.stops.iter().find(|stop| stop.target == StopTarget::All);
        let banner = match (everything, stopped.stops.as_slice()) {
            (None, []) => None,
            (None, some) => Some(say!("Stopped: {what}.", what = stops_in_brief(some))),
            (Some(all), _) => Some(say!(
                "Stopped: {what}. Nobody is enrolled and no mail leaves until somebody runs “{command} resume”.",
                what = stop_words(all),
                command = web.command
            )),
        };
        let frame = Frame::without_store(page);
        let counters = Counters::read(web).await?;
        Ok(Frame { banner, notice, counters, zone: web.zone.name(), command: web.command.clone(), ..frame })
    }

    /// The frame for whoever reads, of a page that says nothing of the installation.
    fn without_store(page: &'static str) -> Frame {
        let visitor = Visitor::current();
        let may = |role| visitor.as_ref().is_some_and(|visitor| visitor.may(role));
        let proof = visitor.as_ref().map(|visitor| visitor.proof);
        Frame {
            page,
            banner: None,
            notice: None,
            zone: "",
            command: String::new(),
            counters: Counters::default(),
            may: Rights { work: may(Role::Csm), operate: may(Role::Operator), manage_people: may(Role::Admin) },
            can_log_out: proof == Some(Proof::Session),
            is_open: proof == Some(Proof::Open),
            user: visitor.filter(|visitor| visitor.proof != Proof::Open).map(|visitor| visitor.name),
        }
    }

    /// The page with this status.
    pub fn page<T: Serialize>(self, status: StatusCode, template: &str, body: T) -> Result<Response, Trouble> {
        let frame = Value::from(Serde(self));
        let body = Value::from(Serde(body));
        Ok((status, Html(render(template, minijinja::value::merge_maps([frame, body]))?)).into_response())
    }
}

/// What is stopped, with the pauses of many accounts as a number: each stands on
/// the account's own page.
fn stops_in_brief(stops: &[Stop]) -> String {
    let of_account = |stop: &&Stop| matches!(stop.target, StopTarget::Account(_) | StopTarget::AccountMail { .. });
    let (accounts, others): (Vec<&Stop>, Vec<&Stop>) = stops.iter().partition(of_account);
    let mut words: Vec<String> = others.into_iter().map(stop_words).collect();
    match accounts.len() {
        many if many > PAUSES => words.push(say!("{n} pauses of single accounts", n = many)),
        _ => words.extend(accounts.into_iter().map(stop_words)),
    }
    list_in_words(&words)
}

/// `a, b, c`, with the comma of the reader's language.
pub(super) fn list_in_words(parts: &[impl AsRef<str>]) -> String {
    parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(&say!(", "))
}

/// A template's text.
pub(super) fn render(template: &str, values: Value) -> Result<String, Trouble> {
    Ok(ENVIRONMENT.get_template(template)?.render(values)?)
}

/// Why there is no page.
pub(super) enum Trouble {
    /// With the words for it.
    NotFound(&'static str),
    /// Not accepted, with the status and the words.
    Refused(StatusCode, &'static str),
    /// Something of ours failed. Its details go to the log and not to the page.
    Failed(anyhow::Error),
}

impl Trouble {
    pub fn refusal(status: StatusCode, words: &'static str) -> Trouble {
        Trouble::Refused(status, words)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble::Failed(error.into())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, title, words) = match self {
            Trouble::NotFound(words) => (StatusCode::NOT_FOUND, phrase!("Not found"), words),
            Trouble::Refused(status, words) => (status, phrase!("Not accepted"), words),
            Trouble::Failed(error) if error.is::<minijinja::Error>() || error.is::<tokio::task::JoinError>() => {
                tracing::error!(error = describe_error(error.as_ref()), "a page could not be made");
                let words = phrase!("The page could not be made. That is a mistake of ours; it is in the log.");
                (StatusCode::INTERNAL_SERVER_ERROR, phrase!("Something went wrong"), words)
            }
            Trouble::Failed(error) => {
                let words =
                    phrase!("The database did not answer. Nothing you see here is lost: please try again in a moment.");
                let title = phrase!("Not available right now");
                let mut response = trouble_page(StatusCode::SERVICE_UNAVAILABLE, title, words);
                response.extensions_mut().insert(DatabaseSilence(describe_error(error.as_ref()).into()));
                return response;
            }
        };
        trouble_page(status, title, words)
    }
}

/// In an answer: what the database said, or why it said nothing.
#[derive(Clone, Debug)]
pub(super) struct DatabaseSilence(pub(super) Arc<str>);

/// With the navigation for those who may see it.
fn trouble_page(status: StatusCode, title: &str, words: &str) -> Response {
    let body = context! { title, words };
    let html = match Visitor::current() {
        Some(_) => {
            let frame = Value::from(Serde(Frame::without_store("")));
            render("trouble_framed.html", minijinja::value::merge_maps([frame, body]))
        }
        None => render("trouble.html", body),
    };
    match html {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => (status, translated(words).into_owned()).into_response(),
    }
}

/// The style sheet. Its address changes with its text.
pub(super) async fn style() -> Response {
    cacheable(STYLE, "text/css; charset=utf-8")
}

/// The script. Its address changes with its text.
pub(super) async fn script() -> Response {
    cacheable(SCRIPT, "text/javascript; charset=utf-8")
}

/// The numbers beside the navigation, as they are now.
pub(super) async fn counters(State(web): Web) -> Result<Response, Trouble> {
    let counters = serde_json::to_string(&Counters::read(&web).await?)?;
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "application/json")];
    Ok((headers, counters).into_response())
}

/// A file that browsers may keep for long: its address changes with its text.
pub(super) fn cacheable(content: impl IntoResponse, kind: &'static str) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

/// The text with a capital at its beginning and the rest as it is.
pub(super) fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A path with a query of these pairs, each value encoded.
pub(super) fn href(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (index, (name, value)) in pairs.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

/// A path that ends in this segment, encoded.
pub(super) fn below(path: &str, segment: &str) -> String {
    let mut text = format!("{path}/");
    encode(segment, &mut text);
    text
}

/// What an account is called; what belongs to none is about all of them.
pub(super) fn account_name(name: Option<String>, id: &str) -> String {
    match (name, id) {
        (Some(name), _) => name,
        (None, "") => say!("All accounts"),
        (None, id) => id.to_owned(),
    }
}

/// The page of an account; of none, that of all.
pub(super) fn account_href(id: &str) -> String {
    if id.is_empty() {
        return "/accounts".to_owned();
    }
    below("/accounts", id)
}

/// A path with one more pair in its query.
pub(super) fn with_pair(path: &str, name: &str, value: &str) -> String {
    let mut text = format!("{path}{}{name}=", if path.contains('?') { '&' } else { '?' });
    encode(value, &mut text);
    text
}

/// A path that a form sent, if it is one of ours; else that of the first page.
pub(super) fn local_path(path: &str) -> &str {
    let ours = path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '#']);
    if ours && path.chars().all(|letter| letter.is_ascii_graphic()) { path } else { "/" }
}

fn encode(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read() {
        for (name, _) in TEMPLATES {
            assert!(ENVIRONMENT.get_template(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_form_leads_back_to_our_own_pages_only() {
        for path in ["/", "/?csm=a&overdue=1", "/tasks/1"] {
            assert_eq!(local_path(path), path);
        }
        for path in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x", "/ö"] {
            assert_eq!(local_path(path), "/", "{path}");
        }
        assert_eq!(with_pair(&with_pair("/", "act", "1"), "left", "a b"), "/?act=1&left=a%20b");
    }

    #[test]
    fn a_query_carries_any_text() {
        assert_eq!(href("/", &[("csm", "a b&c=ö"), ("x", "1")]), "/?csm=a%20b%26c%3D%C3%B6&x=1");
    }
}
