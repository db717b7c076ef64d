//! A set of slots, by their places in the list of all.

use std::ops::Range;

const BITS: usize = 64;

/// Some of a number of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSet {
    words: Vec<u64>,
    len: usize,
}

impl SlotSet {
    /// None of so many.
    pub fn empty(len: usize) -> SlotSet {
        SlotSet { words: vec![0; len.div_ceil(BITS)], len }
    }

    /// All of so many.
    pub fn full(len: usize) -> SlotSet {
        let mut set = SlotSet::empty(len);
        set.insert_range(0..len);
        set
    }

    /// How many there are to choose from.
    pub fn capacity(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn contains(&self, place: usize) -> bool {
        place < self.len && self.words[place / BITS] & (1 << (place % BITS)) != 0
    }

    pub fn insert(&mut self, place: usize) {
        if place < self.len {
            self.words[place / BITS] |= 1 << (place % BITS);
        }
    }

    /// Adds those of a range that exist.
    pub fn insert_range(&mut self, range: Range<usize>) {
        let (mut place, end) = (range.start, range.end.min(self.len));
        while place < end {
            let from = place % BITS;
            let bits = (end - place).min(BITS - from);
            let ones = if bits == BITS { u64::MAX } else { ((1 << bits) - 1) << from };
            self.words[place / BITS] |= ones;
            place += bits;
        }
    }

    /// Keeps those that the other one has, too.
    pub fn intersect(&mut self, other: &SlotSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Adds those of the other one.
    pub fn unite(&mut self, other: &SlotSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// Removes those of the other one.
    pub fn subtract(&mut self, other: &SlotSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    /// The first that is not before a place.
    pub fn next_from(&self, place: usize) -> Option<usize> {
        let mut at = place / BITS;
        let mut word = self.words.get(at)? & (u64::MAX << (place % BITS));
        while word == 0 {
            at += 1;
            word = *self.words.get(at)?;
        }
        Some(at * BITS + word.trailing_zeros() as usize)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        std::iter::successors(self.next_from(0), |place| self.next_from(place + 1))
    }

    /// Whether it has one of a range.
    pub fn meets(&self, range: &Range<usize>) -> bool {
        self.next_from(range.start).is_some_and(|place| place < range.end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_a_set_of_places() {
        for len in [0, 1, 63, 64, 65, 200] {
            let full = SlotSet::full(len);
            assert_eq!(full.count(), len);
            assert_eq!(full.iter().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
            for (from, to) in [(0, 1), (3, 70), (60, 64), (64, 128), (10, 10), (199, 500)] {
                let mut some = SlotSet::empty(len);
                some.insert_range(from..to);
                let meant: BTreeSet<usize> = (from..to.min(len)).collect();
                assert_eq!(some.iter().collect::<BTreeSet<_>>(), meant, "{from}..{to} of {len}");
                let mut rest = full.clone();
                rest.subtract(&some);
                assert_eq!(rest.count() + some.count(), len);
                assert!((0..len).all(|place| some.contains(place) != rest.contains(place)));
                assert_eq!(some.meets(&(0..len)), !meant.is_empty());
                rest.unite(&some);
                assert_eq!(rest, full);
                rest.intersect(&some);
                assert_eq!(rest, some);
            }
        }
    }
}
