//! Links of list mails to the pages for colleagues.

/// Puts the address of the pages before the links of a Markdown text that begin
/// with `/`. Values in it are no links: what would make one is escaped.
pub(crate) fn lead_to_pages(text: &str, pages: &str) -> String {
    text.replace("](/", &format!("]({pages}/"))
}
