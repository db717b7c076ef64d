//! `test --update`: expectations are written anew from what happened, and hold
//! as they are; and the difference that `test` shows of a case that fails.

use std::path::Path;
use std::sync::Arc;

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::facts::Schema;
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::rehearsal::{play_all, update};

use crate::support::program::Home;

const HEAD: &str = "\
playbook: rescue
about: A quiet account is asked, then called.
alerts_to: ops@example.com
schedule: \"0 9 * * mon\"
when: account.mrr >= 500
steps:
  - email: { id: nudge, to: champion, subject: \"Three steps\", body: \"Hello {{ account.name }}, here they are.\" }
  - wait: 4d
  - task: { id: call, title: Call, to: csm }
  - wait: 2d
  - end: told
";

const WRONG: &str = "\
tests:
  # The usual way.
  - name: a large account
    at: 2026-03-02T09:00:00Z
    account: { name: Acme, mrr: 900 }
    expect:
      - { after: 0d, email: nudge, contains: \"here it is\" }
      - { after: 3d, task: call, to: manager }   # soon
      - { after: 6d, ended: completed }
    # Not again.
  - { name: a small one, at: 2026-03-02T09:00:00Z, account: { mrr: 90 }, expect: [ { after: 0d, task: call } ] }
  - name: another
    at: 2026-03-02T09:00:00Z
    account: { name: \"B \\\"Co\\\"\", mrr: 900 }
    expect: []
  - name: like it
    like: another
";

const RIGHT: &str = "\
tests:
  # The usual way.
  - name: a large account
    at: 2026-03-02T09:00:00Z
    account: { name: Acme, mrr: 900 }
    expect:
      - { after: 0d, email: nudge, contains: \"Hello Acme, here they are.\" }
      - { after: 4d, task: call, to: csm }
      - { after: 6d, ended: completed }
    # Not again.
  - { name: a small one, at: 2026-03-02T09:00:00Z, account: { mrr: 90 }, expect: [] }
  - name: another
    at: 2026-03-02T09:00:00Z
    account: { name: \"B \\\"Co\\\"\", mrr: 900 }
    expect:
      - { after: 0d, email: nudge, to: champion }
      - { after: 4d, task: call, to: csm }
  - name: like it
    like: another
";

#[test]
fn expectations_are_written_anew_and_hold() {
    let home = Home::new("update");
    home.write("playbooks/rescue.yaml", &format!("{HEAD}{WRONG}"));
    let shown = home.run(&["test"]);
    assert_eq!(shown.code, 1, "{shown:?}");
    let difference = "    expected (-) and happened (+):
      - { after: 0d, email: nudge, contains: \"here it is\" }
      + { after: 0d, email: nudge, contains: \"Hello Acme, here they are.\" }
      - { after: 3d, task: call, to: manager }
";
    assert!(shown.stdout.contains(difference), "{}", shown.stdout);
    let updated = home.run(&["test", "--update"]);
    let file = || std::fs::read_to_string(home.path.join("playbooks/rescue.yaml")).unwrap();
    assert_eq!(file(), format!("{HEAD}{RIGHT}"), "{updated:?}");
    assert!(updated.stderr.contains("wrote `expect:` of the case `a large account` anew"), "{updated:?}");
    assert!(updated.stderr.contains("`like it` stays as it is: it has no `expect:` of its own"), "{updated:?}");
    // What another case lends it is right now, too.
    assert!(updated.code == 0 && updated.stdout.ends_with("4 passed, 0 failed\n"), "{updated:?}");
    // Nothing is left to do.
    assert_eq!(home.done(&["test", "--update"]).stderr, "");
    assert_eq!(file(), format!("{HEAD}{RIGHT}"));
}

#[test]
fn what_is_written_for_the_shipped_playbooks_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (config, schema) = (Config::default(), Schema::default_store());
    let sources = SourceSet::read(&[root.join("playbooks")], &root.join("scripts"));
    let (ready, _) = catalog::load(&sources, &[], &config, &schema);
    assert!(ready.len() >= 6);
    // Playbooks refer to documents, which stay as they are.
    let is_playbook = |file: &SourceFile| ready.iter().any(|playbook| playbook.playbook.file == file.path);
    let mut playbooks: Vec<SourceFile> = sources.playbooks.iter().filter(|file| !is_playbook(file)).cloned().collect();
    for playbook in &ready {
        let names: Vec<&str> = playbook.playbook.tests.iter().map(|case| case.name.as_str()).collect();
        let update = update(playbook, &config, &schema, &names);
        assert_eq!(update.cases.len() + update.left.len(), names.len());
        assert!(!update.cases.is_empty(), "{update:?}");
        let path: Arc<str> = playbook.playbook.file.clone();
        playbooks.push(SourceFile { path, text: update.text.into() });
    }
    let rewritten = SourceSet { playbooks, ..sources };
    let (again, problems) = catalog::load(&rewritten, &[], &config, &schema);
    assert!(problems.is_empty() && again.len() == ready.len(), "{problems:?}");
    for report in play_all(&again, &config, &schema) {
        for case in report.cases {
            assert!(
                case.passed && case.difference.is_empty(),
                "{} / {}: {:?}",
                report.playbook,
                case.name,
                case.failures
            );
        }
    }
}
