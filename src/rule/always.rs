//! Clauses that are legal and cannot be meant: always true, always false, or
//! true on a single day. They are warnings.

use rhai::{Expr, Position};

use super::kind::{Kind, Typed};
use super::typecheck::Checker;
use crate::diagnostic::nearest;

/// Functions that count, and so are never below zero.
const COUNTS: [&str; 6] = ["events(", "active_days(", "active_contacts(", "open_tickets(", "tickets(", "contacts("];

impl Checker<'_> {
    /// `==` and `!=` between values that go together.
    pub(super) fn remark_equality(&mut self, operator: &str, a: &Typed, b: &Typed, position: Position) {
        if a.text == b.text && a.kind != Kind::Unknown {
            let truth = operator == "==";
            self.warn("KW0210", position, format!("both sides are `{}`, so this is always {truth}", a.text), None);
        }
        self.remark_word(a, b);
        self.remark_word(b, a);
        if operator == "==" {
            let count = [a, b].into_iter().find(|typed| is_day_count(typed));
            self.remark_day(count, position);
        }
    }

    /// A word that a value of few words never has.
    pub(super) fn remark_word(&mut self, value: &Typed, word: &Typed) {
        let Ok(word_text) = serde_json::from_str::<String>(&word.text) else { return };
        let step = value.text.strip_prefix("outcome(\"").and_then(|rest| rest.strip_suffix("\")"));
        let known = match step {
            Some(step) => self.scope.outcomes.get(step).map(Vec::as_slice).unwrap_or_default(),
            None if value.text == "account.status" => &self.scope.schema.statuses,
            None => return,
        };
        if known.is_empty() || known.contains(&word_text) {
            return;
        }
        let help = match nearest(&word_text, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("it is one of {}", known.join(", ")),
        };
        let message = format!("`{}` is never \"{word_text}\"", value.text);
        self.warn("KW0104", word.position, message, Some(help));
    }

    /// An exact count of days, alone or in a list.
    pub(super) fn remark_day(&mut self, count: Option<&Typed>, position: Position) {
        let Some(count) = count.filter(|count| is_day_count(count)) else { return };
        self.warn(
            "KW0211",
            position,
            format!(
                "`{}` has an exact value on one day only; a weekend or an outage would lose the account",
                count.text
            ),
            Some("write `>=` or `<=`, and let `reentry` keep it from repeating".to_owned()),
        );
    }

    /// `<`, `<=`, `>`, `>=` between two literals, or a count and zero.
    pub(super) fn remark_order(&mut self, operator: &str, a: &Typed, b: &Typed, position: Position) {
        for (count, number, operator) in [(a, b, operator), (b, a, mirrored(operator))] {
            let counted = COUNTS.iter().any(|name| {
                let called = count.text.strip_prefix("account.").or_else(|| count.text.strip_prefix("contact."));
                called.is_some_and(|call| call.starts_with(name))
            });
            let truth = match operator {
                "<" => false,
                ">=" => true,
                _ => continue,
            };
            if counted && number.text == "0" {
                let message = format!("`{}` is never below 0, so this is always {truth}", count.text);
                self.warn("KW0210", position, message, None);
            }
        }
        if is_literal(a) && is_literal(b) {
            self.warn("KW0210", position, "nothing here depends on the account, so this is always the same", None);
        }
    }

    /// `x == "A" && x == "B"` in one chain.
    pub(super) fn remark_contradictions(&mut self, parts: &[Expr]) {
        let mut equal: Vec<(String, String)> = Vec::new();
        for part in parts {
            let Expr::FnCall(call, position) = part else { continue };
            let [a, b] = call.args.as_slice() else { continue };
            let literal = matches!(b, Expr::StringConstant(..) | Expr::IntegerConstant(..) | Expr::BoolConstant(..));
            if call.name != "==" || !literal {
                continue;
            }
            let before = self.learnt.problems.len();
            let (a, b) = (self.expr(a).text, self.expr(b).text);
            self.learnt.problems.truncate(before);
            if let Some((_, other)) = equal.iter().find(|(text, value)| *text == a && *value != b) {
                let message = format!("`{a}` cannot have two values at once, so this is always false");
                self.warn("KW0210", *position, message, Some(format!("write `{a} in [{other}, {b}]`")));
            }
            equal.push((a, b));
        }
    }
}

/// The comparison with its sides changed: `<` for `>`.
pub(super) fn mirrored(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        same => same,
    }
}

fn is_day_count(typed: &Typed) -> bool {
    let free = ["days_since(", "days_until("].iter().any(|name| typed.text.starts_with(name));
    free || typed.text.contains(".days_since_")
}

fn is_literal(typed: &Typed) -> bool {
    match typed.kind {
        Kind::Int | Kind::Float => typed.text.parse::<f64>().is_ok(),
        Kind::Text => typed.text.starts_with('"'),
        _ => false,
    }
}
