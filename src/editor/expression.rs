//! What stands at the end of half an expression: which name is being written,
//! and of what.

/// Where the end of a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionSpot {
    /// A name, with the function in whose arguments it stands, if any.
    Name { prefix: String, call: Option<Call> },
    /// Behind a dot: the names before it, arguments left out.
    Member { of: Vec<String>, prefix: String },
    /// Behind `::`.
    Module { module: String, prefix: String },
    /// Behind `|` in a template.
    Filter { prefix: String },
    /// A key of the map that a call such as `email(#{…})` takes.
    Field { of: String, prefix: String },
    /// Inside of quotes.
    Text { prefix: String, role: TextRole },
    /// Nothing that could be proposed.
    Nothing,
}

/// What a text in quotes is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextRole {
    Argument(Call),
    /// It is compared with this value: `account.status`.
    ComparedWith(Vec<String>),
    Other,
}

/// A call whose arguments are being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub of: Vec<String>,
    pub name: String,
    /// Which argument it is, from 0.
    pub argument: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Name(String),
    Number,
    Text(String),
    /// A text whose quote is not closed.
    OpenText(String),
    Sign(String),
    /// Something in parentheses or brackets, already complete.
    Group,
}

/// Says where the end of an expression is; `in_double_quotes`: its own quotes are
/// written `\"`.
pub fn at_end(text: &str, in_double_quotes: bool) -> ExpressionSpot {
    let plain = if in_double_quotes { text.replace("\\\"", "\"") } else { text.to_owned() };
    spot(&words(&plain), plain.ends_with(char::is_whitespace), false)
}

/// The same for a template, whose expressions stand in `{{ }}` and `{% %}`; `None`
/// where the end is text.
pub fn at_end_of_template(text: &str, in_double_quotes: bool) -> Option<ExpressionSpot> {
    let opens = ["{{", "{%"].iter().filter_map(|open| text.rfind(open).map(|at| (at, *open)));
    let (at, open) = opens.max()?;
    let inside = &text[at + 2..];
    if inside.contains(if open == "{{" { "}}" } else { "%}" }) {
        return None;
    }
    let inside = inside.trim_start_matches('-');
    let plain = if in_double_quotes { inside.replace("\\\"", "\"") } else { inside.to_owned() };
    let mut words = words(&plain);
    let is_space = plain.ends_with(char::is_whitespace);
    if open == "{%" {
        match words.first() {
            Some(Word::Name(name)) if name == "if" || name == "elif" => drop(words.remove(0)),
            _ => return Some(ExpressionSpot::Nothing),
        }
        if words.is_empty() && !is_space {
            return Some(ExpressionSpot::Nothing);
        }
    }
    Some(spot(&words, is_space, open == "{{"))
}

/// The same for the end of a script, also inside of `${…}` in a text.
pub fn at_end_of_script(text: &str, in_double_quotes: bool) -> ExpressionSpot {
    let plain = if in_double_quotes { text.replace("\\\"", "\"") } else { text.to_owned() };
    let code = &plain[interpolation(&plain)..];
    spot(&words(code), code.ends_with(char::is_whitespace), false)
}

/// Where the code at the end of a script begins: behind the `${` of a text that
/// is still open, else at the beginning.
fn interpolation(script: &str) -> usize {
    enum Part {
        /// How many braces in it are open, and where it begins.
        Code(usize, usize),
        Text(char),
    }
    let mut parts = vec![Part::Code(0, 0)];
    let mut chars = script.char_indices();
    while let Some((at, c)) = chars.next() {
        let rest = &script[at..];
        match parts.last_mut() {
            Some(Part::Code(..)) if rest.starts_with("//") => {
                chars.find(|(_, c)| *c == '\n');
            }
            Some(Part::Code(..)) if c == '"' || c == '`' => parts.push(Part::Text(c)),
            Some(Part::Code(open, _)) if c == '{' => *open += 1,
            Some(Part::Code(0, start)) if c == '}' && *start > 0 => drop(parts.pop()),
            Some(Part::Code(open, _)) if c == '}' => *open = open.saturating_sub(1),
            Some(Part::Code(..)) => {}
            Some(Part::Text(quote)) if c == *quote => drop(parts.pop()),
            Some(Part::Text('`')) if rest.starts_with("${") => {
                chars.next();
                parts.push(Part::Code(0, at + 2));
            }
            Some(Part::Text(_)) if c == '\\' => drop(chars.next()),
            Some(Part::Text(_)) => {}
            None => break,
        }
    }
    match parts.last() {
        Some(Part::Code(_, start)) => *start,
        _ => 0,
    }
}

/// The variables that a script has defined up to its end, each once.
pub fn locals(script: &str) -> Vec<String> {
    let words = words(script);
    let mut found: Vec<String> = Vec::new();
    for pair in words.windows(2) {
        if let [Word::Name(before), Word::Name(name)] = pair
            && ["let", "const", "for"].contains(&before.as_str())
            && !found.contains(name)
        {
            found.push(name.clone());
        }
    }
    found
}

/// Whether more braces begin in a script than end.
pub fn is_open(script: &str) -> bool {
    let count = |sign: &str, words: &[Word]| words.iter().filter(|word| **word == Word::Sign(sign.to_owned())).count();
    let words = words(script);
    count("{", &words) > count("}", &words)
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            c if c.is_whitespace() => {
                rest = rest.trim_start();
                continue;
            }
            '/' if rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
                if rest.is_empty() {
                    words.push(Word::OpenText(String::new()));
                }
                continue;
            }
            '"' | '`' => {
                let mut is_escaped = false;
                let end = rest[1..].find(|c: char| {
                    let ends = c == first && !is_escaped;
                    is_escaped = c == '\\' && !is_escaped;
                    ends
                });
                let text = &rest[1..end.map_or(rest.len(), |end| end + 1)];
                words.push(if end.is_some() { Word::Text(text.to_owned()) } else { Word::OpenText(text.to_owned()) });
                end.map_or(rest.len(), |end| end + 2)
            }
            c if c.is_ascii_digit() => {
                words.push(Word::Number);
                rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())
            }
            c if is_name(c) => {
                let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
                words.push(Word::Name(rest[..end].to_owned()));
                end
            }
            c => {
                let two =
                    ["::", "==", "!=", "<=", ">=", "&&", "||", "??", "?."].iter().find(|two| rest.starts_with(**two));
                let sign = two.map_or_else(|| c.to_string(), |two| (*two).to_owned());
                let length = sign.len();
                words.push(Word::Sign(sign));
                length
            }
        };
        rest = &rest[length..];
    }
    words
}

/// A part of an expression that is still open.
struct Open {
    /// The call that it holds the arguments of.
    call: Option<(Vec<String>, String)>,
    /// Whether it is a map, `#{…}`.
    is_map: bool,
    argument: usize,
    words: Vec<Word>,
}

fn spot(words: &[Word], is_space: bool, has_filters: bool) -> ExpressionSpot {
    let mut open = vec![Open { call: None, is_map: false, argument: 0, words: Vec::new() }];
    for word in words {
        let Some(top) = open.last_mut() else { break };
        match word {
            Word::Sign(sign) if sign == "(" || sign == "[" || sign == "{" => {
                let (of, name) = chain(&top.words);
                let call = name.filter(|_| sign == "(").map(|name| (of, name));
                let is_map = sign == "{" && top.words.last() == Some(&Word::Sign("#".to_owned()));
                open.push(Open { call, is_map, argument: 0, words: Vec::new() });
            }
            Word::Sign(sign) if sign == ")" || sign == "]" || sign == "}" => {
                if open.len() > 1 {
                    open.pop();
                }
                if let Some(top) = open.last_mut() {
                    top.words.push(Word::Group);
                }
            }
            Word::Sign(sign) if sign == "," => {
                top.argument += 1;
                top.words.clear();
            }
            word => top.words.push(word.clone()),
        }
    }
    let call = open.iter().rev().find_map(|part| {
        let (of, name) = part.call.clone()?;
        Some(Call { of, name, argument: part.argument })
    });
    // In a list of texts, the list is the argument.
    let in_list = open.last().is_some_and(|top| top.call.is_none());
    let top = open.last().map(|top| top.words.as_slice()).unwrap_or_default();
    if let [.., Open { call: Some((of, name)), .. }, Open { is_map: true, .. }] = open.as_slice()
        && of.is_empty()
    {
        let field = |prefix: &str| ExpressionSpot::Field { of: name.clone(), prefix: prefix.to_owned() };
        match top {
            [] => return field(""),
            [Word::Name(prefix)] if !is_space => return field(prefix),
            _ => {}
        }
    }
    match top {
        [before @ .., Word::OpenText(prefix)] => {
            let compared = match before {
                [before @ .., Word::Sign(sign)] if sign == "==" || sign == "!=" => Some(before),
                _ => None,
            };
            let in_words = || {
                let outer = open.len().checked_sub(2).map(|index| open[index].words.as_slice()).unwrap_or_default();
                match outer {
                    [before @ .., Word::Name(word)] if in_list && word == "in" => Some(before),
                    _ => None,
                }
            };
            let role = match compared.or_else(in_words).map(chain) {
                Some((mut of, Some(name))) => {
                    of.push(name);
                    TextRole::ComparedWith(of)
                }
                _ => call.map_or(TextRole::Other, TextRole::Argument),
            };
            ExpressionSpot::Text { prefix: prefix.clone(), role }
        }
        _ if is_space => match top {
            [.., Word::Sign(sign)] if sign == "|" && has_filters => ExpressionSpot::Filter { prefix: String::new() },
            [.., Word::Sign(sign)] if sign == "." || sign == "::" => ExpressionSpot::Nothing,
            [] | [.., Word::Sign(_)] => ExpressionSpot::Name { prefix: String::new(), call },
            _ => ExpressionSpot::Nothing,
        },
        [before @ .., Word::Sign(dot), Word::Name(prefix)] if dot == "." || dot == "?." => member(before, prefix),
        [before @ .., Word::Sign(dot)] if dot == "." || dot == "?." => member(before, ""),
        [.., Word::Name(module), Word::Sign(colons), Word::Name(prefix)] if colons == "::" => {
            ExpressionSpot::Module { module: module.clone(), prefix: prefix.clone() }
        }
        [.., Word::Name(module), Word::Sign(colons)] if colons == "::" => {
            ExpressionSpot::Module { module: module.clone(), prefix: String::new() }
        }
        [.., Word::Sign(bar), Word::Name(prefix)] if bar == "|" && has_filters => {
            ExpressionSpot::Filter { prefix: prefix.clone() }
        }
        [.., Word::Sign(bar)] if bar == "|" && has_filters => ExpressionSpot::Filter { prefix: String::new() },
        [.., Word::Name(prefix)] => ExpressionSpot::Name { prefix: prefix.clone(), call },
        [] | [.., Word::Sign(_)] => ExpressionSpot::Name { prefix: String::new(), call },
        _ => ExpressionSpot::Nothing,
    }
}

fn member(before: &[Word], prefix: &str) -> ExpressionSpot {
    match chain(before) {
        (mut of, Some(name)) => {
            of.push(name);
            ExpressionSpot::Member { of, prefix: prefix.to_owned() }
        }
        _ => ExpressionSpot::Nothing,
    }
}

/// The names with dots or `::` between them at the end of some words: those
/// before the last, and the last. Arguments in between are left out.
fn chain(words: &[Word]) -> (Vec<String>, Option<String>) {
    let mut names = Vec::new();
    let mut rest = words;
    loop {
        while let [before @ .., Word::Group] = rest {
            rest = before;
        }
        let [before @ .., Word::Name(name)] = rest else { break };
        names.push(name.clone());
        match before {
            [before @ .., Word::Sign(sign)] if sign == "." || sign == "?." || sign == "::" => rest = before,
            _ => break,
        }
    }
    names.reverse();
    let last = names.pop();
    (names, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(of: &[&str], name: &str, argument: usize) -> Call {
        Call { of: of.iter().map(|name| (*name).to_owned()).collect(), name: name.to_owned(), argument }
    }

    fn member(of: &[&str], prefix: &str) -> ExpressionSpot {
        ExpressionSpot::Member { of: of.iter().map(|name| (*name).to_owned()).collect(), prefix: prefix.to_owned() }
    }

    fn name(prefix: &str, call: Option<Call>) -> ExpressionSpot {
        ExpressionSpot::Name { prefix: prefix.to_owned(), call }
    }

    fn text(prefix: &str, role: TextRole) -> ExpressionSpot {
        ExpressionSpot::Text { prefix: prefix.to_owned(), role }
    }

    #[test]
    fn the_end_of_half_an_expression_is_understood() {
        let compared = |of: &[&str]| TextRole::ComparedWith(of.iter().map(|name| (*name).to_owned()).collect());
        for (written, expected) in [
            ("", name("", None)),
            ("acc", name("acc", None)),
            ("account.mrr > 5 && ", name("", None)),
            ("account.mrr", member(&["account"], "mrr")),
            ("account.", member(&["account"], "")),
            ("x && account.traits.pl", member(&["account", "traits"], "pl")),
            ("account.ago(30).", member(&["account", "ago"], "")),
            ("account.mrr ", ExpressionSpot::Nothing),
            ("account.mrr > 50", ExpressionSpot::Nothing),
            ("health::fe", ExpressionSpot::Module { module: "health".into(), prefix: "fe".into() }),
            ("account.events(\"lo", text("lo", TextRole::Argument(call(&["account"], "events", 0)))),
            ("account.events(\"login\", ", name("", Some(call(&["account"], "events", 1)))),
            ("account.events(\"login\", sin", name("sin", Some(call(&["account"], "events", 1)))),
            ("account.used([\"a\", \"b", text("b", TextRole::Argument(call(&["account"], "used", 0)))),
            ("done(\"", text("", TextRole::Argument(call(&[], "done", 0)))),
            ("account.status == \"ac", text("ac", compared(&["account", "status"]))),
            ("account.tier in [\"A\", \"", text("", compared(&["account", "tier"]))),
            ("outcome(\"call\") == \"re", text("re", compared(&["outcome"]))),
            ("x(account.mrr) && days_since(acc", name("acc", Some(call(&[], "days_since", 0)))),
            ("health::fell(account.", member(&["account"], "")),
        ] {
            assert_eq!(at_end(written, false), expected, "{written}");
        }
        assert_eq!(at_end("done(\\\"lo", true), text("lo", TextRole::Argument(call(&[], "done", 0))));
    }

    #[test]
    fn the_end_of_half_a_script_is_understood() {
        let field = |of: &str, prefix: &str| ExpressionSpot::Field { of: of.to_owned(), prefix: prefix.to_owned() };
        for (written, expected) in [
            ("let a = account.mrr;\nif a > 5 {\n    acc", name("acc", None)),
            ("let a = account.mrr;\nif a > 5 { 1 } else { account.", member(&["account"], "")),
            ("email(#{ ", field("email", "")),
            ("if x { email(#{ to: \"owner\", sub", field("email", "sub")),
            ("task(#{ title: acc", name("acc", Some(call(&[], "task", 0)))),
            ("task(#{ title: `Call ${account.na", member(&["account"], "na")),
            ("let t = `a ${f(#{ x: 1 })} b`; hea", name("hea", None)),
            ("let t = `a ${account.name} b", text("a ${account.name} b", TextRole::Other)),
            ("// it's `so`\nhealth::fe", ExpressionSpot::Module { module: "health".into(), prefix: "fe".into() }),
            ("// acc", text("", TextRole::Other)),
        ] {
            assert_eq!(at_end_of_script(written, false), expected, "{written}");
        }
        assert_eq!(locals("let a = 1; const b = a; for c in [1] { let a = 2; } let"), ["a", "b", "c"]);
    }

    #[test]
    fn templates_have_expressions_and_filters() {
        let filter = |prefix: &str| Some(ExpressionSpot::Filter { prefix: prefix.to_owned() });
        for (written, expected) in [
            ("Hi account.", None),
            ("Hi {{ account.na", Some(member(&["account"], "na"))),
            ("Hi {{ account.name }}, acc", None),
            ("{{ account.name }} {{ account.mrr | mo", filter("mo")),
            ("{{ account.mrr | ", filter("")),
            ("{{ account.mrr || ac", Some(name("ac", None))),
            ("{% if acc", Some(name("acc", None))),
            ("{% i", Some(ExpressionSpot::Nothing)),
            ("{% if account.mrr > 5 %}x{% elif csm.", Some(member(&["csm"], ""))),
        ] {
            assert_eq!(at_end_of_template(written, false), expected, "{written}");
        }
    }
}
