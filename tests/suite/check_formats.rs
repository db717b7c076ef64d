//! What `check` and `test` say to the tools around a repository, and warnings
//! that a comment allows.

use serde_json::Value as Json;

use crate::support::program::Home;

const OFTEN: &str = "playbook: often\nabout: \"A <b> & \\\"c\\\".\"\nalerts_to: ops@example.com\nschedule: \"* 9 * * mon\"\n\
    when: account.mrr >= 500\nsteps:\n  - task: { title: Look, to: csm }\n";

const WRONG: &str = "playbook: wrong\nabout: A.\nalerts_to: ops@example.com\nschedule: \"0 9 * * mon\"\n\
    when: account.tier < \"A\" && account.teir == \"100%\"\nsteps:\n  - task: { title: Look, to: csm }\n";

/// A folder within a repository, as a monorepo has it.
fn home(name: &str) -> Home {
    let home = Home::new(name);
    std::fs::create_dir_all(home.path.join(".git")).unwrap();
    home.write("playbooks/a, b/often.yaml", OFTEN);
    home.write("playbooks/wrong.yaml", WRONG);
    home
}

/// Reads XML as strictly as a test can: every element is closed, in order, and
/// nothing stands where it may not. Gives the names of the elements.
fn elements(xml: &str) -> Vec<String> {
    let (mut open, mut found, mut rest) = (Vec::new(), Vec::new(), xml);
    let text = |text: &str| {
        for (at, _) in text.match_indices('&') {
            let known = ["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|entity| text[at..].starts_with(entity));
            assert!(known, "{text}");
        }
        assert!(!text.chars().any(|c| c == '<' || c.is_control() && c != '\n'), "{text}");
    };
    rest = rest.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("the declaration");
    while let Some((before, tag)) = rest.split_once('<') {
        text(before);
        assert!(!open.is_empty() || before.trim().is_empty());
        let (tag, after) = tag.split_once('>').expect("the end of a tag");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (inside, is_closed) = tag.strip_suffix('/').map_or((tag, false), |inside| (inside, true));
        let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        let mut pieces = attributes.split('"');
        let mut names = Vec::new();
        while let Some(attribute) = pieces.next().filter(|piece| !piece.is_empty()) {
            text(pieces.next().expect("a value"));
            names.push(attribute.trim().strip_suffix('=').expect("a name").to_owned());
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "an attribute stands twice in {tag}");
        found.push(name.to_owned());
        if !is_closed {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    found
}

#[test]
fn annotations_name_files_from_the_repository_on() {
    let mut home = home("annotations");
    let checked = home.run(&["check", "--format", "github"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let lines: Vec<&str> = checked.stdout.lines().collect();
    let often = "::warning file=playbooks/a%2C b/often.yaml,line=4,col=12,title=KW0220::this is due at every minute";
    assert!(lines[0].starts_with(often), "{lines:?}");
    let wrong = "::error file=playbooks/wrong.yaml,line=5,col=15,title=KW0207::`account.tier` can be missing%0Ahelp: ";
    assert!(lines[1].starts_with(wrong), "{lines:?}");
    assert_eq!(lines[3], "2 playbooks, 2 errors, 1 warning");
    // From a folder within, with a path that leads out of it.
    std::fs::create_dir_all(home.path.join("ci")).unwrap();
    home.path.push("ci");
    let within = home.run(&["--playbooks", "../playbooks", "--scripts", "../scripts", "check", "--format", "github"]);
    home.path.pop();
    assert_eq!(within.stdout, checked.stdout);
}

/// What the standard requires of a log, and code scanning of a result.
fn assert_sarif(log: &Json) {
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().ends_with("sarif-2.1.0.json"));
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!(driver["name"], "Keepwell");
    let rules = driver["rules"].as_array().unwrap();
    let mut ids: Vec<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    for rule in rules {
        assert!(!rule["shortDescription"]["text"].as_str().unwrap().is_empty());
        assert!(rule["help"]["text"].as_str().unwrap().contains("Right"));
    }
    let results = runs[0]["results"].as_array().unwrap();
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(result["ruleId"], ids[index]);
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        for location in result["locations"].as_array().unwrap() {
            let physical = &location["physicalLocation"];
            let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
            assert!(physical["region"]["startLine"].as_u64().unwrap() >= 1);
            assert!(physical["region"]["startColumn"].as_u64().unwrap() >= 1);
        }
        for suppression in result["suppressions"].as_array().into_iter().flatten() {
            assert_eq!(suppression["kind"], "inSource");
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "a rule stands twice");
}

#[test]
fn a_sarif_log_has_what_the_standard_requires() {
    let home = home("sarif");
    home.write(
        "playbooks/allowed.yaml",
        &OFTEN.replace("often", "allowed").replace("mon\"", "mon\" # keepwell: allow KW0220 because so"),
    );
    let checked = home.run(&["check", "--format", "sarif"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let log = checked.json();
    assert_sarif(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let uri = |result: &Json| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
    assert_eq!(results.len(), 4);
    assert_eq!(uri(&results[0]), "playbooks/a%2C%20b/often.yaml");
    assert_eq!((&results[1]["ruleId"], &results[1]["level"]), (&Json::from("KW0207"), &Json::from("error")));
    assert_eq!(results[3]["suppressions"][0]["justification"], "so");
    assert!(results[..3].iter().all(|result| result["suppressions"].is_null()));
}

#[test]
fn junit_is_well_formed_and_counts_failures() {
    let home = home("junit");
    home.write(
        "playbooks/fine.yaml",
        &WRONG
            .replace("wrong", "fine")
            .replace("account.teir == \"100%\"", "account.mrr > 5")
            .replace("account.tier < \"A\"", "account.tier == \"A\""),
    );
    let checked = home.run(&["check", "--format", "junit"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let names = elements(&checked.stdout);
    let count = |names: &[String], wanted: &str| names.iter().filter(|name| *name == wanted).count();
    assert_eq!((count(&names, "testsuite"), count(&names, "testcase"), count(&names, "failure")), (3, 4, 2));
    assert_eq!(count(&names, "system-out"), 1);
    assert!(checked.stdout.contains("<testsuites name=\"keepwell check\" tests=\"4\" failures=\"2\">"), "{checked:?}");
    let strict = home.run(&["check", "--strict", "--format", "junit"]);
    assert_eq!(count(&elements(&strict.stdout), "failure"), 3);

    home.remove("playbooks/wrong.yaml");
    home.write(
        "playbooks/fine.yaml",
        "playbook: fine\nabout: A.\nalerts_to: ops@example.com\nschedule: \"0 9 * * mon\"\nwhen: account.mrr > 5\n\
         steps:\n  - task: { title: \"<Look> & {{ account.name }}\", to: csm }\ntests:\n  \
         - { name: \"a \\\"b\\\" <c>\", at: 2026-03-02T09:00:00Z, account: { mrr: 9 }, expect: [] }\n  \
         - { name: small, at: 2026-03-02T09:00:00Z, account: { mrr: 1 }, expect: [] }\n",
    );
    let tested = home.run(&["test", "--format", "junit"]);
    assert_eq!(tested.code, 1, "{tested:?}");
    let names = elements(&tested.stdout);
    assert_eq!((count(&names, "testcase"), count(&names, "failure")), (2, 1));
    assert!(tested.stdout.contains("classname=\"fine\" file=\"playbooks/fine.yaml\" line=\"9\""), "{tested:?}");
    assert!(tested.stdout.contains("what happened:\n"), "{tested:?}");
    let lines = home.run(&["test", "--format", "line"]).stdout;
    assert!(lines.starts_with("playbooks/fine.yaml:9:") && lines.contains(": error[KW0503]: a \"b\" <c>: "), "{lines}");
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[test]
fn a_warning_is_allowed_with_a_reason_and_counted() {
    let home = Home::new("allowed");
    let commented =
        |comment: &str| home.write("playbooks/often.yaml", &OFTEN.replace("mon\"", &format!("mon\"{comment}")));
    commented(" # keepwell: allow KW0220 because a minute matters here");
    home.write("scripts/2nd.rhai", "// keepwell: allow KW0402 because it is kept for later\nfn f(n) { n }\n");
    let checked = home.done(&["check", "--strict"]);
    assert_eq!(checked.stdout, "1 playbook, 0 errors, 0 warnings, 2 allowed\n");
    let json = home.done(&["check", "--format", "json"]).json();
    assert_eq!(json["diagnostics"], Json::Array(Vec::new()));
    assert_eq!(json["allowed"][0]["because"], "a minute matters here");
    // Without a reason it allows nothing.
    commented(" # keepwell: allow KW0220");
    let refused = home.run(&["check", "--strict", "--format", "line"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stdout.contains("4:25: warning[KW0012]: this comment gives no reason")
            && refused.stdout.contains("KW0220"),
        "{refused:?}"
    );
    // Nor an error, nor what is not there.
    commented(" # keepwell: allow KW0210 because x");
    assert!(home.run(&["check", "--format", "line"]).stdout.contains("there is no KW0210 here to allow"));
    home.write("playbooks/often.yaml", &WRONG.replace("when:", "# keepwell: allow KW0202 because x\nwhen:"));
    let wrong = home.run(&["check", "--format", "line"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.stdout.contains("KW0202 is an error here, and an error cannot be allowed"), "{wrong:?}");
    // The configuration has comments, too.
    home.write("keepwell.yaml", "web: off\ntimezone: EST # keepwell: allow KW0112 because our calendar is that\n");
    commented(" # keepwell: allow KW0220 because x");
    assert_eq!(home.done(&["check"]).stdout, "1 playbook, 0 errors, 0 warnings, 3 allowed\n");
}

#[test]
fn a_mistake_of_the_configuration_is_shown_once_and_in_its_place() {
    let mut home = Home::new("check-configuration");
    home.write("keepwell.yaml", "web: off\nwebhooks: { allow: [127.0.0.1] }\n");
    // Nobody listens there.
    home.set("DATABASE_URL", "postgres://127.0.0.1:1/none");
    let answer = home.run(&["check", "--allow-empty"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (1, ""), "{answer:?}");
    assert!(answer.stdout.contains("2 | webhooks: { allow: [127.0.0.1] }\n"), "{answer:?}");
}
