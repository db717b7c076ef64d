//! The keywords of `{% … %}`, and what to write for those of other tools.

use super::split::Fragment;

/// A tag that is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag<'a> {
    If(Fragment<'a>),
    Elif(Fragment<'a>),
    Else,
    EndIf,
    /// `for account in matching`.
    For,
    EndFor,
}

/// Why something is no tag: the message and the help.
pub(super) type NoTag = (String, Option<String>);

/// The most that helps: what there is.
const ALL: &str = "there are `{% if … %}`, `{% elif … %}`, `{% else %}` and `{% endif %}`";

/// Reads what stands between `{%` and `%}`.
pub(super) fn read(inside: Fragment) -> Result<Tag, NoTag> {
    let inside = inside.trim();
    let length = inside.text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inside.text.len());
    let (word, rest) = (&inside.text[..length], inside.from(length).trim());
    let says = |message: &str, help: &str| Err((message.to_owned(), Some(help.to_owned())));
    match word {
        "" => says("`{%` is followed by a keyword", "write `{% if … %}`, or `{{ … }}` to print"),
        "if" | "elif" if rest.text.is_empty() => {
            says(&format!("`{word}` needs a condition"), &format!("write `{{% {word} account.mrr > 500 %}}`"))
        }
        "if" => Ok(Tag::If(rest)),
        "elif" => Ok(Tag::Elif(rest)),
        "else" if rest.text.starts_with("if") => says("`else if` is not known here", "write `elif`"),
        "else" | "endif" if !rest.text.is_empty() => {
            says(&format!("nothing follows `{word}`"), &format!("write `{{% {word} %}}`"))
        }
        "else" => Ok(Tag::Else),
        "endif" => Ok(Tag::EndIf),
        "elseif" | "elsif" => says(&format!("`{word}` is not known here"), "write `elif`"),
        "end" | "fi" => says(&format!("`{word}` is not known here"), "write `{% endif %}`"),
        "for" if rest.text.split_whitespace().eq(["account", "in", "matching"]) => Ok(Tag::For),
        "for" => says("`{% for %}` lists the accounts that match", "write `{% for account in matching %}`"),
        "endfor" if !rest.text.is_empty() => says("nothing follows `endfor`", "write `{% endfor %}`"),
        "endfor" => Ok(Tag::EndFor),
        other => Err((format!("`{{% {other} %}}` is not available in templates"), Some(suggest(other).to_owned()))),
    }
}

/// What to write for a keyword of another tool.
fn suggest(keyword: &str) -> &'static str {
    match keyword {
        "unless" => "write `{% if !(…) %}`",
        "set" | "assign" | "let" | "capture" | "with" | "macro" | "increment" => {
            "a text has no variables: write the expression where it is printed"
        }
        "include" | "render" | "import" | "extends" | "block" | "call" => {
            "a text stands in one place: write it out here"
        }
        "case" | "when" | "switch" => "write `{% if … %}`, `{% elif … %}` and `{% else %}`",
        "comment" => "write `{# … #}`",
        "raw" | "verbatim" => "to print braces as they are, write `{{ \"{{\" }}`",
        "print" | "echo" => "write `{{ … }}`",
        "endunless" => "write `{% endif %}`",
        _ => ALL,
    }
}

#[cfg(test)]
mod tests {
    use super::super::split::Spot;
    use super::*;

    fn problem_text(text: &str) -> String {
        let part = Fragment { text, at: Spot { line: 1, column: 3 } };
        match read(part) {
            Ok(Tag::If(condition)) => format!("if {}@{}", condition.text, condition.at.column),
            Ok(Tag::Elif(condition)) => format!("elif {}@{}", condition.text, condition.at.column),
            Ok(tag) => format!("{tag:?}"),
            Err((message, help)) => format!("{message}; {}", help.unwrap_or_default()),
        }
    }

    #[test]
    fn tags_are_read_or_named_rightly() {
        for (text, expected) in [
            (" if account.mrr > 5 ", "if account.mrr > 5@7"),
            (" if(a) ", "if (a)@6"),
            ("elif x", "elif x@8"),
            (" else ", "Else"),
            (" endif ", "EndIf"),
            (" if ", "`if` needs a condition; write `{% if account.mrr > 500 %}`"),
            (" else if x ", "`else if` is not known here; write `elif`"),
            (" elsif x ", "`elsif` is not known here; write `elif`"),
            (" endif x ", "nothing follows `endif`; write `{% endif %}`"),
            (" unless x ", "`{% unless %}` is not available in templates; write `{% if !(…) %}`"),
            (
                " assign x = 5 ",
                "`{% assign %}` is not available in templates; a text has no variables: write the expression where it is printed",
            ),
            (" for  account in matching ", "For"),
            (" for x in matching ", "`{% for %}` lists the accounts that match; write `{% for account in matching %}`"),
            (" endfor ", "EndFor"),
            (
                " 5 ",
                "`{% 5 %}` is not available in templates; there are `{% if … %}`, `{% elif … %}`, `{% else %}` and `{% endif %}`",
            ),
            (" = x ", "`{%` is followed by a keyword; write `{% if … %}`, or `{{ … }}` to print"),
        ] {
            assert_eq!(problem_text(text), expected, "{text}");
        }
    }
}
