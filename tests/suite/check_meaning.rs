//! What authors are told about the meaning of a playbook, word for word.
//!
//! Each file in `tests/diagnostics/meaning` starts with `# expect:` lines, and
//! each script in its folder `scripts` with `// expect:` lines: what is said
//! about that very file, without its name. To write them anew after a change of
//! words, run with `UPDATE_GOLDEN=1` and read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::diagnostic::{CODES, Diagnostic, render_lines};
use keepwell::facts::Schema;
use keepwell::playbook::source::{SourceFile, SourceSet};

/// Other playbooks of the installation, for the ids that may be named.
const NEIGHBOURS: [&str; 2] = ["plan-the-renewal", "renewal-plan"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics/meaning")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the golden files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    files
}

/// Everything said about one file, and whether it is a playbook ready to run.
fn check_file(path: &Path) -> (bool, Vec<Diagnostic>) {
    let (playbooks, folder) = (PathBuf::from(path), folder());
    let is_script = path.extension().is_some_and(|ending| ending == "rhai");
    let playbooks = if is_script { Vec::new() } else { vec![playbooks] };
    let mut set = SourceSet::read(&playbooks, &folder.join("scripts"));
    for id in NEIGHBOURS {
        let text = format!(
            "playbook: {id}\nabout: x\nalerts_to: a@b.example\nschedule: '@daily'\nwhen: 'true'\nsteps: [{{ end: x }}]\n"
        );
        let named = playbooks.iter().any(|path| path.ends_with("good-short.yaml")) && id == NEIGHBOURS[0];
        if !named {
            set.playbooks.push(SourceFile { path: format!("{id}.yaml").into(), text: text.into() });
        }
    }
    let (ready, problems) = catalog::load(&set, &[], &Config::default(), &Schema::default_store());
    let name = path.to_string_lossy();
    let is_ready = ready.iter().any(|playbook| *playbook.playbook.file == *name);
    (is_ready, problems.into_iter().filter(|problem| problem.file == name).collect())
}

/// One line each, without the file's name.
fn lines(problems: &[Diagnostic]) -> Vec<String> {
    let lines = render_lines(problems);
    let file = problems.first().map_or(0, |problem| problem.file.len() + 1);
    lines.lines().map(|line| line[file..].to_owned()).collect()
}

#[test]
fn every_golden_file_is_told_as_expected() {
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    let playbooks = files(&folder(), "yaml").into_iter().map(|path| (path, "# expect: "));
    let scripts = files(&folder().join("scripts"), "rhai").into_iter().map(|path| (path, "// expect: "));
    for (path, mark) in playbooks.chain(scripts) {
        let text = fs::read_to_string(&path).expect("a golden file");
        let expected: Vec<&str> = text.lines().map_while(|line| line.strip_prefix(mark)).collect();
        let (ready, problems) = check_file(&path);
        let failed = problems.iter().any(Diagnostic::is_error);
        assert!(ready != failed || mark.starts_with('/'), "{}", path.display());
        seen.extend(problems.iter().map(|problem| problem.code));
        let lines = lines(&problems);
        if expected == lines {
            continue;
        }
        wrong.push(format!("{}\n{}\n", path.display(), lines.join("\n")));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            rewrite(&path, &text, mark, expected.len());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let meaning = |code: &str| ("KW0200".."KW0500").contains(&code);
    let here = ["KW0101", "KW0102", "KW0104", "KW0107", "KW0108", "KW0110", "KW0111", "KW0115"];
    // One needs a store that lacks something, one a text of many pages, see below; and the others need what
    // a store was seen to hold, or several files, see `names` and the examples in `docs/diagnostics.md`.
    let elsewhere = ["KW0214", "KW0221", "KW0223", "KW0225", "KW0226", "KW0231", "KW0232", "KW0308"];
    for (code, _) in CODES.iter().filter(|(code, _)| !elsewhere.contains(code)) {
        assert!(!meaning(code) && !here.contains(code) || seen.contains(code), "no golden file shows {code}");
    }
}

/// Replaces the first lines. Another number of lines moves all places, so it is
/// told again until nothing changes.
fn rewrite(path: &Path, text: &str, mark: &str, before: usize) {
    let rest: String = text.split_inclusive('\n').skip(before).collect();
    let mut head = String::new();
    for _ in 0..3 {
        fs::write(path, format!("{head}{rest}")).expect("write");
        let lines = lines(&check_file(path).1);
        head = lines.iter().map(|line| format!("{mark}{line}\n")).collect();
    }
    fs::write(path, format!("{head}{rest}")).expect("write");
}

#[test]
fn good_playbooks_are_ready_without_a_word() {
    for name in ["good-short.yaml", "good-long.yaml"] {
        let (ready, problems) = check_file(&folder().join(name));
        assert!(ready && problems.is_empty(), "{name}: {problems:?}");
    }
}

#[test]
fn what_the_store_lacks_cannot_be_asked() {
    let text = "playbook: p\nabout: A.\nalerts_to: a@b.example\nschedule: '@daily'\nstages: [onboarding]\n\
        when: account.days_since_change(\"tier\") != none && account.open_tickets(\"urgent\") > 0 && account.open_tickets() > 0\n\
        steps:\n  - task: { title: '{{ account.traits.plan | default(\"-\") }} {{ account.tickets(30) }}', to: csm }\n  \
        - email: { to: champion, class: marketing, subject: a, body: b }\n";
    let mut schema = Schema::default_store();
    schema.absent = ["changes", "tickets.severity", "accounts.stage", "accounts.traits", "contacts.traits"]
        .map(str::to_owned)
        .into();
    let file = SourceFile { path: "p.yaml".into(), text: text.into() };
    let set = SourceSet { playbooks: vec![file], ..SourceSet::default() };
    let problems = catalog::load(&set, &[], &Config::default(), &schema).1;
    let told: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}:{} {} {}", problem.line, problem.column, problem.code, problem.message))
        .collect();
    let lacks = "which the customer store does not have";
    assert_eq!(
        told,
        [
            format!("5:1 KW0214 `stages` needs `accounts.stage`, {lacks}"),
            format!("6:15 KW0214 `account.days_since_change(\"tier\")` needs `changes`, {lacks}"),
            format!("6:60 KW0214 `account.open_tickets(\"urgent\")` needs `tickets.severity`, {lacks}"),
            format!("8:39 KW0214 `account.traits.plan` needs `accounts.traits`, {lacks}"),
            "9:5 KW0214 marketing mail needs consent, `contact.traits.consent`, and the customer store has no `contacts.traits`".to_owned(),
        ]
    );
}

#[test]
fn playbooks_are_checked_against_each_other() {
    let file = |id: &str, rest: &str| SourceFile {
        path: format!("{id}.yaml").into(),
        text: format!("playbook: {id}\nabout: A.\nalerts_to: a@b.example\nschedule: '@daily'\n{rest}").into(),
    };
    let wait = "steps: [ { wait: 1d } ]\n";
    let playbooks = vec![
        file("one", &format!("when: account.mrr > 5\nsuppress: account.in_playbook(\"two\")\n{wait}")),
        file(
            "two",
            &format!("when: account.mrr > 9\nsuppress: account.mrr > 99 || account.in_playbook(\"one\")\n{wait}"),
        ),
        file("third", &format!("when: account.mrr > 9\nsuppress: account.in_playbook(\"one\")\n{wait}")),
        file(
            "people",
            &format!("for: contact\nwhen: contact.role == \"owner\" && !contact.in_playbook(\"one\")\n{wait}"),
        ),
        file(
            "sender",
            "when: account.mrr > 9\nsteps:\n  - branch:\n      - if: account.mrr > 99\n        steps: [ { enroll: people } ]\n",
        ),
    ];
    let config = SourceFile { path: "keepwell.yaml".into(), text: "guardrails: { yields_to: [two, thrid] }\n".into() };
    let (config, mistakes) = Config::parse(&config);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let set = SourceSet { playbooks, ..SourceSet::default() };
    let (ready, problems) = catalog::load(&set, &[], &config, &Schema::default_store());
    assert_eq!(ready.len(), 5);
    assert_eq!(
        render_lines(&problems).lines().collect::<Vec<_>>(),
        [
            "keepwell.yaml:1:32: error[KW0108]: `yields_to` names \"thrid\", which is no playbook; help: did you mean \"third\"?",
            "one.yaml:6:11: warning[KW0218]: this playbook and `two` each suppress the other; help: one that enters both at the same run is in neither: let one of them go first",
            "people.yaml:6:7: warning[KW0108]: no contact is ever in \"one\", which enrolls accounts; help: ask the account: `account.in_playbook(\"one\")`",
            "sender.yaml:9:20: warning[KW0108]: an account cannot enter `people`, which enrolls contacts; help: its own `when` finds the contacts; or let a playbook for contacts enroll them",
            "two.yaml:6:11: warning[KW0218]: this playbook and `one` each suppress the other; help: one that enters both at the same run is in neither: let one of them go first",
        ]
    );
}

#[test]
fn a_text_that_mail_programs_cut_off_is_a_warning() {
    let codes = |items: usize| {
        let body = "        - item\n".repeat(items);
        let text = format!(
            "playbook: long\nabout: x\nalerts_to: a@b.example\nschedule: '@daily'\nwhen: account.mrr > 5\nsteps:\n  \
             - email:\n      to: champion\n      subject: Hello\n      body: |\n{body}"
        );
        let file = SourceFile { path: "long.yaml".into(), text: text.into() };
        let set = SourceSet { playbooks: vec![file], ..SourceSet::default() };
        let (_, problems) = catalog::load(&set, &[], &Config::default(), &Schema::default_store());
        problems.iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(2_000), ["KW0308"]);
    assert!(codes(200).is_empty());
}
