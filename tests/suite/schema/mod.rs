//! The schemas for editors, judged by a validator for draft-07: they accept
//! what is right, and refuse nothing that `check` does not refuse.

use std::collections::BTreeSet;
use std::path::Path;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use keepwell::catalog::json_schema::{Deployment, of_configuration, of_document, of_file, of_playbook};
use keepwell::config::Config;
use keepwell::facts::Schema;
use keepwell::playbook::document::{SURVEY, first_keys};
use keepwell::playbook::source::{SourceFile, SourceSet};
use serde_json::{Value as Json, json};

mod agreement;
mod command;
mod golden;

const EVERYTHING: &str = include_str!("everything.yaml");
const CONTACTS: &str = include_str!("contacts.yaml");
const PORTFOLIO: &str = include_str!("portfolio.yaml");
const EVENTS: &str = include_str!("events.yaml");
const A_SURVEY: &str = include_str!("survey.yaml");
const PLAN: &str = include_str!("plan.yaml");
const REPORT: &str = include_str!("report.yaml");

/// A schema that was compiled.
struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    /// A schema that is none of draft-07 is refused here.
    fn new(schema: Json) -> Validator {
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V7);
        compiler.add_resource("https://keepwell.example/schema.json", schema).unwrap();
        let index = compiler.compile("https://keepwell.example/schema.json", &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("{error:#}"));
        Validator { schemas, index }
    }

    /// What is wrong with a document.
    fn refuse(&self, document: &Json) -> Option<String> {
        self.schemas.validate(document, self.index).err().map(|error| format!("{error:#}"))
    }

    /// Of the files in the playbooks' folder.
    fn of_files() -> Validator {
        Validator::new(of_file(&nothing_known()))
    }

    fn of_playbooks() -> Validator {
        Validator::new(of_playbook(&nothing_known()))
    }
}

/// A deployment without a playbook, a pool or a database.
fn nothing_known() -> Deployment {
    Deployment::new(&SourceSet::default(), &Config::default(), Schema::default_store())
}

/// A YAML text as an editor reads it; `None` where it is not YAML.
fn yaml_to_json(text: &str) -> Option<Json> {
    let value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    serde_json::to_value(value).ok()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_shipped_file_is_accepted() {
    let validator = Validator::of_files();
    let sources = SourceSet::read(&[root().join("playbooks")], &root().join("scripts"));
    assert!(sources.playbooks.len() >= 7);
    for file in &sources.playbooks {
        let refused = validator.refuse(&yaml_to_json(&file.text).unwrap());
        assert_eq!(refused, None, "{}", file.path);
    }
}

#[test]
fn every_example_of_the_pages_is_accepted() {
    let (playbooks, configurations) = (Validator::of_files(), Validator::new(of_configuration(&nothing_known())));
    let (mut whole, mut parts, mut settings) = (0, 0, 0);
    let small = json!({ "playbook": "p", "schedule": "@daily", "when": true, "steps": [{ "wait": "1d" }] });
    for page in ["README.md", "docs/playbooks.md", "docs/operations.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for block in text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let Some(document) = yaml_to_json(block) else { panic!("{page}: {block}") };
            let is_whole = first_keys().any(|key| block.starts_with(&format!("{key}:")));
            let refused = if is_whole {
                whole += 1;
                playbooks.refuse(&document)
            } else if page == "docs/playbooks.md" {
                parts += 1;
                let mut playbook = small.clone();
                match document {
                    Json::Object(keys) => keys.into_iter().for_each(|(key, value)| playbook[key] = value),
                    steps => playbook["steps"] = steps,
                }
                playbooks.refuse(&playbook)
            } else {
                settings += 1;
                configurations.refuse(&document)
            };
            assert_eq!(refused, None, "{page}:\n{block}");
        }
    }
    assert!(whole >= 2 && parts >= 4 && settings >= 2, "{whole} {parts} {settings}");
}

/// The keys of all mappings that have no others.
fn listed_keys(schema: &Json, found: &mut BTreeSet<String>) {
    if schema["additionalProperties"] == false {
        found.extend(schema["properties"].as_object().unwrap().keys().cloned());
    }
    match schema {
        Json::Object(entries) => entries.values().for_each(|inner| listed_keys(inner, found)),
        Json::Array(items) => items.iter().for_each(|inner| listed_keys(inner, found)),
        _ => {}
    }
}

/// All keys of a document.
fn written_keys(document: &Json, found: &mut BTreeSet<String>) {
    match document {
        Json::Object(entries) => {
            found.extend(entries.keys().cloned());
            entries.values().for_each(|inner| written_keys(inner, found));
        }
        Json::Array(items) => items.iter().for_each(|inner| written_keys(inner, found)),
        _ => {}
    }
}

/// So that what is tried with these files is tried with each key.
#[test]
fn the_files_of_this_test_have_every_key() {
    let (mut listed, mut written) = (BTreeSet::new(), BTreeSet::new());
    listed_keys(&of_playbook(&nothing_known()), &mut listed);
    listed_keys(&of_document(&SURVEY, &nothing_known()), &mut listed);
    for text in [EVERYTHING, CONTACTS, EVENTS, A_SURVEY, PORTFOLIO] {
        written_keys(&yaml_to_json(text).unwrap(), &mut written);
    }
    let missing: Vec<&String> = listed.difference(&written).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(listed.len() > 100, "{}", listed.len());
}

/// Every key is explained where an editor shows it.
#[test]
fn every_key_has_a_description() {
    fn without(schema: &Json, path: &str, found: &mut Vec<String>) {
        if schema["additionalProperties"] == false {
            for (key, inner) in schema["properties"].as_object().unwrap() {
                if inner["description"].as_str().is_none_or(|text| text.len() < 10) {
                    found.push(format!("{path}/{key}"));
                }
            }
        }
        match schema {
            Json::Object(entries) => {
                entries.iter().for_each(|(key, inner)| without(inner, &format!("{path}/{key}"), found))
            }
            Json::Array(items) => items.iter().for_each(|inner| without(inner, path, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    without(&of_file(&nothing_known()), "", &mut found);
    without(&of_configuration(&nothing_known()), "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

/// What to write is said in words, and not as a regular expression.
#[test]
fn every_pattern_has_words() {
    fn without(schema: &Json, seen: &mut usize, found: &mut Vec<String>) {
        match schema {
            Json::Object(entries) => {
                if entries.contains_key("type") && entries.get("pattern").is_some_and(Json::is_string) {
                    *seen += 1;
                    let words = schema["patternErrorMessage"].as_str();
                    if words.is_none_or(|words| !words.starts_with("Write ")) {
                        found.push(schema["pattern"].to_string());
                    }
                }
                entries.values().for_each(|inner| without(inner, seen, found));
            }
            Json::Array(items) => items.iter().for_each(|inner| without(inner, seen, found)),
            _ => {}
        }
    }
    let (mut seen, mut found) = (0, Vec::new());
    without(&of_file(&nothing_known()), &mut seen, &mut found);
    without(&of_configuration(&nothing_known()), &mut seen, &mut found);
    assert!(found.is_empty() && seen > 50, "{seen}: {found:#?}");
}

fn source(text: &str) -> SourceFile {
    SourceFile { path: "p.yaml".into(), text: text.into() }
}
