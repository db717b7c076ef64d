//! What changed in a text, in words.

use std::sync::Arc;

use keepwell::catalog;
use keepwell::playbook::Playbook;
use keepwell::playbook::changes::changes;
use keepwell::playbook::source::SourceFile;

const BEFORE: &str = r#"
playbook: rescue
about: A story.
alerts_to: ops@example.com
schedule: "0 9 * * mon"
when: account.seats > 5
goal: account.activated_at != none
reentry: { gap: 30d }
guardrails: { hold_above: { count: 25, share: 2% } }
steps:
  - email:
      id: hello
      to: champion
      subject: "Hello"
      body: |
        Dear customer,
        we saw little of you.
        Yours
  - wait: 2d
  - branch:
      - if: account.seats > 10
        steps:
          - task: { id: call, title: "Call", to: csm }
      - else:
          - email: { id: tips, to: champion, subject: "Tips", body: "Try" }
  - wait: { until: "account.seats > 20", at_most: 5d }
tests:
  - name: first
    at: 2026-03-02T09:00:00Z
    account: { seats: 9 }
    expect: [ { after: 0s, email: hello } ]
  - name: second
    at: 2026-03-02T09:00:00Z
    account: { seats: 99 }
    expect: [ { after: 0s, email: hello } ]
"#;

fn read(text: &str) -> Playbook {
    let mut problems = Vec::new();
    let file = SourceFile { path: Arc::from("a.yaml"), text: text.into() };
    let playbook = catalog::parse(&file, &mut problems);
    playbook.unwrap_or_else(|| panic!("{problems:#?}"))
}

fn lines_after(edits: &[(&str, &str)]) -> Vec<String> {
    let mut after = BEFORE.to_owned();
    for (from, to) in edits {
        assert!(after.contains(from), "{from}");
        after = after.replace(from, to);
    }
    changes(&read(BEFORE), &read(&after)).lines.iter().map(ToString::to_string).collect()
}

#[test]
fn each_change_has_its_words() {
    for (from, to, words) in [
        ("mon\"", "mon,thu\"", "schedule `0 9 * * mon` → `0 9 * * mon,thu`"),
        (
            "account.seats > 5\n",
            "account.seats > 6\n",
            "the condition: `account.seats > 5` before, `account.seats > 6` after",
        ),
        ("goal: account.activated_at != none\n", "", "the goal is gone; it was `account.activated_at != none`"),
        ("goal:", "exit: account.mrr == 0\ngoal:", "the exit is new: `account.mrr == 0`"),
        ("schedule:", "mode: shadow\nschedule:", "mode is new: `shadow`"),
        ("gap: 30d", "gap: 60d", "reentry.gap `30d` → `60d`"),
        ("count: 25", "count: 50", "hold_above.count `25` → `50`"),
        ("ops@example.com", "cs@example.com", "alerts_to `ops@example.com` → `cs@example.com`"),
        ("- wait: 2d", "- wait: 4d", "step `wait-1` waits 4d instead of 2d"),
        ("we saw little of you.", "we miss you.", "step `hello` body `we saw little of you.` → `we miss you.`"),
        ("title: \"Call\", to: csm", "title: \"Call\", to: manager", "step `call` to `csm` → `manager`"),
        (
            "if: account.seats > 10",
            "if: account.seats > 11",
            "step `branch-1` way 1 `account.seats > 10` → `account.seats > 11`",
        ),
        ("at_most: 5d", "at_most: 6d", "step `wait-2` at_most `5d` → `6d`"),
        ("id: tips, ", "id: tips, class: marketing, ", "step `tips` class is new: `marketing`"),
        ("playbook: rescue", "playbook: save\nwas: rescue", "renamed from `rescue` to `save`"),
        ("about: A story.", "# A remark.\nabout:   A story.", ""),
    ] {
        let expected: Vec<&str> = [words].into_iter().filter(|words| !words.is_empty()).collect();
        assert_eq!(lines_after(&[(from, to)]), expected, "{from} → {to}");
    }
}

#[test]
fn of_a_long_condition_the_lines_that_differ_are_shown() {
    let clauses = |seats: u32| {
        let same = "account.seats != none\n    && days_since(account.signed_up_at) >= 90\n    && account.seats < 1000";
        format!("when: |\n    {same}\n    && account.seats > {seats}\n    && account.tier != \"D\"\n")
    };
    let text = |seats: u32| BEFORE.replace("when: account.seats > 5\n", &clauses(seats));
    let found = changes(&read(&text(5)), &read(&text(6))).lines;
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["the condition: `&& account.seats > 5` before, `&& account.seats > 6` after"]);
}

#[test]
fn steps_come_go_and_move() {
    let note = "  - notify: { id: note, channel: csm, text: \"Look\" }\n  - wait: 2d\n";
    assert_eq!(lines_after(&[("  - wait: 2d\n", note)]), ["step `note` added: notify `Look`"]);
    assert_eq!(
        lines_after(&[("          - task: { id: call, title: \"Call\", to: csm }\n", "          - end: large\n")]),
        ["step `end-1` added: end `large`", "step `call` removed: task"]
    );
    let tips = "          - email: { id: tips, to: champion, subject: \"Tips\", body: \"Try\" }\n";
    let moved = "  - email: { id: tips, to: champion, subject: \"Tips\", body: \"Try\" }\n  - wait: 2d\n";
    assert_eq!(
        lines_after(&[(&format!("      - else:\n{tips}"), ""), ("  - wait: 2d\n", moved)]),
        ["step `tips` is moved, to the main way", "step `branch-1` way 2 is gone; it was `else`"]
    );
    let swapped = [("  - wait: 2d\n", ""), ("at_most: 5d }\n", "at_most: 5d }\n  - wait: 2d\n")];
    assert_eq!(
        lines_after(&swapped),
        [
            "step `wait-1` waits for something else: `2d` before, `account.seats > 20` after",
            "step `wait-2` waits for something else: `account.seats > 20` before, `2d` after",
            "the order of the steps: `hello, wait-1, branch-1, call, tips, wait-2` before, \
             `hello, branch-1, call, tips, wait-1, wait-2` after",
        ],
        "steps without an id are known by their number"
    );
}

#[test]
fn cases_are_known_by_their_names() {
    let after = BEFORE.replace("name: second", "name: third").replace("seats: 9 }", "seats: 8 }");
    let tests = changes(&read(BEFORE), &read(&after)).tests;
    assert_eq!((tests.added, tests.removed), (vec!["third".to_owned()], vec!["second".to_owned()]));
    assert_eq!(tests.changed, ["first"]);
}
