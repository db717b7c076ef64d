//! Calls in templates: functions, methods of the account, filters and tests.

use chrono::{TimeZone, Utc};
use minijinja::machinery::ast;

use super::lower::{Lowering, Spot, spot, spot_of_name};
use super::names::{literal, suggestion, text_of};
use super::tree::{ClockFunction, Expr, Format, Kind, Name};
use crate::diagnostic::nearest;
use crate::facts::{Arg, Cell, CellPath, Subject, Type, Value};
use crate::rule::check::calls::no_season;
use crate::rule::check::missing_relations::lacking;
use crate::rule::check::{ago, how_many};
use crate::rule::functions::global;
use crate::rule::functions::{self, ParamKind};
use crate::rule::print;

const FILTERS: &[&str] = &["default", "date", "number", "percent", "upper", "lower"];

/// Gives percent already, so that the filter `percent` must not multiply.
const IN_PERCENT: &str = "event_change";

const MAX_DECIMALS: i64 = 9;

impl Lowering<'_> {
    pub(super) fn call(&mut self, call: &ast::Call, at: Spot) -> Option<Expr> {
        match &call.expr {
            ast::Expr::Var(function) => self.function(function.id, &call.args, at),
            ast::Expr::GetAttr(method) => {
                let name_at = spot_of_name(method.span(), method.name);
                match &method.expr {
                    ast::Expr::Var(root) if root.id == "account" => {
                        self.method(Subject::Account, None, method.name, &call.args, at, name_at)
                    }
                    ast::Expr::Var(root) if root.id == "contact" && self.scope.allow_contact => {
                        self.method(Subject::Contact, None, method.name, &call.args, at, name_at)
                    }
                    ast::Expr::Var(root) if root.id == "contact" => self.no_contact(at),
                    ast::Expr::Call(inner) if ago_of(inner).is_some() => {
                        let (subject, days) = self.earlier(inner)?;
                        self.method(subject, Some(days), method.name, &call.args, at, name_at)
                    }
                    _ => {
                        let help = FILTERS
                            .contains(&method.name)
                            .then(|| format!("`{0}` is a filter: `… | {0}`", method.name));
                        let message = format!("there is no method `{}` here", method.name);
                        self.refuse("KW0201", name_at, message, help)
                    }
                }
            }
            _ => self.refuse("KW0201", at, "this cannot be called", None),
        }
    }

    /// `account.ago(30)`: whose facts, and how many days earlier.
    pub(super) fn earlier(&mut self, call: &ast::Call) -> Option<(Subject, i64)> {
        let (root, name_at) = ago_of(call)?;
        let subject = match root {
            "contact" if !self.scope.allow_contact => {
                self.no_contact(name_at);
                return None;
            }
            "contact" => Subject::Contact,
            _ => Subject::Account,
        };
        let args: Option<Vec<Arg>> =
            call.args.iter().map(|arg| self.literal_argument(ago::NAME, arg, name_at)).collect();
        match ago::days(&args?) {
            Some(days) => Some((subject, days)),
            None => {
                let (code, message, help) = ago::not_days();
                self.refuse(code, name_at, message, Some(help));
                None
            }
        }
    }

    fn method(
        &mut self,
        subject: Subject,
        ago: Option<i64>,
        name: &str,
        args: &[ast::CallArg],
        at: Spot,
        name_at: Spot,
    ) -> Option<Expr> {
        if name == ago::NAME {
            let message = format!("`{}.{name}(…)` as a whole has no text", subject.name());
            return self.refuse("KW0302", at, message, Some(format!("`{}.{name}(30).mrr`", subject.name())));
        }
        if !self.scope.function_names.contains(&name) {
            let column = self.scope.schema.column(subject, name).is_some();
            let help = if column {
                Some(format!("it is a column: `{}.{name}`", subject.name()))
            } else {
                suggestion(name, self.scope.function_names.iter().copied())
            };
            let message = format!("unknown function `{}.{name}`", subject.name());
            return self.refuse("KW0201", name_at, message, help);
        }
        let args: Option<Vec<Arg>> = args.iter().map(|arg| self.literal_argument(name, arg, name_at)).collect();
        let args = args?;
        let info = match (self.scope.signature)(subject, name, &args) {
            Ok(info) => info,
            Err((code, message)) => return self.refuse(code, name_at, message, None),
        };
        if let Some((code, message, help)) = self.unknown_argument(info.function, &args) {
            return self.refuse(code, name_at, message, help);
        }
        self.note_unset_labels(info.function, &args, name_at);
        let earlier = ago.and(functions::find(info.function));
        if let Some((code, message, help)) = earlier.and_then(|function| ago::refused(subject, function, &args)) {
            return self.refuse(code, name_at, message, Some(help));
        }
        let cell = Cell { subject, path: CellPath::Call { function: info.function, args }.ago(ago) };
        if let Some((code, message, help)) = lacking(&cell, self.scope.schema) {
            return self.refuse(code, name_at, message, Some(help));
        }
        Some(self.cell(cell, Some(info.ty), info.nullable, at))
    }

    /// A playbook or column among the arguments that does not exist.
    fn unknown_argument(&self, function: &str, args: &[Arg]) -> Option<(&'static str, String, Option<String>)> {
        let function = functions::find(function)?;
        functions::pair(function, args)?.into_iter().find_map(|(param, arg)| {
            let Arg::Text(name) = arg else { return None };
            let (code, what, known): (_, _, Vec<&str>) = match param.kind {
                ParamKind::PlaybookId if !self.scope.neighbours.lacks(name) => return None,
                ParamKind::PlaybookId => ("KW0108", "playbook", self.scope.neighbours.ids().collect()),
                ParamKind::ColumnName => {
                    ("KW0202", "column", self.scope.schema.account.iter().map(|column| &*column.name).collect())
                }
                _ => return None,
            };
            let unknown = !known.contains(&name.as_str());
            unknown.then(|| (code, format!("no {what} `{name}`"), suggestion(name, known)))
        })
    }

    /// Warns of a label among the arguments that no playbook sets.
    fn note_unset_labels(&mut self, function: &str, args: &[Arg], at: Spot) {
        let pairs = functions::find(function).and_then(|function| functions::pair(function, args));
        for (param, arg) in pairs.unwrap_or_default() {
            if let (ParamKind::Label, Arg::Text(name)) = (param.kind, arg)
                && let Some((message, help)) = self.scope.neighbours.unset(name)
            {
                self.warn("KW0215", at, message, help);
            }
        }
    }

    fn literal_argument(&mut self, method: &str, arg: &ast::CallArg, at: Spot) -> Option<Arg> {
        let ast::CallArg::Pos(expr) = arg else {
            let message = format!("`{method}` takes its arguments by position");
            self.refuse("KW0205", at, message, None);
            return None;
        };
        match expr {
            ast::Expr::Var(var) if var.id == "since_entry" => return Some(Arg::SinceEntry),
            ast::Expr::Var(var) if var.id == "since_step" => {
                self.no_since_step(spot(expr));
                return None;
            }
            ast::Expr::Const(constant) => match literal(&constant.value) {
                Some(Value::Text(text)) => return Some(Arg::Text(text.to_string())),
                Some(Value::Int(number)) => return Some(Arg::Int(number)),
                _ => {}
            },
            ast::Expr::List(list) => {
                let texts = list.items.iter().map(|item| text_of(item).map(str::to_owned));
                if let Some(texts) = texts.collect() {
                    return Some(Arg::Texts(texts));
                }
            }
            _ => {}
        }
        let message = format!("the arguments of `{method}` are written out: a text or a whole number");
        self.refuse("KW0205", spot(expr), message, None);
        None
    }

    fn function(&mut self, name: &str, args: &[ast::CallArg], at: Spot) -> Option<Expr> {
        if global::find(name).is_none() {
            let help = if self.scope.function_names.contains(&name) {
                Some(format!("it is a method: `account.{name}(…)`"))
            } else if FILTERS.contains(&name) {
                Some(format!("it is a filter: `… | {name}`"))
            } else {
                suggestion(name, global::names())
            };
            return self.refuse("KW0201", at, format!("unknown function `{name}`"), help);
        }
        let [ast::CallArg::Pos(arg)] = args else {
            let message = format!("`{name}` takes one argument, and {} are given", args.len());
            return self.refuse("KW0205", at, message, None);
        };
        if let Some(function) = ClockFunction::by_name(name) {
            let of = self.expr(arg)?;
            if of.ty.is_some_and(|ty| ty != Type::Time) {
                let message = format!("`{name}` needs a time");
                return self.refuse("KW0206", spot(arg), message, None);
            }
            return Some(self.made(Kind::Clock(function, Box::new(of)), Some(Type::Int), at));
        }
        if matches!(name, "days" | "hours") {
            let message = format!("`{name}(n)` is added to a time or taken from it");
            let help = format!("`account.renewal_at - {name}(3)`");
            return self.refuse("KW0206", at, message, Some(help));
        }
        if name == how_many::NAME {
            return self.how_many(arg, at);
        }
        let Some(text) = text_of(arg) else {
            let message = format!("the argument of `{name}` is a text in quotes");
            return self.refuse("KW0205", spot(arg), message, None);
        };
        if name == "period" {
            if crate::facts::time::period(sample(), text, chrono_tz::UTC).is_none() {
                let help = "`week`, `month`, `quarter` or `year`".to_owned();
                return self.refuse("KW0205", spot(arg), "not a period", Some(help));
            }
            return Some(self.made(Kind::Period(text.into()), Some(Type::Text), at));
        }
        if name == "in_season" {
            let Some(season) = self.scope.seasons.get(text) else {
                let help = no_season(text, self.scope.seasons);
                return self.refuse("KW0203", spot(arg), format!("no season `{text}`"), Some(help));
            };
            return Some(self.made(Kind::InSeason(season.clone()), Some(Type::Bool), at));
        }
        let steps = self.scope.named_steps;
        let Some(named) = steps.find(name, text) else {
            let help = suggestion(text, steps.ids(name));
            let message = format!("no {} step `{text}`", steps.kind(name));
            return self.refuse("KW0107", spot(arg), message, help);
        };
        let step = text.to_owned();
        Some(match name {
            "done" => self.name(Name::Done(step), Some(Type::Bool), false, at),
            "sent" => self.name(Name::Sent(step), Some(Type::Bool), false, at),
            "answer" => self.name(Name::Answer(step), Some(named.ty), true, at),
            _ => self.name(Name::Outcome(step), Some(Type::Text), true, at),
        })
    }

    /// Guards inside a condition hold for that condition alone.
    fn how_many(&mut self, list: &ast::Expr, at: Spot) -> Option<Expr> {
        let items = match list {
            ast::Expr::List(list) if !list.items.is_empty() => &list.items,
            _ => {
                let message = format!("`{}` takes a list of conditions", how_many::NAME);
                return self.refuse("KW0205", spot(list), message, None);
            }
        };
        let mut conditions = Vec::new();
        for item in items {
            let condition = self.expr(item)?;
            if condition.ty.is_some_and(|ty| ty != Type::Bool) {
                let message = format!("`{}` needs true or false in its list", how_many::NAME);
                return self.refuse("KW0206", spot(item), message, None);
            }
            conditions.push(condition);
        }
        Some(self.made(Kind::HowMany(conditions), Some(Type::Int), at))
    }

    pub(super) fn filter(&mut self, filter: &ast::Filter, at: Spot) -> Option<Expr> {
        let name_at = at;
        let Some(inner) = &filter.expr else {
            return self.refuse("KW0301", at, "a filter stands after a value", None);
        };
        let value_at = spot(inner);
        if !FILTERS.contains(&filter.name) {
            let help = suggestion(filter.name, FILTERS.iter().copied())
                .unwrap_or_else(|| "there are `default`, `date`, `number`, `percent`, `upper` and `lower`".to_owned());
            let message = format!("unknown filter `{}`", filter.name);
            self.expr(inner);
            return self.refuse("KW0302", name_at, message, Some(help));
        }
        let value = self.expr(inner)?;
        let arg = match filter.args.as_slice() {
            [] => None,
            [ast::CallArg::Pos(arg)] => Some(arg),
            _ => {
                let message = format!("`{}` takes at most one argument", filter.name);
                return self.refuse("KW0205", name_at, message, None);
            }
        };
        let (format, wanted): (Format, &[Type]) = match filter.name {
            "default" => {
                let Some(arg) = arg else {
                    let help = "`x | default(\"…\")`".to_owned();
                    return self.refuse("KW0205", name_at, "`default` needs a value", Some(help));
                };
                let fallback = self.expr(arg)?;
                let ty = value.ty.filter(|ty| fallback.ty == Some(*ty));
                let kind = Kind::Default(Box::new(value), Box::new(fallback));
                return Some(self.made(kind, ty, value_at));
            }
            "date" => (Format::Date(self.date_pattern(arg)?), &[Type::Time]),
            "number" => {
                let decimals = self.decimals(filter.name, arg)?;
                (Format::Number(decimals), &[Type::Int, Type::Float])
            }
            "percent" => {
                let decimals = self.decimals(filter.name, arg)?;
                let scale = if in_percent(&value) { 1.0 } else { 100.0 };
                (Format::Percent { decimals, scale }, &[Type::Int, Type::Float])
            }
            _ if arg.is_some() => {
                let message = format!("`{}` takes no argument", filter.name);
                return self.refuse("KW0205", name_at, message, None);
            }
            "upper" => (Format::Upper, &[Type::Text]),
            _ => (Format::Lower, &[Type::Text]),
        };
        if let Kind::Default(_, fallback) = &value.kind
            && let Some(ty) = fallback.ty
            && ty != Type::Json
            && !wanted.contains(&ty)
        {
            let needs = wanted.last().map_or("text", |ty| ty.name());
            let message = format!("`{}` needs {needs}, and the default before it is {}", filter.name, ty.name());
            let help = format!("put the default behind it: `… | {} | default(\"…\")`", filter.name);
            return self.refuse("KW0206", value_at, message, Some(help));
        }
        if let Some(ty) = value.ty
            && ty != Type::Json
            && !wanted.contains(&ty)
        {
            let needs = wanted.last().map_or("text", |ty| ty.name());
            let message = format!("`{}` needs {needs}, and this is {}", filter.name, ty.name());
            return self.refuse("KW0206", value_at, message, None);
        }
        let kind = Kind::Format(Box::new(value), format);
        Some(self.made(kind, Some(Type::Text), value_at))
    }

    fn date_pattern(&mut self, arg: Option<&ast::Expr>) -> Option<Option<Box<str>>> {
        let Some(arg) = arg else { return Some(None) };
        let Some(pattern) = text_of(arg) else {
            let message = "the argument of `date` is a text in quotes";
            self.refuse("KW0205", spot(arg), message, None);
            return None;
        };
        // Without a `%` it would print itself.
        if pattern.len() > 100
            || !pattern.contains('%')
            || print::pattern(sample(), chrono_tz::UTC, "en", pattern).is_none()
        {
            let help = "`date(\"%-d %B %Y\")`: %-d day, %B month, %Y year, %H:%M time";
            self.refuse("KW0205", spot(arg), "not a date pattern", Some(help.to_owned()));
            return None;
        }
        Some(Some(pattern.into()))
    }

    fn decimals(&mut self, filter: &str, arg: Option<&ast::Expr>) -> Option<u8> {
        let Some(arg) = arg else { return Some(0) };
        let given = match arg {
            ast::Expr::Const(constant) if constant.value.is_integer() => constant.value.as_i64(),
            _ => None,
        };
        match given.filter(|n| (0..=MAX_DECIMALS).contains(n)) {
            Some(n) => u8::try_from(n).ok(),
            None => {
                let message = format!("`{filter}` takes the number of decimals, 0 to {MAX_DECIMALS}");
                self.refuse("KW0205", spot(arg), message, None);
                None
            }
        }
    }

    /// `x is none` and `x is defined`.
    pub(super) fn test(&mut self, test: &ast::Test, at: Spot) -> Option<Expr> {
        let missing = match test.name {
            "none" | "undefined" => true,
            "defined" => false,
            name => {
                let help = nearest(name, ["none", "defined"])
                    .map(|near| format!("did you mean `is {near}`?"))
                    .unwrap_or_else(|| "compare with `==`, or ask `is none`".to_owned());
                let message = format!("unknown test `is {name}`");
                return self.refuse("KW0302", at, message, Some(help));
            }
        };
        if !test.args.is_empty() {
            let message = format!("`is {}` takes nothing after it", test.name);
            return self.refuse("KW0205", at, message, None);
        }
        let value = self.expr(&test.expr)?;
        let is_missing = self.made(Kind::IsMissing(Box::new(value)), Some(Type::Bool), at);
        if missing {
            return Some(is_missing);
        }
        Some(self.made(Kind::Not(Box::new(is_missing)), Some(Type::Bool), at))
    }
}

/// Whose earlier days a call asks for, and where it says so, if it does.
pub(super) fn ago_of<'a>(call: &ast::Call<'a>) -> Option<(&'a str, Spot)> {
    match &call.expr {
        ast::Expr::GetAttr(method) if method.name == ago::NAME => match &method.expr {
            ast::Expr::Var(root) if ["account", "contact"].contains(&root.id) => {
                Some((root.id, spot_of_name(method.span(), method.name)))
            }
            _ => None,
        },
        _ => None,
    }
}

fn in_percent(value: &Expr) -> bool {
    match &value.kind {
        Kind::Name { name: Name::Cell(cell), .. } => {
            matches!(cell.path.whenever(), CellPath::Call { function, .. } if *function == IN_PERCENT)
        }
        Kind::Default(inner, _) | Kind::Negate(inner) => in_percent(inner),
        _ => false,
    }
}

/// An instant to try patterns on.
fn sample() -> crate::clock::Instant {
    Utc.timestamp_opt(0, 0).single().unwrap_or_default()
}
