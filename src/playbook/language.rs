//! Tags of languages, as authors and customers' stores write them.

/// A locale or language as they are compared: `pt_BR` is `pt-br`.
pub fn language_tag(locale: &str) -> String {
    locale.trim().to_lowercase().replace('_', "-")
}

/// The language of a tag without script and region: `pt` of `pt-br`.
pub fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}

/// Whether a tag has the form of a BCP 47 tag whose language has a short code.
pub fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}
