//! `test --watch`: the cases are played again when a file changes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::program::Home;

const QUIET: &str = "\
playbook: quiet
about: A.
alerts_to: ops@example.com
schedule: \"0 9 * * mon\"
when: account.mrr >= 500
steps: [ { task: { id: call, title: Call, to: csm } } ]
tests:
  - name: large
    at: 2026-03-02T09:00:00Z
    account: { mrr: 900 }
    expect: [ { after: 0d, task: call } ]
";

/// What is said until everything waits for a change.
fn round(lines: &Receiver<String>) -> String {
    let mut told = String::new();
    loop {
        let line = lines.recv_timeout(Duration::from_secs(150)).unwrap_or_else(|_| panic!("more than {told}"));
        if line.starts_with("Waiting for a change.") {
            return told;
        }
        told += &line;
        told += "\n";
    }
}

#[test]
fn cases_are_played_again_when_a_file_changes() {
    let home = Home::new("watch");
    home.write("playbooks/quiet.yaml", QUIET);
    let mut command = home.command(&["test", "--watch"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (sender, lines) = channel();
    let output = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    let told = round(&lines);
    assert!(told.ends_with("1 passed, 0 failed\n") && !told.contains("changed"), "{told}");

    home.write("playbooks/quiet.yaml", &QUIET.replace("mrr >= 500", "mrr >= 5000"));
    let told = round(&lines);
    assert!(told.starts_with("\nplaybooks/quiet.yaml changed\n"), "{told}");
    assert!(told.contains("FAILED: large") && told.ends_with("0 passed, 1 failed\n"), "{told}");

    home.write("playbooks/team/more.yaml", &QUIET.replace("playbook: quiet", "playbook: more"));
    let told = round(&lines);
    assert!(told.starts_with("\nplaybooks/team/more.yaml is new\n"), "{told}");
    assert!(told.ends_with("1 passed, 1 failed\n"), "{told}");

    home.write("keepwell.yaml", "web: off\ntimezone: Europe/Berlin\n");
    home.write("scripts/shared.rhai", "fn one() { 1 }\n");
    let told = round(&lines);
    assert!(told.contains("keepwell.yaml changed\n") || told.contains("scripts/shared.rhai is new\n"), "{told}");

    // Without any case it says so, and goes on.
    let mut told = String::new();
    home.remove("playbooks/quiet.yaml");
    while !told.contains("quiet.yaml is gone") {
        told = round(&lines);
    }
    assert!(told.ends_with("1 passed, 0 failed\n"), "{told}");

    let pid = i32::try_from(child.id()).unwrap();
    // SAFETY: it is our child and not yet waited for, so the number is its own.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    child.wait().unwrap();
    assert_eq!(home.run(&["test", "--watch", "--format", "json"]).code, 1);
    assert_eq!(home.run(&["test", "--watch", "--update"]).code, 1);
}
