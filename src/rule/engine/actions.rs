//! The calls of a `run` script that describe actions: nothing is done by them.

use std::cell::RefCell;

use rhai::{Engine, EvalAltResult, Map};

/// The calls of a `run` script that describe actions.
pub(crate) const ACTIONS: [&str; 4] = ["email", "task", "notify", SET];

/// The call that writes labels down.
pub(crate) const SET: &str = "set";

/// An action that a `run` script described.
#[derive(Clone, Debug)]
pub struct Described {
    /// One of [`ACTIONS`].
    pub kind: &'static str,
    pub fields: Map,
}

/// More actions than this from one script is a mistake.
const ACTIONS_PER_SCRIPT: usize = 20;

thread_local! {
    /// What the script that runs on this thread has described so far.
    static DESCRIBED: RefCell<Vec<Described>> = const { RefCell::new(Vec::new()) };
}

/// Registers the calls.
pub(crate) fn register(engine: &mut Engine) {
    for kind in ACTIONS {
        engine.register_fn(kind, move |fields: Map| describe(kind, fields));
    }
}

/// Runs a script with nothing described before; what it described, in order.
pub(crate) fn describing<R, E>(run: impl FnOnce() -> Result<R, E>) -> Result<Vec<Described>, E> {
    DESCRIBED.with(|list| list.borrow_mut().clear());
    let result = run();
    let described = DESCRIBED.with(|list| std::mem::take(&mut *list.borrow_mut()));
    result.map(|_| described)
}

fn describe(kind: &'static str, fields: Map) -> Result<(), Box<EvalAltResult>> {
    DESCRIBED.with(|list| {
        let mut list = list.borrow_mut();
        if list.len() >= ACTIONS_PER_SCRIPT {
            return Err(format!("a script describes at most {ACTIONS_PER_SCRIPT} actions").into());
        }
        list.push(Described { kind, fields });
        Ok(())
    })
}
