//! What the body of a mail cannot show: HTML, images that no mail program can
//! load, and more than mail programs show at once.

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::Compiler;
use crate::playbook::Source;

/// From how many bytes of HTML on the widespread mail programs cut a mail off.
const LARGEST_SHOWN: usize = 100_000;

/// What each element of a text adds as HTML, about, and the page around it.
const ELEMENT: usize = 60;
const PAGE: usize = 1_500;

/// What stands for each byte between braces: it begins no tag and ends no line.
const FILLED: char = '0';

/// Reports HTML and images without an address as errors, and warns of a body
/// that mail programs would not show whole.
pub(super) fn check(source: &Source, compiler: &mut Compiler) {
    let text = without_braces(&source.text);
    let mut size = PAGE + text.len();
    let mut has_html = false;
    for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
        let (line, column) = place(&text, range.start);
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
    if size > LARGEST_SHOWN {
        let message = format!("this text has about {} kB as HTML; mail programs cut it off after 100 kB", size / 1_000);
        let problem = source.warning("KW0308", 1, 1, message);
        compiler.problems.push(problem.help("say less, and link to the rest"));
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
