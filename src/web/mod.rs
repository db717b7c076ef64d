//! The web pages: what colleagues look at, and what customers reach from a
//! link in a mail.
//!
//! Everything is rendered on the server and works without JavaScript, of which there is one small file, `keepwell.js`; the
//! pages of colleagues are for those who log in, or for this machine only. One resource per file:
//! `today` and `task` are a CSM's day (`pane` is one task with all that is needed for it, `consequences` says what comes of each
//! word, `bulk` takes one for many, `days` are days as people say them, `task_notes` keeps ticks and notes), `search` finds what somebody looks for, `accounts` and `account` find a customer and say everything about
//! it (`account_charts` and `account_contacts` are parts of the page, `account_pauses` and `account_journeys` are what people do with one, `timeline` in words, `goals` of its success plans, `why` it enters a playbook or not), `approvals` are the runs that wait
//! for a person (`approval_outlook` says what would come of one), `playbooks` and `messages` show what was decided and written, `kpis` figures over all accounts, `overview` a month or a quarter for managers, `answers` what surveys brought, `unsubscribe`, `preferences`, `survey` and `customer_plan` are for customers
//! (`customer` is their frame, `brand` how the company looks on them), `health` and `metrics` for
//! whatever watches the process. `rights` is the table of all routes and who may use each; `access` lets people on by it, `identity`
//! knows who they are (a `visitor`, by a session's `cookie`, a proxy's word, or nobody's), and `login` opens and ends sessions;
//! `people` are the users, for admins, and `audit` is what everybody did.
//! Of messages `message` is one, `message_states` says in words how it stands, `suppressions` are the addresses that want no mail, `stops` stop things and let them go on.
//! Of playbooks `journey` is one as a way of steps, `playbook_accounts` are those on it, `plan` is what it would do now, `revisions` are its texts.
//! `guard` stands before all of them: it answers
//! only to names of this machine, refuses writes that come from other sites,
//! sets the headers, and lets a write that has begun finish even when the
//! browser goes away. `page` holds the templates and what every page shares,
//! `fact` says in words what a condition read. `kept` keeps answers that take the database long, `counters` are the numbers beside the navigation. `compression` makes pages shorter, `turn` lets one page at a time look at many accounts,
//! `silence` is what readers see while the database does not answer, `connections` bounds how many
//! readers there are and how slow they may be, `warning_limit` how much they
//! can write into the log.
//!
//! Each listener has an [`Audience`]. At that of colleagues a name other than
//! this machine's, `mail.public_url`, reaches the customers' pages and nothing
//! else; a listener of the customers has their pages only.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware;
use chrono_tz::Tz;
use tokio::sync::{Mutex, Semaphore};

use crate::clock::{Clock, Stopwatch};
use crate::playbook::calendar::Calendar;
use crate::store::Store;
use crate::store::views::gauges::WorkGauges;
use crate::worker::health::Health;
use crate::worker::lanes;
use crate::worker::shared::Shared;

mod accepted_languages;
mod access;
mod account;
mod account_charts;
mod account_contacts;
mod account_journeys;
mod account_pauses;
mod accounts;
mod address_words;
mod answers;
mod approval_outlook;
mod approvals;
mod audit;
mod brand;
mod bulk;
mod compression;
mod connections;
mod consequences;
mod cookie;
mod counters;
mod customer;
mod customer_plan;
mod damaged_link;
mod dates;
mod days;
mod fact;
mod goals;
mod guard;
mod health;
mod html;
mod identity;
mod impact_words;
mod journey;
mod kept;
mod kpis;
mod language;
mod login;
mod message;
mod message_states;
mod messages;
mod metrics;
mod outlook_words;
mod overview;
mod page;
mod pane;
mod people;
mod plan;
mod playbook_accounts;
mod playbook_views;
mod playbooks;
mod preferences;
mod reports;
mod revisions;
pub mod rights;
mod search;
mod silence;
mod stages;
mod stop_words;
mod stops;
mod stored_words;
mod suppressions;
mod survey;
mod task;
mod task_notes;
mod task_view;
mod timeline;
mod today;
mod turn;
mod unsubscribe;
mod visitor;
mod warning_limit;
mod why;
mod workload;

pub use answers::{ANSWER_COLUMNS, answers_csv};
use brand::{Brand, Logo};
use identity::Identity;
use kept::{KeptAnswers, QUICK};
use overview::{FiguresQuestion, OverviewFigures};
use playbooks::PlaybookWorth;
use warning_limit::WarningLimit;

/// The longest body that a form may send, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// How many pages for customers ask the customer store at the same time.
const READERS: usize = 2;

/// Whom a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All pages. Those of customers are here, too, so that no link in a mail
    /// ends when they get a listener of their own.
    Colleagues,
    /// The pages that links in customers' mail lead to, under any name: what a
    /// proxy says is no guard, and their tokens need none.
    Customers,
    /// Health only.
    Operations,
}

/// What the pages need.
#[derive(Clone)]
pub struct WebState {
    pub store: Store,
    /// What explanations are made with.
    pub shared: Arc<Shared>,
    pub clock: Clock,
    /// The zone of every time on the pages, and of playbooks that name none.
    pub zone: Tz,
    /// Business days.
    pub calendar: Calendar,
    /// How the company looks to its customers.
    brand: Brand,
    /// The host of `mail.public_url`, in lower case and without a port;
    /// `None` when there is no such URL.
    pub public_host: Option<String>,
    /// The host under which colleagues find the pages.
    pub own_host: Option<String>,
    /// Whether that address begins with `https://`.
    pub own_host_is_secure: bool,
    /// How it is known who somebody is.
    identity: Identity,
    /// Whether customers have a listener of their own, so that a proxy before
    /// that of colleagues brings colleagues.
    pub customers_are_apart: bool,
    /// What is known of the daemon.
    pub health: Arc<Health>,
    /// How Keepwell is called here: its name, and the options that differ from
    /// the usual ones. For commands to copy.
    pub command: String,
    /// How many pages for customers ask the customer store at a time.
    reader_turns: Arc<Semaphore>,
    /// Whose work is under way that looks at many accounts; see `turn`.
    large_looks: Arc<Semaphore>,
    /// What was counted last, and when.
    gauges: Arc<Mutex<Option<(Stopwatch, WorkGauges)>>>,
    /// Overviews whose counting took long.
    overview_figures: Arc<KeptAnswers<FiguresQuestion, OverviewFigures>>,
    /// What playbooks are worth, where finding that out took long.
    worths: Arc<KeptAnswers<String, PlaybookWorth>>,
    /// Links whose token is not ours.
    forged_links: WarningLimit,
    /// Requests of a proxy for what is not for customers.
    withheld_pages: WarningLimit,
    /// Pages that the database did not answer.
    silences: WarningLimit,
}

impl WebState {
    /// The pages of an installation, of a daemon that has not begun.
    pub fn new(shared: Arc<Shared>, clock: Clock) -> WebState {
        let (_, never) = tokio::sync::watch::channel(false);
        let config = &shared.config;
        WebState {
            store: shared.store.clone(),
            clock,
            zone: config.timezone,
            calendar: Calendar { holidays: config.holidays.clone() },
            brand: Brand::new(&config.brand, sender(&config.mail.from)),
            public_host: config.mail.public_url.as_deref().and_then(host_of_url),
            own_host: config.web_url.as_deref().and_then(host_of_url),
            own_host_is_secure: config.web_url.as_deref().is_some_and(|url| url.starts_with("https://")),
            identity: Identity::new(config),
            customers_are_apart: config.public_listen.is_some(),
            health: Arc::new(Health::new(Arc::new(lanes::progress()), Path::new("."), never)),
            command: "keepwell".to_owned(),
            reader_turns: Arc::new(Semaphore::new(READERS)),
            large_looks: Arc::new(Semaphore::new(1)),
            gauges: Arc::default(),
            overview_figures: Arc::new(KeptAnswers::new(QUICK)),
            worths: Arc::new(KeptAnswers::new(QUICK)),
            forged_links: WarningLimit::default(),
            withheld_pages: WarningLimit::default(),
            silences: WarningLimit::default(),
            shared,
        }
    }

    /// The same, where Keepwell is called like this.
    pub fn called(self, command: String) -> WebState {
        WebState { command, ..self }
    }

    /// The same, where answers that take at least this long are kept for a while.
    pub fn keeping_answers_of(self, time: Duration) -> WebState {
        let (overview_figures, worths) = (Arc::new(KeptAnswers::new(time)), Arc::new(KeptAnswers::new(time)));
        WebState { overview_figures, worths, ..self }
    }

    /// The same, with the logo that the configuration names on the pages for customers.
    /// Without its file they show the name: a picture keeps nobody from unsubscribing.
    pub fn with_logo(self) -> WebState {
        match self.shared.config.brand.logo.as_deref().map(Logo::read) {
            Some(Ok(logo)) => WebState { brand: self.brand.with_logo(logo), ..self },
            Some(Err(why)) => {
                tracing::warn!("customers' pages have no logo: {why}");
                self
            }
            None => self,
        }
    }

    /// The same, of the daemon of which this is known.
    pub fn of_daemon(self, health: Arc<Health>) -> WebState {
        WebState { health, ..self }
    }
}

/// The pages for an audience, with everything that stands before them.
pub fn router(audience: Audience, state: WebState) -> Router {
    let state = Arc::new(state);
    rights::routes(audience, &state)
        .fallback(move |web: page::Web, request: Request| access::nothing_here(audience, web, request))
        .method_not_allowed_fallback(move |web: page::Web, request: Request| {
            access::not_possible(audience, web, request)
        })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn(guard::carry_through))
        .layer(middleware::from_fn_with_state(state.clone(), silence::answer))
        .layer(middleware::from_fn_with_state((audience, state.clone()), guard::admit))
        .layer(middleware::from_fn(language::choose_language))
        .layer(middleware::from_fn(guard::head))
        .layer(middleware::from_fn(compression::compress))
        .with_state(state)
}

/// Serves the pages for an audience until `stop` is ready; then accepts nobody
/// any more and gives the requests at work ten seconds.
pub async fn serve(
    listener: tokio::net::TcpListener,
    audience: Audience,
    state: WebState,
    stop: impl Future<Output = ()> + Send,
) {
    connections::serve(listener, router(audience, state), stop).await;
}

/// The name in `Name <address>`, or the address.
fn sender(from: &str) -> String {
    let name = from.split_once('<').map_or(from, |(name, _)| name).trim().trim_matches('"');
    if name.is_empty() { from.trim_matches(['<', '>', ' ']).to_owned() } else { name.to_owned() }
}

/// The host of an `http` or `https` URL, in lower case and without its port.
fn host_of_url(url: &str) -> Option<String> {
    let uri: axum::http::Uri = url.parse().ok()?;
    Some(uri.host()?.to_ascii_lowercase())
}

/// Whether a host, without its port, names this machine and nothing else.
fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
