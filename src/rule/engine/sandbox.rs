//! The Rhai engine that authors' text runs in, and nothing more.
//!
//! A raw engine: no package, no operator of Rhai's own, no `eval`, `import`,
//! `print`, `sleep`. Every limit is set and a limit on time holds, because
//! counted operations are not time. Only values are in scope.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{
    AST, Array, Caches, Dynamic, Engine, EvalAltResult, ImmutableString, Map, OptimizationLevel, ParseError, Scope,
};

use super::context::{self, Context, Current};
use super::error::{EvalError, explain};
use super::library;
use super::operators::{self, Span};
use crate::clock::Instant;
use crate::facts::{Arg, Cell, CellPath, Subject, Type, Value, time};
use crate::playbook::season::Seasons;
use crate::rule::functions::{FUNCTIONS, Param};

// Rhai evaluates by recursion and does not look at the stack. The deepest text
// that these three let through fits a thread's 2 MiB in an unoptimized build.
const EXPRESSION_DEPTH: usize = 32;
const FUNCTION_DEPTH: usize = 24;
// A call into a script counts three times; four of its functions may call each other.
const CALL_DEPTH: usize = 6;
/// The longest text that an expression or script may make, in bytes.
pub(crate) const LONGEST_TEXT: usize = 16 * 1024;

/// `account` or `contact` as a value in Rhai.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectRef {
    subject: Subject,
    /// How many days earlier.
    ago: Option<i64>,
}

/// `account.traits`.
#[derive(Clone, Copy, Debug)]
struct TraitsRef(SubjectRef);

/// `entry`.
#[derive(Clone, Copy, Debug)]
struct EntryRef;

/// `since_entry` and `since_step`.
#[derive(Clone, Copy, Debug)]
enum Since {
    Entry,
    Step,
}

/// The calls of a `run` script that describe actions.
pub(crate) const ACTIONS: [&str; 4] = ["email", "task", "notify", "set"];

/// An action that a `run` script described.
#[derive(Clone, Debug)]
pub struct Described {
    /// One of [`ACTIONS`].
    pub kind: &'static str,
    pub fields: Map,
}

/// The engines, with the shared modules of `scripts/` in reach.
#[derive(Debug)]
pub struct Sandbox {
    expressions: Engine,
    scripts: Engine,
    seasons: Arc<Seasons>,
    /// Between two evaluations; as many as there were at once.
    desks: Mutex<Vec<Desk>>,
}

/// What one evaluation of an expression leaves for the next: the names in
/// scope, and what calls were resolved to. That depends on the engine alone:
/// expressions have no functions of their own, and a call into a script begins
/// with nothing remembered.
#[derive(Debug)]
struct Desk {
    scope: Scope<'static>,
    resolved: Caches,
}

impl Sandbox {
    /// Builds the engines, for an installation with these seasons. `modules` are compiled scripts by module name.
    pub fn new(modules: &[(String, AST)], seasons: &Seasons) -> Sandbox {
        let seasons = Arc::new(seasons.clone());
        let mut expressions = base();
        register_seasons(&mut expressions, seasons.clone());
        // The checker reports unknown names, all of them, with suggestions.
        expressions
            .set_strict_variables(false)
            .set_allow_if_expression(false)
            .set_allow_switch_expression(false)
            .set_allow_loop_expressions(false)
            .set_allow_statement_expression(false);
        let mut scripts = base();
        register_seasons(&mut scripts, seasons.clone());
        scripts.set_max_variables(50);
        for kind in ACTIONS {
            scripts.register_fn(kind, move |fields: Map| describe_action(kind, fields));
        }
        for (name, ast) in modules {
            let module: rhai::Shared<rhai::Module> = library::module(ast).into();
            expressions.register_static_module(name, module.clone());
            scripts.register_static_module(name, module);
        }
        Sandbox { expressions, scripts, seasons, desks: Mutex::default() }
    }

    /// The seasons that `in_season` knows.
    pub fn seasons(&self) -> &Seasons {
        &self.seasons
    }

    /// Compiles one expression; statements are refused.
    pub fn expression(&self, text: &str) -> Result<AST, ParseError> {
        self.expressions.compile_expression_with_scope(&names(), text)
    }

    /// Compiles the script of a `run` step.
    pub fn script(&self, text: &str) -> Result<AST, ParseError> {
        self.scripts.compile_with_scope(&names(), text)
    }

    /// Compiles a module of `scripts/`.
    pub fn module(text: &str) -> Result<AST, ParseError> {
        let mut scope = Scope::new();
        scope.push_constant("none", Dynamic::UNIT);
        base().compile_with_scope(&scope, text)
    }

    /// Compiles the body of a function as one expression.
    pub(crate) fn body(text: &str) -> Result<AST, ParseError> {
        let mut engine = base();
        engine.set_strict_variables(false).set_allow_statement_expression(false);
        engine.compile_expression(text)
    }

    /// Evaluates an expression in a context.
    pub fn evaluate(
        &self,
        ast: &AST,
        context: &Context,
        traits: &Arc<HashMap<(Subject, String), Type>>,
    ) -> Result<Dynamic, EvalError> {
        let mut desk = self.desks().pop().unwrap_or_else(|| Desk { scope: names(), resolved: Caches::new() });
        let engine = &self.expressions;
        let value = context::with(Current::new(context.clone(), traits.clone()), || {
            desk.scope.set_value("now", context.facts.as_of);
            let state = &mut engine.new_global_runtime_state();
            // What `eval_ast_with_scope` does for an AST without functions, with
            // something to remember in. There is no other name for it.
            #[allow(deprecated)]
            let value = engine.eval_statements_raw(state, &mut desk.resolved, &mut desk.scope, ast.statements());
            unless_spoilt(value)
        });
        // What broke off is not built upon.
        let value = value?;
        self.desks().push(desk);
        Ok(value)
    }

    fn desks(&self) -> MutexGuard<'_, Vec<Desk>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a `run` script and returns what it described, in order.
    pub fn describe(
        &self,
        ast: &AST,
        context: &Context,
        traits: &Arc<HashMap<(Subject, String), Type>>,
    ) -> Result<Vec<Described>, EvalError> {
        DESCRIBED.with(|list| list.borrow_mut().clear());
        let current = Current::new(context.clone(), traits.clone());
        let result = context::with(current, || {
            let mut scope = names();
            scope.set_value("now", context.facts.as_of);
            unless_spoilt(self.scripts.eval_ast_with_scope::<Dynamic>(&mut scope, ast))
        });
        let described = DESCRIBED.with(|list| std::mem::take(&mut *list.borrow_mut()));
        result.map(|_| described)
    }
}

/// The value of an evaluation that nothing spoilt.
fn unless_spoilt(value: Result<Dynamic, Box<EvalAltResult>>) -> Result<Dynamic, EvalError> {
    match context::read(|current| Ok(current.fault())).unwrap_or(None) {
        Some((message, line)) => Err(EvalError::at(message, line)),
        None => value.map_err(|error| explain(&error)),
    }
}

thread_local! {
    static DESCRIBED: std::cell::RefCell<Vec<Described>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// More actions than this from one script is a mistake.
const ACTIONS_PER_SCRIPT: usize = 20;

fn describe_action(kind: &'static str, fields: Map) -> Result<(), Box<EvalAltResult>> {
    DESCRIBED.with(|list| {
        let mut list = list.borrow_mut();
        if list.len() >= ACTIONS_PER_SCRIPT {
            return Err(format!("a script describes at most {ACTIONS_PER_SCRIPT} actions").into());
        }
        list.push(Described { kind, fields });
        Ok(())
    })
}

/// The names in scope, with placeholder values; `now` is set at evaluation.
fn names() -> Scope<'static> {
    let mut scope = Scope::new();
    scope.push("account", SubjectRef { subject: Subject::Account, ago: None });
    scope.push("contact", SubjectRef { subject: Subject::Contact, ago: None });
    scope.push("entry", EntryRef);
    scope.push("since_entry", Dynamic::from(Since::Entry));
    scope.push("since_step", Dynamic::from(Since::Step));
    scope.push("none", Dynamic::UNIT);
    scope.push("now", Instant::UNIX_EPOCH);
    scope
}

fn base() -> Engine {
    let mut engine = Engine::new_raw();
    engine
        .set_optimization_level(OptimizationLevel::None)
        .set_fast_operators(false)
        .set_strict_variables(true)
        .set_allow_anonymous_fn(false)
        .set_max_expr_depths(EXPRESSION_DEPTH, FUNCTION_DEPTH)
        .set_max_call_levels(CALL_DEPTH)
        .set_max_string_size(LONGEST_TEXT)
        .set_max_array_size(1_000)
        .set_max_map_size(200)
        .set_max_functions(100)
        .set_max_modules(0);
    for symbol in ["eval", "import", "export", "print", "debug"] {
        engine.disable_symbol(symbol);
    }
    // Rhai loses count of what a function of a script does: the count is ours.
    engine.on_progress(|_| context::read(|current| Ok(current.work())).unwrap_or(None).map(Dynamic::from));
    // Scripts go through lists; conditions have no loops.
    engine.register_iterator::<rhai::Array>();
    engine.register_iterator::<std::ops::Range<i64>>();
    engine.register_iterator::<std::ops::RangeInclusive<i64>>();
    operators::register(&mut engine);
    super::display::register(&mut engine);
    crate::rule::check::how_many::register(&mut engine);
    // Functions of scripts see no scope, so `none` is also a constant of the engine.
    let mut constants = rhai::Module::new();
    constants.set_var("none", Dynamic::UNIT);
    engine.register_global_module(constants.into());
    register_names(&mut engine);
    register_time(&mut engine);
    register_progress(&mut engine);
    register_functions(&mut engine);
    engine
}

fn register_names(engine: &mut Engine) {
    engine.register_type_with_name::<SubjectRef>("account");
    engine.register_type_with_name::<Instant>("time");
    engine.register_indexer_get(|subject: &mut SubjectRef, name: ImmutableString| {
        if name == "traits" {
            return Ok::<_, Box<EvalAltResult>>(Dynamic::from(TraitsRef(*subject)));
        }
        cell(*subject, CellPath::Column(name.to_string()))
    });
    engine.register_fn(crate::rule::check::ago::NAME, |subject: &mut SubjectRef, days: i64| SubjectRef {
        ago: Some(days),
        ..*subject
    });
    engine.register_indexer_get(|traits: &mut TraitsRef, key: ImmutableString| {
        cell(traits.0, CellPath::Trait(key.to_string()))
    });
    engine.register_indexer_get(|_: &mut EntryRef, name: ImmutableString| {
        asked(|current| {
            let progress = current.progress()?;
            if name == "at" {
                return Ok(Dynamic::from(progress.entered_at));
            }
            let value = progress.entry.get(name.as_str());
            value
                .map(|value| to_dynamic(&current.held(value)))
                .ok_or_else(|| format!("`entry.{name}` was not kept at enrollment"))
        })
    });
}

fn register_time(engine: &mut Engine) {
    type Count = fn(Instant, Instant) -> i64;
    let counts: [(&str, Count); 4] = [
        ("days_since", time::days_since),
        ("days_until", time::days_until),
        ("hours_since", time::hours_since),
        ("hours_until", time::hours_until),
    ];
    for (name, count) in counts {
        engine.register_fn(name, move |t: Dynamic| {
            on_time(name, &t, |current, t| Dynamic::from(count(current.now(), t)))
        });
    }
    engine.register_fn("month", |t: Dynamic| {
        on_time("month", &t, |current, t| Dynamic::from(time::month(t, current.context.zone)))
    });
    engine.register_fn("weekday", |t: Dynamic| {
        on_time("weekday", &t, |current, t| Dynamic::from(time::weekday(t, current.context.zone)))
    });
    engine.register_fn("period", |unit: ImmutableString| {
        asked(|current| {
            time::period(current.now(), &unit, current.context.zone)
                .map(Dynamic::from)
                .ok_or_else(|| format!("`period(\"{unit}\")`: week, month, quarter or year"))
        })
    });
    engine.register_fn("days", |n: Dynamic| span("days", &n, chrono::Duration::try_days));
    engine.register_fn("hours", |n: Dynamic| span("hours", &n, chrono::Duration::try_hours));
}

fn register_seasons(engine: &mut Engine, seasons: Arc<Seasons>) {
    engine.register_fn("in_season", move |name: ImmutableString| {
        asked(|current| match seasons.get(&name) {
            Some(season) => Ok(Dynamic::from(season.contains(current.now(), current.context.zone))),
            None => Err(format!("there is no season \"{name}\"")),
        })
    });
}

fn span(name: &str, count: &Dynamic, length: fn(i64) -> Option<chrono::Duration>) -> Result<Span, Box<EvalAltResult>> {
    match count.as_int() {
        Ok(count) => length(count).map(Span).ok_or_else(|| "the span is too long".into()),
        Err(_) => operators::fail(format!("`{name}` needs a whole number, not {}", operators::describe(count))),
    }
}

fn on_time(
    name: &str,
    value: &Dynamic,
    answer: impl FnOnce(&Current, Instant) -> Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    if value.is_unit() {
        return Ok(Dynamic::UNIT);
    }
    match value.clone().try_cast::<Instant>() {
        Some(t) => asked(|current| Ok(answer(current, t))),
        None => operators::fail(format!("`{name}` needs a time, not {}", operators::describe(value))),
    }
}

fn register_progress(engine: &mut Engine) {
    engine.register_fn("done", |step: ImmutableString| {
        asked(|current| Ok(Dynamic::from(current.progress()?.done.contains(step.as_str()))))
    });
    engine.register_fn("sent", |step: ImmutableString| {
        asked(|current| Ok(Dynamic::from(current.progress()?.sent.contains(step.as_str()))))
    });
    engine.register_fn("answer", |step: ImmutableString| {
        asked(|current| Ok(current.progress()?.answers.get(step.as_str()).map_or(Dynamic::UNIT, to_dynamic)))
    });
    engine.register_fn("outcome", |step: ImmutableString| {
        asked(|current| {
            let outcome = current.progress()?.outcomes.get(step.as_str());
            Ok(outcome.map_or(Dynamic::UNIT, |text| Dynamic::from(text.clone())))
        })
    });
}

fn register_functions(engine: &mut Engine) {
    for function in FUNCTIONS {
        let name = function.name();
        let params: &[Param] = function.params();
        let least = params.iter().filter(|param| !param.optional).count();
        for count in [least, params.len()].into_iter().collect::<std::collections::BTreeSet<_>>() {
            match count {
                0 => engine.register_fn(name, move |subject: &mut SubjectRef| call(*subject, name, &[])),
                1 => engine.register_fn(name, move |subject: &mut SubjectRef, a: Dynamic| call(*subject, name, &[a])),
                2 => engine.register_fn(name, move |subject: &mut SubjectRef, a: Dynamic, b: Dynamic| {
                    call(*subject, name, &[a, b])
                }),
                _ => engine.register_fn(name, move |subject: &mut SubjectRef, a: Dynamic, b: Dynamic, c: Dynamic| {
                    call(*subject, name, &[a, b, c])
                }),
            };
        }
    }
}

fn call(subject: SubjectRef, function: &'static str, args: &[Dynamic]) -> Result<Dynamic, Box<EvalAltResult>> {
    let args = args
        .iter()
        .map(|arg| {
            if let Ok(number) = arg.as_int() {
                return Ok(Arg::Int(number));
            }
            if let Some(since) = arg.clone().try_cast::<Since>() {
                return Ok(match since {
                    Since::Entry => Arg::SinceEntry,
                    Since::Step => Arg::SinceStep,
                });
            }
            if arg.is_array()
                && let Some(list) = texts(arg)
            {
                return Ok(Arg::Texts(list));
            }
            match arg.clone().into_immutable_string() {
                Ok(text) => Ok(Arg::Text(text.to_string())),
                Err(_) => operators::fail(format!("`{function}` takes literal arguments")),
            }
        })
        .collect::<Result<Vec<Arg>, _>>()?;
    cell(subject, CellPath::Call { function, args })
}

fn cell(whose: SubjectRef, path: CellPath) -> Result<Dynamic, Box<EvalAltResult>> {
    let cell = Cell { subject: whose.subject, path: path.ago(whose.ago) };
    asked(|current| current.cell(&cell).map(|value| to_dynamic(&value)))
}

fn asked(question: impl FnOnce(&Current) -> Result<Dynamic, String>) -> Result<Dynamic, Box<EvalAltResult>> {
    context::read(question).map_err(Into::into)
}

/// A cell's value as Rhai holds it; a missing value is `()`.
pub(crate) fn to_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => Dynamic::from(*value),
        Value::Int(value) => Dynamic::from(*value),
        Value::Float(value) => Dynamic::from(*value),
        Value::Text(value) => Dynamic::from(ImmutableString::from(value.as_ref())),
        Value::Time(value) => Dynamic::from(*value),
        Value::Json(value) => Dynamic::from(value.clone()),
    }
}

/// The value an expression gave; `None` for lists, spans and the like.
pub fn from_dynamic(value: &Dynamic) -> Option<Value> {
    if value.is_unit() {
        return Some(Value::Null);
    }
    if let Ok(value) = value.as_bool() {
        return Some(Value::Bool(value));
    }
    if let Ok(value) = value.as_int() {
        return Some(Value::Int(value));
    }
    if let Ok(value) = value.as_float() {
        return Some(Value::Float(value));
    }
    if let Some(value) = value.clone().try_cast::<Instant>() {
        return Some(Value::Time(value));
    }
    value.clone().into_immutable_string().ok().map(|text| Value::text(&text))
}

/// A list of texts, as `to: ["a", "b"]` gives in a script.
pub fn texts(value: &Dynamic) -> Option<Vec<String>> {
    if let Some(list) = value.clone().try_cast::<Array>() {
        return list.into_iter().map(|item| item.into_immutable_string().ok().map(|text| text.to_string())).collect();
    }
    value.clone().into_immutable_string().ok().map(|text| vec![text.to_string()])
}
