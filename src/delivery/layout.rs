//! The frame around a mail's content: page, postal address, unsubscribe link.

use super::markdown::html_text;
use super::text_language::TextLanguage;

/// What stands below every customer mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// The sender's postal address; lines may be separated by `\n`.
    pub postal_address: Option<String>,
    /// Where a person can unsubscribe: a page, not the one-click target of
    /// the header.
    pub unsubscribe_url: Option<String>,
    /// What that link is called in the reader's language.
    pub unsubscribe_word: &'static str,
}

impl Footer {
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.postal_address.iter().flat_map(|address| address.lines()).map(str::trim).filter(|line| !line.is_empty())
    }

    fn link(&self) -> Option<&str> {
        self.unsubscribe_url.as_deref().filter(|url| !url.is_empty())
    }
}

/// The text body with its footer below the usual signature line.
pub fn text(body: &str, footer: &Footer) -> String {
    let mut out = body.trim_end().to_owned();
    out.push('\n');
    let lines: Vec<&str> = footer.lines().collect();
    if lines.is_empty() && footer.link().is_none() {
        return out;
    }
    out.push_str("\n-- \n");
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
    if let Some(url) = footer.link() {
        out.push_str(&format!("{}: {url}\n", footer.unsubscribe_word));
    }
    out
}

/// A whole HTML document around `content`, a fragment as
/// [`super::markdown::render`] gives it.
///
/// The language is that of the content. Tables and inline styles, because the widespread mail clients lay out
/// nothing else alike.
pub fn page(content: &str, footer: &Footer, language: &TextLanguage) -> String {
    let (attributes, direction) = (language.attributes(), language.direction);
    let mut below = String::new();
    for line in footer.lines() {
        below.push_str(&html_text(line));
        below.push_str("<br>\n");
    }
    if let Some(url) = footer.link() {
        below.push_str(&format!(
            "<a href=\"{}\" style=\"color:#52606d\">{}</a>\n",
            html_text(url),
            html_text(footer.unsubscribe_word)
        ));
    }
    if !below.is_empty() {
        below = format!(
            "<tr><td style=\"padding:16px 24px;border-top:1px solid #d9dee5;\
             font-family:Helvetica,Arial,sans-serif;font-size:12px;line-height:1.5;color:#52606d\">\n\
             {below}</td></tr>\n"
        );
    }
    let (dir, side) = (direction.attribute(), direction.side());
    format!(
        "<!DOCTYPE html>\n<html{attributes}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n</head>\n\
         <body{attributes} style=\"margin:0;padding:0;background:#ffffff\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n\
         <tr><td align=\"center\">\n\
         <table role=\"presentation\" width=\"600\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" dir=\"{dir}\" \
         style=\"width:100%;max-width:600px;text-align:{side}\">\n\
         <tr><td style=\"padding:24px;font-family:Helvetica,Arial,sans-serif;font-size:16px;\
         line-height:1.5;color:#1f2933\">\n\
         {content}</td></tr>\n\
         {below}</table>\n</td></tr>\n</table>\n</body>\n</html>\n"
    )
}
