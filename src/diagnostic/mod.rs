//! What is wrong with what an author wrote: values, never panics, and all of
//! them together.
//!
//! Every message has a stable code (listed once, in [`CODES`], a number is
//! never reused), a place, and, where it can be known, what to write instead.
//! What a code means its page says (`pages`).

use serde::Serialize;

mod annotations;
mod pages;
mod render;
mod sarif;

pub use annotations::render_annotations;
pub use pages::{Page, find_code, page, pages};
pub use render::{arrange, render_human, render_json, render_lines, span, to_json};
pub use sarif::render_sarif;

/// How bad it is. Errors keep a playbook from being published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One thing an author should know about one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// The file as it was named when it was read.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    pub severity: Severity,
    /// `KW` and four digits, from [`CODES`].
    pub code: &'static str,
    pub message: String,
    /// What to write instead, when it can be said.
    pub help: Option<String>,
}

/// A warning that a comment in the file allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedWarning {
    pub warning: Diagnostic,
    /// What the comment says behind `because`.
    pub reason: String,
}

/// Every code with its short title, the heading of its section in
/// `docs/diagnostics.md`. Numbers are never reused; KW0901 was one.
pub const CODES: &[(&str, &str)] = &[
    ("KW0001", "a file cannot be read as text"),
    ("KW0002", "not valid YAML"),
    ("KW0003", "a key appears twice"),
    ("KW0004", "YAML anchors and aliases are not allowed"),
    ("KW0005", "a file is too large or too deeply nested"),
    ("KW0006", "a value starts with a character that YAML reads specially"),
    ("KW0007", "a comma or quote inside braces cut a value short"),
    ("KW0008", "a colon and a space inside a plain value"),
    ("KW0009", "a link leads out of the folder"),
    ("KW0010", "a folder holds too much"),
    ("KW0011", "a file with another ending is not read"),
    ("KW0012", "a comment that allows no warning"),
    ("KW0101", "unknown key"),
    ("KW0102", "a required key is missing"),
    ("KW0103", "a value has the wrong type"),
    ("KW0104", "a value is not one of those allowed"),
    ("KW0105", "two playbooks share an id"),
    ("KW0106", "two steps share an id"),
    ("KW0107", "no such step"),
    ("KW0108", "no such playbook"),
    ("KW0109", "no such pool"),
    ("KW0110", "not a duration"),
    ("KW0111", "not a schedule"),
    ("KW0112", "not a time zone"),
    ("KW0113", "unknown step kind"),
    ("KW0114", "a recommended key is missing"),
    ("KW0115", "not a recipient"),
    ("KW0116", "not an instant or a date"),
    ("KW0117", "a step can never be reached"),
    ("KW0118", "a playbook cannot have the name of before that it claims"),
    ("KW0119", "not how a file begins"),
    ("KW0201", "unknown function"),
    ("KW0202", "unknown fact"),
    ("KW0203", "unknown name"),
    ("KW0204", "an expression cannot be read"),
    ("KW0205", "wrong arguments"),
    ("KW0206", "these types do not go together"),
    ("KW0207", "a value that can be missing is used without a guard"),
    ("KW0208", "not how Rhai spells it"),
    ("KW0209", "the expression does not give what is needed here"),
    ("KW0210", "a clause is always true or always false"),
    ("KW0211", "an exact day count is easily missed"),
    ("KW0212", "not available here"),
    ("KW0213", "only a single expression is allowed here"),
    ("KW0214", "the customer store lacks what is asked for"),
    ("KW0215", "a label that is never set"),
    ("KW0217", "a holdout that does not go with the rest"),
    ("KW0218", "playbooks keep each other out"),
    ("KW0219", "the budget lets not all mails of a step leave"),
    ("KW0220", "a schedule is likely not what was meant"),
    ("KW0221", "a name that the customer store was never seen to hold"),
    ("KW0222", "a window of time is open at one end"),
    ("KW0223", "a property that was only seen with values of another type"),
    ("KW0224", "no such score, factor or band"),
    ("KW0225", "documents that wait for each other"),
    ("KW0226", "two scores of one name"),
    ("KW0231", "a stage or tier that nothing reads"),
    ("KW0232", "two documents that say the stage or the tier"),
    ("KW0241", "no such plan, goal or milestone"),
    ("KW0251", "no such KPI"),
    ("KW0301", "a template cannot be read"),
    ("KW0302", "a template names something unknown"),
    ("KW0303", "a template prints a value that can be missing"),
    ("KW0304", "braces that nothing fills"),
    ("KW0305", "a mail can be empty"),
    ("KW0306", "a mail is only half in a language"),
    ("KW0307", "the text of a mail has what mail cannot show"),
    ("KW0308", "the text of a mail is too large to be shown whole"),
    ("KW0309", "variants that would not be compared as meant"),
    ("KW0401", "a script cannot be read"),
    ("KW0402", "not allowed in scripts"),
    ("KW0501", "a test case cannot be read"),
    ("KW0502", "no such test case"),
    ("KW0503", "a playbook's own test case fails"),
    ("KW0601", "a configuration value cannot be used"),
    ("KW0602", "the customer store is not as it is mapped"),
    ("KW0603", "a facts file cannot be used"),
    ("KW0701", "a fact that is missing for everybody"),
    ("KW0702", "a role that no contact has now"),
    ("KW0703", "nobody or nearly everybody matches"),
    ("KW0704", "a table is read whole where an index would help"),
    ("KW0705", "a playbook has the text of one whose file is gone"),
];

/// A place in a file, both 1-based, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl Diagnostic {
    /// An error that keeps the file from being used.
    pub fn error(code: &'static str, file: &str, at: Position, message: impl Into<String>) -> Self {
        debug_assert!(CODES.iter().any(|(known, _)| *known == code), "unlisted code {code}");
        Diagnostic {
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            severity: Severity::Error,
            code,
            message: message.into(),
            help: None,
        }
    }

    /// Something that works but is likely not what was meant.
    pub fn warning(code: &'static str, file: &str, at: Position, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Self::error(code, file, at, message) }
    }

    /// The same with advice: what to write instead; none where it is empty.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into()).filter(|help| !help.is_empty());
        self
    }

    /// Whether this keeps the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The candidate nearest to a misspelt word, if one is near enough; else the only one
/// of which the word is the beginning, as `renewal` is of `renewal_at`.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let most = if word.chars().count() <= 3 { 1 } else { 2 };
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let distances = candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= most);
    distances.min().map(|(_, candidate)| candidate).or_else(|| {
        let begins = format!("{lower}_");
        let mut longer = candidates.into_iter().filter(|candidate| candidate.starts_with(&begins));
        longer.next().filter(|_| longer.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_for_the_nearest_or_for_the_beginning_of_one() {
        let columns = ["renewal_at", "seats", "seats_used", "signed_up_at"];
        let of = |word: &str| nearest(word, columns);
        assert_eq!(of("Seat"), Some("seats"));
        assert_eq!(of("renewal"), Some("renewal_at"));
        assert_eq!(of("signed_up"), Some("signed_up_at"));
        assert_eq!(of("renew"), None, "that may be anything");
        assert_eq!(nearest("event", ["event_at", "event_change"]), None, "which of them, nobody knows");
    }
}
