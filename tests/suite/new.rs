//! `keepwell new`, in a folder with nothing of the project in it.

use std::fs;

use serde_json::json;

use crate::support::program::{Home, shipped_files};

/// The ids of the shipped playbooks, each with its area.
fn shipped() -> Vec<(String, String)> {
    let below = |path: &str| Some(path.strip_prefix("playbooks/")?.strip_suffix(".yaml")?.to_owned());
    let of = |(path, _): (String, String)| {
        let name = below(&path)?;
        let (area, rest) = name.split_once('/').unwrap_or_else(|| panic!("{path} is in no area"));
        let id = rest.rsplit('/').next().unwrap();
        Some((id.to_owned(), area.to_owned()))
    };
    let found: Vec<(String, String)> = shipped_files().into_iter().filter_map(of).collect();
    assert!(found.len() >= 7);
    found
}

fn file(home: &Home, path: &str) -> String {
    fs::read_to_string(home.path.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_shipped_playbook_can_be_begun_with() {
    let home = Home::new("new-each");
    let listed = home.done(&["new", "--list"]).stdout;
    assert_eq!(listed.lines().count(), shipped().len(), "{listed}");
    for (id, area) in shipped() {
        let line = listed.lines().find(|line| line.split(' ').next() == Some(&id)).unwrap_or_default();
        assert!(line.len() > id.len() + 30 && line.contains(&format!(" {area} ")), "{id}: {listed}");
        let own = format!("my-{id}");
        let answer = home.done(&["new", &id, "--id", &own]);
        let path = format!("playbooks/{own}.yaml");
        assert!(answer.stdout.starts_with(&format!("Wrote {path}, from the shipped playbook `{id}`:")), "{answer:?}");
        let text = file(&home, &path);
        let is_playbook = ["playbook", "survey"].iter().any(|word| text.contains(&format!("\n{word}: {own}\n")));
        let begins = |word: &str| text.contains(&format!("\n{word}: {own}\n"));
        let kind = ["score", "lifecycle", "tiers", "plan", "kpi", "report"].into_iter().find(|word| begins(word));
        assert!((is_playbook || kind.is_some()) && !text.contains("Keywords"), "{text}");
        for word in ["check", "test"] {
            assert!(answer.stdout.contains(&format!("keepwell {word} {path}")), "{answer:?}");
        }
        let next = match kind {
            None => format!("plan --playbook {own}"),
            Some("lifecycle") => "stages\n".to_owned(),
            Some("tiers") => "tiers\n".to_owned(),
            Some("plan") => format!("goals --plan {own}"),
            Some("kpi") => format!("kpi {own}"),
            Some("report") => format!("report {own} ACCOUNT"),
            Some(_) => format!("scores {own}"),
        };
        assert!(answer.stdout.contains(&format!("keepwell {next}")), "{answer:?}");
    }
    // All of them together, and without a word.
    assert_eq!(home.done(&["check", "--format", "line"]).stdout, "");
    home.done(&["test"]);
    assert!(file(&home, "scripts/health.rhai").contains("fn fell("));
    assert!(file(&home, "playbooks/value-report.yaml").contains("\nreport: value-report\n"), "the review sends it");
    assert!(file(&home, "playbooks/churn-rate.yaml").contains("\nkpi: churn-rate\n"), "the mail of figures reads it");
    assert!(!home.path.join(".keepwell").exists(), "it needs no database");
}

#[test]
fn a_wish_gets_the_nearest_and_is_told_why() {
    let home = Home::new("new-wish");
    let answer = home.done(&["new", "mail champions who have not logged in for 14 days", "--id", "silent-champions"]);
    assert!(answer.stdout.contains("from the shipped playbook `usage-drop`"), "{answer:?}");
    assert!(answer.stdout.contains("chosen for the words `logged`, `champions`"), "{answer:?}");
    home.done(&["check", "playbooks/silent-champions.yaml"]);
    home.done(&["test", "playbooks/silent-champions.yaml"]);

    // What fits nothing, several things, or is misspelt writes nothing.
    for (wish, said) in [
        (
            "bake a birthday cake",
            vec!["no shipped playbook has to do with these words", "\n  usage-drop", "\n  renewal"],
        ),
        ("onboarding", vec!["`onboarding` is an area", "no-activation", "onboarding-tips"]),
        ("usage-dorp", vec!["did you mean `usage-drop`?"]),
    ] {
        let answer = home.run(&["new", wish, "--id", "nothing"]);
        assert!(answer.code == 1 && said.iter().all(|part| answer.stderr.contains(part)), "{wish}: {answer:?}");
    }
    let written = fs::read_dir(home.path.join("playbooks")).unwrap().count();
    assert_eq!(written, 1);
}

#[test]
fn nothing_is_ever_written_over() {
    let home = Home::new("new-over");
    home.write("playbooks/mine.yaml", "# Mine.\n");
    home.write("playbooks/deep/other.yaml", "playbook: taken\n");
    home.write("scripts/health.rhai", "fn fell(change, percent, events, floor) { false }\n");
    for (id, said) in [
        ("mine", "playbooks/mine.yaml is there already"),
        ("taken", "playbooks/deep/other.yaml has the id `taken` already"),
        ("My Drop", "`My Drop` cannot be a playbook's id"),
        ("../out", "`../out` cannot be a playbook's id"),
    ] {
        let answer = home.run(&["new", "usage-drop", "--id", id]);
        assert!(answer.code == 1 && answer.stderr.contains(said), "{id}: {answer:?}");
    }
    assert_eq!(file(&home, "playbooks/mine.yaml"), "# Mine.\n");
    let answer = home.done(&["new", "usage-drop"]);
    assert!(answer.stdout.contains("scripts/health.rhai, which is there and not the shipped one"), "{answer:?}");
    assert!(file(&home, "scripts/health.rhai").ends_with("{ false }\n"));
    // Again under the same name.
    let text = file(&home, "playbooks/usage-drop.yaml");
    let answer = home.run(&["new", "usage-drop"]);
    assert!(answer.code == 1 && answer.stderr.contains("keepwell new usage-drop --id my-usage-drop"), "{answer:?}");
    assert_eq!(file(&home, "playbooks/usage-drop.yaml"), text);
}

#[test]
fn the_address_of_the_configuration_is_kept() {
    let home = Home::new("new-alerts");
    home.write("keepwell.yaml", "web: off\nalerts_to: ops@linden.example\n");
    let answer = home.done(&["new", "renewal", "--playbooks", "here"]);
    assert!(!answer.stdout.contains("cs-ops@example.com"), "{answer:?}");
    assert!(answer.stdout.contains("keepwell check here/renewal.yaml --playbooks here"), "{answer:?}");
    assert!(!file(&home, "here/renewal.yaml").contains("alerts_to"));
    assert_eq!(home.done(&["check", "--playbooks", "here", "--format", "line"]).stdout, "");
    let answer = Home::new("new-none").run(&["new"]);
    assert!(answer.code == 1 && answer.stderr.contains("NAME_OR_WISH"), "{answer:?}");
}

#[test]
fn programs_read_what_is_there_and_what_was_written() {
    let home = Home::new("new-json");
    let listed = home.done(&["new", "--list", "--format", "json"]).rows("shipped");
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let found: Vec<_> = listed.iter().map(|row| (text(row, "playbook"), text(row, "area"))).collect();
    assert_eq!(found, shipped());
    assert!(listed.iter().all(|row| row["about"].as_str().is_some_and(|about| about.len() > 20)), "{listed:?}");

    let wish = "mail champions who have not logged in for 14 days";
    let answer = home.done(&["new", wish, "--id", "silent", "--format", "json"]).json();
    let written = &answer["new"];
    let about = listed.iter().find(|row| row["playbook"] == "usage-drop").map(|row| &row["about"]);
    assert_eq!(Some(&written["about"]), about);
    for (key, value) in [
        ("playbook", json!("silent")),
        ("file", json!("playbooks/silent.yaml")),
        ("from", json!("usage-drop")),
        ("words", json!(["logged", "champions"])),
        ("scripts", json!([{ "file": "scripts/health.rhai", "state": "written" }])),
        ("alerts_to", json!("cs-ops@example.com")),
    ] {
        assert_eq!(written[key], value, "{key}: {answer:#}");
    }
    assert!(file(&home, "playbooks/silent.yaml").contains("\nplaybook: silent\n"));

    // By its name, beside a script that is there, and with an address of the configuration.
    home.write("keepwell.yaml", "web: off\nalerts_to: ops@linden.example\n");
    let again = |id: &str| home.done(&["new", "usage-drop", "--id", id, "--format", "json"]).json()["new"].clone();
    let second = again("second");
    assert_eq!((&second["words"], &second["alerts_to"]), (&json!([]), &json!(null)));
    assert_eq!(second["scripts"][0]["state"], "there");
    home.write("scripts/health.rhai", "fn fell(change, percent, events, floor) { false }\n");
    assert_eq!(again("third")["scripts"][0]["state"], "other");
    // What cannot be done is no document.
    let refused = home.run(&["new", "usage-drop", "--id", "third", "--format", "json"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
}
