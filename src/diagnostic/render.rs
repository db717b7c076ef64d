//! Diagnostics for people, for editors and for programs.

use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use serde_json::{Value as Json, json};

use super::{AllowedWarning, Diagnostic, Severity};
use crate::printable::printable;

/// Sorts by file, line and column and leaves every diagnostic in once.
pub fn arrange(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort();
    diagnostics.dedup();
}

/// For a terminal: each with the line it is about, where `sources` knows the
/// file. Ends with a newline unless there is nothing to say.
pub fn render_human(diagnostics: &[Diagnostic], sources: &dyn Fn(&str) -> Option<Arc<str>>, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in diagnostics {
        let source = sources(&diagnostic.file);
        let line = source.as_deref().and_then(|text| {
            let index = (diagnostic.line as usize).checked_sub(1)?;
            text.lines().nth(index)
        });
        out.push_str(&renderer.render(&[group(diagnostic, line)]));
        out.push_str("\n\n");
    }
    out
}

fn group<'a>(diagnostic: &'a Diagnostic, line: Option<&'a str>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(normalize_untrusted_str(&diagnostic.message)).id(diagnostic.code);
    let group = match line {
        Some(line) if !line.trim().is_empty() => title.element(
            Snippet::source(line)
                .line_start(diagnostic.line as usize)
                .path(printable(&diagnostic.file))
                .annotation(AnnotationKind::Primary.span(span(line, diagnostic.column))),
        ),
        _ => title.element(
            Origin::path(printable(&diagnostic.file))
                .line(diagnostic.line as usize)
                .char_column(diagnostic.column as usize),
        ),
    };
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(normalize_untrusted_str(help))),
        None => group,
    }
}

/// The bytes of the word at a 1-based column, or of one character.
pub fn span(line: &str, column: u32) -> std::ops::Range<usize> {
    let skip = (column as usize).saturating_sub(1);
    let start = line.char_indices().nth(skip).map_or(line.len(), |(offset, _)| offset);
    let rest = &line[start..];
    let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
    let one = rest.chars().next().map_or(0, char::len_utf8);
    start..start + word.max(one)
}

/// For editors and build logs, one line each:
/// `path:line:column: error[KW0201]: message; help: advice`.
pub fn render_lines(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let Diagnostic { file, line, column, code, message, .. } = diagnostic;
        let severity = diagnostic.severity.name();
        let (file, message) = (printable(file), one_line(message));
        out.push_str(&format!("{file}:{line}:{column}: {severity}[{code}]: {message}"));
        if let Some(help) = &diagnostic.help {
            out.push_str("; help: ");
            out.push_str(&one_line(help));
        }
        out.push('\n');
    }
    out
}

fn one_line(text: &str) -> String {
    printable(&text.replace(['\n', '\r', '\t'], " ")).into_owned()
}

/// One JSON document: `{"diagnostics": […]}`, and `allowed` where a comment
/// allows a warning.
pub fn render_json(diagnostics: &[Diagnostic], allowed_warnings: &[AllowedWarning]) -> String {
    format!("{}\n", to_json(diagnostics, allowed_warnings))
}

/// The same as a value.
pub fn to_json(diagnostics: &[Diagnostic], allowed_warnings: &[AllowedWarning]) -> Json {
    let mut document = json!({ "diagnostics": diagnostics.iter().map(as_json).collect::<Vec<_>>() });
    if !allowed_warnings.is_empty() {
        let one = |allowed: &AllowedWarning| {
            let mut warning = as_json(&allowed.warning);
            warning["because"] = json!(allowed.reason);
            warning
        };
        document["allowed"] = allowed_warnings.iter().map(one).collect();
    }
    document
}

fn as_json(diagnostic: &Diagnostic) -> Json {
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "file": diagnostic.file,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "message": diagnostic.message,
        "help": diagnostic.help,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Position;
    use super::*;

    fn sample() -> Vec<Diagnostic> {
        let at = |line, column| Position { line, column };
        let error =
            Diagnostic::error("KW0101", "b.yaml", at(2, 3), "no key `shedule`").help("did you mean `schedule`?");
        let warning = Diagnostic::warning("KW0114", "a.yaml", at(9, 1), "one\ntwo");
        let mut all = vec![error.clone(), warning, error];
        arrange(&mut all);
        all
    }

    #[test]
    fn lines_hold_everything() {
        assert_eq!(
            render_lines(&sample()),
            "a.yaml:9:1: warning[KW0114]: one two\n\
             b.yaml:2:3: error[KW0101]: no key `shedule`; help: did you mean `schedule`?\n"
        );
    }

    #[test]
    fn people_see_the_line() {
        let sources = |file: &str| (file == "b.yaml").then(|| Arc::from("é: 1\né shedule: x\r\n"));
        let text = render_human(&sample(), &sources, false);
        let expected = "\
warning[KW0114]: one
                 two
--> a.yaml:9:1

error[KW0101]: no key `shedule`
 --> b.yaml:2:3
  |
2 | é shedule: x
  |   ^^^^^^^
  |
  = help: did you mean `schedule`?

";
        assert_eq!(text, expected, "{text}");
        assert!(render_human(&sample(), &sources, true).contains("\u{1b}["));
    }

    #[test]
    fn json_is_one_document() {
        let json: Json = serde_json::from_str(&render_json(&sample(), &[])).expect("valid JSON");
        assert_eq!(json["diagnostics"][1]["severity"], "error");
        assert_eq!(json["diagnostics"][1]["column"], 3);
        assert!(json["diagnostics"][0]["help"].is_null());
    }

    #[test]
    fn odd_places_do_not_matter() {
        let long = "x ".repeat(100_000);
        for (line, column) in [(0, 0), (1, 0), (1, 90), (1, u32::MAX), (7, 1), (2, 150_000)] {
            let at = Position { line, column };
            let one = Diagnostic::error("KW0002", "f", at, "m");
            let sources = |_: &str| Some(Arc::from(format!("é\t\u{1b}\n{long}\n\n")));
            assert!(render_human(&[one], &sources, true).contains('m'));
        }
    }
}
