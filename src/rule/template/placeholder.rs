//! Placeholders of other tools, which a template sends as they stand.

use crate::diagnostic::Diagnostic;
use crate::playbook::Source;

const ROOTS: [&str; 10] =
    ["account", "contact", "recipient", "csm", "entry", "customer", "user", "company", "subscriber", "playbook"];
const ALONE: [&str; 10] = [
    "name",
    "first_name",
    "last_name",
    "firstname",
    "lastname",
    "full_name",
    "email",
    "company",
    "company_name",
    "account_name",
];

/// The warnings about a template: `{account.name}`, `${account.name}`, `*|FNAME|*`.
pub(super) fn foreign(source: &Source) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let (mut line, mut column) = (1, 1);
    let mut rest: &str = &source.text;
    while let Some(first) = rest.chars().next() {
        let tag = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")].into_iter().find(|(open, _)| rest.starts_with(open));
        let (length, name) = match tag {
            Some((_, close)) => (rest.find(close).map_or(rest.len(), |end| end + close.len()), None),
            None => placeholder(rest).map_or((first.len_utf8(), None), |(length, name)| (length, Some(name))),
        };
        if let Some(name) = name {
            let message = format!("`{}` is printed as it stands", &rest[..length]);
            let help = format!("write `{{{{ {name} }}}}`");
            found.push(source.warning("KW0304", line, column, message).help(help));
        }
        for c in rest[..length].chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        rest = &rest[length..];
    }
    found
}

/// The length of a placeholder at the beginning, and what to write for it.
fn placeholder(text: &str) -> Option<(usize, String)> {
    if let Some(inner) = text.strip_prefix("*|") {
        let name = &inner[..inner.find("|*").filter(|end| (1..40).contains(end))?];
        let plain = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "_:".contains(c));
        return plain.then(|| (name.len() + 4, "recipient.first_name".to_owned()));
    }
    let start = if text.starts_with("${") { 2 } else { usize::from(text.starts_with('{')) };
    if start == 0 {
        return None;
    }
    let inner = &text[start..];
    let inner = &inner[..inner.find('}').filter(|end| *end < 60)?];
    let name = inner.trim().to_lowercase();
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let meant = match name.split_once('.') {
        Some((root, path)) => {
            let known = ROOTS.contains(&root) && path.split('.').all(is_word);
            known
                .then(|| if ["customer", "company"].contains(&root) { format!("account.{path}") } else { name.clone() })
        }
        None => ALONE.contains(&name.as_str()).then(|| match name.as_str() {
            "company" | "company_name" | "account_name" => "account.name".to_owned(),
            "firstname" => "recipient.first_name".to_owned(),
            "lastname" | "last_name" | "full_name" => "recipient.name".to_owned(),
            other => format!("recipient.{other}"),
        }),
    }?;
    Some((start + inner.len() + 1, meant))
}
