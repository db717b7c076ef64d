//! Diagnostics as GitHub's workflow commands, which become annotations of the
//! lines of a pull request.

use super::Diagnostic;

/// One line each: `::error file=…,line=…,col=…,title=KW0201::message`. `path`
/// gives a file's name in the repository.
pub fn render_annotations(diagnostics: &[Diagnostic], path: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    for problem in diagnostics {
        let Diagnostic { line, column, code, message, .. } = problem;
        let level = problem.severity.name();
        let file = value(&path(&problem.file));
        let help = problem.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        let message = text(&format!("{message}{help}"));
        out.push_str(&format!("::{level} file={file},line={line},col={column},title={code}::{message}\n"));
    }
    out
}

/// What the protocol asks for in the text of a command.
fn text(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same in the value of a property.
fn value(value: &str) -> String {
    text(value).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::Position;
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_the_command() {
        let at = Position { line: 7, column: 3 };
        let error = Diagnostic::error("KW0104", "a,b:c.yaml", at, "`hold: 100%`\nis too much").help("write less");
        let warning = Diagnostic::warning("KW0220", "d.yaml", at, "often");
        assert_eq!(
            render_annotations(&[error, warning], &|file| format!("success/{file}")),
            "::error file=success/a%2Cb%3Ac.yaml,line=7,col=3,title=KW0104::`hold: 100%25`%0Ais too much%0Ahelp: write less\n\
             ::warning file=success/d.yaml,line=7,col=3,title=KW0220::often\n"
        );
    }
}
