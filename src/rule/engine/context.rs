//! What an expression sees while it is evaluated.
//!
//! Rhai's functions take no hidden argument, so the context of the evaluation
//! under way stands in a thread-local that only this folder reaches.
//! Invariant: it is set for exactly the length of one evaluation, which is
//! synchronous.

use std::cell::{Cell as Slot, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use rhai::{Dynamic, EvalAltResult};

use super::lookup;
use super::reader::Reader;
use super::unfit::UnfitAttribute;
use crate::clock::{Allowance, Instant};
use crate::facts::{Cell, Facts, Progress, Value};
use crate::rule::holder::{AttributeTypes, Person, PopulationCalls};

/// The world of one evaluation.
#[derive(Clone, Debug)]
pub struct Context {
    pub facts: Arc<Facts>,
    /// `None` outside an enrollment: at entry, in `when`.
    pub progress: Option<Arc<Progress>>,
    /// The playbook's zone, for calendar functions.
    pub zone: Tz,
}

/// The evaluation under way on this thread.
pub(crate) struct Current {
    pub context: Context,
    /// The kind each JSON attribute is read as in this expression.
    pub traits: Arc<AttributeTypes>,
    /// The population functions in it.
    pub calls: Arc<PopulationCalls>,
    /// Whom a text names; `None` where the expression stands in none.
    reader: Option<Rc<Reader>>,
    /// The operations that were done so far, those of scripts among them.
    operations: Slot<u64>,
    /// Set at the first look at the time, which few conditions live to see.
    allowance: Slot<Option<Allowance>>,
    /// What went wrong where Rhai takes no error: why, and in which line.
    fault: RefCell<Option<(String, u32)>>,
    /// The attribute that was read last of those that do not fit.
    unfit: RefCell<Option<UnfitAttribute>>,
}

/// The operations that one evaluation may do, or all of one text together.
const OPERATIONS: u64 = 50_000;
/// The time that one evaluation may work. A condition needs microseconds.
const TIME_LIMIT: Duration = Duration::from_millis(200);
/// The operations between two looks at the time.
const BETWEEN_LOOKS: u64 = 64;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Runs `work` with `current` in place, and takes it away again whatever happens.
pub(crate) fn run_with<R>(current: Current, work: impl FnOnce() -> R) -> R {
    struct Clear;
    impl Drop for Clear {
        fn drop(&mut self) {
            CURRENT.with(|slot| slot.borrow_mut().take());
        }
    }
    CURRENT.with(|slot| *slot.borrow_mut() = Some(current));
    let _clear = Clear;
    work()
}

/// Reads the current evaluation; an error outside of one.
pub(crate) fn read<R>(question: impl FnOnce(&Current) -> Result<R, String>) -> Result<R, String> {
    CURRENT.with(|slot| match slot.borrow().as_ref() {
        Some(current) => question(current),
        None => Err("there is no account in view here".to_owned()),
    })
}

/// The same for a function that expressions call.
pub(crate) fn look_up<R>(question: impl FnOnce(&Current) -> Result<R, String>) -> Result<R, Box<EvalAltResult>> {
    read(question).map_err(Into::into)
}

impl Current {
    pub fn new(
        context: Context,
        traits: Arc<AttributeTypes>,
        calls: Arc<PopulationCalls>,
        reader: Option<Rc<Reader>>,
    ) -> Current {
        Current {
            context,
            traits,
            calls,
            reader,
            operations: Slot::new(0),
            allowance: Slot::new(None),
            fault: RefCell::default(),
            unfit: RefCell::default(),
        }
    }

    /// Counts one operation; why no other may follow it.
    pub fn work(&self) -> Option<&'static str> {
        // The expressions of one text are counted together.
        let counter = self.reader.as_ref().map_or(&self.operations, |reader| &reader.operations);
        let operations = counter.get() + 1;
        counter.set(operations);
        if operations > OPERATIONS {
            return Some("it does too much work");
        }
        if !operations.is_multiple_of(BETWEEN_LOOKS) {
            return None;
        }
        match self.allowance.get() {
            Some(allowance) => allowance.is_spent().then_some("it took too long"),
            None => {
                self.allowance.set(Some(Allowance::of(TIME_LIMIT)));
                None
            }
        }
    }

    /// Spoils the evaluation, whatever it gives; the first reason counts.
    pub fn fail(&self, why: String, line: u32) {
        self.fault.borrow_mut().get_or_insert((why, line));
    }

    /// Why the evaluation is spoilt.
    pub fn fault(&self) -> Option<(String, u32)> {
        self.fault.borrow().clone()
    }

    /// The attribute that was read last of those that hold another kind of
    /// value: Rhai names only the kind of what stands where a condition should.
    pub fn unfit(&self) -> Option<UnfitAttribute> {
        self.unfit.borrow().clone()
    }

    fn note_unfit(&self, value: Dynamic) -> Dynamic {
        if let Some(unfit) = UnfitAttribute::of(&value) {
            *self.unfit.borrow_mut() = Some(unfit);
        }
        value
    }

    pub fn now(&self) -> Instant {
        self.context.facts.as_of
    }

    /// The value of a cell as this expression reads it.
    pub fn cell(&self, cell: &Cell) -> Result<Dynamic, String> {
        lookup::cell(&self.context.facts, self.context.zone, &self.traits, cell).map(|value| self.note_unfit(value))
    }

    /// A value that a column holds.
    pub fn of_column(&self, value: &Value) -> Dynamic {
        lookup::column(value, self.context.zone)
    }

    /// A column of a person whom the text names.
    pub fn person_column(&self, person: Person, name: &str) -> Result<Dynamic, String> {
        Ok(self.of_column(&self.reader()?.column(person, name)))
    }

    /// An attribute of a person whom the text names.
    pub fn person_attribute(&self, person: Person, key: &str) -> Result<Dynamic, String> {
        let Some(raw) = self.reader()?.attribute(person, key) else { return Ok(Dynamic::UNIT) };
        Ok(self.note_unfit(lookup::person_attribute(person, key, raw, &self.traits, self.context.zone)))
    }

    fn reader(&self) -> Result<&Reader, String> {
        self.reader.as_deref().ok_or_else(|| "there is no reader in view here".to_owned())
    }

    pub fn progress(&self) -> Result<&Progress, String> {
        self.context.progress.as_deref().ok_or_else(|| "there is no enrollment in view here".to_owned())
    }
}
