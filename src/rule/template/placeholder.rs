//! Placeholders of other tools, which a template sends as they stand.

use crate::diagnostic::Diagnostic;
use crate::playbook::Source;

/// What a placeholder begins and ends with, the longer before the shorter.
const SIGNS: [(&str, &str); 13] = [
    ("*|", "|*"),
    ("${", "}"),
    ("@{", "}"),
    ("{!", "}"),
    ("{", "}"),
    ("%%", "%%"),
    ("%", "%"),
    ("[[", "]]"),
    ("[", "]"),
    ("<%=", "%>"),
    ("<<", ">>"),
    ("##", "##"),
    ("#", "#"),
];

/// What these signs begin with.
const OPENINGS: [char; 8] = ['*', '$', '@', '{', '%', '[', '<', '#'];

/// Words for a person at the customer, before a dot.
const PEOPLE: [&str; 8] = ["contact", "recipient", "user", "subscriber", "person", "lead", "member", "profile"];
/// Words for the company.
const COMPANIES: [&str; 5] = ["account", "customer", "company", "organization", "organisation"];

/// The warnings about a template: `{account.name}`, `${account.name}`, `*|FNAME|*`.
pub(super) fn foreign(source: &Source) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let (mut line, mut column) = (1, 1);
    let mut rest: &str = &source.text;
    while let Some(first) = rest.chars().next() {
        let tags = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
        let tag = tags.into_iter().filter(|_| first == '{').find(|(open, _)| rest.starts_with(open));
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

/// The first placeholder of another tool in a text, as it stands, and the name
/// of what it stands for.
pub fn first_foreign(text: &str) -> Option<(&str, String)> {
    let at = |(at, _)| placeholder(&text[at..]).map(|(length, name)| (&text[at..at + length], name));
    text.char_indices().find_map(at)
}

/// The length of a placeholder at the beginning, and what to write for it.
fn placeholder(text: &str) -> Option<(usize, String)> {
    if !text.starts_with(OPENINGS) {
        return None;
    }
    SIGNS.into_iter().find_map(|(open, close)| {
        let inner = text.strip_prefix(open)?;
        let inner = &inner[..inner.find(close).filter(|end| (1..60).contains(end))?];
        let length = open.len() + inner.len() + close.len();
        // A link of Markdown.
        if open == "[" && text[length..].starts_with(['(', '[', ':']) {
            return None;
        }
        // `10% more, 20% less`.
        if ["%", "#"].contains(&open) && inner.contains(' ') {
            return None;
        }
        let is_plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "_:".contains(c);
        // Whatever stands in these is one.
        if open == "*|" {
            let meant = meant(inner).unwrap_or_else(|| "recipient.first_name".to_owned());
            return inner.chars().all(is_plain).then_some((length, meant));
        }
        Some((length, meant(inner)?))
    })
}

/// What a name of another tool stands for here, if it is one of the usual.
fn meant(written: &str) -> Option<String> {
    let name = words(written.trim())?;
    if let Some((root, path)) = name.split_once('.') {
        let is_word = |word: &str| !word.is_empty();
        let root = match root {
            root if PEOPLE.contains(&root) => "recipient",
            root if COMPANIES.contains(&root) => "account",
            "csm" | "entry" | "playbook" => root,
            _ => return None,
        };
        let path = if path == "firstname" { "first_name" } else { path };
        return path.split('.').all(is_word).then(|| format!("{root}.{path}"));
    }
    let meant = match name.as_str() {
        "first_name" | "firstname" | "fname" | "given_name" | "contact_first_name" | "recipient_first_name" => {
            "recipient.first_name"
        }
        "name" | "full_name" | "fullname" | "last_name" | "lastname" | "lname" | "contact_name" | "user_name"
        | "recipient_name" | "your_name" => "recipient.name",
        "email" | "email_address" => "recipient.email",
        "company" | "company_name" | "account_name" | "customer_name" | "organization_name" | "client_name" => {
            "account.name"
        }
        "csm_name" | "csm" | "owner_name" | "account_manager" | "sender_name" => "csm.name",
        "renewal_date" => "account.renewal_at",
        _ => return None,
    };
    Some(meant.to_owned())
}

/// A name in small letters with `_` between its words: of `First Name`,
/// `FirstName` and `FIRST_NAME` the same. `None` where it is no name.
fn words(name: &str) -> Option<String> {
    let mut text = String::new();
    let mut last = ' ';
    for c in name.chars() {
        match c {
            ' ' | '-' | '_' => text.push('_'),
            c if c.is_ascii_alphanumeric() || c == '.' => {
                if c.is_ascii_uppercase() && last.is_ascii_lowercase() {
                    text.push('_');
                }
                text.push(c.to_ascii_lowercase());
            }
            _ => return None,
        }
        last = c;
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_are_what_signs_begin_with() {
        assert!(SIGNS.iter().all(|(open, _)| open.starts_with(OPENINGS)));
        assert!(OPENINGS.iter().all(|opening| SIGNS.iter().any(|(open, _)| open.starts_with(*opening))));
    }
}
