//! Where a worker is caught: at a change that it has the database carry out,
//! or at a word of the mail server's.

use std::sync::{Arc, Mutex};

use super::life::Life;
use crate::support::smtp::{At, Moment};
use crate::support::wire::{Deciding, Fate, Statement, Watcher};

/// Something that outlives a worker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The first words of a change or a commit; further on, a statement about
    /// many rows depends on their values.
    Change(String),
    /// A word of the mail server's.
    Word(At),
}

/// What happens to whoever is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Dies,
    /// Lives, and loses its connection to the database.
    IsCutOff,
}

/// Where, when and how.
#[derive(Clone, Debug)]
pub struct Snare {
    pub what: What,
    pub moment: Moment,
    pub end: End,
    /// How many are caught, one after the other.
    pub times: usize,
}

pub struct Trap {
    pub life: Arc<Life>,
    snares: Vec<Snare>,
    state: Mutex<State>,
}

struct State {
    seen: Vec<What>,
    /// By each snare.
    caught: Vec<usize>,
    /// Whether somebody dies as soon as the database has answered.
    dies: bool,
}

impl Trap {
    pub fn new(snares: Vec<Snare>) -> Trap {
        let state = State { seen: Vec::new(), caught: vec![0; snares.len()], dies: false };
        Trap { life: Arc::default(), snares, state: Mutex::new(state) }
    }

    /// Everywhere that somebody passed, in the order of the first time.
    pub fn seen(&self) -> Vec<What> {
        self.state.lock().unwrap().seen.clone()
    }

    /// How many each snare has caught.
    pub fn caught(&self) -> Vec<usize> {
        self.state.lock().unwrap().caught.clone()
    }

    /// A session of the mail server's is here.
    pub fn mail(&self, at: At, moment: Moment) {
        if self.catches(What::Word(at), moment).is_some() {
            self.life.end();
        }
    }

    fn catches(&self, what: What, moment: Moment) -> Option<End> {
        let mut state = self.state.lock().unwrap();
        if !state.seen.contains(&what) {
            state.seen.push(what.clone());
        }
        let open = |(at, snare): &(usize, &Snare)| {
            snare.what == what && snare.moment == moment && state.caught[*at] < snare.times
        };
        let (at, snare) = self.snares.iter().enumerate().find(open)?;
        state.caught[at] += 1;
        Some(snare.end)
    }
}

impl Watcher for Trap {
    fn asked<'a>(&'a self, statement: &'a Statement) -> Deciding<'a> {
        Box::pin(async move {
            if !statement.lasts {
                return Fate::Passes;
            }
            let what = || What::Change(statement.text.chars().take(64).collect());
            match self.catches(what(), Moment::Before) {
                Some(End::Dies) => self.life.end(),
                Some(End::IsCutOff) => {}
                None => match self.catches(what(), Moment::After) {
                    Some(end) => {
                        self.state.lock().unwrap().dies = end == End::Dies;
                        return Fate::After;
                    }
                    None => return Fate::Passes,
                },
            }
            Fate::Before
        })
    }

    fn answered(&self, _: &Statement, fate: Fate) {
        if fate == Fate::After && self.state.lock().unwrap().dies {
            self.life.end();
        }
    }
}
