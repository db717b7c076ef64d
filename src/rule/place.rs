//! Where something stands in an author's text.

use rhai::Position;

/// The 1-based place of a Rhai position, 1:1 when it has none.
pub(crate) fn place(position: Position) -> (u32, u32) {
    (position.line().unwrap_or(1) as u32, position.position().unwrap_or(1) as u32)
}
