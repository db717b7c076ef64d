//! The configuration: `keepwell.yaml`, every key optional.
//!
//! Read with the same reader as playbooks, so that its mistakes have the same
//! codes and places. Secrets are not here: they come from the environment.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;

use crate::diagnostic::Diagnostic;
use crate::playbook::budget::Budget;
use crate::playbook::quiet::QuietHours;
use crate::playbook::reader::{Fields, is_address, is_off, short};
use crate::playbook::season::Seasons;
use crate::playbook::source::{SourceFile, read_file};
use crate::playbook::yaml::{self, Node, NodeValue};
use crate::playbook::{HoldAbove, Source, guardrails, parse};

/// Where the configuration is looked for when nobody names a file.
pub const DEFAULT_FILE: &str = "keepwell.yaml";

const REMOVE: &str = "remove the key, or write `off`";

/// What an installation sets for all playbooks.
#[derive(Clone, Debug)]
pub struct Config {
    /// The zone of playbooks, accounts and contacts that name none.
    pub timezone: Tz,
    /// Ranges of days without business, both ends included.
    pub holidays: Vec<(NaiveDate, NaiveDate)>,
    /// Parts of the year for `in_season`.
    pub seasons: Seasons,
    /// A missed slot younger than this still runs once.
    pub catch_up: Duration,
    /// How often waiting enrollments are looked at; divides a day.
    pub recheck: Duration,
    /// A condition that keeps an account out of every playbook.
    pub suppress: Option<Source>,
    /// Events of these names are touches like a completed task.
    pub touch_events: Vec<String>,
    /// How customer mail looks and leaves.
    pub mail: Mail,
    /// What all playbooks together may ask of a contact and of an account.
    pub budget: Budget,
    /// When no customer mail leaves; `None` is `off`.
    pub quiet_hours: Option<QuietHours>,
    /// For playbooks that do not say.
    pub hold_above: HoldAbove,
    /// Hears of holds and failures of playbooks that name nobody.
    pub alerts_to: Option<String>,
    /// Where the web pages are served, on this machine only; `None` is `off`.
    pub listen: Option<SocketAddr>,
    /// Whether CSMs get their notices by e-mail.
    pub notify_csm_email: bool,
}

/// How customer mail looks and leaves.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The sender: `Name <address>` or an address.
    pub from: String,
    /// Stands below marketing mail.
    pub postal_address: Option<String>,
    /// The start of links in mail, without a slash at its end.
    pub public_url: Option<String>,
    /// Every customer mail goes to this address instead.
    pub redirect_to: Option<String>,
    /// Customer mail waits this long before it leaves, so that it can still be
    /// cancelled; zero is not at all.
    pub undo_window: Duration,
    /// Connections to the relay at the same time, 1 to 64.
    pub connections: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            timezone: Tz::UTC,
            holidays: Vec::new(),
            seasons: Seasons::default(),
            catch_up: Duration::hours(1),
            recheck: Duration::minutes(15),
            suppress: None,
            touch_events: Vec::new(),
            mail: Mail::default(),
            budget: Budget::default(),
            quiet_hours: None,
            hold_above: HoldAbove::default(),
            alerts_to: None,
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 7717))),
            notify_csm_email: true,
        }
    }
}

impl Default for Mail {
    fn default() -> Self {
        Mail {
            from: "Keepwell <keepwell@localhost>".to_owned(),
            postal_address: None,
            public_url: None,
            redirect_to: None,
            undo_window: Duration::zero(),
            connections: 8,
        }
    }
}

impl Config {
    /// Reads the named file, or [`DEFAULT_FILE`] if nobody named one and it is
    /// there, or else gives the defaults. A value that is wrong is reported
    /// and has its default.
    pub fn read(path: Option<&Path>) -> (Config, Vec<Diagnostic>) {
        let default = Path::new(DEFAULT_FILE);
        let path = match path {
            Some(path) => path,
            None if default.exists() => default,
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
        let mut fields = Fields::new(file, node, "the configuration", problems);
        if let Some(zone) = parse::timezone(&mut fields, "timezone") {
            self.timezone = zone;
        }
        self.holidays = holidays(&mut fields);
        self.seasons = Seasons::read(&mut fields);
        if let Some(seconds) = fields.elapsed("catch_up") {
            self.catch_up = Duration::seconds(seconds);
        }
        if let Some(recheck) = recheck(&mut fields) {
            self.recheck = recheck;
        }
        self.suppress = fields.expression("suppress");
        self.touch_events = fields.texts("touch_events").iter().map(|name| name.text.trim().to_owned()).collect();
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
            let given = guardrails::read(file, node, fields.problems());
            self.hold_above = given.hold_above.unwrap_or_default();
        }
        self.alerts_to = fields.address("alerts_to");
        if let Some(node) = fields.take("web") {
            self.listen = listen(file, node, self.listen, fields.problems());
        }
        if let Some(node) = fields.take("notify") {
            self.notify(file, node, fields.problems());
        }
        for key in ["webhooks", "retention"] {
            fields.not_yet(key, REMOVE, is_off);
        }
        fields.not_yet("pools", "remove the key", is_empty);
        fields.not_yet("store", "use the relation `customers.accounts` with its own column names", is_default_store);
        fields.finish();
    }

    fn notify(&mut self, file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) {
        let mut fields = Fields::new(file, node, "notify", problems);
        if let Some(node) = fields.take("csm") {
            let mut csm = Fields::new(file, node, "notify.csm", fields.problems());
            if let Some(email) = csm.boolean("email") {
                self.notify_csm_email = email;
            }
            csm.not_yet("slack", REMOVE, is_off);
            csm.not_yet("digest", REMOVE, is_off);
            csm.finish();
        }
        fields.finish();
    }
}

impl Mail {
    fn fill(&mut self, file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) {
        let mut fields = Fields::new(file, node, "mail", problems);
        if let Some(from) = fields.string("from") {
            if is_mailbox(&from) {
                self.from = from;
            } else {
                let message = format!("`{}` is not a sender", short(&from));
                let help = "write `Acme Success <success@acme.example>` or only the address";
                refuse(&mut fields, "from", message, help);
            }
        }
        self.postal_address = fields.string("postal_address");
        if let Some(url) = fields.string("public_url") {
            if is_web_url(&url) {
                self.public_url = Some(url.trim_end_matches('/').to_owned());
            } else {
                let message = format!("`{}` is not a web address", short(&url));
                let help = "write `https://success.acme.example`";
                refuse(&mut fields, "public_url", message, help);
            }
        }
        if let Some(to) = fields.string("redirect_to").filter(|to| to != "off") {
            if is_address(&to) {
                self.redirect_to = Some(to);
            } else {
                let message = format!("`{}` is not an e-mail address", short(&to));
                refuse(&mut fields, "redirect_to", message, "write an address, or `off`");
            }
        }
        if let Some(node) = fields.take("undo_window").filter(|node| !is_off(node)) {
            match parse_undo(node) {
                Some(window) => self.undo_window = window,
                None => {
                    let help = "write a span of elapsed time up to a day, such as `5m`, or `0s`";
                    refuse(&mut fields, "undo_window", "`undo_window` is not a time to wait", help);
                }
            }
        }
        if let Some(connections) = fields.int_within("connections", 1, 64) {
            self.connections = usize::try_from(connections).unwrap_or(self.connections);
        }
        fields.finish();
    }
}

/// A span of up to a day; nothing at all as well.
fn parse_undo(node: &Node) -> Option<Duration> {
    match node.as_text()? {
        "0s" => Some(Duration::zero()),
        text => match crate::playbook::Duration::parse(text)? {
            crate::playbook::Duration::Seconds(seconds) => Some(Duration::seconds(seconds)),
            crate::playbook::Duration::BusinessDays(_) => None,
        }
        .filter(|window| *window <= Duration::days(1)),
    }
}

/// Reports a value of the right type that cannot be used.
fn refuse(fields: &mut Fields<'_, '_>, key: &str, message: impl Into<String>, help: &str) {
    let at = fields.value_place(key);
    fields.error_with_help("KW0601", at, message, help);
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

/// `off`, or `{ listen: "127.0.0.1:7717" }`.
fn listen(
    file: &Arc<str>,
    node: &Node,
    default: Option<SocketAddr>,
    problems: &mut Vec<Diagnostic>,
) -> Option<SocketAddr> {
    if is_off(node) {
        return None;
    }
    let mut fields = Fields::new(file, node, "web", problems);
    let mut address = default;
    if let Some(text) = fields.string("listen") {
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.clone(),
        };
        match numeric.parse::<SocketAddr>() {
            Ok(given) if given.ip().is_loopback() => address = Some(given),
            Ok(_) => {
                let message = format!("`{text}` can be reached from other machines");
                let help = "until there are logins, listen on `127.0.0.1` behind a proxy that asks who it is";
                refuse(&mut fields, "listen", message, help);
            }
            Err(_) => {
                let message = format!("`{}` is not an address to listen on", short(&text));
                refuse(&mut fields, "listen", message, "write `\"127.0.0.1:7717\"`");
            }
        }
    }
    fields.finish();
    address
}

/// `address` or `Name <address>`, on one line.
fn is_mailbox(text: &str) -> bool {
    if text.chars().any(char::is_control) {
        return false;
    }
    match text.strip_suffix('>').and_then(|rest| rest.split_once('<')) {
        Some((name, address)) => is_address(address) && !name.contains(['>', ',', ';', '@']),
        None => is_address(text),
    }
}

fn is_web_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', ':']).next().unwrap_or("");
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`?#@\\".contains(c);
        !host.is_empty() && !rest.contains(odd)
    })
}

/// Nothing in it, so nothing is asked for.
fn is_empty(node: &Node) -> bool {
    is_off(node) || node.as_sequence().is_some_and(<[Node]>::is_empty) || node.as_mapping().is_some_and(<[_]>::is_empty)
}

/// The relation that is read anyway, every column under its own name.
fn is_default_store(node: &Node) -> bool {
    let accounts = |node: &Node| {
        node.as_mapping().is_some_and(|entries| {
            entries.iter().all(|entry| match entry.key.as_str() {
                "relation" => entry.node.as_text() == Some("customers.accounts"),
                "columns" => entry.node.as_mapping().is_some_and(|columns| {
                    let same = |c: &yaml::Entry| c.node.as_text() == Some(c.key.as_str());
                    columns.iter().all(same)
                }),
                _ => false,
            })
        })
    };
    node.as_mapping().is_some_and(|entries| {
        let known = |entry: &yaml::Entry| entry.key == "accounts" && accounts(&entry.node);
        entries.iter().all(known)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Config, Vec<String>) {
        let (path, text) = ("keepwell.yaml".into(), text.into());
        let (config, problems) = Config::parse(&SourceFile { path, text });
        let told = |d: &Diagnostic| format!("{}:{} {}", d.line, d.column, d.code);
        (config, problems.iter().map(told).collect())
    }

    #[test]
    fn reads_every_key_of_this_release() {
        let (config, problems) = parsed(concat!(
            "timezone: Europe/Berlin\nholidays: [2026-12-25, 2027-02-05..2027-02-12]\ncatch_up: 2h\n",
            "seasons: { summer: [07-15..08-31], holidays: 12-20..01-06 }\n",
            "recheck: 30m\nsuppress: account.traits.internal == true\ntouch_events: [meeting_held]\n",
            "mail:\n  from: Acme Success <success@acme.example>\n  postal_address: Acme, 1 Main Street\n",
            "  public_url: https://success.acme.example/\n  redirect_to: off\n  undo_window: 5m\n  connections: 4\n",
            "budget: { contact: [2 per 7d] }\nquiet_hours: { from: \"20:00\", to: \"08:00\", weekends: true }\nguardrails: { hold_above: off, ramp: off }\n",
            "alerts_to: cs-ops@example.com\nweb: { listen: \"localhost:8080\" }\nnotify: { csm: { email: false } }\n",
            "store:\n  accounts: { relation: customers.accounts, columns: { id: id, name: name } }\n",
        ));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(config.timezone, Tz::Europe__Berlin);
        assert_eq!(config.holidays.len(), 2);
        assert_eq!(config.seasons.names().collect::<Vec<_>>(), ["holidays", "summer"]);
        assert_eq!(config.catch_up, Duration::hours(2));
        assert_eq!(config.recheck, Duration::minutes(30));
        assert!(config.suppress.is_some() && !config.notify_csm_email);
        assert_eq!(config.mail.public_url.as_deref(), Some("https://success.acme.example"));
        assert_eq!((config.mail.redirect_to, config.mail.connections), (None, 4));
        assert_eq!(config.hold_above, HoldAbove::Off);
        assert_eq!(
            (config.touch_events, config.mail.undo_window),
            (vec!["meeting_held".to_owned()], Duration::minutes(5))
        );
        let limits = config.budget.contact.iter().chain(&config.budget.account).map(ToString::to_string);
        assert_eq!(limits.collect::<Vec<_>>(), ["2 per 7d", "6 per 7d"]);
        let quiet = config.quiet_hours.expect("quiet hours");
        assert!(quiet.hours.is_some() && quiet.weekends && !quiet.holidays);
        assert_eq!(config.listen, Some(SocketAddr::from(([127, 0, 0, 1], 8080))));
    }

    #[test]
    fn budgets_are_there_unless_they_are_off() {
        assert_eq!(parsed("alerts_to: a@acme.example\n").0.budget, Budget::default());
        assert_eq!(parsed("budget: off\n").0.budget, Budget::OFF);
        let (config, problems) = parsed("budget: { contact: off, account: 2 per 1d }\nquiet_hours: off\n");
        assert!(problems.is_empty(), "{problems:?}");
        assert!(config.budget.contact.is_empty() && config.budget.account.len() == 1);
        assert_eq!(config.quiet_hours, None);
    }

    #[test]
    fn an_empty_file_is_the_defaults_and_web_can_be_off() {
        let (config, problems) = parsed("# nothing yet\n");
        assert!(problems.is_empty());
        assert_eq!(config.listen, Config::default().listen);
        assert_eq!(parsed("web: off\n").0.listen, None);
    }

    #[test]
    fn refuses_with_a_place() {
        for (text, expected) in [
            ("timezon: UTC\n", "1:1 KW0101"),
            ("timezone: Mars\n", "1:11 KW0112"),
            ("timezone: 5\n", "1:11 KW0103"),
            ("holidays: [2026-13-01]\n", "1:12 KW0116"),
            ("holidays: [2026-12-02..2026-12-01]\n", "1:12 KW0116"),
            ("recheck: 7m\n", "1:10 KW0601"),
            ("recheck: 1s\n", "1:10 KW0601"),
            ("catch_up: 2 business days\n", "1:11 KW0110"),
            ("mail: { from: nobody }\n", "1:15 KW0601"),
            ("mail: { public_url: ftp://x }\n", "1:21 KW0601"),
            ("mail: { redirect_to: me }\n", "1:22 KW0601"),
            ("mail: { connections: 0 }\n", "1:22 KW0104"),
            ("mail: { undo_window: 2d }\n", "1:22 KW0601"),
            ("mail: { undo_window: 1 business day }\n", "1:22 KW0601"),
            ("touch_events: meeting_held\n", "1:15 KW0103"),
            ("web: { listen: \"0.0.0.0:80\" }\n", "1:16 KW0601"),
            ("web: { listen: here }\n", "1:16 KW0601"),
            ("budget: { contact: [1 a day] }\n", "1:21 KW0104"),
            ("budget: { contact: [1 per 1 business day] }\n", "1:21 KW0104"),
            ("budget: { account: 5 }\n", "1:20 KW0103"),
            ("budget: { contacts: off }\n", "1:11 KW0101"),
            ("quiet_hours: { from: \"20:00\" }\n", "1:14 KW0102"),
            ("quiet_hours: { from: \"20:00\", to: 8am }\n", "1:35 KW0104"),
            ("quiet_hours: { from: \"20:00\", to: \"20:00\" }\n", "1:35 KW0104"),
            ("quiet_hours: night\n", "1:14 KW0103"),
            ("guardrails: { ramp: { first: 10 } }\n", "1:15 KW0901"),
            ("pools: { onboarding: [a] }\n", "1:1 KW0901"),
            ("seasons: { summer: [07-15..08-32] }\n", "1:21 KW0116"),
            ("seasons: { summer: 5 }\n", "1:20 KW0103"),
            ("seasons: summer\n", "1:10 KW0103"),
            ("notify: { csm: { slack: env:X } }\n", "1:18 KW0901"),
            ("store: { accounts: { relation: crm.companies } }\n", "1:1 KW0901"),
            ("alerts_to: nobody\n", "1:12 KW0104"),
        ] {
            assert_eq!(parsed(text).1, [expected], "{text}");
        }
    }
}
