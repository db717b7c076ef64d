//! At which slots the necessary part of a condition holds for one subject, found
//! without looking at every slot: between two instants at which a fact can
//! change, one look stands for all.
//!
//! Invariant: the answer is that of [`Predicate::matches`] on the facts of each
//! slot; a property test compares the two.

use std::ops::Range;
use std::sync::Arc;

use crate::clock::Instant;
use crate::facts::{CellPath, Facts, History, Layout, Schema, Subject, SubjectId};
use crate::rehearsal::slot_set::SlotSet;
use crate::rule::Predicate;
use crate::rule::functions::change_instants;
use crate::rule::functions::fold::{FoldError, fold_facts};
use crate::rule::prefilter::predicate::{Comparison, Operand};

/// A predicate, prepared for many subjects.
#[derive(Clone, Debug)]
pub enum Necessary {
    Always,
    Never,
    All(Vec<Necessary>),
    Any(Vec<Necessary>),
    Leaf { predicate: Predicate, layout: Arc<Layout> },
}

/// One subject and the slots in question.
#[derive(Clone, Copy)]
pub struct SubjectSlots<'a> {
    pub history: &'a History,
    pub subject: &'a SubjectId,
    pub schema: &'a Schema,
    pub slots: &'a [Instant],
}

impl Necessary {
    /// For such subjects.
    pub fn new(predicate: &Predicate, subject: Subject) -> Necessary {
        let each = |parts: &[Predicate]| {
            let mut parts: Vec<Necessary> = parts.iter().map(|part| Necessary::new(part, subject)).collect();
            // Columns first: the rest is looked at for fewer slots then.
            parts.sort_by_key(Necessary::reads_calls);
            parts
        };
        match predicate {
            Predicate::Always => Necessary::Always,
            Predicate::Never => Necessary::Never,
            Predicate::All(parts) => Necessary::All(each(parts)),
            Predicate::Any(parts) => Necessary::Any(each(parts)),
            leaf => {
                let mut layout = Layout::of(subject);
                leaf.each_term(&mut |term| layout.merge(std::slice::from_ref(&term.cell)));
                Necessary::Leaf { predicate: leaf.clone(), layout: Arc::new(layout) }
            }
        }
    }

    fn reads_calls(&self) -> bool {
        match self {
            Necessary::Always | Necessary::Never => false,
            Necessary::All(parts) | Necessary::Any(parts) => parts.iter().any(Necessary::reads_calls),
            Necessary::Leaf { layout, .. } => {
                layout.cells().iter().any(|cell| matches!(cell.path.whenever(), CellPath::Call { .. }))
            }
        }
    }

    /// Those slots among `within` at which it holds.
    ///
    /// # Errors
    /// When the history lacks a required column, or nothing answers a fact.
    pub fn holds(&self, of: &SubjectSlots<'_>, within: SlotSet) -> Result<SlotSet, FoldError> {
        if within.is_empty() {
            return Ok(within);
        }
        match self {
            Necessary::Always => Ok(within),
            Necessary::Never => Ok(SlotSet::empty(within.capacity())),
            Necessary::All(parts) => parts.iter().try_fold(within, |left, part| part.holds(of, left)),
            Necessary::Any(parts) => {
                let (mut found, mut left) = (SlotSet::empty(within.capacity()), within);
                for part in parts {
                    let more = part.holds(of, left.clone())?;
                    left.subtract(&more);
                    found.unite(&more);
                }
                Ok(found)
            }
            Necessary::Leaf { predicate, layout } => leaf(predicate, layout, of, &within),
        }
    }
}

fn leaf(
    predicate: &Predicate,
    layout: &Arc<Layout>,
    of: &SubjectSlots<'_>,
    within: &SlotSet,
) -> Result<SlotSet, FoldError> {
    let facts = |place: usize| {
        let at = of.slots[place];
        fold_facts(of.history, of.subject, layout, of.schema, at, None, None)
    };
    let mut found = SlotSet::empty(within.capacity());
    let Some(pieces) = pieces(layout, of) else {
        for place in within.iter() {
            if predicate.matches(&facts(place)?) {
                found.insert(place);
            }
        }
        return Ok(found);
    };
    for piece in pieces.into_iter().filter(|piece| within.meets(piece)) {
        let first = facts(piece.start)?;
        match truth_in_time(predicate) {
            TruthInTime::Constant if predicate.matches(&first) => found.insert_range(piece),
            TruthInTime::Constant => {}
            TruthInTime::TurnsOnce => found.insert_range(turn(predicate, first, of.slots, piece)),
            TruthInTime::Unknown => {
                let mut facts = first;
                for place in piece {
                    facts.as_of = of.slots[place];
                    if predicate.matches(&facts) {
                        found.insert(place);
                    }
                }
            }
        }
    }
    found.intersect(within);
    Ok(found)
}

/// The parts of the slots in which no cell changes; `None` where that is not known.
pub(super) fn pieces(layout: &Layout, of: &SubjectSlots<'_>) -> Option<Vec<Range<usize>>> {
    let mut starts = vec![0];
    for cell in layout.cells() {
        let instants = change_instants(cell, of.history)?;
        starts.extend(instants.into_iter().map(|instant| of.slots.partition_point(|slot| *slot <= instant)));
    }
    starts.push(of.slots.len());
    starts.sort_unstable();
    starts.dedup();
    Some(starts.windows(2).map(|pair| pair[0]..pair[1]).collect())
}

/// How the truth of a leaf goes on while its cells stay and time passes.
enum TruthInTime {
    Constant,
    TurnsOnce,
    Unknown,
}

fn truth_in_time(predicate: &Predicate) -> TruthInTime {
    match predicate {
        Predicate::Compare { comparison, right: Operand::FromNow(_), .. } => match comparison {
            Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => TruthInTime::TurnsOnce,
            Comparison::Equals | Comparison::Differs => TruthInTime::Unknown,
        },
        _ => TruthInTime::Constant,
    }
}

/// The part of a piece in which a predicate holds that turns at most once there.
fn turn(predicate: &Predicate, mut facts: Facts, slots: &[Instant], piece: Range<usize>) -> Range<usize> {
    let mut holds = |place: usize| {
        facts.as_of = slots[place];
        predicate.matches(&facts)
    };
    let (first, last) = (holds(piece.start), holds(piece.end - 1));
    if first == last {
        return if first { piece } else { piece.start..piece.start };
    }
    let (mut low, mut high) = (piece.start, piece.end - 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if holds(middle) == first { low = middle } else { high = middle }
    }
    if first { piece.start..high } else { high..piece.end }
}
