//! Where each piece of a text goes: lines stay as the author broke them, their
//! indentation and the spaces between the pieces are set.

use super::token::{Token, TokenKind};

/// Spaces of each level.
const STEP: usize = 2;
/// Spaces before a comment at the end of a line.
const BEFORE_COMMENT: usize = 2;

/// One line of the answer.
#[derive(Debug, Default)]
struct Row {
    code: String,
    /// The comment behind the code, with its column in the text as it was.
    comment: Option<(String, usize)>,
}

/// A list or mapping by lines: its column in the text as it was, and now.
#[derive(Clone, Copy, Debug)]
struct Level {
    old: usize,
    new: usize,
    is_list: bool,
}

/// A list or mapping inside brackets or braces that is still open.
#[derive(Clone, Copy, Debug)]
struct Bracket {
    old: usize,
    new: usize,
    /// What it holds begins on the next line.
    hangs: bool,
    /// The indentation of what it belongs to.
    base: usize,
    /// There are spaces inside of it.
    is_spaced: bool,
}

struct Writer<'t> {
    tokens: &'t [Token<'t>],
    rows: Vec<Row>,
    /// The line that is being written.
    row: Row,
    /// The line on which what was written ends.
    end_line: Option<usize>,
    /// It is a key or a dash whose value has not come yet.
    awaits_value: bool,
    levels: Vec<Level>,
    brackets: Vec<Bracket>,
    /// Rows that are comments alone, with their column: the next line decides
    /// how far they are indented.
    loose: Vec<(usize, usize)>,
}

/// The text of the pieces; `None` where they have no form that is known.
pub(super) fn write(tokens: &[Token<'_>]) -> Option<String> {
    let mut writer = Writer {
        tokens,
        rows: Vec::new(),
        row: Row::default(),
        end_line: None,
        awaits_value: false,
        levels: Vec::new(),
        brackets: Vec::new(),
        loose: Vec::new(),
    };
    for index in 0..tokens.len() {
        writer.token(index)?;
    }
    writer.end_row();
    let columns = writer.columns();
    writer.settle_comments(&columns, None);
    align_comments(&mut writer.rows);
    let lines = writer.rows.into_iter().map(|row| match row.comment {
        Some((comment, _)) => format!("{}{comment}\n", row.code),
        None => format!("{}\n", row.code),
    });
    Some(lines.collect())
}

impl<'t> Writer<'t> {
    fn token(&mut self, index: usize) -> Option<()> {
        let token = &self.tokens[index];
        let before = index.checked_sub(1).map(|before| &self.tokens[before]);
        // A comment on the header's line stands behind a block whose content ends later.
        let is_remark = token.kind == TokenKind::Comment && before.is_some_and(|before| before.line == token.line);
        let starts_line = before.is_none_or(|before| token.line > before.end_line) && !is_remark;
        if starts_line {
            self.end_row();
            if self.end_line.is_some_and(|end| token.line > end + 1) {
                self.rows.push(Row::default());
            }
        }
        self.end_line = self.end_line.max(Some(token.end_line));
        if token.kind == TokenKind::Comment {
            self.comment(token, starts_line);
            return Some(());
        }
        let is_key = token.kind == TokenKind::Scalar
            && self.tokens.get(index + 1).is_some_and(|next| next.kind == TokenKind::Colon);
        let columns = if self.loose.is_empty() { Vec::new() } else { self.columns() };
        let column = self.place(token, is_key);
        if starts_line {
            self.settle_comments(&columns, Some((token.column, column)));
            self.row.code = " ".repeat(column);
        } else if self.is_apart(before?.kind, token.kind) {
            self.row.code.push(' ');
        }
        self.awaits_value = self.brackets.is_empty() && matches!(token.kind, TokenKind::Colon | TokenKind::Dash);
        match token.kind {
            TokenKind::Open => self.open(index),
            TokenKind::Close => drop(self.brackets.pop()?),
            _ => {}
        }
        match token.kind {
            TokenKind::Scalar => self.scalar(token, starts_line),
            TokenKind::Block => self.block(index)?,
            _ => self.row.code.push_str(token.text),
        }
        Some(())
    }

    /// Brings the levels up to date, and gives the column of a token that
    /// begins a line.
    fn place(&mut self, token: &Token<'_>, is_key: bool) -> usize {
        if let Some(bracket) = self.brackets.last() {
            let is_close = token.kind == TokenKind::Close;
            return match bracket.hangs {
                true if is_close => bracket.base,
                true => bracket.base + STEP,
                false => (bracket.new + token.column).saturating_sub(bracket.old).max(self.inner()),
            };
        }
        let is_list = token.kind == TokenKind::Dash;
        if !is_list && !is_key {
            return if token.kind == TokenKind::Marker { 0 } else { self.inner() };
        }
        let column = token.column;
        // A list may stand in the column of the key that it belongs to.
        let is_over = |level: &Level| level.old > column || (level.old == column && level.is_list && !is_list);
        while self.levels.pop_if(|level| is_over(level)).is_some() {}
        match self.levels.last() {
            Some(level) if level.old == column && level.is_list == is_list => level.new,
            _ => {
                let new = self.inner();
                self.levels.push(Level { old: column, new, is_list });
                new
            }
        }
    }

    /// The column of what is inside of the innermost level.
    fn inner(&self) -> usize {
        self.levels.last().map_or(0, |level| level.new + STEP)
    }

    /// Whether a space stands between two tokens of one line.
    fn is_apart(&self, before: TokenKind, token: TokenKind) -> bool {
        let is_spaced = self.brackets.last().is_some_and(|bracket| bracket.is_spaced);
        match (before, token) {
            (_, TokenKind::Colon | TokenKind::Comma) => false,
            (TokenKind::Open, _) | (_, TokenKind::Close) => is_spaced,
            _ => true,
        }
    }

    fn open(&mut self, index: usize) {
        let token = &self.tokens[index];
        let next = self.tokens[index + 1..].iter().find(|next| next.kind != TokenKind::Comment);
        let is_spaced = next.is_some_and(|next| match token.text {
            "{" => next.kind != TokenKind::Close,
            _ => next.kind == TokenKind::Open,
        });
        let indent = self.row.code.len() - self.row.code.trim_start_matches(' ').len();
        let base = match self.brackets.last() {
            Some(_) => indent,
            None => self.levels.last().map_or(0, |level| level.new),
        };
        self.brackets.push(Bracket {
            old: token.column,
            new: self.row.code.chars().count(),
            hangs: next.is_some_and(|next| next.line > token.line),
            base,
            is_spaced,
        });
    }

    /// Text, whose further lines keep their indentation towards each other.
    fn scalar(&mut self, token: &Token<'_>, starts_line: bool) {
        let mut lines = token.text.split('\n');
        let new = self.row.code.chars().count();
        self.row.code.push_str(trim_line(lines.next().unwrap_or("")));
        let rest: Vec<&str> = lines.collect();
        let blanks = |line: &&str| line.len() - line.trim_start().len();
        let least = rest.iter().filter(|line| !line.trim().is_empty()).map(&blanks).min().unwrap_or(0);
        let (old, new) = match self.brackets.is_empty() && !starts_line {
            true => (least, self.inner()),
            false => (token.column, new),
        };
        for line in rest {
            self.end_row();
            if !line.trim().is_empty() {
                let column = (new + blanks(&line)).saturating_sub(old).max(self.inner());
                self.row.code = " ".repeat(column) + trim_line(line.trim_start());
            } else {
                self.rows.push(Row::default());
            }
        }
    }

    /// A header, and behind it the content of its block.
    fn block(&mut self, index: usize) -> Option<()> {
        let token = &self.tokens[index];
        let is_counted = token.text.contains(|c: char| c.is_ascii_digit());
        if is_counted && self.levels.is_empty() {
            return None;
        }
        let header: String = token.text.chars().map(|c| if c.is_ascii_digit() { '2' } else { c }).collect();
        self.row.code.push_str(&header);
        let indent = " ".repeat(self.inner());
        let next = self.tokens.get(index + 1);
        if let Some(remark) = next.filter(|next| next.kind == TokenKind::Comment && next.line == token.line) {
            self.comment(remark, false);
        }
        self.end_row();
        for line in &token.content {
            let code = if line.is_empty() { String::new() } else { format!("{indent}{line}") };
            self.rows.push(Row { code, comment: None });
        }
        Some(())
    }

    fn comment(&mut self, token: &Token<'_>, starts_line: bool) {
        if !starts_line {
            // That of a block's header is written with it.
            if !self.row.code.is_empty() {
                self.row.comment = Some((token.text.to_owned(), token.column));
            }
            return;
        }
        if self.brackets.is_empty() {
            self.loose.push((self.rows.len(), token.column));
            self.rows.push(Row { code: token.text.to_owned(), comment: None });
        } else {
            self.row.code = " ".repeat(self.place(token, false)) + token.text;
        }
    }

    /// The columns, as they were and now, in which a comment may stand behind
    /// what was written.
    fn columns(&self) -> Vec<(usize, usize)> {
        let mut columns: Vec<(usize, usize)> = self.levels.iter().map(|level| (level.old, level.new)).collect();
        // Inside of what has nothing in it yet.
        if let (true, Some((old, _))) = (self.awaits_value, columns.last()) {
            columns.push((old + 1, self.inner()));
        }
        columns
    }

    /// Indents the comments before a line, whose column was and now is `next`:
    /// like that line or like the level in whose column they stood.
    fn settle_comments(&mut self, columns: &[(usize, usize)], next: Option<(usize, usize)>) {
        let columns = || columns.iter().copied().chain(next);
        for (row, old) in std::mem::take(&mut self.loose) {
            let fits = columns().filter(|(column, _)| *column <= old);
            let new = fits.max_by_key(|(column, _)| *column).map_or(0, |(_, new)| new);
            self.rows[row].code.insert_str(0, &" ".repeat(new));
        }
    }

    fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        if !row.code.is_empty() {
            self.rows.push(row);
        }
    }
}

/// A line without the blanks at its end, unless the last of them is escaped.
fn trim_line(line: &str) -> &str {
    let trimmed = line.trim_end_matches([' ', '\t']);
    if trimmed.ends_with('\\') { line } else { trimmed }
}

/// Puts comments at the ends of lines two spaces behind them; those in one
/// column with the one before or after stay there, if all fit.
fn align_comments(rows: &mut [Row]) {
    let remarks: Vec<(usize, usize)> = rows
        .iter()
        .enumerate()
        .filter_map(|(index, row)| row.comment.as_ref().map(|(_, column)| (index, *column)))
        .collect();
    for group in remarks.chunk_by(|one, next| one.1 == next.1) {
        let ends = group.iter().map(|(row, _)| rows[*row].code.chars().count() + BEFORE_COMMENT);
        let least = ends.max().unwrap_or(0);
        let column = match group {
            [_] => least,
            [(_, old), ..] => least.max(*old),
            [] => continue,
        };
        for (row, _) in group {
            let code = &mut rows[*row].code;
            *code += &" ".repeat(column - code.chars().count());
        }
    }
}
