//! The type check of `if … { … } else { … }`, which a function of `scripts/` may
//! be: one of two values.

use rhai::{FlowControl, Position, Stmt, StmtBlock};

use super::checker::Checker;
use super::guards;
use super::kind::{Kind, Typed, compatible};

impl Checker<'_> {
    pub(crate) fn choice(&mut self, choice: &FlowControl, position: Position) -> Typed {
        let condition = self.expr(&choice.expr);
        self.want_bool(&condition, "if");
        let outer = self.known.clone();
        let proven = guards::if_true(self, &choice.expr);
        self.known.extend(proven);
        let first = self.branch(&choice.body, position);
        self.known = outer.clone();
        let proven = guards::if_false(self, &choice.expr);
        self.known.extend(proven);
        let second = self.branch(&choice.branch, position);
        self.known = outer;
        let text = format!("if {} {{ {} }} else {{ {} }}", condition.text, first.text, second.text);
        for (attribute, other) in [(&first, &second), (&second, &first)] {
            if let (Kind::Attribute(holder, key), Some(ty)) = (&attribute.kind, other.kind.ty()) {
                self.read_as(*holder, key, ty, attribute.position);
            }
        }
        let kind = match (&first.kind, &second.kind) {
            (Kind::None | Kind::Attribute(..), kind) | (kind, Kind::None | Kind::Attribute(..)) => kind.clone(),
            (a, b) if a.is_number() && b.is_number() && a != b => Kind::Float,
            (a, b) if compatible(a, b) => if *a == Kind::Unknown { b } else { a }.clone(),
            (a, b) => {
                let message = format!("`if` gives {} one way and {} the other", a.name(), b.name());
                self.problem("KW0206", position, message, Some("let both give the same kind of value".to_owned()));
                Kind::Unknown
            }
        };
        Typed { kind, nullable: first.nullable || second.nullable, text, position }
    }

    /// The value of one way.
    fn branch(&mut self, block: &StmtBlock, position: Position) -> Typed {
        match block.statements() {
            [Stmt::Expr(inner)] => self.expr(inner),
            [Stmt::FnCall(call, at)] => self.call(call, *at),
            [Stmt::If(choice, at)] => self.choice(choice, *at),
            [] => {
                let help = "write `if … { … } else { … }`: there is a value either way".to_owned();
                self.problem("KW0402", position, "an `if` without `else` has no value when it is false", Some(help));
                self.unknown("?".to_owned(), position)
            }
            _ => self.refuse(position, "this", "give longer functions plain values"),
        }
    }
}
