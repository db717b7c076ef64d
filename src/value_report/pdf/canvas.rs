//! Pages that texts and bars are drawn on, from the top down.

use pdf_writer::{Content, Name, Str};

use super::fonts::{breaks_anywhere, runs, width};

/// A4, in points.
pub(super) const PAGE: (f32, f32) = (595.0, 842.0);
pub(super) const MARGIN: f32 = 56.0;

/// How a text is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub size: f32,
    pub bold: bool,
    pub color: Color,
}

/// Red, green and blue, from 0 to 1.
pub(super) type Color = [f32; 3];

/// The pages of a document, the last of which is drawn on.
pub(super) struct Canvas {
    pages: Vec<Content>,
    /// How far above the bottom of the page the next line stands.
    pub y: f32,
}

impl Canvas {
    pub fn new() -> Canvas {
        Canvas { pages: vec![Content::new()], y: PAGE.1 - MARGIN }
    }

    /// Goes down by so much.
    pub fn down(&mut self, by: f32) {
        self.y -= by;
    }

    /// Goes on at the top of another page where less than so much is left.
    pub fn keep_together(&mut self, height: f32) {
        if self.y - height < MARGIN && self.y < PAGE.1 - MARGIN {
            self.pages.push(Content::new());
            self.y = PAGE.1 - MARGIN;
        }
    }

    /// Writes one line that begins at `x`, its baseline at the height of the canvas.
    pub fn text(&mut self, x: f32, text: &str, style: Style) {
        let y = self.y;
        let Some(page) = self.pages.last_mut() else { return };
        let [red, green, blue] = style.color;
        page.begin_text().set_fill_rgb(red, green, blue).next_line(x, y);
        for run in runs(text, style.bold) {
            page.set_font(Name(run.face.resource()), style.size).show(Str(&run.codes));
        }
        page.end_text();
    }

    /// Writes one line that ends at `x`.
    pub fn text_right(&mut self, x: f32, text: &str, style: Style) {
        self.text(x - width(text, style.bold, style.size), text, style);
    }

    /// Writes as many lines as a text needs, and goes down by them.
    pub fn paragraph(&mut self, text: &str, style: Style) {
        for line in text.lines().flat_map(|line| wrap(line, style, PAGE.0 - 2.0 * MARGIN)) {
            self.keep_together(style.size * 1.4);
            self.down(style.size * 1.4);
            self.text(MARGIN, &line, style);
        }
    }

    /// Fills a rectangle whose lower left corner is `x` and `above` the height of the canvas.
    pub fn bar(&mut self, x: f32, above: f32, width: f32, height: f32, color: Color) {
        let y = self.y + above;
        let Some(page) = self.pages.last_mut() else { return };
        let [red, green, blue] = color;
        page.set_fill_rgb(red, green, blue).rect(x, y, width, height).fill_nonzero();
    }

    /// The bytes of each page.
    pub fn finish(self) -> Vec<Vec<u8>> {
        self.pages.into_iter().map(|page| page.finish().as_slice().to_vec()).collect()
    }
}

/// The lines of a text that are no wider than so much; a word that is wider is cut.
fn wrap(text: &str, style: Style, most: f32) -> Vec<String> {
    let fits = |text: &str| width(text, style.bold, style.size) <= most;
    let (mut lines, mut line) = (Vec::new(), String::new());
    for piece in pieces(text) {
        if line.is_empty() || fits(&format!("{line}{}", piece.trim_end())) {
            line.push_str(piece);
        } else {
            lines.push(std::mem::replace(&mut line, piece.to_owned()));
        }
        while !fits(line.trim_end()) && line.chars().count() > 1 {
            let mut end = line.len();
            while end > 0 && !fits(&line[..end]) {
                end = line[..end].char_indices().next_back().map_or(0, |(at, _)| at);
            }
            // At least one character, or it would never end.
            let first = line.chars().next().map_or(0, char::len_utf8);
            let rest = line.split_off(end.max(first));
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Words with the spaces behind them; of Chinese each character.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut before) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        let can_break = before
            .is_some_and(|before: char| (before == ' ' && c != ' ') || breaks_anywhere(before) || breaks_anywhere(c));
        // No line begins with a sign that ends a sentence or a clause.
        if can_break && !"，。、；：？！）》”,.;:?!)".contains(c) {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_the_page() {
        let style = Style { size: 10.0, bold: false, color: [0.0; 3] };
        let lines = |text: &str| wrap(text, style, 100.0);
        assert_eq!(lines("one two"), ["one two"]);
        assert_eq!(lines(""), [""]);
        for text in [
            "the quick brown fox jumps over the lazy dog",
            "在过去九十天里，您的团队创建了很多报表。",
            &"x".repeat(100),
        ] {
            let lines = lines(text);
            assert!(lines.len() > 1 && lines.iter().all(|line| width(line, false, 10.0) <= 100.0), "{lines:?}");
            let joined: String = lines.concat();
            assert_eq!(joined.replace(' ', ""), text.replace(' ', ""));
            assert!(!lines.iter().any(|line| line.starts_with('，')));
        }
    }
}
