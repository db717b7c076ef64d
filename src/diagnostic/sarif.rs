//! Diagnostics as SARIF 2.1.0, which code scanning and many editors read.

use serde_json::{Value as Json, json};

use super::{AllowedWarning, Diagnostic, pages};

/// One SARIF log with one run. A code's page is the help of its rule, and a
/// warning that is allowed in the file is a suppressed result. `path` gives a
/// file's name in the repository.
pub fn render_sarif(
    diagnostics: &[Diagnostic],
    allowed_warnings: &[AllowedWarning],
    path: &dyn Fn(&str) -> String,
) -> String {
    let rules: Vec<Json> = pages()
        .map(|page| {
            json!({
                "id": page.code,
                "shortDescription": { "text": page.title },
                "help": { "text": page.render(), "markdown": page.text },
            })
        })
        .collect();
    let found = diagnostics.iter().map(|problem| result(problem, path));
    let suppressed = allowed_warnings.iter().map(|allowed| {
        let mut result = result(&allowed.warning, path);
        result["suppressions"] = json!([{ "kind": "inSource", "justification": allowed.reason }]);
        result
    });
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "Keepwell", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": found.chain(suppressed).collect::<Vec<_>>(),
        }],
    });
    format!("{log:#}\n")
}

fn result(problem: &Diagnostic, path: &dyn Fn(&str) -> String) -> Json {
    let help = problem.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    json!({
        "ruleId": problem.code,
        "ruleIndex": pages().position(|page| page.code == problem.code),
        "level": problem.severity.name(),
        "message": { "text": format!("{}{help}", problem.message) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&path(&problem.file)) },
                // A file as a whole is its first line.
                "region": { "startLine": problem.line.max(1), "startColumn": problem.column.max(1) },
            },
        }],
    })
}

/// A path as the reference of a URI; a whole path becomes a `file:` URI.
fn uri(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_references() {
        assert_eq!(uri("playbooks/été #1.yaml"), "playbooks/%C3%A9t%C3%A9%20%231.yaml");
        assert_eq!(uri("/elsewhere/a.yaml"), "file:///elsewhere/a.yaml");
    }
}
