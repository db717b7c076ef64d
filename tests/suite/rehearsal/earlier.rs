//! What was some days ago, in a case.

use super::{fails, passes, playbook};

const SHRINKING: &str = r#"
when: account.ago(2).mrr != none && account.mrr < account.ago(2).mrr && account.ago(2).traits.plan == "pro"
reentry: { gap: 1d }
steps:
  - notify: { id: hello, channel: csm, text: "From {{ account.ago(2).mrr | number(0) }} to {{ account.mrr | number(0) }}" }
tests:
  - name: it shrinks
    at: 2026-03-02T09:00:00Z
    account: { mrr: 900, traits: { plan: pro } }
    then:
      2d: { account: { mrr: 500, traits: { plan: free } } }
    expect:
      - { after: 2d, notify: hello, contains: "From 900 to 500" }
      - { after: 2d, ended: completed }
      - { after: 3d, notify: hello }
      - { after: 3d, ended: completed }
"#;

#[test]
fn a_change_is_seen_until_it_is_older() {
    passes(&playbook(SHRINKING));
    // On the fourth day, it was 500 two days before already.
    let more = "      - { after: 3d, ended: completed }\n      - { after: 4d, notify: hello }\n";
    let messages = fails(&playbook(SHRINKING), "      - { after: 3d, ended: completed }\n", more);
    assert!(messages[0].contains("it did not happen"), "{messages:?}");
}

#[test]
fn nothing_is_on_record_before_the_case() {
    let later = "      - { after: 3d, notify: hello }\n      - { after: 3d, ended: completed }\n";
    // Two days before the first day there was no account.
    let text = playbook(SHRINKING).replace("2d: {", "1d: {").replace(later, "");
    passes(&text);
    fails(&text, "after: 2d, notify", "after: 1d, notify");
}

const GREW: &str = r#"
when: (account.ago(30).mrr ?? 0) > 0 && account.mrr > (account.ago(30).mrr ?? 0) && account.ago(30).traits.plan == "pro"
steps:
  - notify: { id: hello, channel: csm, text: "From {{ account.ago(60).mrr ?? 0 }} and {{ account.ago(30).mrr ?? 0 }} to {{ account.mrr }}" }
tests:
  - name: it has grown twice
    at: 2026-03-02T09:00:00Z
    account: { mrr: 900, traits: { plan: max } }
    past: { 90d: { mrr: 100, traits: { plan: pro } }, 40d: { mrr: 500 }, 10d: { mrr: 900, traits: { plan: max } } }
    expect:
      - { after: 0d, notify: hello, contains: "From 100 and 500 to 900" }
  - name: what is on record for twenty days is seen ten days later
    at: 2026-03-02T09:00:00Z
    account: { mrr: 900, traits: { plan: max } }
    past: { 20d: { mrr: 500, traits: { plan: pro } } }
    expect:
      - { after: 10d, notify: hello, contains: "From 0 and 500 to 900" }
  - name: as long before exactly, it was
    like: what is on record for twenty days is seen ten days later
    past: { 30d: { mrr: 500, traits: { plan: pro } } }
    expect:
      - { after: 0d, notify: hello, contains: "From 0 and 500 to 900" }
"#;

#[test]
fn a_case_says_what_was_before() {
    passes(&playbook(GREW));
    fails(&playbook(GREW), "40d: { mrr: 500 }", "20d: { mrr: 500 }");
    let messages = fails(&playbook(GREW), "past: { 90d: { mrr: 100,", "past: { 90d: { mmr: 100,");
    assert!(messages.iter().any(|message| message.contains("no column `mmr`")), "{messages:?}");
}
