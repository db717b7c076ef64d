//! Markdown to the two bodies of a mail.
//!
//! Authors write CommonMark; values are put in with [`escape`], so that a
//! customer called `*Acme* <script>` is printed, not obeyed. Raw HTML is shown
//! as text, links and images keep only safe schemes: a mail carries nothing that
//! its author did not write as Markdown.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use super::plain::Plain;
use super::text_language::{Direction, TextLanguage};

/// A mail's content in both forms, without footer: `compose` adds that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Plain text: lines end in `\n`, paragraphs are not wrapped.
    pub text: String,
    /// An HTML fragment with inline styles, to be put into a page by
    /// [`super::layout::page`].
    pub html: String,
}

/// Renders Markdown into a text and an HTML body, in the direction that most of
/// it is written in. Never fails: every text is Markdown.
pub fn render(markdown: &str) -> Rendered {
    render_towards(markdown, TextLanguage::of(markdown, None).direction)
}

/// The same for a text of that direction.
pub fn render_towards(markdown: &str, direction: Direction) -> Rendered {
    let mut html = Html { direction, ..Html::default() };
    let mut text = Plain::default();
    // One entry per open link: the target, or None where it was refused.
    let mut links: Vec<Option<String>> = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        let event = match event {
            Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
            Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
            Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
            other => other,
        };
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => html.open_image(safe_target(&dest_url)),
            Event::End(TagEnd::Image) => html.close_image(),
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                let target = match link_type {
                    // `<name@host>`: the target has no scheme.
                    LinkType::Email => safe_target(&format!("mailto:{dest_url}")),
                    _ => safe_target(&dest_url),
                };
                html.open_link(target.as_deref());
                text.open_link();
                links.push(target);
            }
            Event::End(TagEnd::Link) => {
                let target = links.pop().flatten();
                html.close_link(target.is_some());
                text.close_link(target.as_deref());
            }
            event => {
                html.push(&event);
                text.push(&event);
            }
        }
    }
    Rendered { text: text.finish(), html: html.out }
}

/// Escapes a value so that, put into Markdown, it is printed literally.
///
/// Runs of line breaks become one space, other control characters vanish.
/// Made for text and link targets; inside a code span the escapes would show.
pub fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 16);
    let mut first = true;
    let mut broke = false;
    for c in value.chars() {
        if matches!(c, '\n' | '\r') {
            if !broke {
                out.push_str("&#32;");
            }
            broke = true;
            first = false;
            continue;
        }
        if c != '\t' && c.is_control() {
            continue;
        }
        broke = false;
        match c {
            // A reference is never trimmed and keeps a link target whole.
            ' ' | '\t' => out.push_str("&#32;"),
            // "3" before the author's full stop would start a list.
            '0'..='9' if first => out.push_str(&format!("&#{};", c as u32)),
            c if c.is_ascii_punctuation() => {
                out.push('\\');
                out.push(c);
            }
            // Unicode space at a line's end is not always kept either.
            c if c.is_whitespace() => out.push_str(&format!("&#{};", c as u32)),
            c => out.push(c),
        }
        first = false;
    }
    out
}

/// The link target if its scheme is one that mail may carry.
fn safe_target(target: &str) -> Option<String> {
    let target = target.trim();
    if target.chars().any(|c| c.is_control()) {
        return None;
    }
    let (scheme, rest) = target.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    let known = match scheme.as_str() {
        "http" | "https" => rest.starts_with("//") && rest.len() > 2,
        "mailto" => !rest.is_empty(),
        _ => false,
    };
    known.then(|| format!("{scheme}:{}", rest.replace(' ', "%20")))
}

/// Escapes text for HTML, in content and in quoted attributes.
pub(super) fn html_text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The HTML form. Styles are inline: many mail clients drop style sheets.
#[derive(Default)]
struct Html {
    out: String,
    direction: Direction,
    /// The images that are open, and where their alternative text begins.
    images: Vec<(Option<String>, usize)>,
    /// The sides on which the columns of a table are set, the column that comes
    /// next, and whether it is of the head.
    columns: Vec<Alignment>,
    column: usize,
    in_head: bool,
}

const CELL: &str = "padding:6px 12px;border:1px solid #d9dee5";

impl Html {
    fn push(&mut self, event: &Event<'_>) {
        // An alternative text has no markup.
        if !self.images.is_empty() {
            match event {
                Event::Text(text) | Event::Code(text) => self.out.push_str(&html_text(text)),
                Event::SoftBreak | Event::HardBreak => self.out.push(' '),
                _ => {}
            }
            return;
        }
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) => self.out.push_str(&html_text(text)),
            Event::Code(code) => {
                self.out.push_str("<code style=\"font-family:monospace;font-size:14px\">");
                self.out.push_str(&html_text(code));
                self.out.push_str("</code>");
            }
            Event::SoftBreak => self.out.push('\n'),
            Event::HardBreak => self.out.push_str("<br>\n"),
            Event::Rule => self.out.push_str("<hr style=\"border:0;border-top:1px solid #d9dee5;margin:24px 0\">\n"),
            // Extensions that are not switched on.
            _ => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        let side = self.direction.side();
        if let Tag::Table(columns) = tag {
            self.columns.clone_from(columns);
        }
        if matches!(tag, Tag::TableHead | Tag::TableRow) {
            self.column = 0;
            self.in_head = matches!(tag, Tag::TableHead);
        }
        let open = match tag {
            Tag::Paragraph => "<p style=\"margin:0 0 16px\">".to_owned(),
            Tag::Heading { level, .. } => {
                let (name, size) = heading(*level);
                format!("<{name} style=\"margin:24px 0 12px;font-size:{size}px;line-height:1.3\">")
            }
            Tag::BlockQuote(_) => format!(
                "<blockquote style=\"margin:0 0 16px;padding-{side}:12px;\
                     border-{side}:3px solid #d9dee5;color:#52606d\">\n"
            ),
            Tag::CodeBlock(CodeBlockKind::Indented | CodeBlockKind::Fenced(_)) => {
                "<pre style=\"margin:0 0 16px;padding:12px;background:#f3f5f8;\
                 font-family:monospace;font-size:14px;white-space:pre-wrap\">"
                    .to_owned()
            }
            Tag::List(None) => format!("<ul style=\"margin:0 0 16px;padding:0;padding-{side}:24px\">\n"),
            Tag::List(Some(start)) => {
                format!("<ol start=\"{start}\" style=\"margin:0 0 16px;padding:0;padding-{side}:24px\">\n")
            }
            Tag::Item => "<li style=\"margin:0 0 4px\">".to_owned(),
            Tag::Emphasis => "<em>".to_owned(),
            Tag::Strong => "<strong>".to_owned(),
            Tag::Table(_) => "<table style=\"margin:0 0 16px;border-collapse:collapse\">\n".to_owned(),
            Tag::TableHead | Tag::TableRow => "<tr>".to_owned(),
            Tag::TableCell => {
                let set = match self.columns.get(self.column) {
                    Some(Alignment::Left) => "left",
                    Some(Alignment::Right) => "right",
                    Some(Alignment::Center) => "center",
                    _ => side,
                };
                self.column += 1;
                format!("<{} style=\"{CELL};text-align:{set}\">", self.cell())
            }
            _ => String::new(),
        };
        self.out.push_str(&open);
    }

    fn close(&mut self, tag: &TagEnd) {
        let close = match tag {
            TagEnd::Paragraph => "</p>\n".to_owned(),
            TagEnd::Heading(level) => format!("</{}>\n", heading(*level).0),
            TagEnd::BlockQuote(_) => "</blockquote>\n".to_owned(),
            TagEnd::CodeBlock => "</pre>\n".to_owned(),
            TagEnd::List(ordered) => if *ordered { "</ol>\n" } else { "</ul>\n" }.to_owned(),
            TagEnd::Item => "</li>\n".to_owned(),
            TagEnd::Emphasis => "</em>".to_owned(),
            TagEnd::Strong => "</strong>".to_owned(),
            TagEnd::Table => "</table>\n".to_owned(),
            TagEnd::TableHead | TagEnd::TableRow => "</tr>\n".to_owned(),
            TagEnd::TableCell => format!("</{}>", self.cell()),
            _ => String::new(),
        };
        self.out.push_str(&close);
    }

    fn cell(&self) -> &'static str {
        if self.in_head { "th" } else { "td" }
    }

    /// What is behind it is its alternative text; without an address that is all
    /// there is of it.
    fn open_image(&mut self, address: Option<String>) {
        let address = address.filter(|address| address.starts_with("http"));
        self.images.push((address, self.out.len()));
    }

    fn close_image(&mut self) {
        let Some((address, begins)) = self.images.pop() else { return };
        // An image within the text of another is a part of that text.
        if let Some(address) = address.filter(|_| self.images.is_empty()) {
            let text = self.out.split_off(begins);
            let (address, style) = (html_text(&address), "max-width:100%;height:auto;border:0");
            self.out.push_str(&format!("<img src=\"{address}\" alt=\"{text}\" style=\"{style}\">"));
        }
    }

    fn open_link(&mut self, target: Option<&str>) {
        // Not within the alternative text of an image.
        if let Some(target) = target.filter(|_| self.images.is_empty()) {
            self.out.push_str(&format!("<a href=\"{}\" style=\"color:#1a56db\">", html_text(target)));
        }
    }

    fn close_link(&mut self, opened: bool) {
        if opened && self.images.is_empty() {
            self.out.push_str("</a>");
        }
    }
}

fn heading(level: HeadingLevel) -> (&'static str, u32) {
    match level {
        HeadingLevel::H1 => ("h1", 24),
        HeadingLevel::H2 => ("h2", 20),
        HeadingLevel::H3 => ("h3", 18),
        HeadingLevel::H4 => ("h4", 16),
        HeadingLevel::H5 => ("h5", 16),
        HeadingLevel::H6 => ("h6", 16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reader sees of one paragraph, or None when there is more in it
    /// than the paragraph.
    fn paragraph_text(html: &str) -> Option<String> {
        let inner = html.strip_prefix("<p style=\"margin:0 0 16px\">")?.strip_suffix("</p>\n")?;
        if inner.contains(['<', '>']) {
            return None;
        }
        Some(
            inner
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&"),
        )
    }

    fn literal(value: &str) -> String {
        let mut out = String::new();
        let mut broke = false;
        for c in value.chars() {
            match c {
                '\n' | '\r' if broke => {}
                '\n' | '\r' => {
                    out.push(' ');
                    broke = true;
                }
                '\t' => {
                    out.push(' ');
                    broke = false;
                }
                c if c.is_control() => {}
                c => {
                    out.push(c);
                    broke = false;
                }
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn an_escaped_value_is_printed_literally(
            value in r#"([\PC\n\r\t*_\[\]<>#{}()!`~|=+.0-9 &;:\\/-]|\PC|[ \x00-\x1f\x7f\u{85}\u{a0}\u{2028}\u{3000}]){0,24}"#
        ) {
            let rendered = render(&format!("a{}b", escape(&value)));
            let text = paragraph_text(&rendered.html);
            let wanted = format!("a{}b", literal(&value));
            prop_assert_eq!(rendered.text, format!("{wanted}\n"));
            prop_assert_eq!(text, Some(wanted));
        }

        #[test]
        fn a_value_alone_on_its_line_is_printed_literally(
            value in r#"[*_\[\]<>#{}()!`~|=+.0-9 &;:\\/a-]{1,12}"#
        ) {
            for template in ["Hi\n{}\nthere", "Hi {}\nthere", "{}\nthere"] {
                let rendered = render(&template.replace("{}", &escape(&value)));
                let wanted = template.replace("{}", &literal(&value));
                prop_assert_eq!(paragraph_text(&rendered.html), Some(wanted));
            }
        }

        #[test]
        fn nothing_panics(markdown in "(?s).{0,200}") {
            let rendered = render(&markdown);
            prop_assert!(!rendered.html.contains("<script"));
        }
    }

    #[test]
    fn a_number_before_a_full_stop_is_no_list() {
        let rendered = render(&format!("{}. Ready", escape("3")));
        assert_eq!(rendered.text, "3. Ready\n");
        assert!(rendered.html.starts_with("<p"));
    }

    #[test]
    fn both_forms_of_a_mail() {
        let rendered = render(
            "# Welcome\n\nHi *Ann*, see [the guide](https://acme.example/a?b=1&c=2)\nand <https://acme.example>.\n\n\
             - one\n- two\n  1. deep\n  2. deeper\n- three\n\n> said\n> so\n\n    code here\n\n---\n\nBye  \nAcme",
        );
        assert_eq!(
            rendered.text,
            "Welcome\n\nHi Ann, see the guide (https://acme.example/a?b=1&c=2) and https://acme.example.\n\n\
             - one\n- two\n  1. deep\n  2. deeper\n- three\n\n> said so\n\n    code here\n\n----\n\nBye\nAcme\n"
        );
        assert!(rendered.html.contains("<em>Ann</em>"));
        assert!(rendered.html.contains("href=\"https://acme.example/a?b=1&amp;c=2\""));
    }

    #[test]
    fn tables_are_read() {
        let rendered = render("Before\n\n| seats | used |\n|---|--:|\n| 10 | *7* |\n| 1\\|2 | <b> |\n\nAfter");
        assert_eq!(rendered.text, "Before\n\nseats | used\n----- | ----\n10    | 7\n1|2   | <b>\n\nAfter\n");
        for part in
            ["<table", "text-align:left\">seats</th>", "text-align:right\"><em>7</em></td>", ">1|2</td>", "&lt;b&gt;"]
        {
            assert!(rendered.html.contains(part), "{part}: {}", rendered.html);
        }
        // A value is never more than one cell.
        let rendered = render(&format!("| a |\n|---|\n| {} |", escape("x | y\n| z")));
        assert_eq!(rendered.html.matches("<td").count(), 1, "{}", rendered.html);
    }

    #[test]
    fn what_is_read_from_the_right_is_set_there() {
        let rendered = render("שלום\n\n- אחד\n\n> שתיים");
        for part in ["padding-right:24px", "border-right:3px"] {
            assert!(rendered.html.contains(part), "{part}: {}", rendered.html);
        }
        assert!(!rendered.html.contains("left"), "{}", rendered.html);
    }

    #[test]
    fn loose_lists_and_quotes_of_lists() {
        let rendered = render("- one\n\n  more\n\n- two\n\nafter\n\n> - a\n> - b\n>\n> c");
        assert_eq!(rendered.text, "- one\n\n  more\n\n- two\n\nafter\n\n> - a\n> - b\n>\n> c\n");
    }

    #[test]
    fn raw_html_is_shown_as_text() {
        let rendered = render("<script>alert(1)</script>\n\nand <b>bold</b>");
        assert!(!rendered.html.contains("<script>"));
        assert!(rendered.html.contains("&lt;b&gt;bold&lt;/b&gt;"));
        assert!(rendered.text.contains("and <b>bold</b>"));
    }

    #[test]
    fn only_safe_links_and_images_stay() {
        let rendered = render(
            "[a](javascript:alert(1)) [b](data:text/html,x) [c](/relative) ![logo](https://x.example/l.png) \
             ![f*g*](javascript:x) [d](mailto:a@acme.example) <ann@acme.example> [e](HTTPS://acme.example)",
        );
        assert!(!rendered.html.contains("javascript"));
        assert_eq!(rendered.html.matches("<img").count(), 1);
        assert!(rendered.html.contains("<img src=\"https://x.example/l.png\" alt=\"logo\""));
        assert_eq!(rendered.text, "a b c logo fg d (a@acme.example) ann@acme.example e (https://acme.example)\n");
        assert!(rendered.html.contains("href=\"mailto:ann@acme.example\""));
    }

    #[test]
    fn a_value_in_a_link_target_stays_one_target() {
        let rendered = render(&format!("[open](https://acme.example/{})", escape("a b_c)(\"<x")));
        assert_eq!(rendered.html.matches("<a ").count(), 1);
        assert!(rendered.html.contains("https://acme.example/a%20b_c)(&quot;&lt;x"), "{}", rendered.html);
    }
}
