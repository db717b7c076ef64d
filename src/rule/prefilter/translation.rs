//! The translation under way: what it may read, and what it did not understand.

use rhai::{Expr, FnCallExpr, Position, Stmt};

use super::predicate::Predicate;
use crate::facts::Schema;
use crate::rule::engine::modules::{ModuleFunction, Modules};
use crate::rule::functions::global;
use crate::rule::holder::AttributeTypes;

/// How deeply module functions are followed.
const DEEPEST_CALL: usize = 8;

pub(super) struct Translation<'a> {
    pub(super) schema: &'a Schema,
    /// How far a date of a column may lie from where its day begins, in microseconds.
    pub(super) slack: i64,
    pub(super) modules: &'a Modules,
    /// The type each attribute is read as in this condition.
    pub(super) attributes: &'a AttributeTypes,
    /// Parts that may still be read.
    pub(super) left: u32,
    /// Where the outermost call of a module function stands.
    pub(super) call_site: Option<Position>,
    /// What was not understood.
    pub(super) engine: Vec<Position>,
}

/// What names mean where an expression stands.
#[derive(Clone, Copy)]
pub(super) enum Names<'e> {
    Condition,
    Body(&'e Frame<'e>),
}

/// The call of a module function whose body is being read.
pub(super) struct Frame<'e> {
    module: &'e str,
    params: &'e [String],
    args: &'e [Expr],
    /// What names mean in the arguments.
    outer: Names<'e>,
    depth: usize,
}

impl<'e> Names<'e> {
    pub(super) fn depth(self) -> usize {
        match self {
            Names::Condition => 0,
            Names::Body(frame) => frame.depth,
        }
    }

    /// The argument that a parameter stands for.
    pub(super) fn argument(self, name: &str) -> Option<(&'e Expr, Names<'e>)> {
        let Names::Body(frame) = self else { return None };
        let at = frame.params.iter().position(|param| param == name)?;
        frame.args.get(at).map(|arg| (arg, frame.outer))
    }
}

impl<'a> Translation<'a> {
    /// What only the engine understands.
    pub(super) fn leave(&mut self, position: Position) -> Predicate {
        self.engine.push(self.call_site.unwrap_or(position));
        Predicate::Always
    }

    /// Whether there is no room to read another part.
    pub(super) fn is_spent(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }

    /// The function of a script that a call means, with its module's name.
    pub(super) fn module_function(
        &self,
        call: &FnCallExpr,
        names: Names,
    ) -> Option<(&'a str, Option<&'a ModuleFunction>)> {
        let modules = self.modules;
        let (module, must_exist) = match (call.namespace.path.first(), names) {
            (Some(part), _) => (modules.names().find(|name| *name == part.name.as_str())?, true),
            (None, Names::Condition) => return None,
            // Which of two of that name is meant is the engine's to say.
            (None, Names::Body(_)) if call.op_token.is_some() || global::find(&call.name).is_some() => {
                return None;
            }
            (None, Names::Body(frame)) => (modules.names().find(|name| *name == frame.module)?, false),
        };
        let mut own = modules.functions(module)?.iter();
        let found = own.find(|own| own.name == call.name.as_str() && own.params.len() == call.args.len());
        (found.is_some() || must_exist).then_some((module, found))
    }

    /// Whether a call means an operator or a function of the language, and not
    /// one of the same name beside it in a script.
    pub(super) fn is_built_in(&self, call: &FnCallExpr, names: Names) -> bool {
        call.namespace.is_empty() && !self.is_own(&call.name, names)
    }

    /// Whether the script that is being read defines a function of this name.
    pub(super) fn is_own(&self, name: &str, names: Names) -> bool {
        let Names::Body(frame) = names else { return false };
        self.modules.functions(frame.module).is_some_and(|own| own.iter().any(|own| own.name == name))
    }

    /// Reads the body of a module function in place of its call.
    pub(super) fn inline<T>(
        &mut self,
        module: &str,
        function: Option<&ModuleFunction>,
        call: &FnCallExpr,
        at: Position,
        names: Names,
        read: impl FnOnce(&mut Self, &Stmt, Names) -> T,
    ) -> Option<T> {
        let function = function?;
        let body = function.expression.as_ref()?;
        if names.depth() >= DEEPEST_CALL || self.is_spent() {
            return None;
        }
        let frame =
            Frame { module, params: &function.params, args: &call.args, outer: names, depth: names.depth() + 1 };
        let outer = self.call_site;
        self.call_site = outer.or(Some(at));
        let result = read(self, body, Names::Body(&frame));
        self.call_site = outer;
        Some(result)
    }
}
