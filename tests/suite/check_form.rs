//! What authors are told about the form of a playbook, word for word.
//!
//! Each file in `tests/diagnostics/form` starts with `# expect:` lines: the
//! diagnostics of that very file, without its name. To write them anew after a
//! change of words, run with `UPDATE_GOLDEN=1` and read the difference.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keepwell::catalog::parse;
use keepwell::diagnostic::{CODES, Diagnostic, arrange, render_lines};
use keepwell::playbook::parse::{IdClaim, check_across};
use keepwell::playbook::source::{SourceFile, SourceSet, read_file};
use keepwell::playbook::yaml::Entry;
use keepwell::playbook::{Playbook, StepBody, renaming};

const EXPECT: &str = "# expect: ";

fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics/form");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("the golden files").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// The lines told about a file, each without the file's name.
fn check_file(path: &Path) -> (Option<Playbook>, Vec<Diagnostic>, Vec<String>) {
    let mut problems = Vec::new();
    let playbook = match read_file(path) {
        Ok(file) => {
            let path = Arc::from("");
            parse(&SourceFile { path, ..file }, &mut problems)
        }
        Err(problem) => {
            let file = String::new();
            problems.push(Diagnostic { file, ..*problem });
            None
        }
    };
    arrange(&mut problems);
    let lines = render_lines(&problems);
    let lines = lines.lines().map(|line| line[1..].to_owned()).collect();
    (playbook, problems, lines)
}

#[test]
fn every_golden_file_is_told_as_expected() {
    let mut seen = Vec::new();
    let mut wrong = Vec::new();
    for path in golden_files() {
        let bytes = fs::read(&path).expect("a golden file");
        let text = String::from_utf8_lossy(&bytes);
        let expected: Vec<&str> = text.lines().map_while(|l| l.strip_prefix(EXPECT)).collect();
        let (playbook, problems, lines) = check_file(&path);
        seen.extend(problems.iter().map(|problem| problem.code));
        let failed = problems.iter().any(Diagnostic::is_error);
        assert_eq!(playbook.is_none(), failed, "{}", path.display());
        if expected == lines {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            rewrite(&path, &bytes, expected.len());
        }
        wrong.push(format!("{}\n{}\n", path.display(), lines.join("\n")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // These need a folder, several files, the configuration, the meaning of a text, cases that are played, or
    // all that is found elsewhere.
    let elsewhere = [
        "KW0009", "KW0010", "KW0011", "KW0012", "KW0105", "KW0108", "KW0109", "KW0111", "KW0115", "KW0503", "KW0601",
        "KW0602", "KW0603",
    ];
    let is_form = |code: &&str| *code < "KW0200" || ("KW0500".."KW0700").contains(code);
    let form = CODES.iter().map(|(code, _)| *code).filter(is_form);
    for code in form.filter(|code| !elsewhere.contains(code)) {
        assert!(seen.contains(&code), "no golden file shows {code}");
    }
}

/// Replaces the first lines. Adding a line moves all places, so until the
/// number of lines is right this takes a second round.
fn rewrite(path: &Path, bytes: &[u8], before: usize) {
    let rest: Vec<&[u8]> = bytes.split(|b| *b == b'\n').skip(before).collect();
    let rest = rest.join(&b'\n');
    let mut count = before;
    for _ in 0..3 {
        let padding = format!("{EXPECT}\n").repeat(count).into_bytes();
        fs::write(path, [padding, rest.clone()].concat()).expect("write");
        let lines = check_file(path).2;
        count = lines.len();
        let head: String = lines.iter().map(|l| format!("{EXPECT}{l}\n")).collect();
        fs::write(path, [head.into_bytes(), rest.clone()].concat()).expect("write");
    }
}

/// What this thread has used of a processor: unlike the time of day, it does
/// not depend on what else the machine does.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

#[test]
fn a_hostile_file_is_an_error_within_a_second() {
    let folder = std::env::temp_dir().join(format!("keepwell-hostile-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let head = "playbook: p\nschedule: '@daily'\nwhen: 'true'\nsteps:\n";
    let mut branches = String::from(head);
    for depth in 0..200 {
        let pad = " ".repeat(depth * 6);
        branches += &format!("{pad}- branch:\n{pad}    - if: x\n{pad}      steps:\n");
    }
    let columns: String = (0..4_000).map(|n| format!("c{n}: 1, ")).collect();
    let mut like = format!("{head}  - wait: 1d\ntests:\n  - name: base\n    account: {{ {columns} }}\n");
    for n in 0..3_000 {
        like += &format!("  - {{ name: n{n}, like: base }}\n");
    }
    let mut chain = format!("{head}  - wait: 1d\ntests:\n  - name: n0\n");
    for n in 1..6_000 {
        chain += &format!("  - {{ name: n{n}, like: n{} }}\n", n - 1);
    }
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("like", like.into_bytes()),
        ("chain", chain.into_bytes()),
        ("scalar", [b"a: ".to_vec(), vec![b'x'; 10_000_000]].concat()),
        ("binary", (0..=255).cycle().take(100_000).collect()),
        ("latin1", b"playbook: caf\xe9\n".to_vec()),
        ("brackets", vec![b'['; 100_000]),
        ("braces", b"{a: ".repeat(60_000)),
        ("branches", branches.into_bytes()),
        ("steps", [head.as_bytes(), &b"- wait: 1d\n".repeat(15_000)].concat()),
        ("unknown", [head.as_bytes(), &b"- x: 1\n".repeat(9_000)].concat()),
    ];
    for (name, bytes) in files {
        let path = folder.join(format!("{name}.yaml"));
        fs::write(&path, bytes).expect("write");
        let before = processor_time();
        let (playbook, problems, _) = check_file(&path);
        let taken = processor_time() - before;
        println!("{name} {taken:?}");
        assert!(taken < Duration::from_secs(1), "{name} takes {taken:?}");
        assert!(playbook.is_none() && !problems.is_empty(), "{name}");
    }
    let set = SourceSet::read(std::slice::from_ref(&folder), &folder.join("none"));
    assert!(set.problems.iter().any(|p| p.code == "KW0005"));
    assert!(set.problems.iter().any(|p| p.code == "KW0001"));
    let missing = SourceSet::read(&[folder.join("none")], &folder);
    assert_eq!(missing.problems[0].code, "KW0001");
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn files_are_found_at_any_depth_in_order() {
    let folder = std::env::temp_dir().join(format!("keepwell-source-{}", std::process::id()));
    fs::create_dir_all(folder.join("playbooks/a/b")).expect("a folder");
    fs::create_dir_all(folder.join("scripts")).expect("a folder");
    for file in ["playbooks/z.yaml", "playbooks/a/b/c.yml", "playbooks/.x.yaml", "playbooks/n.txt"] {
        fs::write(folder.join(file), "\u{feff}a: 1\n").expect("write");
    }
    fs::write(folder.join("scripts/health.rhai"), "fn f() { 1 }").expect("write");
    let set = SourceSet::read(&[folder.join("playbooks")], &folder.join("scripts"));
    assert!(set.problems.is_empty(), "{:?}", set.problems);
    let names: Vec<String> =
        set.playbooks.iter().map(|file| file.path.trim_start_matches(&*folder.to_string_lossy()).to_owned()).collect();
    assert_eq!(names, ["/playbooks/a/b/c.yml", "/playbooks/z.yaml"]);
    assert_eq!(&*set.playbooks[0].text, "a: 1\n");
    assert_eq!(set.scripts[0].module, "health");
    assert!(set.text(&set.scripts[0].path).is_some());
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn the_same_id_in_two_files_is_reported_at_the_later_one() {
    let text =
        "playbook: p\nabout: a\nalerts_to: a@b.example\nschedule: '@daily'\nwhen: 'true'\nsteps: [{ wait: 1d }]\n";
    let mut problems = Vec::new();
    let playbooks: Vec<Playbook> = ["a.yaml", "b.yaml"]
        .into_iter()
        .filter_map(|path| {
            let (path, text) = (path.into(), text.into());
            parse(&SourceFile { path, text }, &mut problems)
        })
        .collect();
    check_across(playbooks.iter().map(IdClaim::from), &mut problems);
    assert_eq!(
        render_lines(&problems),
        "a.yaml:1:1: error[KW0105]: the id `p` is also that of b.yaml:1; help: give one of them an id of its own; \
         until then none of them is taken\n\
         b.yaml:1:1: error[KW0105]: the id `p` is also that of a.yaml:1; help: give one of them an id of its own; \
         until then none of them is taken\n"
    );
}

#[test]
fn a_name_of_before_is_that_of_one_playbook_and_of_no_file() {
    let text = |id: &str, was: &str| {
        format!(
            "playbook: {id}\nwas: {was}\nabout: a\nalerts_to: a@b.example\nschedule: '@daily'\nwhen: 'true'\nsteps: [{{ wait: 1d }}]\n"
        )
    };
    let mut problems = Vec::new();
    let playbooks: Vec<Playbook> =
        [("a.yaml", text("a", "[x, y]")), ("b.yaml", text("b", "x")), ("c.yaml", text("c", "a"))]
            .into_iter()
            .filter_map(|(path, text)| parse(&SourceFile { path: path.into(), text: text.into() }, &mut problems))
            .collect();
    let ids: Vec<String> = playbooks.iter().map(|playbook| playbook.id.clone()).collect();
    renaming::check_across(&playbooks, &ids, &mut problems);
    problems.sort();
    assert_eq!(
        render_lines(&problems),
        "a.yaml:2:7: error[KW0118]: `was` names `x`, and so does b.yaml:2; help: the history of a playbook goes to one \
         other: take it out of all but one of them\n\
         b.yaml:2:6: error[KW0118]: `was` names `x`, and so does a.yaml:2; help: the history of a playbook goes to one \
         other: take it out of all but one of them\n\
         c.yaml:2:6: error[KW0118]: `was` names `a`, which is a playbook still, in a.yaml:1; help: to rename it, remove \
         its file; where both are to be, remove `a` from `was`\n"
    );
}

/// The long example of the language, less what this release does not have.
const LONG: &str = r#"
playbook: activation-rescue
about: A paying account that has not activated 30 days after sign-up gets help.
alerts_to: cs-ops@example.com
mode: live
for: account
statuses: [active, trial]
stages: [onboarding, activation]
schedule: "0 9 * * mon-fri"
timezone: Europe/Berlin
when: |
  account.activated_at == none
    && days_since(account.signed_up_at) >= 30
    && account.tier in ["A", "B"]
existing: include
reentry: { once_per: account.renewal_at, gap: 90d }
mail_priority: 50
goal: account.activated_at != none
goal_window: 30d
exit: account.open_tickets("urgent") > 0
suppress: account.in_playbook("renewal-plan")
guardrails:
  hold_above: { count: 25, share: 2% }
  first_run: go
steps:
  - email:
      id: nudge
      to: champion
      subject: "{{ account.name }}: three steps to your first result"
      body: |
        Hi {{ recipient.first_name | default("there") }}, …
  - wait:
      until: account.events("login", since_step) > 0
      at_most: 4d
      on_met: end
      on_timeout: next
  - branch:
      - if: account.mrr >= 5000
        steps:
          - task:
              id: call
              title: "Call {{ account.name }}"
              due: 2 business days
              outcomes: [reached, no answer]
      - else:
          - notify: { channel: csm, text: "{{ account.name }} is still not activated" }
  - wait: 7d
  - task: { id: escalate, if: account.tier == "A", title: "Escalate {{ account.name }}", to: manager, due: 1 business day }
tests:
  - name: a stalled A account is nudged, then called, then escalated
    at: 2026-03-02T09:00:00+01:00
    account: { tier: A, signed_up_at: -46d, mrr: 9000 }
    expect:
      - { after: 2d, email: nudge, to: champion, contains: "three steps" }
      - { after: 6d, task: call }
      - { after: 13d, task: escalate }
  - name: activation stops it
    like: a stalled A account is nudged, then called, then escalated
    then: { 3d: { account: { activated_at: 3d } }, 12h: { done: call, outcome: { call: reached } } }
    expect: [ { after: 2d, email: nudge }, { after: 3d, ended: goal } ]
  - name: a C account is left alone
    like: activation stops it
    account: { tier: C }
    events: { login: 12 over 30d }
    contacts: { champion: { email: a@b.example } }
    expect: []
"#;

#[test]
fn the_example_of_the_language_is_read_in_full() {
    let (path, text) = ("p.yaml".into(), LONG.into());
    let mut problems = Vec::new();
    let playbook = parse(&SourceFile { path, text }, &mut problems);
    assert_eq!(render_lines(&problems), "");
    let playbook = playbook.expect("a playbook");
    let ids: Vec<&str> = playbook.steps.iter().map(|step| &*step.id).collect();
    assert_eq!(ids, ["nudge", "wait-1", "branch-1", "wait-2", "escalate"]);
    let StepBody::Branch(arms) = &playbook.steps[2].body else {
        panic!("a branch");
    };
    assert_eq!(arms.len(), 2);

    let [first, second, third] = &playbook.tests[..] else {
        panic!("three cases");
    };
    assert_eq!(first.expect[1].after, 6 * 86_400);
    assert_eq!(second.fixtures.account.len(), 3);
    let offsets: Vec<i64> = second.then.iter().map(|change| change.after).collect();
    assert_eq!(offsets, [43_200, 3 * 86_400]);
    assert_eq!(second.then[0].outcomes, [("call".to_owned(), "reached".to_owned())]);
    // Through two cases: what is given replaces, one level deep, and the rest stays.
    assert_eq!(third.then.len(), 2);
    assert!(third.expect.is_empty());
    let tier = |column: &&Entry| column.key == "tier";
    let tier = third.fixtures.account.iter().find(tier).expect("a tier");
    assert_eq!(tier.node.as_text(), Some("C"));
    assert_eq!(third.fixtures.account.len(), 3);
    let contacts = third.fixtures.contacts.as_ref().expect("contacts");
    assert_eq!(contacts[0][0].node.as_text(), Some("champion"));
}

#[test]
fn a_damaged_playbook_is_a_diagnostic_and_never_a_panic() {
    let lines: Vec<&str> = LONG.lines().collect();
    let mut damaged = Vec::new();
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        damaged.push(without.join("\n"));
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        damaged.push(twice.join("\n"));
        for (from, to) in [(": ", ":\n"), (": ", ": 5 #"), (": ", ": [] #"), ("- ", ""), ("  ", " ")] {
            let line = lines[at].replacen(from, to, 1);
            let mut changed = lines.clone();
            changed[at] = &line;
            damaged.push(changed.join("\n"));
        }
    }
    for text in damaged {
        let mut problems = Vec::new();
        let (path, count) = ("p.yaml".into(), text.lines().count());
        let text = Arc::from(text);
        let playbook = parse(&SourceFile { path, text }, &mut problems);
        let failed = problems.iter().any(Diagnostic::is_error);
        assert_eq!(playbook.is_none(), failed, "{problems:?}");
        assert!(problems.iter().all(|p| p.line >= 1 && p.line as usize <= count + 1));
    }
}
