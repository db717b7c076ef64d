//! `check` and `test` as the gate of a pipeline: what makes them fail.

use crate::support::program::Home;

const LOOK: &str = "playbook: look\nabout: A.\nalerts_to: ops@example.com\nschedule: \"0 9 * * *\"\n\
    when: account.seats == 10\nsteps:\n  - task: { title: Look, to: csm }\n";

const CASES: &str = "tests:\n  - { name: enters, at: 2026-03-02T09:00:00Z, account: { seats: 10 }, \
    expect: [ { after: 0d, task: task-1 } ] }\n";

#[test]
fn warnings_fail_where_it_is_strict() {
    let home = Home::new("strict");
    home.write("playbooks/look.yaml", LOOK);
    assert_eq!(home.done(&["check", "--strict"]).stdout, "1 playbook, 0 errors, 0 warnings\n");
    home.write("playbooks/look.yaml", &LOOK.replace("0 9 *", "* 9 *"));
    let end = "1 playbook, 0 errors, 1 warning\n`keepwell check --explain KW0220` says more of a code\n";
    assert!(home.done(&["check"]).stdout.ends_with(end));
    let strict = home.run(&["check", "--strict", "--format", "line"]);
    assert_eq!(strict.code, 1, "{strict:?}");
    assert_eq!(
        strict.stdout,
        "playbooks/look.yaml:4:12: warning[KW0220]: this is due at every minute of that hour: sixty runs; \
         help: did you mean \"0 9 * * *\"?\n"
    );
}

#[test]
fn nothing_to_check_or_test_is_no_success() {
    let home = Home::new("nothing");
    home.write("empty/readme.md", "Nothing yet.\n");
    for command in ["check", "test"] {
        let refused = home.run(&[command, "empty"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("no playbooks in `empty`: name their folder"), "{refused:?}");
        let refused = home.run(&["--playbooks", "empty", command, "--format", "json"]);
        assert!(refused.code == 1 && refused.stderr.contains("`empty`"), "{refused:?}");
        home.done(&[command, "empty", "--allow-empty"]);
    }
    // What could not be found at all is an error in any case.
    assert_eq!(home.run(&["check", "missing", "--allow-empty"]).code, 1);

    home.write("playbooks/look.yaml", LOOK);
    home.done(&["check"]);
    let refused = home.run(&["test"]);
    assert!(refused.code == 1 && refused.stderr.contains("no playbook in `playbooks` has cases"), "{refused:?}");
    home.done(&["test", "--allow-empty"]);
    home.write("playbooks/look.yaml", &format!("{LOOK}{CASES}"));
    assert!(home.done(&["test"]).stdout.contains("1 passed"));
}

#[test]
fn a_file_with_another_ending_gets_a_word() {
    let home = Home::new("endings");
    home.write("playbooks/look.yml", LOOK);
    for file in ["deep/call.yaml.txt", "Loud.YAML", "notes.txt", "old.yaml.bak"] {
        home.write(&format!("playbooks/{file}"), LOOK);
    }
    std::os::unix::fs::symlink("deep/call.yaml.txt", home.path.join("playbooks/linked.yml.txt")).unwrap();
    home.write("scripts/health.rhai.txt", "fn f() { 1 }");
    let word = |file: &str, ending: &str, right: &str| {
        format!(
            "{file}:1:1: warning[KW0011]: this file is not read: its name does not end in `.{ending}`; \
             help: rename it to `{right}`\n"
        )
    };
    let words = [
        word("playbooks/Loud.YAML", "yaml", "Loud.yaml"),
        word("playbooks/deep/call.yaml.txt", "yaml", "call.yaml"),
        word("playbooks/linked.yml.txt", "yml", "linked.yml"),
        word("scripts/health.rhai.txt", "rhai", "health.rhai"),
    ];
    assert_eq!(home.done(&["check", "--format", "line"]).stdout, words.concat());
}
