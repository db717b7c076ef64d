//! Cases of playbooks that an event calls.

use super::{fails, passes};

const TIP: &str = r#"playbook: p
about: A tip two hours after sign-up.
alerts_to: ops@example.com
on: { event: signed_up, after: 2h }
when: account.tier == "A"
reentry: { gap: 1h }
suppress: account.mrr > 500
steps: [ { task: { id: call, title: Call } } ]
tests:
  - name: two hours after the event, at the next full minute
    at: 2026-03-06T22:00:10Z
    account: { tier: A }
    events: { signed_up: [-1h] }
    expect: [ { after: 3650s, task: call } ]
  - name: an event that is longer ago at the beginning
    at: 2026-03-06T22:00:00Z
    account: { tier: A }
    events: { signed_up: [-3h] }
    expect: [ { after: 0d, task: call } ]
  - name: one that comes later
    at: 2026-03-06T22:00:00Z
    account: { tier: A }
    then: { 1d: { events: { signed_up: 1d } } }
    expect: [ { after: 26h, task: call } ]
  - name: each event counts once
    at: 2026-03-06T22:00:00Z
    account: { tier: A }
    events: { signed_up: [-2h] }
    then: { 1d: { events: { signed_up: 1d } } }
    expect: [ { after: 0d, task: call }, { after: 0d, ended: completed }, { after: 26h, ended: completed } ]
  - name: whoever did not fit then is not looked at again
    at: 2026-03-06T22:00:00Z
    account: { tier: B }
    events: { signed_up: [-2h] }
    then: { 1h: { account: { tier: A } } }
    expect: []
  - name: whom something kept out is looked at again each hour
    at: 2026-03-06T22:10:00Z
    account: { tier: A, mrr: 900 }
    events: { signed_up: [-2h] }
    then: { 1h: { account: { mrr: 100 } } }
    expect: [ { after: 110m, task: call } ]
  - name: and not for longer than a day
    at: 2026-03-06T22:10:00Z
    account: { tier: A, mrr: 900 }
    events: { signed_up: [-2h] }
    then: { 2d: { account: { mrr: 100 } } }
    expect: []
"#;

#[test]
fn an_event_calls_once_and_after_its_time() {
    passes(TIP);
    let without = fails(TIP, "events: { signed_up: [-1h] }", "events: { login: [-1h] }");
    assert!(
        without.iter().any(|message| message.contains("no event has called it yet (`on`: signed_up, after 2h)")),
        "{without:?}"
    );
}

#[test]
fn a_schedule_beside_it_says_when_it_is_looked_at() {
    passes(
        r#"playbook: p
about: A tip on the morning after sign-up.
alerts_to: ops@example.com
schedule: "0 9 * * *"
on: { event: signed_up }
when: account.tier == "A"
steps: [ { task: { id: call, title: Call } } ]
tests:
  - name: the next morning
    at: 2026-03-06T09:00:00Z
    account: { tier: A }
    then: { 1h: { events: { signed_up: 1h } } }
    expect: [ { after: 1d, task: call } ]
  - name: without the event nobody
    at: 2026-03-06T09:00:00Z
    account: { tier: A }
    expect: []
"#,
    );
}
