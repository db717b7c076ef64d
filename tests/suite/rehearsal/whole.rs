//! Cases of playbooks about all accounts together.

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
