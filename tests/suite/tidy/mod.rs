//! The rules of the house, checked on the repository's own sources: what may
//! import what, where the clock, chance, the environment and SQL may be, and
//! that no file outgrows a reader and no files use each other in a circle. A rule is a function from one source to its
//! findings; each has a test that shows it can fail.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use keepwell::action::KINDS;
use keepwell::message::channel::Channel;
use keepwell::message::state::State;

mod circles;
mod imports;
mod places;
mod source;
mod words;

use source::Source;

/// One broken rule.
#[derive(Debug, PartialEq)]
struct Finding {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder with one of these endings, by path.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| endings.iter().any(|ending| found == *ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> (String, String) {
    let name = path.strip_prefix(root()).expect("a file of the repository").to_string_lossy().into_owned();
    let bytes = fs::read(path).expect("a readable file");
    (name, String::from_utf8_lossy(&bytes).into_owned())
}

fn sources_in(folder: &str) -> Vec<Source> {
    files(folder, &["rs"])
        .iter()
        .map(|path| {
            let (name, text) = text(path);
            Source::read(&name, &text)
        })
        .collect()
}

/// The name of the module that a file holds.
fn module_name(path: &Path) -> String {
    let folder = || path.parent().and_then(Path::file_name);
    let name = if path.ends_with("mod.rs") { folder() } else { path.file_stem() };
    name.expect("a name").to_string_lossy().into_owned()
}

/// Where a file of the program stands among its modules.
fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// The sources of the program.
fn sources() -> Vec<Source> {
    let sources = sources_in("src");
    assert!(sources.len() > 50, "the sources were found");
    sources
}

fn fail_on(findings: Vec<Finding>) {
    let told: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}

#[test]
fn imports_follow_the_order_of_the_folders() {
    fail_on(sources().iter().flat_map(imports::check).collect());
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    fail_on(circles::Graph::read(&sources()).circles());
}

#[test]
fn no_type_name_stands_twice_in_a_folder() {
    fail_on(circles::twins(&sources()));
}

#[test]
fn every_call_has_its_place() {
    fail_on(sources().iter().flat_map(places::check).collect());
}

#[test]
fn sql_stays_in_the_store() {
    fail_on(sources().iter().flat_map(places::sql).collect());
}

#[test]
fn words_of_messages_stay_in_their_home() {
    // What runs, enrollments, tasks and columns are called by, too.
    let shared = ["unknown", "failed", "skipped", "cancelled", "shadow", "email", "none"];
    let states = State::NAMES.into_iter().chain(Channel::ALL.into_iter().map(Channel::name));
    let words: Vec<&str> = states.filter(|word| !shared.contains(word)).collect();
    assert!(words.len() > 10, "{words:?}");
    fail_on(sources().iter().flat_map(|source| places::message_words(source, &words)).collect());
}

#[test]
fn a_step_kind_is_named_in_few_files() {
    // A column of contacts and a channel are called `email` too, and kinds of documents `plan` and `report`.
    let names = KINDS.iter().map(|kind| kind.name());
    let kinds: Vec<&str> = names.filter(|name| !["email", "plan", "report"].contains(name)).collect();
    fail_on(places::kind_names(&sources(), &kinds, 6));
}

#[test]
fn files_stay_short() {
    let others = ["tests", "benches"].into_iter().flat_map(sources_in);
    fail_on(sources().into_iter().chain(others).filter_map(|source| words::length(&source)).collect());
}

#[test]
fn nothing_is_left_unfinished() {
    fail_on(sources().iter().flat_map(words::unfinished).collect());
}

#[test]
fn errors_are_described_in_one_place() {
    fail_on(sources().iter().flat_map(words::bare_errors).collect());
}

#[test]
fn every_file_is_in_its_list() {
    for (folder, list) in [("src/rule/functions", "functions! {"), ("src/action", "KINDS: &[&dyn StepKind] =")] {
        let (name, text) = text(&root().join(folder).join("mod.rs"));
        let start = text.find(list).map(|at| at + list.len()).expect("the list");
        let end = start + text[start..].find(['}', ';']).expect("its end");
        let kinds = files(folder, &["rs"]).into_iter().filter(|path| {
            let text = fs::read_to_string(path).expect("a text file");
            text.contains("impl Function for ") || text.contains("impl StepKind for ")
        });
        let stems: Vec<String> = kinds.map(|path| module_name(&path)).collect();
        assert!(stems.len() > 3, "the files were found");
        fail_on(words::unlisted(&name, &text[start..end], &stems));
    }
}

#[test]
fn the_repository_speaks_of_the_project_alone() {
    let mut findings = Vec::new();
    for folder in ["src", "tests", "docs", "playbooks", "scripts", "benches"] {
        for path in files(folder, &["rs", "md", "yaml", "rhai", "sql", "html", "css", "sh"]) {
            // Where these very words are listed.
            if !path.ends_with("tidy/words.rs") {
                let (name, text) = text(&path);
                findings.extend(words::foreign(&name, &text));
            }
        }
    }
    let beside = fs::read_dir(root()).expect("the repository").map(|entry| entry.expect("an entry").path());
    let beside: Vec<PathBuf> = beside.filter(|path| path.is_file() && is_page_or_manifest(path)).collect();
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "Cargo.toml"] {
        assert!(beside.contains(&root().join(name)), "{name} was not read");
    }
    for path in beside {
        let (name, text) = text(&path);
        findings.extend(words::foreign(&name, &text));
    }
    fail_on(findings);
}

/// What stands at the top of the repository and is written by hand.
fn is_page_or_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "md") || path.ends_with("Cargo.toml")
}
