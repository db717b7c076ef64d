//! What the pages promise is true: examples check and pass, commands parse,
//! every function is in the reference, links lead somewhere.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::facts::Schema;
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::rehearsal::{check_cases, play_all};
use keepwell::rule::functions::FUNCTIONS;
use keepwell::rule::functions::global;

mod benches;
mod diagnostics;
mod library;
mod links;
mod templates;
mod tutorial;

use links::Place;

/// The most lines that the first page may have.
const README_LINES: usize = 130;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every page, by its path: those beside the README and those in `docs`.
fn pages() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["", "docs/"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                found.push(format!("{folder}{name}"));
            }
        }
    }
    found.sort();
    for page in ["README.md", "CONTRIBUTING.md", "docs/playbooks.md", "docs/operations.md", "docs/measurements.md"] {
        assert!(found.iter().any(|known| known == page), "{page} is missing");
    }
    found
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(&fence) {
        let after = &rest[start + fence.len()..];
        let end = after.find("```").unwrap();
        found.push(after[..end].to_owned());
        rest = &after[end..];
    }
    found
}

fn assert_sound(sources: &SourceSet) {
    let schema = Schema::default_store();
    let config = Config::default();
    let (ready, problems) = catalog::load(sources, &[], &config, &schema);
    assert!(problems.is_empty(), "{problems:#?}");
    let known = catalog::claimed_ids(sources);
    for playbook in &ready {
        assert_eq!(check_cases(playbook, &schema, &known), Vec::new());
        assert!(playbook.playbook.tests.len() >= 2, "{} has too few cases", playbook.playbook.id);
    }
    for report in play_all(&ready, &config, &schema) {
        for case in &report.cases {
            assert!(case.passed, "{} / {}: {:#?}", report.playbook, case.name, case.failures);
        }
    }
}

#[test]
fn the_shipped_playbooks_check_clean_and_pass_their_own_cases() {
    let sources = SourceSet::read(&[root().join("playbooks")], &root().join("scripts"));
    assert!(sources.playbooks.len() >= 6);
    assert_sound(&sources);
}

#[test]
fn every_whole_playbook_in_the_prose_checks_clean_and_passes_its_cases() {
    let mut whole = 0;
    // Whether what is wrong on purpose is found, `diagnostics` looks at.
    for page in pages().into_iter().filter(|page| page != "docs/diagnostics.md") {
        for (at, block) in blocks(&read(&page), "yaml").into_iter().enumerate() {
            if !keepwell::playbook::document::first_keys().any(|key| block.starts_with(&format!("{key}:"))) {
                continue;
            }
            whole += 1;
            let path: Arc<str> = format!("{page}#{at}").into();
            let sources =
                SourceSet { playbooks: vec![SourceFile { path, text: block.into() }], ..SourceSet::default() };
            assert_sound(&sources);
        }
    }
    assert!(whole >= 2, "only {whole} examples were found");
}

#[test]
fn the_configuration_in_the_prose_is_read_without_a_word() {
    let block = blocks(&read("docs/operations.md"), "yaml").remove(0);
    let (_, problems) = Config::parse(&SourceFile { path: "keepwell.yaml".into(), text: block.into() });
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_function_is_in_the_reference() {
    let reference = read("docs/playbooks.md");
    let names = FUNCTIONS.iter().map(|function| function.name()).chain(global::names());
    for name in names {
        assert!(reference.contains(&format!("`{name}(")), "{name} is missing");
    }
}

#[test]
fn the_facts_command_lists_everything_that_can_be_asked() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_keepwell")).arg("facts").args(args).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let (told, json) = (run(&[]), run(&["--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let facts = json["facts"].as_array().unwrap();
    let columns = Schema::default_store().account.into_iter().map(|column| format!("account.{}", column.name));
    let methods = FUNCTIONS.iter().map(|function| format!("account.{}", function.name()));
    let ago = ["account.ago".to_owned()];
    for name in columns.chain(methods).chain(ago).chain(global::names().map(str::to_owned)) {
        assert!(told.contains(&name), "{name}");
        let fact = facts.iter().find(|fact| fact["name"] == name.as_str()).unwrap_or_else(|| panic!("{name}"));
        let is_column = fact["kind"] == "column";
        assert_eq!(fact["summary"].as_str().is_none_or(str::is_empty), is_column, "{fact}");
        assert_eq!(fact["examples"].as_array().is_none_or(Vec::is_empty), is_column, "{fact}");
        assert!(fact["type"].is_string() && fact["nullable"].is_boolean(), "{fact}");
    }
}

#[test]
fn every_command_in_the_prose_exists() {
    let mut seen = 0;
    for page in pages() {
        for block in blocks(&read(&page), "sh") {
            for line in block.lines().filter_map(|line| line.strip_prefix("keepwell ")) {
                let usage_of = |command: &str| {
                    let asked = command.split(' ').chain(["--help"]);
                    let help = Command::new(env!("CARGO_BIN_EXE_keepwell")).args(asked).output().unwrap();
                    assert!(help.status.success(), "`keepwell {command}` of {page} does not exist");
                    String::from_utf8(help.stdout).unwrap()
                };
                let mut words = line.split_whitespace();
                let mut word = words.next().unwrap().to_owned();
                let mut usage = usage_of(&word);
                // A command of commands has its options below.
                let is_one = |next: &&str| next.starts_with(|c: char| c.is_ascii_lowercase());
                if let Some(next) = words.next().filter(is_one).filter(|_| usage.contains("\nCommands:")) {
                    word = format!("{word} {next}");
                    usage = usage_of(&word);
                }
                for option in line.split('#').next().unwrap().split_whitespace().filter(|w| w.starts_with("--")) {
                    assert!(usage.contains(option), "`{option}` of `keepwell {word}` in {page} does not exist");
                }
                seen += 1;
            }
        }
    }
    assert!(seen >= 10, "only {seen} commands were found");
}

/// What is wrong with the length of a page.
fn too_long(page: &str, text: &str, most: usize) -> Option<String> {
    let lines = text.lines().count();
    (lines > most).then(|| format!("{page} has {lines} lines, and {most} is the limit: move details into docs/"))
}

#[test]
fn the_readme_can_be_read_in_one_go() {
    assert_eq!(too_long("README.md", &read("README.md"), README_LINES), None);
    assert!(too_long("a page", &"x\n".repeat(131), 130).is_some());
    assert!(too_long("a page", &"x\n".repeat(130), 130).is_none());
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let look = |path: &str| {
        let whole = root().join(path);
        match path.ends_with(".md") && whole.is_file() {
            true => Place::Page(read(path)),
            false if whole.exists() => Place::Other,
            false => Place::Missing,
        }
    };
    let (mut broken, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = read(&page);
        seen += links::relative_links(&text).len();
        broken.extend(links::broken(&page, &text, look));
    }
    for page in ["docs/architecture.md", "CONTRIBUTING.md"] {
        broken.extend(links::missing_sources(page, &read(page), look));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    assert!(seen >= 20, "only {seen} links were found");
}

#[test]
fn the_measurements_name_benches_that_exist_and_all_of_them() {
    let (main, faults) = (read("benches/ratios/main.rs"), read("benches/ratios/faults/mod.rs"));
    let parts: Vec<String> = ["PARTS", "NAMED"].into_iter().flat_map(|list| benches::listed(&main, list)).collect();
    let rows = benches::listed(&faults, "ROWS");
    let names = [parts.clone(), rows.clone()].concat();
    let options = benches::options(&main);
    assert!(parts.len() >= 8 && rows.len() >= 17 && options.len() >= 6, "{names:?} {options:?}");
    let page = read("docs/measurements.md");
    let commands = benches::commands(&page);
    assert!(commands.len() >= 8, "only {} commands were found", commands.len());
    for words in commands {
        assert_eq!(benches::unknown(&words, &names, &options), Vec::<String>::new(), "cargo bench {words:?}");
    }
    for part in parts {
        let is_named = page.contains(&format!("`{part}`")) || page.contains(&format!("cargo bench -- {part}"));
        assert!(is_named, "the part {part} is not on the page");
    }
    for row in rows {
        assert!(page.contains(&format!("\n| {row} ")), "the fault {row} is not in the table");
    }
}
