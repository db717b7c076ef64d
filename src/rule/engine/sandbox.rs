//! The Rhai engine that authors' text runs in, and nothing more.
//!
//! A raw engine: no package, no operator of Rhai's own, no `eval`, `import`,
//! `print`, `sleep`. Every limit is set and a limit on time holds, because
//! counted operations are not time. Only values are in scope.

use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{AST, Caches, Dynamic, Engine, EvalAltResult, OptimizationLevel, ParseError, Scope};

use super::actions::{self, Described};
use super::context::{self, Context, Current};
use super::error::{EvalError, explain, root};
use super::reader::Reader;
use super::unfit::UnfitAttribute;
use super::value::{LONGEST_TEXT, LONGEST_VALUE};
use super::{display, how_many, library, names, natives, operators, population};
use crate::plan_link::PlanLinks;
use crate::playbook::season::Seasons;
use crate::rule::holder::{AttributeTypes, PopulationCalls};

// Rhai evaluates by recursion and does not look at the stack. The deepest text
// that these three let through fits a thread's 2 MiB in an unoptimized build.
const EXPRESSION_DEPTH: usize = 32;
const FUNCTION_DEPTH: usize = 24;
// A call into a script counts three times; four of its functions may call each other.
const CALL_DEPTH: usize = 6;
/// The engines, with the shared modules of `scripts/` in reach. A clone is the
/// same engines.
#[derive(Clone, Debug)]
pub struct Sandbox {
    engines: Arc<Engines>,
}

/// A compiled text and how it reads its names.
#[derive(Clone, Copy)]
pub(crate) struct Evaluated<'a> {
    pub ast: &'a AST,
    pub traits: &'a Arc<AttributeTypes>,
    pub calls: &'a Arc<PopulationCalls>,
}

#[derive(Debug)]
struct Engines {
    expressions: Engine,
    scripts: Engine,
    seasons: Arc<Seasons>,
    /// The names that expressions and scripts may begin with.
    names: Scope<'static>,
    /// Between two evaluations; as many as there were at once.
    workspaces: Mutex<Vec<Workspace>>,
}

/// What one evaluation of an expression leaves for the next: the names in
/// scope, and what calls were resolved to. That depends on the engine alone:
/// expressions have no functions of their own, and a call into a script begins
/// with nothing remembered.
#[derive(Debug)]
struct Workspace {
    scope: Scope<'static>,
    resolved: Caches,
}

impl Sandbox {
    /// Builds the engines, for an installation with these seasons and links. `modules` are compiled scripts by module name.
    pub fn new(modules: &[(String, AST)], seasons: &Seasons, links: &PlanLinks) -> Sandbox {
        let seasons = Arc::new(seasons.clone());
        let mut expressions = base();
        natives::register_seasons(&mut expressions, seasons.clone());
        natives::register_plan_links(&mut expressions, links.clone());
        // The checker reports unknown names, all of them, with suggestions.
        expressions
            .set_strict_variables(false)
            .set_max_string_size(LONGEST_VALUE)
            .set_allow_if_expression(false)
            .set_allow_switch_expression(false)
            .set_allow_loop_expressions(false)
            .set_allow_statement_expression(false);
        let mut scripts = base();
        natives::register_seasons(&mut scripts, seasons.clone());
        natives::register_plan_links(&mut scripts, links.clone());
        scripts.set_max_variables(50);
        actions::register(&mut scripts);
        for (name, ast) in modules {
            let module: rhai::Shared<rhai::Module> = library::module(ast).into();
            expressions.register_static_module(name, module.clone());
            scripts.register_static_module(name, module);
        }
        Sandbox {
            engines: Arc::new(Engines {
                expressions,
                scripts,
                seasons,
                names: names::of_rules(),
                workspaces: Mutex::default(),
            }),
        }
    }

    /// The seasons that `in_season` knows.
    pub fn seasons(&self) -> &Seasons {
        &self.engines.seasons
    }

    /// Compiles one expression; statements are refused.
    pub fn expression(&self, text: &str) -> Result<AST, ParseError> {
        self.engines.expressions.compile_expression_with_scope(&self.engines.names, text)
    }

    /// Compiles the script of a `run` step.
    pub fn script(&self, text: &str) -> Result<AST, ParseError> {
        self.engines.scripts.compile_with_scope(&self.engines.names, text)
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

    /// Evaluates an expression in a context; with a reader where it stands in a
    /// text.
    pub(crate) fn evaluate(
        &self,
        text: Evaluated<'_>,
        context: &Context,
        reader: Option<&Rc<Reader>>,
    ) -> Result<Dynamic, EvalError> {
        let mut workspace =
            self.workspaces().pop().unwrap_or_else(|| Workspace { scope: names::of_texts(), resolved: Caches::new() });
        let engine = &self.engines.expressions;
        let current = Current::new(context.clone(), text.traits.clone(), text.calls.clone(), reader.cloned());
        let value = context::run_with(current, || {
            names::set(&mut workspace.scope, context, reader.map(Rc::as_ref));
            let state = &mut engine.new_global_runtime_state();
            // What `eval_ast_with_scope` does for an AST without functions, with
            // something to remember in. There is no other name for it.
            #[allow(deprecated)]
            let value =
                engine.eval_statements_raw(state, &mut workspace.resolved, &mut workspace.scope, text.ast.statements());
            unless_spoilt(value)
        });
        // What broke off is not built upon.
        let value = value?;
        self.workspaces().push(workspace);
        Ok(value)
    }

    fn workspaces(&self) -> MutexGuard<'_, Vec<Workspace>> {
        self.engines.workspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a `run` script and returns what it described, in order.
    pub(crate) fn describe(&self, text: Evaluated<'_>, context: &Context) -> Result<Vec<Described>, EvalError> {
        let current = Current::new(context.clone(), text.traits.clone(), text.calls.clone(), None);
        actions::describing(|| {
            context::run_with(current, || {
                let mut scope = names::of_rules();
                names::set(&mut scope, context, None);
                unless_spoilt(self.engines.scripts.eval_ast_with_scope::<Dynamic>(&mut scope, text.ast))
            })
        })
    }
}

/// The value of an evaluation that nothing spoilt.
fn unless_spoilt(value: Result<Dynamic, Box<EvalAltResult>>) -> Result<Dynamic, EvalError> {
    match context::read(|current| Ok(current.fault())).unwrap_or(None) {
        Some((message, line)) => Err(EvalError::at(message, line)),
        None => value.map_err(|error| {
            let unfit = context::read(|current| Ok(current.unfit())).unwrap_or(None);
            match unfit.filter(|_| is_about_unfit(&error)) {
                Some(unfit) => EvalError::at(unfit.needed(), error.position().line().unwrap_or(0) as u32),
                None => explain(&error),
            }
        }),
    }
}

/// Whether an attribute that does not fit stands where true or false is needed.
fn is_about_unfit(error: &EvalAltResult) -> bool {
    matches!(root(error), EvalAltResult::ErrorMismatchDataType(_, found, _) if found == std::any::type_name::<UnfitAttribute>())
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
    display::register(&mut engine);
    how_many::register(&mut engine);
    population::register(&mut engine);
    // Functions of scripts see no scope, so `none` is also a constant of the engine.
    let mut constants = rhai::Module::new();
    constants.set_var("none", Dynamic::UNIT);
    engine.register_global_module(constants.into());
    names::register(&mut engine);
    natives::register(&mut engine);
    engine
}
