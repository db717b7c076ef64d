//! The malformed files whose words the golden tests pin.

use keepwell::catalog;
use keepwell::diagnostic::Diagnostic;

use super::agreement::errors_of_playbook;
use super::{Validator, root, source, yaml_to_json};

/// Files with errors of form that a schema cannot see, and why.
const BEYOND_A_SCHEMA: [(&str, &str); 3] = [
    ("first-key-later.yaml", "the order of keys is none in JSON"),
    ("anchors.yaml", "anchors and tags are gone when YAML has been read"),
    ("case-order.yaml", "whether one span of time is longer than another is no matter of a single value"),
];

#[test]
fn malformed_files_are_refused_and_others_are_not() {
    let validator = Validator::of_files();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/diagnostics/form")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // What is no text, no editor opens.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let mut problems = Vec::new();
        catalog::parse(&source(&text), &mut problems);
        let is_malformed = problems.iter().any(Diagnostic::is_error);
        let is_beyond = BEYOND_A_SCHEMA.iter().any(|(known, _)| *known == name);
        // What is no YAML, every editor refuses.
        let Some(document) = yaml_to_json(&text) else {
            assert!(is_malformed && !is_beyond, "{name}");
            continue;
        };
        seen += 1;
        match validator.refuse(&document) {
            None if is_malformed != is_beyond => wrong.push(format!("{name} is accepted")),
            Some(_) if is_beyond => wrong.push(format!("{name} is refused, and is in the list of those that are not")),
            Some(why) if !is_malformed && errors_of_playbook(&text).is_empty() => wrong.push(format!("{name}: {why}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen >= 25, "{seen}");
}
