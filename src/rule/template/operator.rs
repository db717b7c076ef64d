//! Operators in templates: calculations, comparisons, `and`, `or`, `in`.

use minijinja::machinery::ast;

use super::lower::{Lowering, Spot, spot};
use super::tree::{Comparison, Expr, Kind, Operator};
use crate::facts::Type;

impl Lowering<'_> {
    pub(super) fn unary(&mut self, unary: &ast::UnaryOp, at: Spot) -> Option<Expr> {
        let inner = self.expr(&unary.expr)?;
        match unary.op {
            ast::UnaryOpKind::Not => Some(self.made(Kind::Not(Box::new(inner)), Some(Type::Bool), at)),
            ast::UnaryOpKind::Neg if is_number(&inner) => {
                let ty = inner.ty;
                Some(self.made(Kind::Negate(Box::new(inner)), ty, at))
            }
            ast::UnaryOpKind::Neg => self.refuse("KW0206", at, "`-` needs a number", None),
        }
    }

    pub(super) fn binary(&mut self, binary: &ast::BinOp, at: Spot) -> Option<Expr> {
        use ast::BinOpKind as Op;
        let op_name = match binary.op {
            Op::ScAnd | Op::ScOr => {
                let left = self.expr(&binary.left)?;
                let and = matches!(binary.op, Op::ScAnd);
                let outside = self.known.clone();
                self.known = outside.when(&left, and);
                let right = self.expr(&binary.right);
                self.known = outside;
                let right = right?;
                let ty = left.ty.filter(|ty| right.ty == Some(*ty));
                let (left, right) = (Box::new(left), Box::new(right));
                let kind = if and { Kind::And(left, right) } else { Kind::Or(left, right) };
                return Some(self.made(kind, ty, at));
            }
            Op::In => return self.membership(binary, at),
            Op::Concat => {
                let (left, right) = (self.expr(&binary.left), self.expr(&binary.right));
                let kind = Kind::Concat(Box::new(left?), Box::new(right?));
                return Some(self.made(kind, Some(Type::Text), at));
            }
            Op::Add | Op::Sub => {
                if let Some(shift) = self.shift(binary, at) {
                    return shift;
                }
                if matches!(binary.op, Op::Add) { Operator::Add } else { Operator::Subtract }
            }
            Op::Mul => Operator::Multiply,
            Op::Div => Operator::Divide,
            Op::Rem => Operator::Remainder,
            Op::FloorDiv | Op::Pow => {
                return self.refuse("KW0301", at, "`//` and `**` are not available", None);
            }
            Op::Eq => return self.compare_two(Comparison::Equal, binary, at),
            Op::Ne => return self.compare_two(Comparison::Unequal, binary, at),
            Op::Lt => return self.compare_two(Comparison::Less, binary, at),
            Op::Lte => return self.compare_two(Comparison::AtMost, binary, at),
            Op::Gt => return self.compare_two(Comparison::Greater, binary, at),
            Op::Gte => return self.compare_two(Comparison::AtLeast, binary, at),
        };
        let (left, right) = (self.expr(&binary.left), self.expr(&binary.right));
        let (left, right) = (left?, right?);
        if !is_number(&left) || !is_number(&right) {
            let wrong = if is_number(&left) { &right } else { &left };
            let ty = wrong.ty.map_or("this", Type::name);
            let message = format!("`{}` needs numbers, and here is {ty}", op_name.symbol());
            let help = match (op_name, left.ty, right.ty) {
                (Operator::Subtract, Some(Type::Time), Some(Type::Time)) => {
                    Some("`days_since(t)` and `days_until(t)` count days".to_owned())
                }
                (_, Some(Type::Time), _) => Some("a time moves by `+ days(n)` and `- days(n)`".to_owned()),
                (Operator::Add, _, _) => Some("texts are joined with `~`".to_owned()),
                _ if matches!(wrong.kind, Kind::Format(..)) => {
                    Some("a filter binds closer: put the calculation in parentheses".to_owned())
                }
                _ => None,
            };
            return self.refuse("KW0206", at, message, help);
        }
        let ty = match (op_name, left.ty, right.ty) {
            (Operator::Divide, _, _) => Type::Float,
            (_, Some(Type::Int), Some(Type::Int)) => Type::Int,
            _ => Type::Float,
        };
        let kind = Kind::Calculate(op_name, Box::new(left), Box::new(right));
        Some(self.made(kind, Some(ty), at))
    }

    /// `t + days(n)`, `t - hours(n)`; outer `None` when it is something else.
    fn shift(&mut self, binary: &ast::BinOp, at: Spot) -> Option<Option<Expr>> {
        let add = matches!(binary.op, ast::BinOpKind::Add);
        let (time, (unit, amount)) = match (span_of(&binary.left), span_of(&binary.right)) {
            (_, Some(span)) => (&binary.left, span),
            (Some(span), None) if add => (&binary.right, span),
            _ => return None,
        };
        let (time_at, amount_at) = (spot(time), spot(amount));
        let (time, amount) = match (self.expr(time), self.expr(amount)) {
            (Some(time), Some(amount)) => (time, amount),
            _ => return Some(None),
        };
        if time.ty.is_some_and(|ty| ty != Type::Time) {
            let message = "`days(n)` and `hours(n)` move a time, and this is none";
            return Some(self.refuse("KW0206", time_at, message, None));
        }
        if !is_number(&amount) {
            let message = "a number of days or hours is needed here";
            return Some(self.refuse("KW0206", amount_at, message, None));
        }
        let kind = Kind::Shift { time: Box::new(time), amount: Box::new(amount), unit: if add { unit } else { -unit } };
        Some(Some(self.made(kind, Some(Type::Time), at)))
    }

    fn membership(&mut self, binary: &ast::BinOp, at: Spot) -> Option<Expr> {
        let needle = self.expr(&binary.left);
        let items = match &binary.right {
            ast::Expr::List(list) => &list.items,
            ast::Expr::Tuple(tuple) => &tuple.items,
            other => {
                let haystack = self.expr(other)?;
                if haystack.ty.is_some_and(|ty| !matches!(ty, Type::Text | Type::Json)) {
                    let message = "`in` looks into a list or a text";
                    return self.refuse("KW0206", spot(other), message, None);
                }
                let kind = Kind::Within(Box::new(needle?), Box::new(haystack));
                return Some(self.made(kind, Some(Type::Bool), at));
            }
        };
        let items: Vec<Option<Expr>> = items.iter().map(|item| self.expr(item)).collect();
        let items: Option<Vec<Expr>> = items.into_iter().collect();
        let kind = Kind::Among(Box::new(needle?), items?);
        Some(self.made(kind, Some(Type::Bool), at))
    }

    fn compare_two(&mut self, comparison: Comparison, binary: &ast::BinOp, at: Spot) -> Option<Expr> {
        let (left, right) = (self.expr(&binary.left), self.expr(&binary.right));
        self.compare(comparison, left?, right?, at)
    }

    pub(super) fn chain(&mut self, chain: &ast::Compare, at: Spot) -> Option<Expr> {
        use ast::CompareOpKind as Op;
        let mut left = self.expr(&chain.expr)?;
        let mut whole: Option<Expr> = None;
        for link in &chain.ops {
            let comparison = match link.op {
                Op::Eq => Comparison::Equal,
                Op::Ne => Comparison::Unequal,
                Op::Lt => Comparison::Less,
                Op::Lte => Comparison::AtMost,
                Op::Gt => Comparison::Greater,
                Op::Gte => Comparison::AtLeast,
                Op::In | Op::NotIn => {
                    let message = "`in` does not go into a chain of comparisons";
                    return self.refuse("KW0301", at, message, Some("use `and`".to_owned()));
                }
            };
            let right = self.expr(&link.expr)?;
            let one = self.compare(comparison, left, right.clone(), at)?;
            whole = Some(match whole {
                None => one,
                Some(before) => {
                    let kind = Kind::And(Box::new(before), Box::new(one));
                    self.made(kind, Some(Type::Bool), at)
                }
            });
            left = right;
        }
        whole
    }

    fn compare(&mut self, comparison: Comparison, left: Expr, right: Expr, at: Spot) -> Option<Expr> {
        if let (Some(a), Some(b)) = (left.ty, right.ty)
            && a != b
            && !(a.is_number() && b.is_number())
            && a != Type::Json
            && b != Type::Json
        {
            let message = format!("`{}` compares {} with {}", comparison.symbol(), a.name(), b.name());
            return self.refuse("KW0206", at, message, None);
        }
        if comparison.is_ordering()
            && let Some(weak) = self.known.weak(&left).or_else(|| self.known.weak(&right))
        {
            let name = match &weak.kind {
                Kind::Name { name, .. } => name.to_string(),
                _ => "this value".to_owned(),
            };
            let symbol = comparison.symbol();
            let message = format!("`{name}` can be missing, and `{symbol}` needs a value");
            let help = format!("`{name} != none and …`, or `({name} | default(…)) {symbol} …`");
            self.warn("KW0207", at, message, help);
        }
        let kind = Kind::Compare(comparison, Box::new(left), Box::new(right));
        Some(self.made(kind, Some(Type::Bool), at))
    }
}

/// `days(n)` and `hours(n)` as seconds of one unit and the number of units.
fn span_of<'e>(expr: &'e ast::Expr) -> Option<(i64, &'e ast::Expr<'e>)> {
    let ast::Expr::Call(call) = expr else {
        return None;
    };
    let (ast::Expr::Var(function), [ast::CallArg::Pos(amount)]) = (&call.expr, call.args.as_slice()) else {
        return None;
    };
    match function.id {
        "days" => Some((86_400, amount)),
        "hours" => Some((3_600, amount)),
        _ => None,
    }
}

fn is_number(expr: &Expr) -> bool {
    expr.ty.is_none_or(|ty| ty.is_number() || ty == Type::Json)
}
