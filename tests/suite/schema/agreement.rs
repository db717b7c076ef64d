//! A schema refuses nothing that the reader takes, and every mistake of form
//! that the reader finds: each value of a file is replaced by values of other
//! types, each key is removed, and each mapping gets a key that nobody knows.

use keepwell::catalog;
use keepwell::catalog::json_schema::{of_configuration, of_document};
use keepwell::config::Config;
use keepwell::diagnostic::Diagnostic;
use keepwell::facts::Schema;
use keepwell::playbook::document::kind;
use keepwell::playbook::source::SourceSet;
use keepwell::rehearsal::check_cases;
use serde_json::{Value as Json, json};

use super::{
    A_SURVEY, CONTACTS, EVENTS, EVERYTHING, PLAN, PORTFOLIO, REPORT, Validator, nothing_known, root, source,
    yaml_to_json,
};

/// Codes of mistakes in a file's form.
const OF_FORM: [&str; 4] = ["KW0101", "KW0102", "KW0103", "KW0113"];

/// Mistakes of form that a schema does not say, by their words: only in a
/// playbook for contacts may a mail go without `to`, and the schema of a step
/// does not know in what playbook it stands; in one for the portfolio a mail goes to one
/// colleague. A variant may leave out what its
/// step says, and the schema of a variant does not know its step.
const BEYOND_A_SCHEMA: [&str; 6] = [
    "the step `email` needs the key `to`",
    "the step `email` of a playbook for the portfolio needs the key `to`",
    "`to` needs text, not a list",
    "the step `survey` needs the key `to`",
    "the variant `a` needs the key",
    "the variant `b` needs the key",
];

/// The places in a document, outermost first.
fn places(document: &Json, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match document {
        Json::Object(entries) => {
            for (key, inner) in entries {
                places(inner, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Json::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                places(inner, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Values of every type, and some of the same type.
fn others(value: &Json) -> Vec<Json> {
    let mut values = vec![json!(null), json!(true), json!(7), json!("odd words"), json!([]), json!(["odd words"])];
    values.push(json!({ "odd": 1 }));
    match value {
        Json::Number(_) => values.extend([json!(-1), json!(1.5)]),
        Json::String(_) => values.push(json!("")),
        Json::Object(_) => values.push(json!({})),
        _ => {}
    }
    values
}

/// A document with one change, and what was changed.
fn variants(document: &Json) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    let mut found = Vec::new();
    places(document, "", &mut found);
    for place in &found {
        for value in others(document.pointer(place).unwrap()) {
            let mut changed = document.clone();
            *changed.pointer_mut(place).unwrap() = value.clone();
            all.push((format!("{place} = {value}"), changed));
        }
        if let Some((parent, key)) = place.rsplit_once('/') {
            let mut changed = document.clone();
            if let Some(entries) = changed.pointer_mut(parent).unwrap().as_object_mut() {
                entries.remove(&key.replace("~1", "/").replace("~0", "~"));
                all.push((format!("{place} removed"), changed));
            }
        }
        if document.pointer(place).unwrap().is_object() {
            let mut changed = document.clone();
            changed.pointer_mut(place).unwrap()["nobody_knows_it"] = json!("odd words");
            all.push((format!("{place} with another key"), changed));
        }
    }
    all
}

/// The errors that `check` finds in a playbook.
pub fn errors_of_playbook(text: &str) -> Vec<Diagnostic> {
    let sources = SourceSet { playbooks: vec![source(text)], ..SourceSet::default() };
    let schema = Schema::default_store();
    let others = ["other".to_owned()];
    let (ready, mut problems) = catalog::load(&sources, &others, &Config::default(), &schema);
    for playbook in &ready {
        problems.extend(check_cases(playbook, &schema, &others));
    }
    problems.retain(Diagnostic::is_error);
    problems
}

fn errors_of_configuration(text: &str) -> Vec<Diagnostic> {
    let (_, mut problems) = Config::parse(&source(text));
    problems.retain(Diagnostic::is_error);
    problems
}

/// A document with its first key in front: JSON has no order, and the first key says what a file is.
fn beginning_with(word: &str, text: &str) -> String {
    let mut document: Json = serde_json::from_str(text).unwrap();
    let keys = document.as_object_mut();
    match keys.and_then(|keys| Some((keys.remove(word)?, serde_json::to_string(keys).unwrap()))) {
        Some((id, rest)) => format!("{{\"{word}\":{id},{}", &rest[1..]),
        None => text.to_owned(),
    }
}

/// Where the schema and the reader disagree about the variants of a document.
fn disagreements(validator: &Validator, document: &Json, errors: impl Fn(&str) -> Vec<Diagnostic>) -> Vec<String> {
    assert_eq!(validator.refuse(document), None);
    let found = errors(&document.to_string());
    assert!(found.is_empty(), "{found:#?}");
    let mut wrong = Vec::new();
    let variants = variants(document);
    assert!(variants.len() > 250, "{}", variants.len());
    for (what, changed) in variants {
        let (refused, found) = (validator.refuse(&changed), errors(&changed.to_string()));
        match refused {
            Some(why) if found.is_empty() => wrong.push(format!("only the schema refuses {what}: {why}")),
            Some(_) => {}
            None => {
                let of_form = |problem: &&Diagnostic| {
                    OF_FORM.contains(&problem.code)
                        && !BEYOND_A_SCHEMA.iter().any(|words| problem.message.contains(words))
                };
                if let Some(problem) = found.iter().find(of_form) {
                    wrong.push(format!("only the reader refuses {what}: {} {}", problem.code, problem.message));
                }
            }
        }
    }
    wrong
}

#[test]
fn the_schema_of_playbooks_and_their_reader_agree() {
    let validator = Validator::of_playbooks();
    let mut wrong = Vec::new();
    for text in [EVERYTHING, CONTACTS, EVENTS, PORTFOLIO] {
        wrong.extend(disagreements(&validator, &yaml_to_json(text).unwrap(), errors_of_playbook));
    }
    assert!(wrong.is_empty(), "{} disagreements\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_schema_of_surveys_and_their_reader_agree() {
    let errors = |text: &str| errors_of_playbook(&beginning_with("survey", text));
    let wrong = disagreements(&Validator::of_files(), &yaml_to_json(A_SURVEY).unwrap(), errors);
    assert!(wrong.is_empty(), "{} disagreements\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_schema_of_a_success_plan_and_its_reader_agree() {
    let validator = Validator::new(of_document(kind("plan").unwrap().form, &nothing_known()));
    let errors = |text: &str| errors_of_playbook(&beginning_with("plan", text));
    let wrong = disagreements(&validator, &yaml_to_json(PLAN).unwrap(), errors);
    assert!(wrong.is_empty(), "{} disagreements\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_schema_of_a_report_and_its_reader_agree() {
    let validator = Validator::new(of_document(kind("report").unwrap().form, &nothing_known()));
    let errors = |text: &str| errors_of_playbook(&beginning_with("report", text));
    let wrong = disagreements(&validator, &yaml_to_json(REPORT).unwrap(), errors);
    assert!(wrong.is_empty(), "{} disagreements\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_schema_of_the_configuration_and_its_reader_agree() {
    let validator = Validator::new(of_configuration(&nothing_known()));
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let block = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let wrong = disagreements(&validator, &yaml_to_json(block).unwrap(), errors_of_configuration);
    assert!(wrong.is_empty(), "{} disagreements\n{}", wrong.len(), wrong.join("\n"));
}
