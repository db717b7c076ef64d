//! The type check of `how_many([conditions])`.

use rhai::{Expr, Position};

use super::checker::Checker;
use super::kind::{Kind, Typed};
use crate::rule::engine::how_many::{HELP, NAME};

impl Checker<'_> {
    /// Guards inside a condition hold for that condition alone.
    pub(crate) fn how_many(&mut self, conditions: &[Expr], position: Position) -> Typed {
        let mut texts = Vec::new();
        for condition in conditions {
            let typed = self.expr(condition);
            self.want_bool(&typed, NAME);
            texts.push(typed.text);
        }
        if texts.is_empty() {
            self.problem("KW0205", position, format!("`{NAME}` takes a list of conditions"), Some(HELP.to_owned()));
        }
        Typed { kind: Kind::Int, nullable: false, text: format!("{NAME}([{}])", texts.join(", ")), position }
    }
}
