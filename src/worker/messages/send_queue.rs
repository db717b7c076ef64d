//! The order in which a lane sends: each message as soon as its domain has room
//! for it, and those of one domain one behind the other.

use std::collections::{BTreeMap, VecDeque};

use super::domain_limits::{InFlight, SendPermit};
use crate::clock::Instant;

/// What a lane has to send. What finds no turn waits here, behind it everything
/// else of its domain; so the order of each domain stays.
pub struct Queue<T> {
    ready: VecDeque<(Option<String>, T)>,
    waiting: BTreeMap<String, VecDeque<T>>,
    /// Domains that wait and may have a turn now.
    open: Vec<String>,
}

/// The next of a queue.
#[derive(Debug)]
pub enum Next<T> {
    /// To be sent, or with no domain and so no pass.
    Now(T, Option<InFlight>),
    Later {
        item: T,
        at: Instant,
        reason: String,
    },
}

impl<T> Queue<T> {
    /// In this order, each with its domain; without one nothing is sent.
    pub fn new(items: impl IntoIterator<Item = (Option<String>, T)>) -> Queue<T> {
        Queue { ready: items.into_iter().collect(), waiting: BTreeMap::new(), open: Vec::new() }
    }

    /// The next that need not wait; `ask` asks for the turn of a domain.
    pub fn next(&mut self, mut ask: impl FnMut(&str) -> SendPermit) -> Option<Next<T>> {
        while let Some(name) = self.open.last().cloned() {
            if let Some(item) = self.first_of(&name) {
                match ask(&name).of(item) {
                    Ok(next) => return Some(next),
                    Err(item) => self.waiting.entry(name).or_default().push_front(item),
                }
            }
            self.open.pop();
        }
        while let Some((name, item)) = self.ready.pop_front() {
            let Some(name) = name else { return Some(Next::Now(item, None)) };
            if let Some(before) = self.waiting.get_mut(&name) {
                before.push_back(item);
                continue;
            }
            match ask(&name).of(item) {
                Ok(next) => return Some(next),
                Err(item) => self.waiting.entry(name).or_default().push_back(item),
            }
        }
        None
    }

    /// Something has ended, so that those that wait may have a turn.
    pub fn reopen(&mut self) {
        self.open = self.waiting.keys().rev().cloned().collect();
    }

    /// Whether anything waits for its turn.
    pub fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn first_of(&mut self, name: &str) -> Option<T> {
        let queue = self.waiting.get_mut(name)?;
        let first = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(name);
        }
        first
    }
}

impl SendPermit {
    /// Of this item; gives it back when it has to wait.
    fn of<T>(self, item: T) -> Result<Next<T>, T> {
        match self {
            SendPermit::Now(pass) => Ok(Next::Now(item, Some(pass))),
            SendPermit::Wait => Err(item),
            SendPermit::Later { at, reason } => Ok(Next::Later { item, at, reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::worker::messages::domain_limits::Domains;
    use crate::worker::messages::domain_limits::tests::{at, refused, taken};

    proptest! {
        /// Whatever becomes of attempts: of no domain more than half of the
        /// connections are under way, all leave but those that are told why
        /// not, each once, and each domain in its order.
        #[test]
        fn a_queue_keeps_the_limits_and_loses_nothing(
            items in proptest::collection::vec(0..4_usize, 0..60),
            ends in proptest::collection::vec((0..4_usize, any::<bool>()), 1..200),
        ) {
            let domains = Domains::default();
            let named = |n: usize| (n > 0).then(|| format!("d{n}.example"));
            let mut queue = Queue::new(items.iter().enumerate().map(|(at, n)| (named(*n), (at, *n))));
            let (mut flying, mut seen) = (Vec::new(), Vec::new());
            let mut ends = ends.into_iter().cycle();
            loop {
                while let Some(next) = queue.next(|name| domains.ask(name, 6, at(0))) {
                    match next {
                        Next::Now(item, Some(pass)) => {
                            flying.push((item.1, pass));
                            seen.push(item);
                        }
                        Next::Now(item, None) => {
                            prop_assert_eq!(item.1, 0);
                            seen.push(item);
                        }
                        Next::Later { item, .. } => seen.push(item),
                    }
                    for n in 1..4 {
                        prop_assert!(flying.iter().filter(|(of, _)| *of == n).count() <= 3);
                    }
                }
                if flying.is_empty() {
                    break;
                }
                let (which, well) = ends.next().expect("there are some");
                let (_, pass) = flying.swap_remove(which % flying.len());
                pass.end(&if well { taken() } else { refused() }, at(0));
                queue.reopen();
            }
            prop_assert!(!queue.waits());
            for n in 0..4 {
                let order: Vec<usize> = seen.iter().filter(|(_, of)| *of == n).map(|(at, _)| *at).collect();
                prop_assert!(order.is_sorted(), "{:?}", order);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, items.into_iter().enumerate().collect::<Vec<_>>());
        }
    }
}
