//! Answers for people and for programs: the only place that prints.
//!
//! What is printed holds names, subjects and ids that others chose. Each line is
//! printed as one line, and nothing in it steers the terminal
//! ([`crate::printable`]). An answer that cannot be written is an error.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::printable::{printable, printable_json};

/// The widest cell of a table, in columns of the terminal.
const WIDEST: usize = 60;

/// Why stdout takes nothing more. After it nothing is written, so that an
/// answer may lack its end and never a part before it.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

fn failure() -> MutexGuard<'static, Option<io::Error>> {
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries out a write to stdout, unless one has failed before.
fn write(write: impl FnOnce() -> io::Result<()>) {
    let mut failure = failure();
    if failure.is_none() {
        *failure = write().err();
    }
}

/// Ends the answer: an error when not all of it was written. A reader that went
/// away, as `head` does, has what it wanted.
pub fn finish() -> io::Result<()> {
    write(|| io::stdout().flush());
    match failure().take() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Prints a line of an answer. Whether it could be written [`finish`] says.
pub fn line(words: Arguments<'_>) {
    write(|| writeln!(io::stdout(), "{}", printable(&words.to_string())));
}

/// The same on stderr, which nobody may be reading.
pub fn error_line(words: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{}", printable(&words.to_string()));
}

/// Prints a text of several lines, each as one.
pub fn text(text: &str) {
    text.trim_end().lines().for_each(|text| line(format_args!("{text}")));
}

/// Prints a text as it is where a program reads it, and line by line on a terminal.
pub fn document(text: &str) {
    match io::stdout().is_terminal() {
        true => self::text(text),
        false => write(|| io::stdout().write_all(text.as_bytes())),
    }
}

/// Prints a text of several lines on stderr, each as one.
pub fn error_text(text: &str) {
    text.trim_end().lines().for_each(|text| error_line(format_args!("{text}")));
}

/// Prints one JSON document.
pub fn json(document: &Json) {
    json_text(&format!("{document:#}"));
}

/// Prints a JSON document that is written already.
pub fn json_text(document: &str) {
    write(|| writeln!(io::stdout(), "{}", printable_json(document)));
}

/// Prints a JSON document as one line that its reader gets at once.
pub fn json_line(document: &Json) {
    let text = document.to_string();
    write(|| {
        writeln!(io::stdout(), "{}", printable_json(&text))?;
        io::stdout().flush()
    });
}

/// Whether stderr is a terminal, where a line can be replaced.
pub fn can_replace_lines() -> bool {
    std::io::stderr().is_terminal()
}

/// Puts a text in place of the last line of stderr.
pub fn replace_line(text: &str) {
    let _ = write!(std::io::stderr(), "\r\x1b[K{}", printable(text));
    let _ = std::io::stderr().flush();
}

/// Prints rows as a table of these columns; a missing value is `-`.
pub fn table(rows: &[Json], columns: &[&str]) {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| cell(&row[*column])).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| cells.iter().map(|row| row[at].width()).chain([column.len()]).max().unwrap_or(0))
        .collect();
    let row = |row: &[String]| {
        let padded: Vec<String> = row.iter().zip(&widths).map(|(text, width)| pad(text, *width)).collect();
        line(format_args!("{}", padded.join("  ").trim_end()));
    };
    row(&columns.iter().map(|column| column.to_uppercase().replace('_', " ")).collect::<Vec<_>>());
    cells.iter().for_each(|cells| row(cells));
}

/// A number with what there is so many of: `1 error`, `2 errors`.
pub fn number_of(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A text with spaces behind it, up to a width in columns of the terminal.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn cell(value: &Json) -> String {
    let text = match value {
        Json::Null => "-".to_owned(),
        // Instants to the minute are enough for a table.
        Json::String(text) => match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(time) => time.to_utc().format("%Y-%m-%d %H:%M").to_string(),
            Err(_) => printable(text).into_owned(),
        },
        Json::Object(map) => {
            let parts: Vec<String> = map.iter().map(|(key, value)| format!("{key} {value}")).collect();
            printable(&parts.join(", ")).into_owned()
        }
        other => printable(&other.to_string()).into_owned(),
    };
    shortened(text)
}

/// No wider than the widest cell.
fn shortened(text: String) -> String {
    let mut width = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        width += c.width().unwrap_or(0);
        (width > WIDEST).then_some(at)
    });
    match end {
        Some(end) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_line_that_steers_nothing() {
        let name = Json::from("Acme\u{1b}[1A\u{1b}[2K\n\u{202e}dtL");
        assert_eq!(cell(&name), "Acme\\u{1b}[1A\\u{1b}[2K\\n\\u{202e}dtL");
        let skipped = serde_json::json!({ "no\u{9b}key": 3 });
        assert_eq!(cell(&skipped), "no\\u{9b}key 3");
    }

    #[test]
    fn widths_are_columns_of_the_terminal() {
        assert_eq!(pad("你好", 6), "你好  ");
        assert_eq!(pad("e\u{301}", 3), "e\u{301}  ");
        let wide = shortened("漢".repeat(40));
        assert_eq!(wide, format!("{}…", "漢".repeat(30)));
        assert_eq!(shortened("x".repeat(60)), "x".repeat(60));
    }
}
