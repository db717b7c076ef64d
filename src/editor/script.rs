//! The shared functions of `scripts/`, as they are written.

/// A function of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptFunction {
    pub name: String,
    /// What stands in its parentheses.
    pub parameters: String,
    /// The comment above it.
    pub comment: String,
    /// The byte at which its name begins.
    pub at: usize,
}

/// The functions of a script, also while it has mistakes.
pub(super) fn functions(script: &str) -> Vec<ScriptFunction> {
    let mut found = Vec::new();
    let mut comment = Vec::new();
    let mut at = 0;
    for line in script.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if let Some(remark) = line.trim().strip_prefix("//") {
            comment.push(remark.trim_start_matches('/').trim());
            continue;
        }
        let declared = line.trim_start().strip_prefix("fn ").map(str::trim_start);
        if let Some((name, rest)) = declared.and_then(|declared| declared.split_once('(')) {
            found.push(ScriptFunction {
                name: name.trim().to_owned(),
                parameters: rest.split(')').next().unwrap_or("").trim().to_owned(),
                comment: comment.join("\n"),
                at: start + line.find(name).unwrap_or(0),
            });
        }
        comment.clear();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_with_their_comments() {
        let text = "// Of all.\n\n// Whether it fell.\n//\n// Much.\nfn fell(change, floor) {\n    chan\n}\nfn other() { 1 }\n";
        let found = functions(text);
        let names: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.parameters.as_str(), one.comment.as_str())).collect();
        assert_eq!(names, [("fell", "change, floor", "Whether it fell.\n\nMuch."), ("other", "", "")]);
        assert!(text[found[0].at..].starts_with("fell("));
    }
}
