//! Whether a text is a template at all, in the author's words.
//!
//! The tokens are looked at before the parser runs: this finds several
//! mistakes at once, says where an unclosed tag was opened, and bounds the
//! depth of what the parser will build.

use minijinja::machinery::{Span, Token, ast, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::MAX_SOURCE;
use crate::diagnostic::Diagnostic;
use crate::playbook::Source;

pub(super) const UNREADABLE: &str = "KW0301";
/// The most tokens of one `{{ … }}` or `{% … %}`; bounds every recursion over it.
const MAX_TOKENS: usize = 200;
/// How deep parentheses nest.
const MAX_PARENS: usize = 20;
/// How deep `if`s nest, each `elif` counting as one.
const MAX_IFS: usize = 30;

/// What keeps a text from being a template.
pub(super) struct Unreadable {
    pub found: Vec<Diagnostic>,
    /// Up to where it can be read all the same, in bytes.
    pub readable: Option<usize>,
}

/// Reads a template, or says everything that keeps it from being one.
pub(super) fn read(source: &Source) -> Result<ast::Stmt<'_>, Unreadable> {
    let text: &str = &source.text;
    if text.len() > MAX_SOURCE {
        let found =
            vec![source.error(UNREADABLE, 1, 1, "the template is too long").help("a template has at most 64 KiB")];
        return Err(Unreadable { found, readable: None });
    }
    let (found, readable) = scan(source);
    if !found.is_empty() {
        return Err(Unreadable { found, readable });
    }
    parse(text, "template", config()).map_err(|error| {
        let (line, column) = place_of(text, &error);
        Unreadable { found: vec![explain(source, &error, line, column)], readable: None }
    })
}

/// Tags on their own line leave no empty line behind.
fn config() -> SyntaxConfig {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default()
}

/// What is wrong with its tags, and up to where it can be read all the same.
fn scan(source: &Source) -> (Vec<Diagnostic>, Option<usize>) {
    let mut scan = Scan { source, found: Vec::new(), ifs: Vec::new(), depth: 0 };
    let mut tag: Option<Tag> = None;
    for token in tokenize(&source.text, false, config()) {
        let (token, span) = match token {
            Ok(token) => token,
            Err(error) => {
                let (line, column) = place_of(&source.text, &error);
                let unclosed = tag.as_ref().filter(|tag| !tag.has_end(&source.text));
                scan.found.push(match unclosed {
                    Some(tag) => tag.unclosed(source),
                    None => explain(source, &error, line, column),
                });
                return (scan.found, unclosed.map(|tag| tag.open.start_offset as usize));
            }
        };
        match token {
            Token::TemplateData(_) => {}
            Token::VariableStart | Token::BlockStart => {
                tag = Some(Tag {
                    open: span,
                    block: matches!(token, Token::BlockStart),
                    tokens: 0,
                    parens: 0,
                    is_else: false,
                    last: None,
                    refused: false,
                });
            }
            Token::VariableEnd | Token::BlockEnd => tag = None,
            token => {
                if let Some(tag) = &mut tag {
                    scan.inside(tag, &token, span);
                }
            }
        }
    }
    let readable = tag.as_ref().map(|tag| tag.open.start_offset as usize);
    match tag {
        Some(tag) => scan.found.push(tag.unclosed(source)),
        None => {
            for open in std::mem::take(&mut scan.ifs) {
                scan.report(open.at, "this `{% if %}` is never closed", Some("end it with `{% endif %}`"));
            }
        }
    }
    (scan.found, readable)
}

struct Scan<'a> {
    source: &'a Source,
    found: Vec<Diagnostic>,
    ifs: Vec<OpenIf>,
    depth: usize,
}

struct OpenIf {
    at: Span,
    /// Itself and its `elif`s.
    arms: usize,
    has_else: bool,
}

/// A tag being read.
struct Tag {
    open: Span,
    block: bool,
    tokens: usize,
    parens: usize,
    /// Whether it begins with `else`.
    is_else: bool,
    last: Option<(char, u32)>,
    /// One finding per tag is enough.
    refused: bool,
}

impl Tag {
    fn unclosed(&self, source: &Source) -> Diagnostic {
        let (open, close) = if self.block { ("{%", "%}") } else { ("{{", "}}") };
        source
            .error(
                UNREADABLE,
                u32::from(self.open.start_line),
                u32::from(self.open.start_col) + 1,
                format!("this `{open}` is never closed"),
            )
            .help(format!("end it with `{close}`"))
    }

    /// Whether its end comes before the next tag begins.
    fn has_end(&self, text: &str) -> bool {
        let inside = text.get(self.open.end_offset as usize..).unwrap_or("");
        let end = inside.find(if self.block { "%}" } else { "}}" });
        let next = inside.find("{{").into_iter().chain(inside.find("{%")).min();
        end.is_some_and(|end| next.is_none_or(|next| end < next))
    }
}

impl Scan<'_> {
    fn report(&mut self, at: Span, message: impl Into<String>, help: Option<&str>) {
        let finding = self.source.error(UNREADABLE, u32::from(at.start_line), u32::from(at.start_col) + 1, message);
        self.found.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    fn inside(&mut self, tag: &mut Tag, token: &Token, span: Span) {
        tag.tokens += 1;
        if tag.refused {
            return;
        }
        let before = self.found.len();
        if tag.block && tag.tokens == 1 {
            tag.is_else = matches!(token, Token::Ident("else"));
            if let Token::Ident(keyword) = token {
                self.keyword(keyword, tag.open);
            } else {
                self.report(
                    tag.open,
                    "`{%` is followed by a keyword",
                    Some("write `{% if … %}`, or `{{ … }}` to print"),
                );
            }
        }
        let parens = match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => tag.parens + 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => tag.parens.saturating_sub(1),
            _ => tag.parens,
        };
        tag.parens = parens;
        if tag.tokens > MAX_TOKENS || parens > MAX_PARENS {
            self.report(tag.open, "this expression is too long or too deeply nested", None);
        }
        match (token, tag.last) {
            (Token::BraceOpen, _) if !tag.has_end(&self.source.text) => {
                self.found.push(tag.unclosed(self.source));
            }
            (Token::BraceOpen, _) => {
                self.report(span, "`{` is not known here", None);
            }
            (Token::Colon, _) if parens == 0 => {
                let help = "a filter takes its argument in parentheses, as in `date(\"%-d %B\")`";
                self.report(span, "`:` is not known here", Some(help));
            }
            (Token::Ident("if"), _) if tag.block && tag.tokens == 2 && tag.is_else => {
                self.report(span, "`else if` is not known here", Some("write `elif`"));
            }
            (Token::Assign, _) if parens == 0 => {
                self.report(span, "`=` does not compare", Some("write `==`"));
            }
            (Token::Pipe, Some(('|', end))) if end == span.start_offset => {
                self.report(span, "`||` is not known here", Some("write `or`"));
            }
            _ => {}
        }
        let pipe = matches!(token, Token::Pipe);
        tag.last = pipe.then_some(('|', span.end_offset));
        tag.refused = self.found.len() > before;
    }

    fn keyword(&mut self, keyword: &str, at: Span) {
        match keyword {
            "if" => {
                self.ifs.push(OpenIf { at, arms: 1, has_else: false });
                self.depth += 1;
            }
            "elif" | "else" | "endif" => {
                let Some(open) = self.ifs.last_mut() else {
                    return self.report(at, format!("`{{% {keyword} %}}` without an `{{% if %}}` before it"), None);
                };
                if keyword == "endif" {
                    self.depth -= open.arms;
                    self.ifs.pop();
                } else if open.has_else {
                    self.report(at, format!("`{{% {keyword} %}}` after `{{% else %}}`"), None);
                } else if keyword == "else" {
                    open.has_else = true;
                } else {
                    open.arms += 1;
                    self.depth += 1;
                }
            }
            "elseif" | "elsif" => {
                let message = format!("`{keyword}` is not known here");
                self.report(at, message, Some("write `elif`"));
            }
            _ => self.report(
                at,
                format!("`{{% {keyword} %}}` is not available in templates"),
                Some("there are `{% if … %}`, `{% elif … %}`, `{% else %}` and `{% endif %}`"),
            ),
        }
        if self.depth > MAX_IFS {
            self.report(at, "too many `{% if %}`s inside each other", None);
        }
    }
}

/// The 1-based place of a syntax error.
fn place_of(text: &str, error: &minijinja::Error) -> (u32, u32) {
    let Some(before) = error.range().and_then(|range| text.get(..range.start)) else {
        return (error.line().map_or(1, |line| line as u32), 1);
    };
    // An unclosed remark is better shown where it begins.
    let before = match error.detail() {
        Some("unexpected end of comment") => &before[..before.rfind("{#").unwrap_or(0)],
        _ => before,
    };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line as u32, column as u32)
}

fn explain(source: &Source, error: &minijinja::Error, line: u32, column: u32) -> Diagnostic {
    let here = source.text.lines().nth(line as usize - 1).and_then(|text| text.chars().nth(column as usize - 1));
    let detail = error.detail().unwrap_or("it cannot be read");
    if detail.contains("unexpected character") {
        let found = match here {
            Some(c) => format!("`{c}` is not known here"),
            None => "a character is not known here".to_owned(),
        };
        let help = match here {
            Some('&') => Some("write `and`"),
            Some('!') => Some("write `not`"),
            Some('?') => Some("for a value that can be missing write `x | default(\"…\")`"),
            Some('“' | '”' | '„' | '‘' | '’') => Some("use straight quotes: \"…\""),
            _ => None,
        };
        let finding = source.error(UNREADABLE, line, column, found);
        return match help {
            Some(help) => finding.help(help),
            None => finding,
        };
    }
    let words = detail
        .replace("end of variable block", "`}}`")
        .replace("start of variable block", "`{{`")
        .replace("end of block", "`%}`")
        .replace("start of block", "`{%`")
        .replace("identifier", "a name")
        .replace("end of input", "the end of the text")
        .replace("unexpected end of string", "a quote is never closed")
        .replace("unexpected end of comment", "this `{#` is never closed")
        .replace("unexpected end of raw block", "this `{% raw %}` is never closed");
    source.error(UNREADABLE, line, column, format!("the template cannot be read: {words}"))
}
