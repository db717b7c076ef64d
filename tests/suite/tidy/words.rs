//! Lengths, leftovers, lists and words.

use super::{Finding, Source};

/// The most lines a source file may have.
const LONGEST: usize = 500;

/// A file that outgrew its reader.
pub fn length(source: &Source) -> Option<Finding> {
    let lines = source.lines.len();
    let what = format!("{lines} lines, and {LONGEST} is the limit: it holds more than one thing");
    (lines > LONGEST).then(|| Finding { file: source.file.clone(), line: LONGEST + 1, what })
}

/// What is left over from writing, or would panic on bad input.
pub fn unfinished(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line: usize, what: &str| {
        findings.push(Finding { file: source.file.clone(), line, what: format!("`{what}` is left over") });
    };
    for (line, code) in source.numbered() {
        for word in [".unwrap()", "todo!", "dbg!", "unimplemented!"] {
            if code.contains(word) {
                find(line, word);
            }
        }
    }
    for (at, line) in source.lines.iter().enumerate() {
        for word in ["TODO", "FIXME", "XXX"] {
            let parts = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if parts.into_iter().any(|part| part == word) {
                find(at + 1, word);
            }
        }
    }
    findings
}

/// Errors that are written with all their causes by hand. One of Postgres among
/// them ends in a line of Postgres' own source.
pub fn bare_errors(source: &Source) -> Vec<Finding> {
    let what = "`{error:#}`: write `describe_error` of src/postgres".to_owned();
    let bare = source.texts.iter().filter(|(_, text)| text.contains("{error:#}"));
    bare.map(|(line, _)| Finding { file: source.file.clone(), line: *line, what: what.clone() }).collect()
}

/// Files that hold a function or a kind and are missing from the list of their folder.
pub fn unlisted(file: &str, list: &str, stems: &[String]) -> Vec<Finding> {
    let words: Vec<&str> = list.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let missing = stems.iter().filter(|stem| !words.contains(&stem.as_str()));
    missing
        .map(|stem| Finding { file: file.to_owned(), line: 1, what: format!("`{stem}` is not in the list") })
        .collect()
}

/// Paths of one machine, and words about how a text came to be. The words are
/// whole phrases: a mail session or an agent of a customer is no finding.
pub fn foreign(file: &str, text: &str) -> Vec<Finding> {
    const PATHS: [&str; 5] = ["/work/", "/tmp/wt", "../shared", "/root/", "/home/user"];
    const PHRASES: [&str; 10] = [
        "in this session",
        "previous session",
        "coding session",
        "coding agent",
        "ai agent",
        "subagent",
        "system prompt",
        "the prompt said",
        "as an ai",
        "language model",
    ];
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        let path = PATHS.iter().find(|path| line.contains(*path));
        if let Some(word) = path.or_else(|| PHRASES.iter().find(|phrase| lower.contains(*phrase))) {
            findings.push(Finding {
                file: file.to_owned(),
                line: at + 1,
                what: format!("`{word}` does not belong here"),
            });
        }
    }
    findings
}

#[test]
fn long_and_unfinished_files_are_found() {
    let source = |text: &str| Source::read("src/rule/x.rs", text);
    assert!(length(&source(&"x\n".repeat(501))).is_some());
    assert!(length(&source(&"x\n".repeat(500))).is_none());
    let count = |text: &str| unfinished(&source(text)).len();
    assert_eq!(count("x.unwrap();\n// TODO: later\ntodo!()\ndbg!(x)\n"), 4);
    assert_eq!(
        count("x.unwrap_or(1);\nlet s = \".unwrap()\";\n#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }\n"),
        0
    );
}

#[test]
fn bare_errors_are_found() {
    let count = |text: &str| bare_errors(&Source::read("src/web/x.rs", text)).len();
    assert_eq!(count("tracing::error!(\"failed: {error:#}\"); format!(\"{error:#}\")"), 2);
    assert_eq!(count("tracing::error!(\"failed: {}\", describe_error(&error)); // {error:#}"), 0);
}

#[test]
fn missing_list_entries_are_found() {
    let stems = ["events".to_owned(), "event".to_owned()];
    assert_eq!(unlisted("mod.rs", "events, event_sum,", &stems).len(), 1);
    assert_eq!(unlisted("mod.rs", "&event::Kind, &events::Kind", &stems).len(), 0);
}

#[test]
fn foreign_words_are_found() {
    let count = |text: &str| foreign("README.md", text).len();
    assert_eq!(count("see /work/x\nthe AI agent wrote this\nas done in this session\n"), 3);
    assert_eq!(count("an SMTP session\na prompt answer\nuser agent\nnetwork/worker\n"), 0);
}
