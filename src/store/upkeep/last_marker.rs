//! How far sending has come, as far as this process knows.

/// How far sending had come: in which epoch, and the number of the last marker
/// in it. A later one is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastMarker {
    /// Microseconds since 1970 of the last confirmation; 0 when there was none.
    pub epoch: i64,
    pub number: i64,
}
