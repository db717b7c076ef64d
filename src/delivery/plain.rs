//! The plain-text form of a mail, written for people who read it as such.

use pulldown_cmark::{Event, Tag, TagEnd};
use unicode_width::UnicodeWidthStr;

/// Collects Markdown events into readable text: links as `label (target)`,
/// lists with `-`, quotes with `>`, one line per paragraph.
#[derive(Default)]
pub(super) struct Plain {
    out: String,
    /// What every line begins with, one entry per open list item, quote or
    /// code block.
    margins: Vec<Margin>,
    /// The next number of each open list; None for bullets.
    lists: Vec<Option<u64>>,
    /// Where the labels of open links start in `out`.
    labels: Vec<usize>,
    /// The rows of the open table, and where the cell that is open begins in `out`.
    rows: Vec<Vec<String>>,
    cell: usize,
    line_open: bool,
    blank_wanted: bool,
}

struct Margin {
    /// On the first line, for example `- `.
    first: String,
    rest: String,
    begun: bool,
}

impl Plain {
    pub(super) fn push(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) if text.contains('\n') => {
                // Only code and raw HTML carry line ends of their own.
                for line in text.split_inclusive('\n') {
                    self.write(line.trim_end_matches(['\n', '\r']));
                    if line.ends_with('\n') {
                        self.line_open = false;
                    }
                }
            }
            Event::Text(text) | Event::Code(text) => self.write(text),
            Event::SoftBreak => self.write(" "),
            Event::HardBreak => self.line_open = false,
            Event::Rule => {
                self.line_open = false;
                self.write("----");
                self.end_block();
            }
            // Extensions that are not switched on.
            _ => {}
        }
    }

    pub(super) fn open_link(&mut self) {
        self.begin_line();
        self.labels.push(self.out.len());
    }

    pub(super) fn close_link(&mut self, target: Option<&str>) {
        let start = self.labels.pop().unwrap_or(self.out.len());
        let Some(target) = target else { return };
        let shown = target.strip_prefix("mailto:").unwrap_or(target);
        match self.out.get(start..).map(str::trim) {
            Some(label) if label == shown || label == target => {}
            Some("") | None => self.write(shown),
            Some(_) => self.write(&format!(" ({shown})")),
        }
    }

    pub(super) fn finish(self) -> String {
        let mut out = self.out;
        out.truncate(out.trim_end().len());
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::List(start) => {
                self.line_open = false;
                self.lists.push(*start);
            }
            Tag::Item => {
                self.line_open = false;
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}. ");
                        *number = number.saturating_add(1);
                        marker
                    }
                    _ => "- ".to_owned(),
                };
                let rest = " ".repeat(marker.len());
                self.indent(&marker, &rest);
            }
            Tag::BlockQuote(_) => {
                self.line_open = false;
                self.indent("> ", "> ");
            }
            Tag::CodeBlock(_) => {
                self.line_open = false;
                self.indent("    ", "    ");
            }
            Tag::Paragraph | Tag::Heading { .. } => self.line_open = false,
            Tag::Table(_) => {
                self.line_open = false;
                self.begin_line();
                self.rows.clear();
            }
            Tag::TableHead | Tag::TableRow => self.rows.push(Vec::new()),
            Tag::TableCell => self.cell = self.out.len(),
            _ => {}
        }
    }

    fn close(&mut self, tag: &TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) => self.end_block(),
            TagEnd::TableCell => {
                let text = self.out.split_off(self.cell);
                if let Some(row) = self.rows.last_mut() {
                    row.push(text.trim().to_owned());
                }
            }
            TagEnd::Table => self.table(),
            TagEnd::BlockQuote(_) | TagEnd::CodeBlock => {
                self.margins.pop();
                self.end_block();
            }
            TagEnd::Item => {
                // An empty item still shows its marker.
                if self.margins.last().is_some_and(|margin| !margin.begun) {
                    self.begin_line();
                }
                self.margins.pop();
                self.line_open = false;
            }
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.end_block();
                }
            }
            _ => {}
        }
    }

    /// Writes the table that was read, its columns below one another.
    fn table(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        let line = |cells: &[String]| {
            let padded: Vec<String> = (cells.iter().zip(&widths))
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))))
                .collect();
            padded.join(" | ").trim_end().to_owned()
        };
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat((*width).max(1))).collect();
        for (at, row) in rows.iter().enumerate() {
            self.write(&line(row));
            self.line_open = false;
            if at == 0 {
                self.write(&line(&rule));
                self.line_open = false;
            }
        }
        self.end_block();
    }

    fn indent(&mut self, first: &str, rest: &str) {
        self.margins.push(Margin { first: first.to_owned(), rest: rest.to_owned(), begun: false });
    }

    fn end_block(&mut self) {
        self.line_open = false;
        self.blank_wanted = true;
    }

    fn write(&mut self, text: &str) {
        self.begin_line();
        self.out.push_str(text);
    }

    fn begin_line(&mut self) {
        if self.line_open {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
            if std::mem::take(&mut self.blank_wanted) {
                let begun = self.margins.iter().filter(|margin| margin.begun);
                let margin: String = begun.map(|margin| margin.rest.as_str()).collect();
                self.out.push_str(margin.trim_end());
                self.out.push('\n');
            }
        }
        self.blank_wanted = false;
        for margin in &mut self.margins {
            self.out.push_str(if margin.begun { &margin.rest } else { &margin.first });
            margin.begun = true;
        }
        self.line_open = true;
    }
}
