//! Comments that allow a warning, each with a reason.
//!
//! ```yaml
//! # keepwell: allow KW0220 because a report of each minute is wanted here
//! schedule: "* 9 * * mon"
//! ```
//!
//! A comment behind a value speaks of its own line, one that stands alone of
//! the next line with something on it; where a text of several lines begins
//! there, of all of it. An error cannot be allowed.

use std::ops::RangeInclusive;

use super::yaml;
use crate::diagnostic::{AllowedWarning, CODES, Diagnostic, Position, Severity, find_code};

/// What an opt-out begins with, behind the sign of a comment.
const MARK: &str = "keepwell: allow";

const HELP: &str = "write `# keepwell: allow KW0220 because …`, on the line or on the line before";

/// How comments are written in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comments {
    /// `# …`: playbooks and the configuration.
    Yaml,
    /// `// …`: scripts.
    Rhai,
}

/// One comment that allows something.
#[derive(Debug)]
struct OptOut {
    place: Position,
    /// What it says behind the mark.
    text: String,
    /// The lines that it speaks of.
    lines: RangeInclusive<u32>,
    /// Whether it is part of a value and so no comment.
    is_value: bool,
}

/// Takes those warnings about a file out of `diagnostics` that a comment in it
/// allows. A comment that allows nothing is a warning, unless `may_be_absent`
/// says of its code that nobody could have found it this time, or the file has
/// an error, behind which warnings are not looked for.
pub fn take_allowed(
    file: &str,
    text: &str,
    comments: Comments,
    may_be_absent: &dyn Fn(&str) -> bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<AllowedWarning> {
    let mut taken = Vec::new();
    // Most files have none.
    if !text.contains("keepwell:") {
        return taken;
    }
    let has_error = diagnostics.iter().any(|problem| problem.file == file && problem.is_error());
    for opt_out in opt_outs(text, comments) {
        let warn = |message: String, help: &str| Diagnostic::warning("KW0012", file, opt_out.place, message).help(help);
        if opt_out.is_value {
            let message = "this is part of a value, not a comment".to_owned();
            diagnostics.push(warn(message, "put it on the line before the key"));
            continue;
        }
        let (codes, reason) = match read(&opt_out.text) {
            Ok(read) => read,
            Err((message, help)) => {
                diagnostics.push(warn(message, &help));
                continue;
            }
        };
        for code in codes {
            let is_meant = |problem: &Diagnostic| {
                problem.file == file && problem.code == code && opt_out.lines.contains(&problem.line)
            };
            let is_error = diagnostics.iter().any(|problem| is_meant(problem) && problem.is_error());
            let found =
                diagnostics.extract_if(.., |problem| problem.severity == Severity::Warning && is_meant(problem));
            let before = taken.len();
            taken.extend(found.map(|warning| AllowedWarning { warning, reason: reason.clone() }));
            if is_error {
                diagnostics.push(warn(format!("{code} is an error here, and an error cannot be allowed"), "mend it"));
            } else if taken.len() == before && !has_error && !may_be_absent(code) {
                diagnostics.push(warn(format!("there is no {code} here to allow"), "remove this comment"));
            }
        }
    }
    taken
}

/// The codes and the reason, or what is wrong and what to write.
fn read(text: &str) -> Result<(Vec<&'static str>, String), (String, String)> {
    let (codes, reason) = text.split_once("because").unwrap_or((text, ""));
    let mut known = Vec::new();
    for word in codes.split([',', ' ']).filter(|word| !word.is_empty()) {
        match CODES.iter().find(|(code, _)| *code == word) {
            Some((code, _)) => known.push(*code),
            None => {
                let near = find_code(word).unwrap_or_else(|near| near);
                return Err((format!("there is no code `{word}`"), format!("did you mean `{near}`?")));
            }
        }
    }
    let reason = reason.trim();
    if known.is_empty() {
        return Err(("this comment names no code".to_owned(), HELP.to_owned()));
    }
    if reason.is_empty() {
        return Err(("this comment gives no reason, and so it allows nothing".to_owned(), HELP.to_owned()));
    }
    Ok((known, reason.to_owned()))
}

fn opt_outs(text: &str, comments: Comments) -> Vec<OptOut> {
    let scalars = match comments {
        Comments::Yaml => yaml::scalars(text),
        Comments::Rhai => Vec::new(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((before, rest)) = comment(line, comments) else { continue };
        let place = Position { line: number(index), column: number(before.chars().count()) };
        let is_alone = before.trim().is_empty();
        let about = match is_alone {
            false => index,
            true => {
                let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with(sign(comments));
                let ahead = lines[index + 1..].iter().position(is_code);
                ahead.map_or(index, |ahead| index + 1 + ahead)
            }
        };
        let about = number(about);
        let until = scalars.iter().filter(|scalar| scalar.header == about).map(|scalar| scalar.end.line);
        let until = until.max().unwrap_or(about).max(about);
        let is_value = scalars.iter().any(|scalar| scalar.holds(place));
        // What is said of a file as a whole stands in its first line.
        let from = about.min(place.line);
        found.push(OptOut { place, text: rest.to_owned(), lines: from..=until, is_value });
    }
    found
}

fn sign(comments: Comments) -> &'static str {
    match comments {
        Comments::Yaml => "#",
        Comments::Rhai => "//",
    }
}

/// What stands before an opt-out in a line, and what it says.
fn comment(line: &str, comments: Comments) -> Option<(&str, &str)> {
    let sign = sign(comments);
    line.match_indices(sign).find_map(|(at, _)| {
        let before = &line[..at];
        let begins = before.is_empty() || before.ends_with([' ', '\t']) || comments == Comments::Rhai;
        let rest = line[at + sign.len()..].trim_start().strip_prefix(MARK)?;
        (begins && (rest.is_empty() || rest.starts_with(' '))).then_some((before, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
playbook: p
# keepwell: allow KW0220 because it is meant
# and more
schedule: x
when: |  # keepwell: allow KW0211, KW0210 because once is enough

  one
  two
about: x # keepwell: allow KW0114 because so
body: |
  # keepwell: allow KW0304 because it is text
  x
";

    fn settle(text: &str, comments: Comments, found: &[(&'static str, u32, Severity)]) -> (Vec<String>, Vec<String>) {
        let at = |line| Position { line, column: 1 };
        let one = |(code, line, severity): &(&'static str, u32, Severity)| Diagnostic {
            severity: *severity,
            ..Diagnostic::warning(code, "f", at(*line), "m")
        };
        let mut diagnostics: Vec<Diagnostic> = found.iter().map(one).collect();
        let taken = take_allowed("f", text, comments, &|code| code == "KW0221", &mut diagnostics);
        let name = |problem: &Diagnostic| format!("{} {} {}", problem.code, problem.line, problem.message);
        let taken =
            taken.iter().map(|allowed| format!("{} {} {}", allowed.warning.code, allowed.warning.line, allowed.reason));
        (taken.collect(), diagnostics.iter().map(name).collect())
    }

    #[test]
    fn a_comment_speaks_of_its_line_the_next_or_a_whole_text() {
        use Severity::Warning;
        let found = [("KW0220", 4, Warning), ("KW0211", 8, Warning), ("KW0210", 7, Warning), ("KW0114", 9, Warning)];
        let (taken, left) = settle(TEXT, Comments::Yaml, &found);
        assert_eq!(
            taken,
            ["KW0220 4 it is meant", "KW0211 8 once is enough", "KW0210 7 once is enough", "KW0114 9 so"]
        );
        assert_eq!(left, ["KW0012 11 this is part of a value, not a comment"]);
        let (taken, left) = settle(
            "// keepwell: allow KW0207 because the caller looks\nfn f(a) { a.b < 7 } // keepwell: allow KW0206 because x\n",
            Comments::Rhai,
            &[("KW0207", 2, Warning), ("KW0206", 2, Warning), ("KW0207", 3, Warning)],
        );
        assert_eq!((taken.len(), left), (2, vec!["KW0207 3 m".to_owned()]));
    }

    #[test]
    fn what_allows_nothing_is_a_warning() {
        let told = |line: &str, found: &[(&'static str, u32, Severity)]| {
            let (taken, left) = settle(&format!("{line}\n"), Comments::Yaml, found);
            assert!(taken.is_empty(), "{taken:?}");
            left
        };
        let warning = ("KW0220", 1, Severity::Warning);
        assert_eq!(
            told("a: b # keepwell: allow KW0220", &[warning]),
            ["KW0220 1 m", "KW0012 1 this comment gives no reason, and so it allows nothing"]
        );
        assert_eq!(told("a: b # keepwell: allow", &[]), ["KW0012 1 this comment names no code"]);
        assert_eq!(told("a: b # keepwell: allow KW0202 because x", &[]), ["KW0012 1 there is no KW0202 here to allow"]);
        assert_eq!(told("a: b # keepwell: allow KW022 because x", &[]), ["KW0012 1 there is no code `KW022`"]);
        assert_eq!(
            told("a: b # keepwell: allow KW0220 because x", &[("KW0220", 1, Severity::Error)]),
            ["KW0220 1 m", "KW0012 1 KW0220 is an error here, and an error cannot be allowed"]
        );
        // Nobody looked for it, behind an error or without a store.
        assert_eq!(told("a: b # keepwell: allow KW0220 because x", &[("KW0101", 3, Severity::Error)]), ["KW0101 3 m"]);
        assert!(told("a: b # keepwell: allow KW0221 because x", &[]).is_empty());
    }
}
