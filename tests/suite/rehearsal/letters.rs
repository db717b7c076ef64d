//! Mail, surveys and the scripts that write them.

use super::{passes, play, playbook};

#[test]
fn a_mail_that_cannot_be_written_fails_the_case() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - email: { id: hello, to: champion, subject: "{{ account.traits.plan }}", body: Hello }
tests:
  - name: without a plan
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    expect: []
  - name: with a plan
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5, traits: { plan: Pro } }
    expect: [ { after: 0d, email: hello, subject: Pro } ]
"#,
    );
    let cases = play(&text);
    assert!(cases[1].passed, "{:#?}", cases[1].failures);
    assert_eq!(cases[0].failures.len(), 1);
    let message = &cases[0].failures[0].message;
    assert!(message.starts_with("at the start the mail `hello` could not be written: "), "{message}");
}

#[test]
fn scripts_write_to_their_roles() {
    passes(&playbook(
        r#"
when: account.mrr > 0
steps:
  - run: |
      if account.mrr > 3 {
        email(#{ to: ["champion", "owner"], subject: "Hello", body: "At " + account.name });
      }
      task(#{ title: "Look", to: "manager", due: "1 business day" });
  - wait: { until: 'sent("run-1") && done("run-1")', at_most: 2d }
  - end: looked
tests:
  - name: everybody is written to
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    then: { 1d: { done: run-1 } }
    expect:
      - { after: 0d, email: run-1, to: champion, contains: At Example Company }
      - { after: 0d, email: run-1, to: owner }
      - { after: 0d, task: run-1, to: manager }
      - { after: 1d, ended: looked }
"#,
    ));
}

#[test]
fn surveys_are_asked_and_answered() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - survey: { id: why, score: nps, question: "How likely, {{ account.name }}?", to: champion, valid_for: 5d }
  - branch:
      - if: answer("why") == none
        steps: [ { end: silent } ]
      - if: answer("why") != none && answer("why") <= 6
        steps: [ { task: { id: call, title: 'They gave {{ answer("why") | default("nothing") }}' } } ]
tests:
  - name: a detractor is called at once
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    then: { 50h: { answer: { why: 3 } } }
    expect:
      - { after: 0d, survey: why, to: champion, contains: "How likely, Example Company?" }
      - { after: 50h, task: call, contains: They gave 3 }
  - name: a promoter is left alone
    like: a detractor is called at once
    then: { 50h: { answer: { why: 9 } } }
    expect: [ { after: 0d, survey: why }, { after: 50h, ended: completed } ]
  - name: silence ends it when the time is over
    like: a detractor is called at once
    then: { 50h: { account: { mrr: 6 } } }
    expect: [ { after: 0d, survey: why }, { after: 5d, ended: silent } ]
"#,
    );
    passes(&text);
    // Changed so that they must fail.
    let failures = |from: &str, to: &str| {
        let cases = play(&text.replacen(from, to, 1));
        cases[0].failures.iter().map(|failure| failure.message.clone()).collect::<Vec<_>>().join("; ")
    };
    assert!(failures("why: 3", "why: 11").contains("an answer to `why` is a number from 0 to 10"));
    assert!(failures("why: 3", "why: bad").contains("an answer to `why` is a number from 0 to 10"));
    assert!(!failures("50h, task", "49h, task").is_empty());
    assert!(!failures("valid_for: 5d", "valid_for: 2d").is_empty(), "too late to be heard");
}

#[test]
fn one_step_mails_an_address_once_in_a_day() {
    let cases = passes(&playbook(
        r#"
when: account.mrr > 0
reentry: { gap: 1h }
steps: [ { email: { id: hello, to: [champion, owner], subject: Hello, body: Hello } } ]
tests:
  - name: two roles of one person, and again at the weekend's end
    at: 2026-03-05T21:00:00Z
    account: { mrr: 5 }
    contacts: { champion: { email: a@example.com }, owner: { email: A@example.com } }
    expect: [ { after: 0d, email: hello, to: champion }, { after: 84h, email: hello } ]
"#,
    ));
    let skipped = cases[0].happened.iter().filter(|happening| happening.what.contains("duplicate address")).count();
    // Each time the second role, and on the next morning both.
    assert_eq!(skipped, 4, "{:#?}", cases[0].happened);
}

#[test]
fn scripts_write_to_whom_a_step_would() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - run: 'email(#{ to: ["all", "ann@acme.example", "gone@acme.example"], subject: "Hello", body: "x" });'
tests:
  - name: who has left gets nothing
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    contacts:
      - { role: owner, email: ann@acme.example }
      - { role: champion, email: bob@acme.example }
      - { role: billing, email: gone@acme.example, left_at: -1d }
    expect:
      - { after: 0d, email: run-1, to: owner }
      - { after: 0d, email: run-1, to: champion }
      - { after: 0d, ended: completed }
"#,
    );
    passes(&text);
}

#[test]
fn a_run_step_may_have_an_id_and_a_condition() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - run: { id: big, if: account.mrr > 9, script: 'task(#{ title: "Big" });' }
  - run: { id: small, if: account.mrr <= 9, script: 'task(#{ title: "Small" });' }
tests:
  - name: one of two
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5 }
    expect: [ { after: 0d, task: small }, { after: 0d, ended: completed } ]
"#,
    );
    passes(&text);
}

#[test]
fn an_undecided_mail_waits_and_goes_to_the_address_of_its_contact() {
    let text = playbook(
        r#"
when: account.mrr > 0
exit: 1 / (account.seats ?? 0) > 2
steps:
  - email: { id: hello, to: champion, subject: Hi, body: Hello }
tests:
  - name: sure again in the morning
    at: 2026-03-02T09:00:00Z
    quiet_hours: { from: "08:00", to: "20:00" }
    account: { mrr: 5, seats: 1 }
    contacts: { champion: { email: old@acme.example } }
    then:
      10h: { account: { seats: 0 }, contacts: { champion: { email: new@acme.example } } }
      12h: { account: { seats: 1 } }
    expect: [ { after: 12h, email: hello, to: new@acme.example }, { after: 12h, ended: completed } ]
"#,
    );
    let case = play(&text).remove(0);
    let happened: Vec<String> = case.happened.iter().map(|happening| happening.describe()).collect();
    assert!(happened.iter().any(|told| told.contains("new@acme.example")), "{:#?} {happened:#?}", case.failures);
}

#[test]
fn languages_are_found_however_they_are_written() {
    let text = playbook(
        r#"
when: account.mrr > 0
steps:
  - email: { id: hello, to: champion, subject: { default: Hi, pt_BR: Oi, zh-hant: 您好 }, body: x }
tests:
  - name: Brazil
    at: 2026-03-02T09:00:00Z
    account: { mrr: 5, locale: pt-BR }
    expect: [ { after: 0d, email: hello, subject: Oi }, { after: 0d, ended: completed } ]
  - name: Taiwan
    like: Brazil
    account: { mrr: 5, locale: zh_Hant_TW }
    expect: [ { after: 0d, email: hello, subject: 您好 }, { after: 0d, ended: completed } ]
"#,
    );
    passes(&text);
}
