//! The second half of the type check: operators, functions and methods.

use rhai::{Expr, FnCallExpr, Position, Stmt};

use super::constant_clauses::mirrored;
use super::kind::{Kind, Typed, compatible};
use super::typecheck::{Checker, Inlined};
use crate::diagnostic::nearest;
use crate::facts::Type;
use crate::playbook::season::Seasons;
use crate::rule::foreign_syntax;
use crate::rule::functions;
use crate::rule::functions::global;
use crate::rule::rhai_messages;

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
            ("contains", [list, item]) => {
                self.membership(list, item);
                self.remark_day(Some(item), item.position);
                bool_of(format!("{} in {}", item.text, list.text))
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
                Kind::Unknown | Kind::Int | Kind::Float | Kind::Time | Kind::Text | Kind::Span | Kind::Attribute(..)
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
                Some(days) => format!("count days first: `days_since({}) {} {days}`", time.text, mirrored(operator)),
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
            (_, _, Kind::Int, Kind::Text) if a.text.starts_with("weekday(") || a.text.starts_with("month(") => {
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
                self.problem("KW0206", list.position, message, Some("write `in [\"A\", \"B\"]`".to_owned()));
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
        let number = |kind: &Kind| matches!(kind, Kind::Int | Kind::Float | Kind::Attribute(..));
        let kind = match (name, &a.kind, &b.kind) {
            (_, Kind::Unknown, _) | (_, _, Kind::Unknown) => Kind::Unknown,
            ("+" | "-", Kind::Span, Kind::Span) => Kind::Span,
            ("+", Kind::Text, Kind::Text) => Kind::Text,
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
                let help = joins.then(|| format!("values stand beside one another: `{{{{ {} }}}}{{{{ {} }}}}`", a.text, b.text));
                self.problem("KW0206", position, message, help);
                Kind::Unknown
            }
        };
        Typed { kind, nullable: false, text, position }
    }

    fn want_number(&mut self, typed: &Typed, around: &str) {
        match &typed.kind {
            Kind::Unknown | Kind::Int | Kind::Float => self.want_present(typed),
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

    pub(crate) fn function(&mut self, call: &FnCallExpr, position: Position) -> Typed {
        let name = call.name.as_str();
        if let Some(module) = self.bound.last().map(|inlined| inlined.module.clone())
            && self.modules.functions(&module).is_some_and(|functions| functions.iter().any(|own| own.name == name))
        {
            let args: Vec<Typed> = call.args.iter().map(|arg| self.expr(arg)).collect();
            return self.call_module(module, name, args, position);
        }
        let args: Vec<Typed> = call.args.iter().map(|arg| self.expr(arg)).collect();
        let text = format!("{name}({})", args.iter().map(|arg| arg.text.clone()).collect::<Vec<_>>().join(", "));
        let gives = |kind: Kind, nullable: bool| Typed { kind, nullable, text: text.clone(), position };
        match (name, args.as_slice()) {
            ("days_since" | "days_until" | "hours_since" | "hours_until" | "month" | "weekday", [t]) => {
                match &t.kind {
                    Kind::Time | Kind::Unknown => {}
                    Kind::Attribute(subject, key) => self.read_as(*subject, key, Type::Time, t.position),
                    other => {
                        let message = format!("`{name}` needs a time; `{}` is {}", t.text, other.name());
                        let column = t.text.trim_matches('"');
                        let is_column = self.scope.schema.account.iter().any(|known| known.name == column);
                        let help = match other {
                            Kind::Text if is_column => Some(format!("write `{name}(account.{column})`")),
                            Kind::Text if foreign_syntax::is_date(column) => Some(foreign_syntax::NO_DATES.to_owned()),
                            _ => None,
                        };
                        self.problem("KW0205", t.position, message, help);
                    }
                }
                gives(Kind::Int, t.nullable && !self.known.contains(&t.text) && !self.known.contains(&text))
            }
            ("days" | "hours", [n]) => {
                if !matches!(n.kind, Kind::Int | Kind::Unknown) {
                    self.problem("KW0205", n.position, format!("`{name}` needs a whole number"), None);
                } else {
                    self.want_present(n);
                }
                gives(Kind::Span, false)
            }
            ("period", [unit]) => {
                if !["\"week\"", "\"month\"", "\"quarter\"", "\"year\""].contains(&unit.text.as_str()) {
                    let help = "write `period(\"week\")`, \"month\", \"quarter\" or \"year\"".to_owned();
                    self.problem("KW0205", unit.position, "an unknown period", Some(help));
                }
                gives(Kind::Text, false)
            }
            ("in_season", [season]) => {
                self.season_argument(season);
                gives(Kind::Bool, false)
            }
            ("done" | "outcome" | "sent" | "answer", [step]) => {
                if !self.scope.in_enrollment {
                    self.problem(
                        "KW0212",
                        position,
                        format!("`{name}` is not available here: there is no enrollment yet"),
                        None,
                    );
                } else {
                    self.step_argument(name, step);
                }
                let known = self.known.contains(&text);
                match name {
                    "outcome" => gives(Kind::Text, !known),
                    "answer" => gives(self.answer_kind(step), !known),
                    _ => gives(Kind::Bool, false),
                }
            }
            _ if global::find(name).is_some() => {
                self.problem("KW0205", position, format!("`{name}` takes one argument"), None);
                self.unknown(text, position)
            }
            _ => {
                let help = if functions::find(name).is_some() {
                    Some(format!("it is asked of the account: `account.{name}(…)`"))
                } else if let Some(help) = self.filter_help(name) {
                    Some(help)
                } else if let Some(meant) = rhai_messages::meant_function(name) {
                    Some(meant.to_owned())
                } else {
                    nearest(name, global::names()).map(|near| format!("did you mean `{near}`?"))
                };
                self.problem("KW0201", position, format!("unknown function `{name}`"), help);
                self.unknown(text, position)
            }
        }
    }

    /// What to write for a filter that is called like a function.
    pub(crate) fn filter_help(&self, name: &str) -> Option<String> {
        let known = self.in_text.is_some_and(|text| text.filters.contains(&name));
        known.then(|| format!("`{name}` is a filter: write `… | {name}` before `}}}}`"))
    }

    /// The season must be one of the configuration.
    pub(crate) fn season_argument(&mut self, season: &Typed) {
        let Ok(name) = serde_json::from_str::<String>(&season.text) else {
            self.problem("KW0205", season.position, "`in_season` takes the name of a season in quotes", None);
            return;
        };
        if self.seasons.get(&name).is_none() {
            let help = no_season(&name, self.seasons);
            self.problem("KW0203", season.position, format!("there is no season \"{name}\""), Some(help));
        }
    }

    /// What an answer to a survey step is.
    fn answer_kind(&self, step: &Typed) -> Kind {
        let id = step.text.trim_matches('"');
        self.scope.named_steps.find("answer", id).map_or(Kind::Unknown, |step| Kind::of(step.ty))
    }

    fn step_argument(&mut self, name: &str, step: &Typed) {
        let id = step.text.trim_matches('"').to_owned();
        let steps = self.scope.named_steps;
        if step.kind != Kind::Text || !step.text.starts_with('"') {
            self.problem("KW0205", step.position, format!("`{name}` takes the id of a step in quotes"), None);
        } else if steps.find(name, &id).is_none() {
            let help = nearest(&id, steps.ids(name)).map(|near| format!("did you mean \"{near}\"?"));
            let message = format!("there is no {} step \"{id}\"", steps.kind(name));
            self.problem("KW0107", step.position, message, help);
        }
    }

    pub(crate) fn module_call(&mut self, call: &FnCallExpr, position: Position) -> Typed {
        let module = call.namespace.path.first().map_or(String::new(), |part| part.name.to_string());
        let args: Vec<Typed> = call.args.iter().map(|arg| self.expr(arg)).collect();
        self.call_module(module, &call.name, args, position)
    }

    pub(crate) fn call_module(&mut self, module: String, name: &str, args: Vec<Typed>, position: Position) -> Typed {
        let text =
            format!("{module}::{name}({})", args.iter().map(|arg| arg.text.clone()).collect::<Vec<_>>().join(", "));
        let modules = self.modules;
        let Some(functions) = modules.functions(&module) else {
            // What is wrong with it is said there; here, once, that this cannot be used.
            if modules.is_broken(&module) {
                if self.learnt.broken.insert(module.clone()) {
                    let message = format!("the script `{module}.rhai` has mistakes, and this calls it");
                    self.problem("KW0201", position, message, None);
                }
                return self.unknown(text, position);
            }
            let help = nearest(&module, modules.names()).map(|near| format!("did you mean `{near}::`?"));
            self.problem("KW0201", position, format!("there is no script `{module}.rhai`"), help);
            return self.unknown(text, position);
        };
        self.learnt.modules.insert(module.clone());
        let Some(function) = functions.iter().find(|f| f.name == name && f.params.len() == args.len()) else {
            let near = nearest(name, functions.iter().map(|f| f.name.as_str()));
            let near = functions.iter().find(|function| Some(function.name.as_str()) == near);
            let help = near.map(|near| format!("there is `{module}::{}({})`", near.name, near.params.join(", ")));
            let count = match args.len() {
                0 => "without arguments".to_owned(),
                1 => "with one argument".to_owned(),
                count => format!("with {count} arguments"),
            };
            self.problem("KW0201", position, format!("`{module}` has no function `{name}` {count}"), help);
            return self.unknown(text, position);
        };
        if !args.iter().any(|arg| matches!(arg.kind, Kind::Subject(_) | Kind::Earlier(..))) {
            for arg in &args {
                self.want_present(arg);
            }
            return self.unknown(text, position);
        }
        if self.bound.len() >= 8 {
            let message = format!("`{module}::{name}` calls itself, or others too deeply");
            self.problem("KW0402", position, message, None);
            return self.unknown(text, position);
        }
        let Some(body) = &function.expression else {
            let message = format!("`{module}::{name}` takes the account, so it must be one expression");
            self.problem("KW0402", position, message, Some("give longer functions plain values instead".to_owned()));
            return self.unknown(text, position);
        };
        // Its problems are reported at the call, where the author can act.
        let outer = self.call_site;
        self.call_site = outer.or(Some(position));
        let params = function.params.iter().cloned().zip(args).collect();
        self.bound.push(Inlined { module, params });
        let typed = match body {
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::FnCall(inner, at) => self.call_in_body(inner, *at),
            _ => self.unknown(text.clone(), position),
        };
        self.bound.pop();
        self.call_site = outer;
        Typed { text, position, ..typed }
    }

    fn call_in_body(&mut self, call: &FnCallExpr, position: Position) -> Typed {
        self.expr(&Expr::FnCall(Box::new(call.clone()), position))
    }
}

/// Whether a canonical text compares two values.
fn is_comparison(text: &str) -> bool {
    [" < ", " <= ", " > ", " >= ", " == ", " != "].iter().any(|operator| text.contains(operator))
}

/// How days and months are named.
pub(crate) const COUNTED: &str = "days are numbers from 1, which is Monday, and months from 1, which is January";

/// What to do about a season that is not in the configuration.
pub(crate) fn no_season(name: &str, seasons: &Seasons) -> String {
    match nearest(name, seasons.names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("name it in the configuration: `seasons: {{ {name}: [07-15..08-31] }}`"),
    }
}
