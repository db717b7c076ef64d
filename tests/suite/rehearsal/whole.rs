//! Cases of playbooks about all accounts together.

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::facts::Schema;
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::rehearsal::check_cases;

use super::{fails, passes};

const DIGEST: &str = r#"playbook: p
about: A digest.
alerts_to: ops@example.com
schedule: "0 9 * * mon"
for: portfolio
per: csm
matching: account.mrr >= 100
order: account.mrr
limit: 2
steps:
  - email:
      id: digest
      to: csm
      subject: "{{ matching_count }} for {{ csm.name }}"
      body: |
        {% for account in matching %}
        - {{ account.name }}{% if account.tier != none %} ({{ account.tier }}){% endif %}
        {% endfor %}

        That is all.
tests:
  - name: up to the limit, the largest first
    at: 2026-03-02T09:00:00Z
    population:
      - { account: { name: One, mrr: 100 } }
      - { account: { name: Two, mrr: 200, tier: A } }
      - { account: { name: Three, mrr: 300 } }
      - { account: { name: Four, mrr: 1 } }
    expect:
      - { after: 0d, email: digest, to: csm, subject: 3 for Casey Morgan, contains: "Two (A)" }
  - name: an account of the case is the first of them
    at: 2026-03-02T09:00:00Z
    account: { name: Own, mrr: 100 }
    then: { 1d: { account: { mrr: 5 } } }
    expect:
      - { after: 0d, email: digest, subject: 1 for Casey Morgan, contains: Own }
      - { after: 0d, ended: completed }
  - name: nobody, nothing
    at: 2026-03-02T09:00:00Z
    population: [ { account: { mrr: 1 } } ]
    expect: []
"#;

#[test]
fn a_list_mail_lists_those_that_match() {
    passes(DIGEST);
    let others = fails(DIGEST, "mrr: 300 }", "mrr: 30 }");
    assert!(others.iter().any(|message| message.contains("3 for Casey Morgan")), "{others:?}");
}

#[test]
fn a_whole_portfolio_is_asked_about_all() {
    passes(
        r#"playbook: p
about: A word.
alerts_to: ops@example.com
schedule: "0 9 * * mon"
for: portfolio
when: (share_of(account.mrr > 100) ?? 0) > 50
steps:
  - webhook: { id: post, url: env:CRM, body: { share: "{{ share_of(account.mrr > 100) | default(0) }}" } }
  - notify: { id: tell, channel: alerts_to, text: "Half" }
  - task: { id: look, title: Look, to: boss@example.com }
tests:
  - name: most are large
    at: 2026-03-02T09:00:00Z
    population: [ { account: { mrr: 200 }, times: 3 }, { account: { mrr: 1 } } ]
    expect:
      - { after: 0d, webhook: post, contains: "75" }
      - { after: 0d, notify: tell }
      - { after: 0d, task: look, to: boss@example.com }
  - name: most are small
    at: 2026-03-02T09:00:00Z
    population: [ { account: { mrr: 200 } }, { account: { mrr: 1 }, times: 3 } ]
    expect: []
"#,
    );
}

const FIGURES: &str = r#"playbook: p
about: A word.
alerts_to: ops@example.com
schedule: "0 9 * * mon"
for: portfolio
when: (kpi("churn-rate") ?? 0) > 3
steps:
  - task: { id: look, if: '(kpi_change("churn-rate", 7) ?? 0) > 1', title: "{{ kpi(\"churn-rate\") | number(1) | default(\"?\") }}", to: boss@example.com }
  - notify: { id: tell, channel: alerts_to, text: "up by {{ kpi_change(\"churn-rate\", 7) | number(1) | default(\"?\") }}" }
tests:
  - name: it rose within a week
    at: 2026-03-02T09:00:00Z
    kpis: { churn-rate: { 2026-02-23T09:00:00Z: 3.5, -8d: 1, 0d: 5 } }
    expect:
      - { after: 0d, task: look, contains: "5.0" }
      - { after: 0d, notify: tell, contains: up by 1.5 }
  - name: without a figure of a week ago nobody looks
    at: 2026-03-02T09:00:00Z
    kpis: { churn-rate: 5 }
    expect: [ { after: 0d, notify: tell, contains: "up by ?" } ]
  - name: a figure of more than two weeks ago is too old to compare with
    at: 2026-03-02T09:00:00Z
    kpis: { churn-rate: { -14d: 3.5, 0d: 5 } }
    expect: [ { after: 0d, notify: tell, contains: "up by ?" } ]
  - name: a later figure is there at the next slot
    at: 2026-03-02T09:00:00Z
    kpis: { churn-rate: 2 }
    then: { 7d: { kpis: { churn-rate: 4 } } }
    expect:
      - { after: 7d, task: look, contains: "4.0" }
      - { after: 7d, notify: tell, contains: up by 2.0 }
  - name: where the latest evaluation found none there is none
    at: 2026-03-02T09:00:00Z
    kpis: { churn-rate: { -1d: 9, 0d: none } }
    expect: []
"#;

/// The document whose figures are asked for.
pub(super) const CHURN: &str =
    "kpi: churn-rate\nabout: x\nunit: percent\nvalue: share_of(account.status == \"churned\")\n";

#[test]
fn a_case_gives_recorded_figures() {
    passes(FIGURES);
    let low = fails(
        FIGURES,
        "kpis: { churn-rate: { 2026-02-23T09:00:00Z: 3.5",
        "kpis: { churn-rate: { 2026-02-23T09:00:00Z: 4.5",
    );
    assert!(low.iter().any(|message| message.contains("look")), "{low:?}");
}

/// What is said of the playbook beside its document.
fn problems(text: &str) -> Vec<String> {
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let playbooks = vec![file("p.yaml", text), file("churn-rate.yaml", CHURN)];
    let sources = SourceSet { playbooks, ..SourceSet::default() };
    let schema = Schema::default_store();
    let (ready, mut problems) = catalog::load(&sources, &[], &Config::default(), &schema);
    problems.extend(ready.iter().flat_map(|playbook| check_cases(playbook, &schema, &[])));
    let say = |problem: &keepwell::diagnostic::Diagnostic| {
        format!("{}; {}", problem.message, problem.help.as_deref().unwrap_or_default())
    };
    problems.iter().map(say).collect()
}

#[test]
fn what_a_case_says_of_figures_is_checked() {
    assert_eq!(problems(FIGURES), Vec::<String>::new());
    for (there, instead, told) in [
        ("churn-rate: 5 }", "churn-rate: high }", "the KPI `churn-rate` is a number, or `none`, not"),
        ("{ -14d: 3.5", "{ once: 3.5", "`churn-rate` is not a time: `once`"),
        ("kpis: { churn-rate: 5 }", "kpis: { churn-rat: 5 }", "the playbook asks for no KPI `churn-rat`"),
        (
            "then: { 7d: { kpis: { churn-rate: 4 }",
            "then: { 7d: { kpis: { churnrate: 4 }",
            "the playbook asks for no KPI `churnrate`",
        ),
        ("kpis: { churn-rate: 5 }", "kpis: [ 5 ]", "`kpis` needs"),
    ] {
        assert!(FIGURES.contains(there), "{there}");
        let problems = problems(&FIGURES.replacen(there, instead, 1));
        assert!(problems.iter().any(|problem| problem.contains(told)), "{told}: {problems:?}");
    }
    let misspelt = FIGURES.replace("kpi_change(\"churn-rate\", 7) ?? 0) > 1", "kpi_change(\"churn-rat\", 7) ?? 0) > 1");
    assert_eq!(problems(&misspelt), ["there is no KPI \"churn-rat\"; did you mean \"churn-rate\"?"]);
}
