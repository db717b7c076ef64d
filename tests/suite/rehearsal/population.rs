//! What is asked about all accounts together, in a case.

use super::{fails, passes, playbook};

const BEHIND: &str = r#"
when: (percentile_of(account.events("login", 30)) ?? 100) < 20 && median_of(account.mrr, account.tier == "A") != none
goal: (trend_of(account.events("login", 30), 30) ?? 0) > 1000
steps:
  - notify: { id: hello, channel: csm, text: "Behind {{ share_of(account.events(\"login\", 30) > 2) | number(0) }} %" }
tests:
  - name: among others
    at: 2026-03-02T09:00:00Z
    account: { tier: A, signed_up_at: -90d }
    events: { login: 2 over 20d }
    population:
      - { account: { tier: A, mrr: 900, signed_up_at: -90d }, events: { login: 9 over 20d }, times: 6 }
      - { account: { status: churned, signed_up_at: -90d }, times: 50 }
      - { account: { signed_up_at: -90d } }
    expect:
      - { after: 0d, notify: hello, contains: "Behind 75 %" }
      - { after: 0d, ended: completed }
"#;

#[test]
fn an_account_is_compared_with_those_that_the_case_gives() {
    passes(&playbook(BEHIND));
    // More of those who are behind it, and it is not among the last any more.
    let text = playbook(BEHIND);
    fails(&text, "- { account: { signed_up_at: -90d } }", "- { account: { signed_up_at: -90d }, times: 5 }");
}

#[test]
fn without_others_an_account_is_compared_with_itself() {
    let alone = r#"
when: percentile_of(account.mrr) == 50 && median_of(account.mrr) == account.mrr && share_of(account.mrr > 0) == 100
steps:
  - notify: { id: hello, channel: csm, text: "Alone" }
tests:
  - name: alone
    at: 2026-03-02T09:00:00Z
    account: { mrr: 7 }
    expect: [ { after: 0d, notify: hello } ]
"#;
    passes(&playbook(alone));
}

#[test]
fn a_value_that_cannot_be_calculated_is_left_out() {
    let text = r#"
when: median_of(account.mrr / account.seats) != none && median_of(account.mrr / account.seats) == 10
steps:
  - notify: { id: hello, channel: csm, text: "Ten" }
tests:
  - name: left out
    at: 2026-03-02T09:00:00Z
    account: { mrr: 7 }
    population:
      - { account: { mrr: 100, seats: 10 } }
      - { account: { mrr: 100, seats: 0 }, times: 9 }
    expect: [ { after: 0d, notify: hello } ]
"#;
    passes(&playbook(text));
}
