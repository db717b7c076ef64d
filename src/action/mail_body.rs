//! What the body of a mail cannot show: HTML, images that no mail program can
//! load, links that a blank ends, and more than mail programs show at once.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Compiler;
use crate::playbook::Source;

/// From how many bytes of HTML on the widespread mail programs cut a mail off.
const LARGEST_SHOWN: usize = 100_000;

/// What each element of a text adds as HTML, about, and the page around it.
const ELEMENT: usize = 60;
const PAGE: usize = 1_500;

/// What stands for each byte between braces: it begins no tag and ends no line.
const FILLED: char = '0';

/// How the addresses begin that a link in a mail can have.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// Reports HTML, images without an address and links with a blank in it as
/// errors, and warns of a body that mail programs would not show whole.
pub(super) fn check(source: &Source, compiler: &mut Compiler) {
    let text = without_braces(&source.text);
    let mut size = PAGE + text.len();
    let mut has_html = false;
    let mut readable = ReadableText::default();
    for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
        let (line, column) = place(&text, range.start);
        readable.read(&event, &range);
        match event {
            // What follows in the same text is its end, or more of the same.
            Event::Html(_) | Event::InlineHtml(_) if !has_html => {
                has_html = true;
                let problem = source.error("KW0307", line, column, "HTML is not read in the text of a mail");
                let help = "write Markdown: `**bold**`, `[a link](https://…)`, `![an image](https://…)`, or a table";
                compiler.problems.push(problem.help(help));
            }
            Event::Start(Tag::Image { dest_url, .. }) if !is_loadable(&dest_url) => {
                let problem = source.error("KW0307", line, column, "mail programs cannot load this image");
                compiler.problems.push(problem.help("give its whole address: `![a logo](https://…)`"));
            }
            Event::Start(_) => size += ELEMENT,
            _ => {}
        }
    }
    for at in readable.broken_links(&text) {
        let (line, column) = place(&text, at);
        let problem =
            source.error("KW0307", line, column, "a blank ends the address of this link: it is shown as it is written");
        compiler.problems.push(problem.help("write `%20` for a blank in an address"));
    }
    if size > LARGEST_SHOWN {
        let message = format!("this text has about {} kB as HTML; mail programs cut it off after 100 kB", size / 1_000);
        let problem = source.warning("KW0308", 1, 1, message);
        compiler.problems.push(problem.help("say less, and link to the rest"));
    }
}

/// What of a text is words to its reader, and no markup.
#[derive(Default)]
struct ReadableText {
    ranges: Vec<Range<usize>>,
    /// How many blocks of code it is in.
    code: usize,
}

impl ReadableText {
    fn read(&mut self, event: &Event, range: &Range<usize>) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => self.code += 1,
            Event::End(TagEnd::CodeBlock) => self.code -= 1,
            Event::Text(_) if self.code == 0 => self.ranges.push(range.clone()),
            _ => {}
        }
    }

    /// Where addresses begin that were meant to be those of links.
    fn broken_links(&self, text: &str) -> Vec<usize> {
        let is_words = |at: usize| self.ranges.iter().any(|range| range.contains(&at));
        let brackets = text.match_indices("](").filter(|(at, _)| is_words(*at) && is_words(at + 1));
        let addresses = brackets.map(|(at, bracket)| at + bracket.len());
        let is_broken = |at: &usize| {
            let address = text[*at..].split([')', '\n']).next().unwrap_or_default().to_ascii_lowercase();
            SCHEMES.iter().any(|scheme| address.starts_with(scheme)) && address.contains(char::is_whitespace)
        };
        addresses.filter(is_broken).collect()
    }
}

/// Whether an image has an address that a mail program can load, as far as it is
/// written out.
fn is_loadable(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    address.starts_with(FILLED) || lower.starts_with("https://") || lower.starts_with("http://")
}

/// The text with what stands in braces blotted out, byte by byte, so that places
/// stay what they are.
fn without_braces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let close = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")].into_iter().find(|(open, _)| rest.starts_with(open));
        match close.and_then(|(_, close)| rest.find(close).map(|end| end + close.len())) {
            Some(end) => {
                let filled = |c: char| if c == '\n' { '\n' } else { FILLED };
                out.extend(rest[..end].chars().map(filled));
                rest = &rest[end..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// The 1-based line and column of a byte, columns in characters.
fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
