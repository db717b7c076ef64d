//! The type check of operators.

use rhai::{FnCallExpr, Position};

use super::checker::Checker;
use super::constant_clauses::mirror;
use super::kind::{Kind, Typed, compatible};
use crate::facts::Type;
use crate::rule::foreign_syntax;
use crate::rule::rhai_messages::COUNTED;

impl Checker<'_> {
    pub(crate) fn operator(&mut self, call: &FnCallExpr, position: Position) -> Typed {
        let name = call.name.as_str();
        let args: Vec<Typed> = call.args.iter().map(|arg| self.expr(arg)).collect();
        let bool_of = |text: String| Typed { kind: Kind::Bool, nullable: false, text, position };
        match (name, args.as_slice()) {
            ("!", [inner]) => {
                self.want_bool(inner, "!");
                bool_of(format!("!{}", inner.text))
            }
            ("-", [inner]) => {
                self.want_number(inner, name);
                Typed { kind: inner.kind.clone(), nullable: false, text: format!("-{}", inner.text), position }
            }
            ("==" | "!=", [a, b]) => {
                self.equality(name, a, b, position);
                bool_of(format!("{} {name} {}", a.text, b.text))
            }
            ("<" | "<=" | ">" | ">=", [a, b]) => {
                self.ordering(name, a, b, position);
                bool_of(format!("{} {name} {}", a.text, b.text))
            }
            // `x in y` is the call `contains(y, x)` whose name stands behind `x`.
            ("contains", [list, item]) if matches!(list.kind, Kind::List(_)) || item.position < position => {
                self.membership(list, item);
                self.remark_day(Some(item), item.position);
                bool_of(format!("{} in {}", item.text, list.text))
            }
            ("contains", [text, part]) => {
                self.want_texts(text, part);
                bool_of(format!("contains({}, {})", text.text, part.text))
            }
            ("contains", _) => {
                let help = "for example `contains(account.name, \"GmbH\")`".to_owned();
                self.problem("KW0205", position, "`contains` takes a text and the part to look for", Some(help));
                self.unknown("contains(…)".to_owned(), position)
            }
            ("+" | "-" | "*" | "/" | "%", [a, b]) => self.arithmetic(name, a, b, position),
            _ => {
                let help = match name {
                    "&" => Some("write `&&`".to_owned()),
                    "|" => Some("write `||`".to_owned()),
                    "**" | "^" => Some("multiply with `*`".to_owned()),
                    ".." | "..=" => Some("write `x >= low && x <= high`".to_owned()),
                    _ => None,
                };
                self.problem("KW0212", position, format!("the operator `{name}` is not available"), help);
                self.unknown(name.to_owned(), position)
            }
        }
    }

    fn equality(&mut self, operator: &str, a: &Typed, b: &Typed, position: Position) {
        for (value, other) in [(a, b), (b, a)] {
            if other.kind == Kind::None {
                if !value.nullable
                    && !matches!(value.kind, Kind::Unknown | Kind::None | Kind::Attribute(..))
                    && !self.known.contains(&value.text)
                {
                    let truth = if operator == "==" { "false" } else { "true" };
                    let message = format!("`{}` is never missing, so this is always {truth}", value.text);
                    self.warn("KW0210", position, message, None);
                }
                return;
            }
        }
        self.settle(a, b);
        let whole = |kind: &Kind| {
            matches!(kind, Kind::List(_) | Kind::Entry | Kind::Since(_))
                || matches!(kind, Kind::Subject(_) | Kind::Traits(_) | Kind::Earlier(..) | Kind::EarlierTraits(..))
                || matches!(kind, Kind::Person(_) | Kind::PersonTraits(_))
        };
        if !self.comparable(a, b) || whole(&a.kind) || whole(&b.kind) {
            self.mismatch(operator, a, b, position);
            return;
        }
        self.remark_equality(operator, a, b, position);
    }

    fn ordering(&mut self, operator: &str, a: &Typed, b: &Typed, position: Position) {
        if a.kind == Kind::None || b.kind == Kind::None {
            self.problem(
                "KW0206",
                position,
                format!("`{operator}` cannot compare with `none`"),
                Some("write `== none` or `!= none`".to_owned()),
            );
            return;
        }
        self.settle(a, b);
        let ordered = |kind: &Kind| {
            matches!(
                kind,
                Kind::Unknown
                    | Kind::Int
                    | Kind::Float
                    | Kind::Time
                    | Kind::Text
                    | Kind::Span
                    | Kind::Label
                    | Kind::Attribute(..)
            )
        };
        if !self.comparable(a, b) || !ordered(&a.kind) || !ordered(&b.kind) {
            self.mismatch(operator, a, b, position);
            return;
        }
        self.want_ordered(a);
        self.want_ordered(b);
        self.remark_order(operator, a, b, position);
    }

    /// An attribute takes the kind of what it stands beside.
    fn settle(&mut self, a: &Typed, b: &Typed) {
        for (attribute, other) in [(a, b), (b, a)] {
            if let Kind::Attribute(subject, key) = &attribute.kind
                && let Some(ty) = other.kind.ty()
            {
                self.read_as(*subject, key, ty, attribute.position);
            }
        }
    }

    fn comparable(&self, a: &Typed, b: &Typed) -> bool {
        matches!(a.kind, Kind::Attribute(..)) || matches!(b.kind, Kind::Attribute(..)) || compatible(&a.kind, &b.kind)
    }

    fn mismatch(&mut self, operator: &str, a: &Typed, b: &Typed, position: Position) {
        let message =
            format!("`{operator}` compares {} (`{}`) with {} (`{}`)", a.kind.name(), a.text, b.kind.name(), b.text);
        let (time, number) = match (&a.kind, &b.kind) {
            (Kind::Time, Kind::Int | Kind::Float) => (Some(a), Some(b)),
            (Kind::Int | Kind::Float, Kind::Time) => (Some(b), Some(a)),
            _ => (None, None),
        };
        let help = match (time, number, &a.kind, &b.kind) {
            // `-30` is meant as thirty days ago, and what came after it is younger.
            (Some(time), Some(number), _, _) => Some(match number.text.strip_prefix('-') {
                Some(days) => format!("count days first: `days_since({}) {} {days}`", time.text, mirror(operator)),
                None => format!("count days first: `days_since({}) {operator} {}`", time.text, number.text),
            }),
            (_, _, Kind::Bool, _) if a.text.starts_with('!') && operator == "in" => {
                Some("write `!(x in […])`".to_owned())
            }
            (_, _, Kind::Bool, other) if is_comparison(&a.text) && *other != Kind::Bool => {
                Some("two comparisons are joined with `&&`, as in `1 < x && x < 5`".to_owned())
            }
            (_, _, Kind::Int | Kind::Float, Kind::Text) if b.text.trim_matches('"').parse::<f64>().is_ok() => {
                Some(format!("write the number without quotes: {}", b.text.trim_matches('"')))
            }
            (_, _, Kind::Text, Kind::Int | Kind::Float) if b.text.parse::<f64>().is_ok() => {
                Some(format!("text stands in double quotes: \"{}\"", b.text))
            }
            (_, _, Kind::Time, Kind::Text) if foreign_syntax::is_date(b.text.trim_matches('"')) => {
                Some(foreign_syntax::NO_DATES.to_owned())
            }
            (_, _, Kind::Int, Kind::Text) if ["weekday(", "day(", "month("].iter().any(|f| a.text.starts_with(f)) => {
                Some(COUNTED.to_owned())
            }
            _ => None,
        };
        self.problem("KW0206", position, message, help);
    }

    fn membership(&mut self, list: &Typed, item: &Typed) {
        let Kind::List(members) = &list.kind else {
            if list.kind != Kind::Unknown {
                let message = format!("`in` needs a list, not {}", list.kind.name());
                let help = match list.kind {
                    Kind::Text if !list.text.starts_with('"') => {
                        format!("to look for a part of a text, write `contains({}, {})`", list.text, item.text)
                    }
                    _ => "write `in [\"A\", \"B\"]`".to_owned(),
                };
                self.problem("KW0206", list.position, message, Some(help));
            }
            return;
        };
        if members.is_empty() {
            self.warn("KW0210", list.position, "nothing is in an empty list, so this is always false", None);
        }
        for member in members.iter().filter(|member| member.kind != Kind::None) {
            self.settle(item, member);
            if !self.comparable(item, member) {
                self.mismatch("in", item, member, member.position);
            }
            self.remark_word(item, member);
        }
    }

    /// Both sides of `contains(text, part)`.
    fn want_texts(&mut self, text: &Typed, part: &Typed) {
        for side in [text, part] {
            match &side.kind {
                Kind::Text | Kind::Label | Kind::Unknown => self.want_present(side),
                Kind::Attribute(holder, key) => {
                    self.read_as(*holder, key, Type::Text, side.position);
                    self.want_present(side);
                }
                other => {
                    let message = format!("`contains` looks for a text in a text; `{}` is {}", side.text, other.name());
                    self.problem("KW0205", side.position, message, None);
                }
            }
        }
        if part.text == "\"\"" {
            self.warn("KW0210", part.position, "every text has an empty part, so this is always true", None);
        } else if text.text.starts_with('"') && part.text.starts_with('"') {
            self.warn("KW0210", text.position, "nothing here depends on the account, so this is always the same", None);
        }
    }

    fn arithmetic(&mut self, name: &str, a: &Typed, b: &Typed, position: Position) -> Typed {
        if a.kind == Kind::None || b.kind == Kind::None {
            self.problem("KW0206", position, format!("`{name}` cannot calculate with `none`"), None);
            return self.unknown("?".to_owned(), position);
        }
        self.settle(a, b);
        let text = format!("({} {name} {})", a.text, b.text);
        if let (Kind::Attribute(subject, key), Kind::Span) = (&a.kind, &b.kind) {
            self.read_as(*subject, key, Type::Time, a.position);
            return Typed { kind: Kind::Time, nullable: a.nullable, text, position };
        }
        // A missing time stays missing; whoever uses the result needs the guard.
        match (name, &a.kind, &b.kind) {
            ("+" | "-", Kind::Time, Kind::Span) => {
                return Typed { kind: Kind::Time, nullable: a.nullable, text, position };
            }
            ("+", Kind::Span, Kind::Time) => return Typed { kind: Kind::Time, nullable: b.nullable, text, position },
            _ => {}
        }
        self.want_present(a);
        self.want_present(b);
        let number = |kind: &Kind| matches!(kind, Kind::Int | Kind::Float | Kind::Label | Kind::Attribute(..));
        let kind = match (name, &a.kind, &b.kind) {
            (_, Kind::Unknown, _) | (_, _, Kind::Unknown) => Kind::Unknown,
            ("+" | "-", Kind::Span, Kind::Span) => Kind::Span,
            ("+", Kind::Text, Kind::Text | Kind::Label) | ("+", Kind::Label, Kind::Text) => Kind::Text,
            // Scripts write texts; what prints can be put into one.
            ("+", Kind::Text, _) | ("+", _, Kind::Text) if self.in_script => Kind::Text,
            ("/", x, y) if number(x) && number(y) => Kind::Float,
            (_, Kind::Int, Kind::Int) => Kind::Int,
            (_, x, y) if number(x) && number(y) => Kind::Float,
            ("-", Kind::Time, Kind::Time) => {
                let help = match (a.text.as_str(), b.text.as_str()) {
                    ("now", time) => format!("write `days_since({time})`"),
                    (time, "now") => format!("write `days_until({time})`"),
                    _ => "compare them, or count from now with `days_since(…)`".to_owned(),
                };
                self.problem("KW0206", position, "two times cannot be subtracted", Some(help));
                Kind::Unknown
            }
            ("+" | "-", Kind::Time, x) if number(x) => {
                let help = format!("write `{} {name} days({})`", a.text, b.text);
                self.problem("KW0206", position, "a time and a plain number do not add up", Some(help));
                Kind::Unknown
            }
            (_, x, y) => {
                let message = format!("`{name}` cannot calculate with {} and {}", x.name(), y.name());
                let joins = self.in_text.is_some() && name == "+" && (*x == Kind::Text || *y == Kind::Text);
                let help = joins
                    .then(|| format!("values stand beside one another: `{{{{ {} }}}}{{{{ {} }}}}`", a.text, b.text));
                self.problem("KW0206", position, message, help);
                Kind::Unknown
            }
        };
        Typed { kind, nullable: false, text, position }
    }

    fn want_number(&mut self, typed: &Typed, around: &str) {
        match &typed.kind {
            Kind::Unknown | Kind::Int | Kind::Float | Kind::Label => self.want_present(typed),
            Kind::Attribute(subject, key) => {
                self.read_as(*subject, key, Type::Float, typed.position);
                self.want_present(typed);
            }
            other => {
                let message = format!("`{around}` needs a number, not {}", other.name());
                self.problem("KW0206", typed.position, message, None);
            }
        }
    }
}

/// Whether a canonical text compares two values.
fn is_comparison(text: &str) -> bool {
    [" < ", " <= ", " > ", " >= ", " == ", " != "].iter().any(|operator| text.contains(operator))
}
