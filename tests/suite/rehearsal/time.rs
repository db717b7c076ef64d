//! Dates, holidays, and what is seen strictly before an instant.

use keepwell::config::Config;

use super::{passes, play, play_with, playbook};

#[test]
fn dates_move_and_local_times_are_local() {
    let text = playbook(
        r#"
timezone: Europe/Berlin
when: account.renewal_at != none && days_until(account.renewal_at) >= 30
steps:
  - wait: { date: account.renewal_at - days(90), at: "10:30" }
  - notify: { id: ninety, channel: alerts_to, text: 'due {{ account.renewal_at | default("?") }}' }
  - wait: { for: 1d, at: "08:00" }
  - task: { id: plan, title: Plan }
tests:
  - name: ninety days before, over the change to summer time, at the account's time
    at: 2026-03-27T09:00:00+01:00
    account: { renewal_at: 2026-06-30, timezone: America/New_York }
    expect:
      # 1 April 00:00 in Berlin is 18:00 in New York; the next 10:30 there is 1 April, 14:30Z.
      - { after: 7590m, notify: ninety, to: alerts_to, contains: "due 30 June 2026" }
      # A day later it is past 08:00; the next one is 3 April, 12:00Z.
      - { after: 172h, task: plan }
  - name: the renewal moves
    at: 2026-03-27T09:00:00+01:00
    account: { renewal_at: 2026-06-30 }
    then: { 1d: { account: { renewal_at: 2026-09-30 } }, 2d: { account: { renewal_at: 2026-06-20 } } }
    expect:
      - { after: 2d, notify: ninety }
      # 30 March 10:00 in Berlin is past 08:00, so 31 March, 06:00Z.
      - { after: 94h, task: plan }
  - name: the renewal goes away
    at: 2026-03-27T09:00:00+01:00
    account: { renewal_at: 2026-06-30 }
    then: { 1d: { account: { renewal_at: none } } }
    expect: [ { after: 1d, ended: exited } ]
"#,
    );
    passes(&text);
}

#[test]
fn scores_and_spread_events_are_seen_strictly_before() {
    passes(&playbook(
        r#"
when: account.score("nps") != none && account.score("nps") < 7 && account.active_days("login", 10) >= 10
steps: [ { task: { id: call, title: 'NPS {{ account.score("nps") | default("?") }}' } } ]
tests:
  - name: a bad answer
    at: 2026-03-02T09:00:00Z
    events: { login: 10 over 10d }
    scores: [ { name: nps, value: 3, at: -1d, contact: champion } ]
    contacts: [ { role: champion } ]
    expect: [ { after: 0d, task: call, subject: "NPS 3" } ]
  - name: an answer at the very instant of the run counts at the next one
    at: 2026-03-02T09:00:00Z
    events: { login: [ 23h, 11h, 10h, -1d, -2d, -3d, -4d, -5d, -6d, -7d, -8d, -9d, -10d ] }
    scores: [ { name: nps, value: 3, at: 0d } ]
    expect: [ { after: 1d, task: call } ]
"#,
    ));
}

#[test]
fn holidays_are_the_configurations() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - wait: 2 business days
  - task: { id: call, title: Call, due: 1 business day }
tests:
  - name: over a holiday and a weekend
    at: 2026-12-23T09:00:00Z
    account: { mrr: 5 }
    expect: [ { after: 5d, task: call } ]
"#,
    );
    let day = |text: &str| text.parse().expect("a valid date");
    let config = Config { holidays: vec![(day("2026-12-25"), day("2026-12-25"))], ..Config::default() };
    let case = play_with(&text, &config).remove(0);
    assert!(case.passed, "{:#?}", case.failures);
    assert!(!play(&text).remove(0).passed);
}

#[test]
fn a_contract_ends_on_the_same_date_for_everybody() {
    let text = playbook(
        r#"
when: account.renewal_at != none
steps:
  - email: { id: hello, to: champion, subject: "Until {{ account.renewal_at }}", body: x }
tests:
  - name: a reader west of UTC
    at: 2026-03-02T09:00:00-05:00
    account: { mrr: 5, renewal_at: 2026-09-04, timezone: America/New_York }
    expect: [ { after: 0d, email: hello, subject: Until 4 September 2026 }, { after: 0d, ended: completed } ]
"#,
    );
    passes(&text.replace("schedule: \"0 9", "timezone: America/New_York\nschedule: \"0 9"));
}

/// The rest of the month, and of the year, is no anniversary.
#[test]
fn an_anniversary_comes_on_one_day_of_a_year() {
    passes(&playbook(
        r#"
reentry: { once_per: period("year") }
when: month(account.signed_up_at) == month(now) && day(account.signed_up_at) == day(now)
steps: [ { task: { id: year, title: "A year with {{ account.name }}", to: csm } } ]
tests:
  - name: a year after they came
    at: 2027-03-03T09:00:00Z
    account: { signed_up_at: 2026-03-03T15:00:00Z }
    expect: [ { after: 0d, task: year } ]
  - name: a week before
    at: 2027-02-24T09:00:00Z
    account: { signed_up_at: 2026-03-03T15:00:00Z }
    expect: [ { after: 7d, task: year } ]
  - name: on another day of the month, or in another month
    at: 2027-03-04T09:00:00Z
    account: { signed_up_at: 2026-03-03T15:00:00Z }
    expect: []
"#,
    ));
}
