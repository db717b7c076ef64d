//! The configuration as it is written, and its mistakes.

use super::*;
use crate::playbook::HoldAbove;

fn parsed(text: &str) -> (Config, Vec<String>) {
    let (path, text) = ("keepwell.yaml".into(), text.into());
    let (config, problems) = Config::parse(&SourceFile { path, text });
    let told = |d: &Diagnostic| format!("{}:{} {}", d.line, d.column, d.code);
    (config, problems.iter().map(told).collect())
}

/// The same mailboxes as everywhere.
#[test]
fn a_sender_is_a_mailbox() {
    for from in ["success@acme.example", "Acme Success <success@acme.example>", "\"Acme, Inc.\" <a@b.example>"] {
        let (config, problems) = parsed(&format!("mail:\n  from: '{from}'\n"));
        assert!(problems.is_empty(), "{from}: {problems:?}");
        assert_eq!(config.mail.from, from);
    }
}

#[test]
fn colleagues_find_the_pages() {
    let url = |text: &str| parsed(text).0.pages_url();
    assert_eq!(url("").as_deref(), Some("http://127.0.0.1:7717"));
    assert_eq!(url("web: { url: https://keepwell.acme.example/ }\n").as_deref(), Some("https://keepwell.acme.example"));
    assert_eq!(url("web: off\n"), None);
}

#[test]
fn other_machines_reach_the_pages_by_https_only() {
    for url in ["https://keepwell.acme.example", "http://localhost:7717", "http://127.0.0.1:7717", "http://[::1]"] {
        let (config, problems) = parsed(&format!("web: {{ listen: \"0.0.0.0:7717\", url: \"{url}\" }}\n"));
        assert!(problems.is_empty(), "{url}: {problems:?}");
        assert_eq!(config.listen, Some(SocketAddr::from(([0, 0, 0, 0], 7717))), "{url}");
    }
}

#[test]
fn a_proxy_says_who_it_brings() {
    let (config, problems) =
        parsed("web: { user_header: X-Forwarded-User, trusted_proxies: [127.0.0.1, 10.0.0.0/8] }\n");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(config.user_header.as_deref(), Some("X-Forwarded-User"));
    assert_eq!(config.trusted_proxies, ["127.0.0.1", "10.0.0.0/8"].map(|range| range.parse().unwrap()));
}

#[test]
fn reads_every_key_of_this_release() {
    let (config, problems) = parsed(concat!(
        "timezone: Europe/Berlin\nlanguage: pt_BR\nholidays: [2026-12-25, 2027-02-05..2027-02-12]\ncatch_up: 2h\n",
        "seasons: { summer: [07-15..08-31], holidays: 12-20..01-06 }\n",
        "recheck: 30m\npools: { onboarding: [csm-1, csm-2] }\nsuppress: account.traits.internal == true\ntouch_events: [meeting_held]\n",
        "mail:\n  from: Acme Success <success@acme.example>\n  postal_address: Acme, 1 Main Street\n",
        "  public_url: https://success.acme.example/\n  redirect_to: off\n  undo_window: 5m\n  connections: 4\n",
        "  bounces: { address: bounces@acme.example, maildir: /var/mail/bounces }\n",
        "budget: { contact: [2 per 7d] }\nquiet_hours: { from: \"20:00\", to: \"08:00\", weekends: true }\nguardrails: { hold_above: off, ramp: off }\n",
        "alerts_to: cs-ops@example.com\nweb: { listen: \"localhost:8080\", public_listen: \"0.0.0.0:8081\", ops_listen: \"[::]:8082\" }\nnotify: { csm: { email: false, digest: \"0 8 * * mon-fri\" } }\n",
        "retention: { bodies: 90d, evidence: 400d }\n",
        "store:\n  accounts: { relation: customers.accounts, columns: { id: id, name: name } }\n",
    ));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(config.timezone, Tz::Europe__Berlin);
    assert_eq!(config.language.as_deref(), Some("pt-br"));
    assert_eq!(config.holidays.len(), 2);
    assert_eq!(*config.pools["onboarding"], ["csm-1", "csm-2"]);
    assert_eq!(config.seasons.names().collect::<Vec<_>>(), ["holidays", "summer"]);
    assert_eq!(config.catch_up, Duration::hours(2));
    assert_eq!(config.recheck, Duration::minutes(30));
    assert!(config.suppress.is_some() && !config.notify_csm_email);
    assert_eq!(config.notify_csm_digest.as_deref(), Some("0 8 * * mon-fri"));
    assert_eq!(config.mail.public_url.as_deref(), Some("https://success.acme.example"));
    assert_eq!((config.mail.redirect_to, config.mail.connections), (None, 4));
    let kept = Retention { bodies: Some(Duration::days(90)), evidence: Some(Duration::days(400)), answers: None };
    assert_eq!(config.retention, kept);
    let bounces = config.mail.bounces.expect("bounces");
    let from = bounces.envelope_from(&format!("<{}@acme.example>", "ab".repeat(24)));
    assert_eq!(from, format!("bounces+{}@acme.example", "ab".repeat(24)));
    assert_eq!(bounces.maildir, std::path::Path::new("/var/mail/bounces"));
    assert_eq!(config.guardrails.hold_above, Some(HoldAbove::Off));
    assert_eq!(
        (config.store.touch_events, config.mail.undo_window),
        (vec!["meeting_held".to_owned()], Duration::minutes(5))
    );
    let limits = config.budget.contact.iter().chain(&config.budget.account).map(ToString::to_string);
    assert_eq!(limits.collect::<Vec<_>>(), ["2 per 7d", "6 per 7d"]);
    let quiet = config.quiet_hours.expect("quiet hours");
    assert!(quiet.hours.is_some() && quiet.weekends && !quiet.holidays);
    assert_eq!(config.listen, Some(SocketAddr::from(([127, 0, 0, 1], 8080))));
    assert_eq!(config.public_listen, Some(SocketAddr::from(([0, 0, 0, 0], 8081))));
    assert_eq!(config.ops_listen, "[::]:8082".parse().ok());
}

#[test]
fn a_language_is_a_tag() {
    assert_eq!(parsed("language: German\n").1, ["1:11 KW0601"]);
    assert_eq!(parsed("language: zh-Hant\n").0.language.as_deref(), Some("zh-hant"));
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
        ("mail: { from: zoë@acme.example }\n", "1:15 KW0601"),
        ("mail: { from: a@127.0.0.1 }\n", "1:15 KW0601"),
        ("mail: { from: \"Acme, Inc. <a@-acme.example>\" }\n", "1:15 KW0601"),
        ("mail: { public_url: ftp://x }\n", "1:21 KW0601"),
        ("mail: { redirect_to: me }\n", "1:22 KW0601"),
        ("mail: { connections: 0 }\n", "1:22 KW0104"),
        ("mail: { undo_window: 2d }\n", "1:22 KW0601"),
        ("mail: { undo_window: 1 business day }\n", "1:22 KW0601"),
        ("touch_events: meeting_held\n", "1:15 KW0103"),
        ("web: { listen: \"0.0.0.0:80\" }\n", "1:16 KW0601"),
        ("web: { listen: \"0.0.0.0:80\", url: http://keepwell.acme.example }\n", "1:16 KW0601"),
        ("web: { user_header: X-User }\n", "1:21 KW0601"),
        ("web: { user_header: \"X User\", trusted_proxies: [127.0.0.1] }\n", "1:21 KW0601"),
        ("web: { trusted_proxies: [proxy] }\n", "1:26 KW0601"),
        ("web: { listen: here }\n", "1:16 KW0601"),
        ("web: { public_listen: here }\n", "1:23 KW0601"),
        ("web: { public_listen: \"localhost:7717\" }\n", "1:23 KW0601"),
        ("web: { ops_listen: \"127.0.0.1:1\", public_listen: \"127.0.0.1:1\" }\n", "1:20 KW0601"),
        ("web: { url: keepwell.acme.example }\n", "1:13 KW0601"),
        ("web: { url: https://acme.example/keepwell }\n", "1:13 KW0601"),
        ("budget: { contact: [1 a day] }\n", "1:21 KW0104"),
        ("budget: { contact: [1 per 1 business day] }\n", "1:21 KW0104"),
        ("budget: { account: 5 }\n", "1:20 KW0103"),
        ("budget: { contacts: off }\n", "1:11 KW0101"),
        ("quiet_hours: { from: \"20:00\" }\n", "1:14 KW0102"),
        ("quiet_hours: { from: \"20:00\", to: 8am }\n", "1:35 KW0104"),
        ("quiet_hours: { from: \"20:00\", to: \"20:00\" }\n", "1:35 KW0104"),
        ("quiet_hours: night\n", "1:14 KW0103"),
        ("guardrails: { ramp: { first: 0 } }\n", "1:30 KW0104"),
        ("guardrails: { unusual: 3 }\n", "1:24 KW0103"),
        ("guardrails: { fresh: { event: 6h } }\n", "1:24 KW0101"),
        ("pools: { onboarding: [] }\n", "1:22 KW0601"),
        ("pools: { on boarding: [a] }\n", "1:10 KW0601"),
        ("pools: [a]\n", "1:8 KW0103"),
        ("seasons: { summer: [07-15..08-32] }\n", "1:21 KW0116"),
        ("seasons: { summer: 5 }\n", "1:20 KW0103"),
        ("seasons: summer\n", "1:10 KW0103"),
        ("notify: { csm: { slack: \"https://hooks.slack.com/x\" } }\n", "1:26 KW0601"),
        ("answers: { webhook: \"https://product.acme.example\" }\n", "1:22 KW0601"),
        ("webhooks: { allow: [\"http://127.0.0.1:9000\"] }\n", "1:22 KW0601"),
        ("webhooks: { allow: [localhost] }\n", "1:21 KW0601"),
        ("notify: { csm: { digest: daily } }\n", "1:26 KW0111"),
        ("alerts_to: nobody\n", "1:12 KW0104"),
        ("limits: { run: 0s }\n", "1:16 KW0601"),
        ("limits: { cases: 2 business days }\n", "1:18 KW0110"),
        ("limits: { test: 2m }\n", "1:11 KW0101"),
    ] {
        assert_eq!(parsed(text).1, [expected], "{text}");
    }
}

#[test]
fn bounces_need_an_address_with_room_and_a_maildir() {
    let mistakes = |bounces: &str| parsed(&format!("mail:\n  bounces: {bounces}\n")).1;
    assert_eq!(mistakes("off"), Vec::<String>::new());
    assert_eq!(mistakes("{ address: nobody, maildir: /m }"), ["2:23 KW0104"]);
    assert_eq!(mistakes("{ address: a-name-that-is-long@acme.example, maildir: /m }"), ["2:23 KW0601"]);
    assert_eq!(mistakes("{ address: b+x@acme.example, maildir: /m }"), ["2:23 KW0601"]);
    assert_eq!(mistakes("{ address: b@acme.example }"), ["2:12 KW0102"]);
    assert_eq!(mistakes("{ maildir: /m }"), ["2:12 KW0102"]);
}

#[test]
fn limits_have_defaults_of_their_own() {
    let seconds = |text: &str| {
        let (config, problems) = parsed(text);
        assert!(problems.is_empty(), "{problems:?}");
        (config.limits.run.as_secs(), config.limits.cases.as_secs())
    };
    assert_eq!(seconds("timezone: UTC\n"), (120, 30));
    assert_eq!(seconds("limits: { run: 10m }\n"), (600, 30));
    assert_eq!(seconds("limits: { run: 30s, cases: 1m }\n"), (30, 60));
}

#[test]
fn nothing_is_forgotten_unless_asked_for() {
    assert_eq!(Config::default().retention, Retention::default());
    for off in ["retention: off\n", "retention: { bodies: off, evidence: off, answers: off }\n"] {
        let (config, problems) = parsed(off);
        assert_eq!((config.retention, problems), (Retention::default(), Vec::new()));
    }
    for (text, wanted) in [
        ("bodies: 5h", "1:22 KW0601"),
        ("evidence: 89d", "1:24 KW0601"),
        ("answers: 89d", "1:23 KW0601"),
        ("boddies: 5d", "1:14 KW0101"),
    ] {
        assert_eq!(parsed(&format!("retention: {{ {text} }}\n")).1, [wanted], "{text}");
    }
}
