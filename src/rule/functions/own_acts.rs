//! Facts as an enrollment sees them that has done something itself at their
//! instant.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::find;
use crate::facts::{CellPath, Facts, Layout, OwnAct, OwnActs};

/// Which acts of an enrollment change facts of a layout.
pub fn acts_read(layout: &Layout) -> BTreeSet<OwnAct> {
    let call = |path: &CellPath| match path {
        CellPath::Call { function, .. } => find(function)?.own_act(),
        _ => None,
    };
    layout.cells().iter().filter_map(|cell| call(&cell.path)).collect()
}

/// The same facts with what the enrollment did at their instant.
pub fn count_own_acts(facts: &Arc<Facts>, acts: &OwnActs) -> Arc<Facts> {
    if *acts == OwnActs::default() {
        return facts.clone();
    }
    let mut facts = Facts::clone(facts);
    for (cell, value) in facts.layout.cells().iter().zip(&mut facts.values) {
        let CellPath::Call { function, args } = &cell.path else { continue };
        let after = find(function).and_then(|function| function.after(value, cell.subject, args, acts));
        if let Some(after) = after {
            *value = after;
        }
    }
    Arc::new(facts)
}
