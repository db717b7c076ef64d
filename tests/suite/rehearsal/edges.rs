//! Rises, falls and how long a condition has held, in a case.

use super::{fails, passes, play, playbook};

const REMATCH: &str = r#"
when: account.tier == "A"
reentry: on_rematch
steps:
  - notify: { id: hello, channel: csm, text: Hello }
tests:
  - name: it comes again
    at: 2026-03-02T09:00:00Z
    account: { tier: A }
    then:
      2d: { account: { tier: B } }
      4d: { account: { tier: A } }
    expect:
      - { after: 0d, notify: hello }
      - { after: 0d, ended: completed }
      - { after: 4d, notify: hello }
"#;

#[test]
fn a_new_rise_lets_the_account_in_again() {
    passes(&playbook(REMATCH));
    // The fall came and went between two runs.
    let text = playbook(REMATCH).replace("4d: {", "50h: {");
    let messages = fails(&text, "2d: {", "49h: {");
    assert!(messages[0].contains("it did not happen"), "{messages:?}");
    let case = play(&text.replacen("2d: {", "49h: {", 1)).remove(0);
    let last = case.happened.last().map(|happening| happening.describe()).unwrap_or_default();
    assert!(last.contains("`reentry` does not allow another enrollment"), "{last}");
}

#[test]
fn a_condition_that_must_hold_enters_later() {
    let text = REMATCH.replace("reentry: on_rematch", "holds_for: 3d").replace(
        r#"    expect:
      - { after: 0d, notify: hello }
      - { after: 0d, ended: completed }
      - { after: 4d, notify: hello }
"#,
        "    expect: [ { after: 7d, notify: hello } ]\n",
    );
    passes(&playbook(&text));
}

#[test]
fn the_case_begins_with_the_first_run() {
    let text = REMATCH.replace("reentry: on_rematch", "existing: skip").replace(
        r#"      - { after: 0d, notify: hello }
      - { after: 0d, ended: completed }
"#,
        "",
    );
    passes(&playbook(&text));
    let messages = fails(&playbook(&text), "2d: { account: { tier: B } }", "2d: { account: { mrr: 5 } }");
    assert!(messages[0].contains("`existing: skip`"), "{messages:?}");
}
