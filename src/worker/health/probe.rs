//! What was found by the last of many looks, and how long ago.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Stopwatch;

/// The last answer of something that is asked again and again. Whoever reads it
/// never waits for an answer that does not come.
#[derive(Debug)]
pub struct Probe<T> {
    last: Mutex<Last<T>>,
}

#[derive(Debug)]
struct Last<T> {
    answer: Option<(Stopwatch, T)>,
    is_failing: bool,
}

/// What is known now.
#[derive(Clone, Debug)]
pub struct LastAnswer<T> {
    /// The last answer, and how long ago it came; `None` before the first.
    pub answer: Option<(Duration, T)>,
    /// Whether the question after it failed.
    pub is_failing: bool,
}

impl<T> Default for Probe<T> {
    fn default() -> Probe<T> {
        Probe { last: Mutex::new(Last { answer: None, is_failing: false }) }
    }
}

impl<T: Clone> Probe<T> {
    /// Keeps an answer, or that there was none.
    pub fn record<E>(&self, answer: Result<T, E>) {
        let mut last = self.lock();
        last.is_failing = answer.is_err();
        if let Ok(answer) = answer {
            last.answer = Some((Stopwatch::start(), answer));
        }
    }

    pub fn last(&self) -> LastAnswer<T> {
        let last = self.lock();
        let answer = last.answer.as_ref().map(|(since, answer)| (since.elapsed(), answer.clone()));
        LastAnswer { answer, is_failing: last.is_failing }
    }

    fn lock(&self) -> MutexGuard<'_, Last<T>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> LastAnswer<T> {
    /// Whether the last question was answered, and not longer ago than this.
    pub fn is_fresh(&self, at_most: Duration) -> bool {
        !self.is_failing && self.answer.as_ref().is_some_and(|(since, _)| *since <= at_most)
    }
}
