//! Links of list mails to the pages for colleagues.

/// Puts the address of the pages before the links of a Markdown text that begin
/// with `/`; without pages it stays as it is. Values in it are no links: what would make
/// one is escaped.
pub(crate) fn lead_to_pages(text: &str, pages: Option<&str>) -> String {
    pages.map_or_else(|| text.to_owned(), |pages| text.replace("](/", &format!("]({pages}/")))
}
