//! Results as JUnit's XML, which most CI systems show.

use std::fmt::Write as _;

/// The results about one file.
pub struct Suite {
    pub name: String,
    pub file: String,
    pub results: Vec<CaseResult>,
}

/// What came of one case.
pub struct CaseResult {
    pub name: String,
    pub line: u32,
    pub outcome: CaseOutcome,
}

pub enum CaseOutcome {
    Passed,
    /// It passed, and there is something to say about it.
    Remarked(String),
    /// In one sentence, and all that is known.
    Failed {
        message: String,
        details: String,
    },
}

impl CaseOutcome {
    fn is_failure(&self) -> bool {
        matches!(self, CaseOutcome::Failed { .. })
    }
}

/// The document. `name` is that of the command.
pub fn render(name: &str, suites: &[Suite]) -> String {
    let failures = |suite: &Suite| suite.results.iter().filter(|result| result.outcome.is_failure()).count();
    let tests: usize = suites.iter().map(|suite| suite.results.len()).sum();
    let failed: usize = suites.iter().map(failures).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"{}\" tests=\"{tests}\" failures=\"{failed}\">", escape(name));
    for suite in suites {
        let (file, count) = (escape(&suite.file), suite.results.len());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" file=\"{file}\" tests=\"{count}\" failures=\"{}\" errors=\"0\" skipped=\"0\">",
            escape(&suite.name),
            failures(suite),
        );
        for CaseResult { name, line, outcome } in &suite.results {
            let _ = write!(
                out,
                "    <testcase name=\"{}\" classname=\"{}\" file=\"{file}\" line=\"{line}\"",
                escape(name),
                escape(&suite.name),
            );
            match outcome {
                CaseOutcome::Passed => out.push_str("/>\n"),
                CaseOutcome::Remarked(text) => {
                    let _ = writeln!(out, "><system-out>{}</system-out></testcase>", escape(text));
                }
                CaseOutcome::Failed { message, details } => {
                    let _ = writeln!(
                        out,
                        "><failure message=\"{}\">{}</failure></testcase>",
                        escape(&message.replace('\n', " ")),
                        escape(details),
                    );
                }
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// A text inside of an element or an attribute. XML has no way to write most
/// control characters: they become U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push(c),
            '\t' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
