//! Text within HTML.

/// The text with what HTML reads as markup written as what it stands for. A slash stays
/// one: addresses remain readable in the source.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
