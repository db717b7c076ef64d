//! The page of each code: `check` says of its wrong example exactly that code,
//! and nothing of its right one.

use std::process::Command;

use keepwell::diagnostic::{CODES, Page, page, pages};
use sqlx::AssertSqlSafe;

use super::{blocks, read};
use crate::support::database;
use crate::support::program::Home;

/// Where an example stands that names no file.
const PLAYBOOK: &str = "playbooks/example.yaml";

/// One fenced block of a page.
#[derive(Debug, PartialEq)]
struct Block {
    /// Whether it belongs to what is wrong.
    is_wrong: bool,
    /// `yaml`, `rhai`; `sh` runs in the folder, `sql` in a database.
    language: String,
    file: String,
    text: String,
}

/// The blocks of a page. Those below a paragraph that begins with `Wrong` or
/// `Right` belong to it; `in` with a name in backticks says which file it is.
fn examples(text: &str) -> Vec<Block> {
    let (mut found, mut label) = (Vec::new(), None);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("Wrong") || line.starts_with("Right") {
            let named = line.split_once("in `").and_then(|(_, rest)| rest.split_once('`'));
            label = Some((line.starts_with("Wrong"), named.map_or(PLAYBOOK, |(file, _)| file).to_owned()));
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let (is_wrong, file) = label.clone().expect("an example stands below `Wrong` or `Right`");
        let text: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        found.push(Block { is_wrong, language: language.to_owned(), file, text });
    }
    found
}

/// The key that begins at a line of the top level.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(':')?;
    (!key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')).then_some(key)
}

/// A whole playbook: an example with those keys of `usual` that it does not have.
fn whole(example: &str, usual: &str) -> String {
    let own: Vec<&str> = example.lines().filter_map(key).collect();
    if keepwell::playbook::document::first_keys().any(|first| own.contains(&first)) || own.contains(&"scroe") {
        return example.to_owned();
    }
    let mut is_kept = false;
    let kept = usual.lines().filter(|line| {
        is_kept = key(line).map_or(is_kept, |key| !own.contains(&key));
        is_kept
    });
    kept.map(|line| format!("{line}\n")).chain([example.to_owned()]).collect()
}

/// The codes that `check` finds in an example.
async fn codes(name: &str, blocks: &[&Block], usual: &str) -> Vec<String> {
    let mut home = Home::new(name);
    home.remove("keepwell.yaml");
    home.write(PLAYBOOK, usual);
    let mut arguments = vec!["check", "--format", "json"];
    for Block { language, file, text, .. } in blocks {
        match language.as_str() {
            "sh" => {
                let done = Command::new("sh").args(["-ec", text]).current_dir(&home.path).status();
                assert!(done.expect("a shell").success(), "{text}");
            }
            "sql" => {
                let database = database::fresh().await;
                let pool = database.pool().await;
                sqlx::raw_sql(AssertSqlSafe(text.clone())).execute(&pool).await.expect("the statements of the page");
                home.set("DATABASE_URL", &database.url);
            }
            _ if file.starts_with("playbooks/") => home.write(file, &whole(text, usual)),
            _ => home.write(file, text),
        }
        if file.starts_with("facts.") {
            arguments.extend(["--facts", file]);
        }
    }
    if blocks.iter().any(|block| block.language == "sql") {
        home.done(&["migrate"]);
    }
    let answer = home.run(&arguments);
    let found = answer.json()["diagnostics"].as_array().unwrap().clone();
    let mut found: Vec<String> = found.iter().map(|row| row["code"].as_str().unwrap().to_owned()).collect();
    found.sort();
    found.dedup();
    found
}

#[tokio::test]
async fn check_says_of_each_example_what_its_page_says() {
    let usual = blocks(&read("docs/diagnostics.md"), "text").remove(0);
    let mut wrong = Vec::new();
    for Page { code, text, .. } in pages() {
        let examples = examples(text);
        for (is_wrong, expected) in [(true, vec![code.to_owned()]), (false, Vec::new())] {
            let blocks: Vec<&Block> = examples.iter().filter(|block| block.is_wrong == is_wrong).collect();
            assert!(!blocks.is_empty(), "{code} has too few examples");
            let found = codes(&format!("page-{code}-{is_wrong}"), &blocks, &usual).await;
            if found != expected {
                wrong.push(format!("{code}: {found:?} instead of {expected:?} in {blocks:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(CODES.len() > 60 && CODES.iter().all(|(code, _)| page(code).is_some()));
}

#[test]
fn examples_are_read_with_their_files() {
    let text =
        "Why.\n\nWrong: so.\n\n```yaml\nwhen: a\n```\n\nRight, in `scripts/x.rhai`:\n\n```rhai\nfn f() { 1 }\n```\n";
    let block = |is_wrong, language: &str, file: &str, text: &str| Block {
        is_wrong,
        language: language.to_owned(),
        file: file.to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(
        examples(text),
        [block(true, "yaml", PLAYBOOK, "when: a\n"), block(false, "rhai", "scripts/x.rhai", "fn f() { 1 }\n")]
    );
    let usual = "playbook: p\nwhen: b\nsteps:\n  - end: x\n";
    assert_eq!(whole("when: a\n", usual), "playbook: p\nsteps:\n  - end: x\nwhen: a\n");
    assert_eq!(whole("steps:\n  - wait: 1d\n", usual), "playbook: p\nwhen: b\nsteps:\n  - wait: 1d\n");
    assert_eq!(whole("about: a\nplaybook: q\n", usual), "about: a\nplaybook: q\n");
}

#[test]
fn check_explains_a_code_and_names_the_nearest() {
    let home = Home::new("explain-code");
    let told = home.done(&["check", "--explain", "kw207"]).stdout;
    assert_eq!(told, page("KW0207").unwrap().render());
    let refused = home.run(&["check", "--explain", "KW0270"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("there is no code `KW0270`; did you mean `KW0207`?"), "{refused:?}");
    // `check` itself says once how to see more.
    home.write(
        "playbooks/two.yaml",
        "playbook: two\nabout: A.\nalerts_to: a@b.example\nschedule: \"0 9 * * *\"\nwhen: account.teir == \"A\" || mrr > 5\n\
         steps:\n  - end: x\n",
    );
    let checked = home.run(&["check"]).stdout;
    assert!(
        checked.ends_with("1 playbook, 2 errors, 0 warnings\n`keepwell check --explain KW0202` says more of a code\n"),
        "{checked}"
    );
}
