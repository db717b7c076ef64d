//! The tutorial works as it stands: its edits are made, its files written and
//! its commands run, one after the other, and they print what it shows.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::read;
use crate::support::program::{Home, shipped_files};

/// What the reader does next.
#[derive(Debug, PartialEq)]
enum Step {
    /// A command, and the lines that it prints.
    Command { line: String, prints: Option<String> },
    /// A change of the file that was named last, as a difference.
    Edit { file: String, change: String },
    /// A new file, which was named last.
    File { file: String, text: String },
}

/// The steps of a page, in order.
fn steps(page: &str) -> Vec<Step> {
    let mut found: Vec<Step> = Vec::new();
    let (mut playbook, mut table) = (String::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        for named in line.split('`').skip(1).step_by(2) {
            match Path::new(named).extension().and_then(OsStr::to_str) {
                Some("yaml") => playbook = named.to_owned(),
                Some("csv") => table = named.to_owned(),
                _ => {}
            }
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let text: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        match language {
            "sh" => {
                found.extend(text.lines().map(|line| Step::Command { line: line.to_owned(), prints: None }));
            }
            "text" => match found.last_mut() {
                Some(Step::Command { prints, .. }) if prints.is_none() => *prints = Some(text),
                _ => panic!("an output without its command: {text}"),
            },
            "diff" => found.push(Step::Edit { file: playbook.clone(), change: text }),
            "csv" => found.push(Step::File { file: table.clone(), text }),
            _ => panic!("a block of another kind: {language}"),
        }
    }
    found
}

/// The arguments of a command line; quotes hold words together.
fn arguments(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut is_quoted = false;
    for character in line.split('#').next().unwrap_or_default().trim().chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => found.push(String::new()),
            _ => found.last_mut().expect("an argument").push(character),
        }
    }
    assert!(!is_quoted, "{line}");
    found
}

/// A text with a difference made at the one place where it fits.
fn edited(text: &str, change: &str) -> String {
    let side = |other: char| -> String {
        let kept = change.lines().filter(|line| !line.starts_with(other));
        kept.map(|line| format!("\n{}", line.get(1..).unwrap_or_default())).collect()
    };
    let (before, after) = (side('+') + "\n", side('-') + "\n");
    let whole = format!("\n{text}");
    assert_eq!(whole.matches(&before).count(), 1, "no one place for the change\n{change}");
    whole.replacen(&before, &after, 1)[1..].to_owned()
}

/// Figures that depend on the day of the week.
const ROUGH: [&str; 2] = ["lead time", "lift"];

/// A line without what differs from day to day: dates, ids and rough figures.
fn normalized(line: &str) -> String {
    let is_rough = ROUGH.iter().any(|begin| line.trim_start().starts_with(begin));
    let mut found = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (length, stands_for) = match () {
            _ if date(rest) > 0 => (date(rest), "DATE"),
            _ if shaped(rest, ID) => (ID.len(), "ID"),
            _ if is_rough && first.is_ascii_digit() => {
                (rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').count(), "N")
            }
            _ => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        found.push_str(stands_for);
        rest = &rest[length..];
    }
    found
}

const ID: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

/// Whether a text begins like this: `9` is a digit, `x` a hexadecimal one.
fn shaped(text: &str, shape: &str) -> bool {
    let mut characters = text.chars();
    shape.chars().all(|wanted| {
        characters.next().is_some_and(|found| match wanted {
            '9' => found.is_ascii_digit(),
            'x' => found.is_ascii_hexdigit(),
            other => found == other,
        })
    })
}

/// The length of the date with which a text begins, with its time of day; 0 if
/// there is none.
fn date(text: &str) -> usize {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let named = MONTHS.iter().find_map(|month| {
        let rest = text[digits..].strip_prefix(&format!(" {month} "))?;
        ((1..=2).contains(&digits) && shaped(rest, "9999")).then(|| text.len() - rest.len() + 4)
    });
    let mut length = match named {
        Some(length) => length,
        None if shaped(text, "9999-99-99") => 10,
        None => return 0,
    };
    for shape in [", 99:99", " 99:99", "T99:99", ":99"] {
        length += if shaped(&text[length..], shape) { shape.len() } else { 0 };
    }
    if text[length..].starts_with('.') {
        length += 1 + text[length + 1..].chars().take_while(char::is_ascii_digit).count();
    }
    length + usize::from(text[length..].starts_with('Z'))
}

/// Whether a line is what the page shows; there `…` stands for anything.
fn is_line(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (normalized(shown), normalized(printed));
    let Some((begin, rest)) = shown.split_once('…') else { return shown == printed };
    let Some(mut printed) = printed.strip_prefix(begin) else { return false };
    let mut parts: Vec<&str> = rest.split('…').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = printed.find(part) else { return false };
        printed = &printed[at + part.len()..];
    }
    printed.ends_with(end)
}

/// How many of the shown lines can be found in what was printed, at most. A
/// line `…` stands for any number of lines; all are there only if nothing else
/// was printed.
fn count_found(shown: &[&str], printed: &[&str]) -> usize {
    match (shown, printed) {
        ([], []) => 0,
        (["…", rest @ ..], _) => {
            let longest = (0..=printed.len()).map(|skipped| count_found(rest, &printed[skipped..])).max();
            1 + longest.unwrap_or_default()
        }
        ([line, rest @ ..], [first, others @ ..]) if is_line(line, first) => {
            let below = count_found(rest, others);
            // Something was printed that the page does not show.
            if rest.is_empty() && !others.is_empty() { 0 } else { 1 + below }
        }
        _ => 0,
    }
}

/// The page against what a command printed: nothing, or where they part.
fn difference(shown: &str, printed: &str) -> Option<String> {
    let (shown, printed): (Vec<&str>, Vec<&str>) = (shown.lines().collect(), printed.lines().collect());
    let agreed = count_found(&shown, &printed);
    (agreed < shown.len()).then(|| format!("not so from `{}` on:\n{}", shown[agreed], printed.join("\n")))
}

#[test]
fn every_command_of_the_tutorial_prints_what_it_shows() {
    let home = Home::new("tutorial");
    home.remove("keepwell.yaml");
    shipped_files().iter().for_each(|(file, text)| home.write(file, text));
    let (mut commands, mut edits) = (Vec::new(), 0);
    for step in steps(&read("docs/tutorial.md")) {
        match step {
            Step::File { file, text } => home.write(&file, &text),
            Step::Edit { file, change } => {
                let text = fs::read_to_string(home.path.join(&file)).unwrap();
                home.write(&file, &edited(&text, &change));
                edits += 1;
            }
            Step::Command { line, prints } => {
                let words = arguments(&line);
                assert_eq!(words[0], "keepwell", "{line}");
                let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
                let answer = home.run(&words);
                let output = format!("{}{}", answer.stderr, answer.stdout);
                // 2: somebody would enter; 1: what is wrong is shown.
                let is_usual = [0, 2].contains(&answer.code) || (answer.code == 1 && prints.is_some());
                assert!(is_usual, "{line}: {answer:?}");
                if let Some(difference) = prints.and_then(|shown| difference(&shown, &output)) {
                    panic!("{line}: {difference}");
                }
                commands.push(words[0].to_owned());
            }
        }
    }
    for command in ["demo", "new", "check", "test", "plan", "backtest", "apply", "tasks", "explain", "import"] {
        assert!(commands.iter().any(|run| run == command), "{command} was not run");
    }
    assert!(edits >= 4, "only {edits} edits");
}

#[test]
fn a_page_is_read_and_its_edits_are_made() {
    let page = "Open `playbooks/a.yaml`.\n\n```diff\n a\n-b\n+c\n```\n\n```sh\nkeepwell check\n```\n\n```text\nfine\n```\n\n\
                In `x.csv`:\n\n```csv\nid\n```\n";
    assert_eq!(
        steps(page),
        [
            Step::Edit { file: "playbooks/a.yaml".into(), change: " a\n-b\n+c\n".into() },
            Step::Command { line: "keepwell check".into(), prints: Some("fine\n".into()) },
            Step::File { file: "x.csv".into(), text: "id\n".into() },
        ]
    );
    assert_eq!(
        arguments("keepwell new \"two words\" --map a=\"b c\"  # x").join("|"),
        "keepwell|new|two words|--map|a=b c"
    );
    assert_eq!(edited("b\na\nb\nd\n", " a\n-b\n+c\n"), "b\na\nc\nd\n");
    assert_eq!(edited("a\nb\n", "-a\n"), "b\n");
}

#[test]
#[should_panic(expected = "no one place for the change")]
fn an_edit_that_fits_nowhere_is_found() {
    edited("a\nb\n", " a\n-c\n");
}

#[test]
fn what_the_page_shows_is_compared_line_by_line() {
    let same = |shown: &str, printed: &str| difference(shown, printed).is_none();
    assert!(same("a\n…\nb 1, … end\n", "a\nx\nb 1, and so to the end\n"));
    assert!(same("…\nb\n…\n", "b\n") && same("a\n…\n", "a\nb\nc\n") && same("a\n…\nb\n", "a\nb\nc\nb\n"));
    for (shown, printed) in [
        ("a\n", "a\nb\n"),
        ("b\n", "a\nb\n"),
        ("a\nb\n", "a\n"),
        ("a\n…\nb\n", "a\nb\nc\n"),
        ("a … c\n", "a b d\n"),
        ("entered 4\n", "entered 5\n"),
    ] {
        assert!(!same(shown, printed), "{shown} {printed}");
    }
    for (one, other) in [
        ("at 2026-11-30 00:00 UTC:", "at 2027-01-02 13:05 UTC:"),
        ("x@2026-11-30T00:45:34.339219Z: 4", "x@2027-12-01T10:05:00Z: 4"),
        ("from 2025-11-30 to 2026-11-30", "from 2026-01-01 to 2027-01-01"),
        ("on 30 November 2026, 01:46 (Europe)", "on 1 May 2027, 13:46:07 (Europe)"),
        ("feedf47e-0713-56cc-b77f-5b7eeb4ee0c0  a", "32a49099-be1f-5e7c-9ab5-ab5949616cf6  a"),
        ("  lift 15.9 (between 5.3 and 28.6)", "  lift 7 (between 1.25 and 130.0)"),
    ] {
        assert!(is_line(one, other), "{one} {other}");
    }
    assert!(!is_line("hits 5 on 30 November 2026", "hits 6 on 30 November 2026"));
}
