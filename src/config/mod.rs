//! The configuration: `keepwell.yaml`, every key optional.
//!
//! Read with the same reader as playbooks, so that its mistakes have the same
//! codes and places. Secrets are not here: they come from the environment.
//!
//! This file has [`Config`] and its short keys; `form` lists them. Keys with keys of their own have
//! a file each: [`limits`], [`mail`], [`store`], `answers`, `notify`, `retention`, `web`, `webhooks`.
//! [`ip_range`] is a value of `web`. [`read_url`], `language` and `roles` read one key each; `refusal` reports a value that cannot be used.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;

use ip_range::IpRange;

use crate::diagnostic::Diagnostic;
use crate::playbook::budget::Budget;
use crate::playbook::quiet_hours::QuietHours;
use crate::playbook::reader::Fields;
use crate::playbook::reader::short;
use crate::playbook::season::Seasons;
use crate::playbook::source::{SourceFile, read_file};
use crate::playbook::yaml::{self, Node, NodeValue};
use crate::playbook::{Guardrails, Source, guardrails, timezone};

mod answers;
mod brand;
mod form;
pub mod ip_range;
mod language;
pub mod limits;
pub mod mail;
mod notify;
pub mod read_url;
mod refusal;
mod retention;
mod roles;
pub mod store;
mod web;
mod webhooks;

pub use brand::{BrandConfig, Color, PICTURES};
pub use form::CONFIGURATION;
use refusal::refuse;

pub use language::DEFAULT_LANGUAGE;
pub use limits::TimeLimits;
pub use mail::Mail;
pub use retention::Retention;
pub use roles::RoleNames;
pub use store::StoreMap;

/// Where the configuration is looked for when nobody names a file.
pub const DEFAULT_FILE: &str = "keepwell.yaml";

/// Ids of CSMs by the name of their pool.
pub type Pools = BTreeMap<String, Arc<[String]>>;

/// What an installation sets for all playbooks.
#[derive(Clone, Debug)]
pub struct Config {
    /// The zone of playbooks, accounts and contacts that name none.
    pub timezone: Tz,
    /// The BCP 47 tag of the language that texts are written in which name none.
    /// Where it is missing, `default` texts are in [`DEFAULT_LANGUAGE`], and a
    /// mail in one text only is in the language of its reader.
    pub language: Option<String>,
    /// Ranges of days without business, both ends included.
    pub holidays: Vec<(NaiveDate, NaiveDate)>,
    /// Parts of the year for `in_season`.
    pub seasons: Seasons,
    /// A missed slot younger than this still runs once.
    pub catch_up: Duration,
    /// How often waiting enrollments are looked at; divides a day.
    pub recheck: Duration,
    /// How long a task takes, for what a playbook costs.
    pub minutes_per_task: Option<u32>,
    /// A condition that keeps an account out of every playbook.
    pub suppress: Option<Source>,
    /// Who shares the tasks of `to: pool:NAME`.
    pub pools: Pools,
    /// How customer mail looks and leaves.
    pub mail: Mail,
    /// What all playbooks together may ask of a contact and of an account.
    pub budget: Budget,
    /// When no customer mail leaves; `None` is `off`.
    pub quiet_hours: Option<QuietHours>,
    /// For playbooks that do not say.
    pub guardrails: Guardrails,
    /// How long the rules of one playbook may work.
    pub limits: TimeLimits,
    /// Hears of holds and failures of playbooks that name nobody.
    pub alerts_to: Option<String>,
    /// Where the web pages are served; `None` is `off`. Where other machines
    /// reach it, [`Config::web_url`] is there, and users log in.
    pub listen: Option<SocketAddr>,
    /// Where customers' pages are served, and nothing else; `None` is at `listen`.
    pub public_listen: Option<SocketAddr>,
    /// Where health is told, and nothing else; `None` is at `listen` only.
    pub ops_listen: Option<SocketAddr>,
    /// The header in which a proxy says which user it brings.
    pub user_header: Option<String>,
    /// Where such proxies are.
    pub trusted_proxies: Vec<IpRange>,
    /// The address that colleagues open, for links in what is sent to them.
    pub web_url: Option<String>,
    /// How the company looks on the pages for customers.
    pub brand: BrandConfig,
    /// Whether CSMs get their notices by e-mail.
    pub notify_csm_email: bool,
    /// The environment variable with the URL of a Slack channel that gets the
    /// notices to CSMs as well.
    pub notify_csm_slack: Option<String>,
    /// Where the customers are.
    pub store: StoreMap,
    /// When the notices of each colleague are gathered into one mail: a
    /// crontab, in the colleague's own zone.
    pub notify_csm_digest: Option<String>,
    /// The environment variable with the URL to which answers to surveys are posted.
    pub answers_webhook: Option<String>,
    /// For how long words and evidence are kept.
    pub retention: Retention,
    /// Targets of webhooks beyond public https addresses, as `host:port`.
    pub webhooks_allow: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            timezone: Tz::UTC,
            language: None,
            holidays: Vec::new(),
            seasons: Seasons::default(),
            catch_up: Duration::hours(1),
            recheck: Duration::minutes(15),
            minutes_per_task: None,
            suppress: None,
            pools: Pools::new(),
            mail: Mail::default(),
            budget: Budget::default(),
            quiet_hours: None,
            guardrails: Guardrails::default(),
            limits: TimeLimits::default(),
            alerts_to: None,
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 7717))),
            public_listen: None,
            ops_listen: None,
            user_header: None,
            trusted_proxies: Vec::new(),
            web_url: None,
            brand: BrandConfig::default(),
            notify_csm_email: true,
            notify_csm_slack: None,
            store: StoreMap::default(),
            notify_csm_digest: None,
            answers_webhook: None,
            retention: Retention::default(),
            webhooks_allow: Vec::new(),
        }
    }
}

impl Config {
    /// Where colleagues find the pages, without a slash at the end: what the
    /// configuration says, else this machine.
    pub fn pages_url(&self) -> Option<String> {
        self.web_url.clone().or_else(|| self.listen.map(|listen| format!("http://{listen}")))
    }

    /// Where customers find their pages, without a slash at the end: what the
    /// configuration says, else this machine.
    pub fn customers_url(&self) -> String {
        let here = || {
            let listen = self.public_listen.or(self.listen);
            listen.map_or_else(|| "http://127.0.0.1:7717".to_owned(), |listen| format!("http://{listen}"))
        };
        self.mail.public_url.clone().unwrap_or_else(here)
    }

    /// Whether customers reach their pages at the address of those for
    /// colleagues, by a proxy.
    pub fn customers_share_pages(&self) -> bool {
        self.mail.public_url.is_some() && self.listen.is_some() && self.public_listen.is_none()
    }

    /// Reads the named file, or [`DEFAULT_FILE`] if nobody named one and it is
    /// there, or else gives the defaults. A value that is wrong is reported
    /// and has its default.
    pub fn read(path: Option<&Path>) -> (Config, Vec<Diagnostic>) {
        let default = Path::new(DEFAULT_FILE);
        let path = match path {
            Some(path) => path,
            // One that cannot be looked for is an error, and no reason to do without.
            None if default.try_exists().unwrap_or(true) => default,
            None => return (Config::default(), Vec::new()),
        };
        match read_file(path) {
            Ok(file) => Config::parse(&file),
            Err(problem) => (Config::default(), vec![*problem]),
        }
    }

    /// The same from a text that was read already.
    pub fn parse(file: &SourceFile) -> (Config, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let mut config = Config::default();
        match yaml::read(&file.path, &file.text, &mut problems) {
            // An empty file sets nothing.
            Some(node) if matches!(node.value, NodeValue::Null) => {}
            Some(node) => config.fill(&file.path, &node, &mut problems),
            None => {}
        }
        (config, problems)
    }

    fn fill(&mut self, file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) {
        let mut fields = Fields::new(file, node, &CONFIGURATION, problems);
        if let Some(zone) = timezone::timezone(&mut fields, "timezone") {
            self.timezone = zone;
        }
        self.language = language::read(&mut fields);
        self.holidays = holidays(&mut fields);
        self.seasons = Seasons::read(&mut fields);
        if let Some(seconds) = fields.elapsed("catch_up") {
            self.catch_up = Duration::seconds(seconds);
        }
        if let Some(recheck) = recheck(&mut fields) {
            self.recheck = recheck;
        }
        self.minutes_per_task =
            fields.int_within("minutes_per_task", 1, 10_000).and_then(|minutes| u32::try_from(minutes).ok());
        self.suppress = fields.expression("suppress");
        self.pools = pools(&mut fields);
        self.store.roles = RoleNames::read(&mut fields).into();
        self.store.touch_events = fields.texts("touch_events").iter().map(|name| name.text.trim().to_owned()).collect();
        if let Some(node) = fields.take("budget") {
            self.budget = Budget::read(file, node, Budget::default(), fields.problems());
        }
        if let Some(node) = fields.take("quiet_hours") {
            self.quiet_hours = QuietHours::read(file, node, fields.problems());
        }
        if let Some(node) = fields.take("mail") {
            self.mail.fill(file, node, fields.problems());
        }
        if let Some(node) = fields.take("guardrails") {
            self.guardrails = guardrails::read(file, node, fields.problems());
        }
        if let Some(node) = fields.take("limits") {
            self.limits = TimeLimits::read(file, node, fields.problems());
        }
        self.alerts_to = fields.address("alerts_to");
        if let Some(node) = fields.take("web") {
            let web = web::read(file, node, self.listen, fields.problems());
            (self.listen, self.public_listen, self.ops_listen) = (web.listen, web.public_listen, web.ops_listen);
            (self.user_header, self.trusted_proxies) = (web.user_header, web.trusted_proxies);
            self.web_url = web.url;
        }
        if let Some(node) = fields.take("brand") {
            self.brand = BrandConfig::read(file, node, fields.problems());
        }
        if let Some(node) = fields.take("notify") {
            let csm = notify::read(file, node, self.timezone, fields.problems());
            self.notify_csm_email = csm.email.unwrap_or(self.notify_csm_email);
            self.notify_csm_slack = csm.slack;
            self.notify_csm_digest = csm.digest;
        }
        if let Some(node) = fields.take("answers") {
            self.answers_webhook = answers::read(file, node, fields.problems());
        }
        if let Some(node) = fields.take("webhooks") {
            self.webhooks_allow = webhooks::read(file, node, fields.problems());
        }
        if let Some(node) = fields.take("retention") {
            self.retention = Retention::read(file, node, fields.problems());
        }
        if let Some(node) = fields.take("store") {
            self.store.fill(file, node, fields.problems());
        }
        fields.finish();
    }
}

/// Pools as `{ onboarding: [csm-1, csm-2] }`.
fn pools(fields: &mut Fields<'_, '_>) -> Pools {
    let (file, mut pools) = (fields.file(), Pools::new());
    for entry in fields.mapping("pools").into_iter().flatten() {
        let named = entry.key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !named || entry.key.is_empty() {
            let message = format!("`{}` is not a name for a pool", short(&entry.key));
            fields.error_with_help("KW0601", entry.key_place, message, "write letters, digits, `-` and `_`");
            continue;
        }
        let ids: Option<Vec<String>> = match &entry.node.value {
            NodeValue::Sequence(items) if !items.is_empty() => {
                items.iter().map(|item| item.as_text().map(str::to_owned)).collect()
            }
            _ => None,
        };
        match ids {
            Some(ids) => drop(pools.insert(entry.key.clone(), ids.into())),
            None => {
                let message = format!("the pool `{}` needs the ids of its members", short(&entry.key));
                let help = format!("write `{}: [csm-1, csm-2]`", short(&entry.key));
                fields.problems().push(Diagnostic::error("KW0601", &file, entry.node.place, message).help(help));
            }
        }
    }
    pools
}

fn holidays(fields: &mut Fields<'_, '_>) -> Vec<(NaiveDate, NaiveDate)> {
    let date = |text: &str| NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok();
    let mut holidays = Vec::new();
    for text in fields.texts("holidays") {
        let range = match text.text.split_once("..") {
            Some((first, last)) => date(first).zip(date(last)),
            None => date(&text.text).map(|day| (day, day)),
        };
        match range.filter(|(first, last)| first <= last) {
            Some(range) => holidays.push(range),
            None => {
                let message = format!("`{}` is not a date or a range of dates", short(&text.text));
                let help = "write `2026-12-25` or `2027-02-05..2027-02-12`";
                let problem = text.error("KW0116", 1, 1, message).help(help);
                fields.problems().push(problem);
            }
        }
    }
    holidays
}

fn recheck(fields: &mut Fields<'_, '_>) -> Option<Duration> {
    let seconds = fields.elapsed("recheck")?;
    if seconds >= 60 && 86_400 % seconds == 0 {
        return Some(Duration::seconds(seconds));
    }
    let message = "`recheck` is at least a minute and divides a day";
    refuse(fields, "recheck", message, "write `15m`, `30m` or `1h`");
    None
}

#[cfg(test)]
mod tests;
