//! Clauses that are legal and cannot be meant: always true, always false, or
//! true on a single day. They are warnings.

use rhai::{Expr, Position};

use super::checker::Checker;
use super::kind::{Kind, Typed};
use crate::diagnostic::nearest;
use crate::facts::{NameKind, Type};
use crate::rule::functions::{self, Function};

impl Checker<'_> {
    /// `==` and `!=` between values that go together.
    pub(crate) fn remark_equality(&mut self, operator: &str, a: &Typed, b: &Typed, position: Position) {
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
    pub(crate) fn remark_word(&mut self, value: &Typed, word: &Typed) {
        let Ok(word_text) = serde_json::from_str::<String>(&word.text) else { return };
        let step = value.text.strip_prefix("outcome(\"").and_then(|rest| rest.strip_suffix("\")"));
        let band = value.text.split_once(".band(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
        if let Some(score) = band.and_then(|score| self.scope.neighbours.score(score)) {
            let bands = || score.bands.iter().map(|band| band.name.as_str());
            if !bands().any(|band| band == word_text) {
                let help = match (nearest(&word_text, bands()), score.bands.is_empty()) {
                    (_, true) => "the score has no `bands`".to_owned(),
                    (Some(near), _) => format!("did you mean \"{near}\"?"),
                    (None, _) => format!("it is one of {}", bands().collect::<Vec<_>>().join(", ")),
                };
                let message = format!("`{}` is never \"{word_text}\"", value.text);
                self.problem("KW0224", word.position, message, Some(help));
            }
            return;
        }
        let known = match step {
            Some(step) => self.scope.named_steps.find("outcome", step).map_or(&[][..], |step| &step.texts),
            None if value.text == "account.status" && !self.scope.schema.statuses.is_empty() => {
                &self.scope.schema.statuses
            }
            None => {
                if let Some(kind) = kind_of_names(&value.text) {
                    self.check_seen(kind, &word_text, word.position);
                }
                return;
            }
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
    pub(crate) fn remark_day(&mut self, count: Option<&Typed>, position: Position) {
        // A text that says "tomorrow" loses nobody.
        if self.in_text.is_some() {
            return;
        }
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
    pub(crate) fn remark_order(&mut self, operator: &str, a: &Typed, b: &Typed, position: Position) {
        for (count, number, operator) in [(a, b, operator), (b, a, mirror(operator))] {
            let Ok(number) = number.text.parse::<f64>() else { continue };
            let truth = match operator {
                "<" if number <= 0.0 => false,
                "<=" if number < 0.0 => false,
                ">=" if number <= 0.0 => true,
                ">" if number < 0.0 => true,
                _ => continue,
            };
            if counts(count) {
                let message = format!("`{}` is never below 0, so this is always {truth}", count.text);
                self.warn("KW0210", position, message, None);
            }
        }
        if is_literal(a) && is_literal(b) {
            self.warn("KW0210", position, "nothing here depends on the account, so this is always the same", None);
        }
    }

    /// `x > 5 && x < 3` in one chain.
    fn remark_bounds(&mut self, parts: &[Expr]) {
        let mut bounds: Vec<(String, f64, bool, bool)> = Vec::new();
        for part in parts {
            let Expr::FnCall(call, position) = part else { continue };
            let [a, b] = call.args.as_slice() else { continue };
            let name = call.name.as_str();
            if !["<", "<=", ">", ">="].contains(&name) {
                continue;
            }
            let before = self.findings.problems.len();
            let (a, b) = (self.expr(a), self.expr(b));
            self.findings.problems.truncate(before);
            let (value, number, name) = match (a.text.parse::<f64>(), b.text.parse::<f64>()) {
                (Err(_), Ok(number)) => (a.text, number, name),
                (Ok(number), Err(_)) => (b.text, number, mirror(name)),
                _ => continue,
            };
            let (below, strict) = (name.starts_with('<'), !name.ends_with('='));
            let contradicts = |(other, bound, other_below, other_strict): &(String, f64, bool, bool)| {
                let (low, high) = if below { (*bound, number) } else { (number, *bound) };
                *other == value && *other_below != below && (low > high || low == high && (strict || *other_strict))
            };
            if bounds.iter().any(contradicts) {
                let message = format!("`{value}` cannot be both, so this is always false");
                self.warn("KW0210", *position, message, Some("was `||` meant?".to_owned()));
            }
            bounds.push((value, number, below, strict));
        }
    }

    /// `x == "A" && x == "B"` in one chain.
    pub(crate) fn remark_contradictions(&mut self, parts: &[Expr]) {
        self.remark_bounds(parts);
        let mut equal: Vec<(String, String)> = Vec::new();
        for part in parts {
            let Expr::FnCall(call, position) = part else { continue };
            let [a, b] = call.args.as_slice() else { continue };
            let literal = matches!(b, Expr::StringConstant(..) | Expr::IntegerConstant(..) | Expr::BoolConstant(..));
            if call.name != "==" || !literal {
                continue;
            }
            let before = self.findings.problems.len();
            let (a, b) = (self.expr(a).text, self.expr(b).text);
            self.findings.problems.truncate(before);
            if let Some((_, other)) = equal.iter().find(|(text, value)| *text == a && *value != b) {
                let message = format!("`{a}` cannot have two values at once, so this is always false");
                self.warn("KW0210", *position, message, Some(format!("write `{a} in [{other}, {b}]`")));
            }
            equal.push((a, b));
        }
    }
}

/// What a column of the customer store holds the names of, if of anything that
/// is recorded.
fn kind_of_names(value: &str) -> Option<NameKind> {
    let (root, column) = value.split_once('.')?;
    let (of_accounts, of_contacts) = match root {
        "account" => (true, false),
        "contact" | "recipient" => (false, true),
        "entry" => (true, true),
        _ => return None,
    };
    match column {
        "status" if of_accounts => Some(NameKind::Status),
        "tier" if of_accounts => Some(NameKind::Tier),
        "stage" if of_accounts => Some(NameKind::Stage),
        "role" if of_contacts => Some(NameKind::Role),
        "locale" => Some(NameKind::Locale),
        "timezone" => Some(NameKind::Zone),
        _ => None,
    }
}

/// The comparison with its sides changed: `<` for `>`.
pub(crate) fn mirror(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        same => same,
    }
}

/// Whether it is a count, and so never below zero: a whole number that every
/// account has.
fn counts(typed: &Typed) -> bool {
    if typed.text.starts_with(crate::rule::engine::how_many::NAME) {
        return true;
    }
    let call = typed.text.strip_prefix("account.").or_else(|| typed.text.strip_prefix("contact."));
    let Some((name, _)) = call.and_then(|call| call.split_once('(')) else { return false };
    let gives = |function: &dyn Function| function.gives(&[]);
    typed.kind == Kind::Int
        && functions::find(name).map(gives).is_some_and(|gives| gives.ty == Type::Int && !gives.nullable)
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
