//! Leases: what a process has claimed is its own only as long as its lease holds.

use std::error::Error;
use std::fmt;

/// What was claimed is somebody else's by now: nothing was written, and nothing
/// more of it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody else has it")
    }
}

impl Error for Lost {}

/// The result of a write that touches rows only as long as they are ours.
pub(super) fn unless_lost(rows_written: u64) -> Result<(), Lost> {
    if rows_written > 0 { Ok(()) } else { Err(Lost) }
}
