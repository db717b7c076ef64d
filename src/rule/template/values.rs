//! What `{{ … }}` prints: an expression, and the filters behind it.

use rhai::{Dynamic, Expr, Stmt};

use super::compiler::TextCompiler;
use super::filter::{self, FILTERS, Filter, Flow};
use super::link::{PRINTED, link_part};
use super::node::{Node, Print};
use super::split::{self, Fragment, Spot, UNREADABLE};
use crate::diagnostic::nearest;
use crate::facts::Type;
use crate::rule::check::canonical;
use crate::rule::check::kind::Kind;
use crate::rule::compile::{Checked, Wanted};

/// Gives percent already, so that the filter `percent` must not multiply.
const IN_PERCENT: &str = "event_change";

impl TextCompiler<'_> {
    pub(super) fn print(&mut self, inside: Fragment) {
        let link = link_part(&self.before, self.escape);
        self.before.push(PRINTED);
        if self.refuse_trimming(inside) {
            return;
        }
        if inside.text.starts_with('{') {
            let help = "write two braces: a printed value is always text and never markup";
            return self.error(UNREADABLE, inside.at, "`{{{` is not known here", Some(help));
        }
        let (parts, within) = split::filters(inside);
        let mut parts = parts.into_iter().map(Fragment::trim);
        let Some(value) = parts.next().filter(|value| !value.text.is_empty()) else {
            return self.error(UNREADABLE, inside.at, "nothing is printed here", Some("write `{{ account.name }}`"));
        };
        if let Some(at) = within.first() {
            let help = "a filter stands at the end, before `}}`; a default within is `(account.seats ?? 0)`, and \"or\" is `||`";
            return self.error(UNREADABLE, *at, "`|` does not belong in parentheses", Some(help));
        }
        let filters: Vec<(Fragment, Option<Fragment>)> = match parts.map(|part| self.read_filter(part)).collect() {
            Some(filters) => filters,
            None => {
                self.expression(value, Wanted::Printable(None));
                return;
            }
        };
        let attribute = filters.iter().map(|(name, _)| name.text).find(|name| *name != "default").and_then(attribute);
        let Some(checked) = self.expression(value, Wanted::Printable(attribute)) else { return };
        let mut flow = Flow { kind: checked.kind.clone(), nullable: checked.nullable, default: None };
        let mut compiled = Vec::new();
        let mut names = vec![checked.text.clone()];
        for (name, args) in filters {
            if name.text == "default" {
                let Some(default) = self.default(name, args, attribute) else { return };
                flow = flow.or(&default.kind, default.nullable);
                names.push(default.text);
                compiled.push(Filter::Default(Box::new(default.rule)));
                continue;
            }
            let filter = filter::check_input(name.text, &flow)
                .map_err(|misuse| (misuse, value.at))
                .and_then(|()| self.literals(args).ok_or_else(|| (no_literal(name.text), name.at)))
                .and_then(|literals| {
                    let at = args.map_or(name.at, |args| args.at);
                    filter::read(name.text, &literals, is_percent(&checked.expr)).map_err(|misuse| (misuse, at))
                });
            match filter {
                Ok(filter) => compiled.push(filter),
                Err(((code, message, help), at)) => return self.error(code, at, message, help.as_deref()),
            }
            flow = Flow { kind: Kind::Text, nullable: flow.nullable, default: None };
        }
        let name = missing_part(names.last().map_or("", String::as_str)).to_owned();
        if flow.nullable {
            self.warn_missing(inside, value.at, &name, !compiled.is_empty());
        }
        let may_be_empty = is_empty_text(&name);
        let place = self.place(value.at);
        self.nodes.push(Node::Print(Box::new(Print {
            rule: checked.rule,
            name: name.into(),
            filters: compiled,
            link,
            may_be_empty,
            place,
        })));
    }

    /// The name of a filter and what stands in its parentheses; `None` after an
    /// error.
    fn read_filter<'t>(&mut self, part: Fragment<'t>) -> Option<(Fragment<'t>, Option<Fragment<'t>>)> {
        let length = part.text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.text.len());
        let name = Fragment { text: &part.text[..length], at: part.at };
        let rest = part.from(length).trim();
        if name.text.is_empty() || rest.text.starts_with('.') {
            let help = "a default is `| default(\"…\")`, and \"or\" is `||`";
            self.error(UNREADABLE, part.at, "a filter is needed behind `|`", Some(help));
            return None;
        }
        if !FILTERS.contains(&name.text) {
            let help = match (filter::suggest(&name.text.to_lowercase()), nearest(name.text, FILTERS.iter().copied())) {
                (_, Some(near)) => format!("did you mean `{near}`?"),
                (Some(meant), None) => meant.to_owned(),
                (None, None) => {
                    let all: Vec<String> = FILTERS.iter().map(|name| format!("`{name}`")).collect();
                    let (last, others) = all.split_last()?;
                    format!("there are {} and {last}", others.join(", "))
                }
            };
            self.error("KW0302", name.at, format!("unknown filter `{}`", name.text), Some(&help));
            return None;
        }
        if rest.text.is_empty() {
            return Some((name, None));
        }
        let args = rest.text.strip_prefix('(').and_then(|args| args.strip_suffix(')'));
        match args {
            Some(_) => {
                let args = rest.from(1);
                let args = Fragment { text: &args.text[..args.text.len() - 1], ..args }.trim();
                Some((name, Some(args).filter(|args| !args.text.is_empty())))
            }
            None if rest.text.starts_with(':') => {
                let help = "a filter takes its argument in parentheses, as in `date(\"%-d %B\")`";
                self.error(UNREADABLE, rest.at, "`:` is not known here", Some(help));
                None
            }
            None => {
                let help = "calculate before the `|`; another filter stands behind another `|`";
                self.error(UNREADABLE, rest.at, format!("nothing follows the filter `{}`", name.text), Some(help));
                None
            }
        }
    }

    fn default(&mut self, name: Fragment, args: Option<Fragment>, attribute: Option<Type>) -> Option<Checked> {
        match args {
            Some(args) => self.expression(args, Wanted::Printable(attribute)),
            None => {
                self.error("KW0205", name.at, "`default` needs a value", Some("`x | default(\"…\")`"));
                None
            }
        }
    }

    /// The literals in a filter's parentheses; `None` where something else
    /// stands there.
    fn literals(&mut self, args: Option<Fragment>) -> Option<Vec<Dynamic>> {
        let Some(args) = args else { return Some(Vec::new()) };
        let checked = self.expression(args, Wanted::Printable(None))?;
        literal(&checked.expr).map(|value| vec![value])
    }

    /// Warns of what would leave a hole in the text.
    fn warn_missing(&mut self, inside: Fragment, at: Spot, name: &str, is_filtered: bool) {
        let whole = inside.trim().text;
        let help = match whole.len() <= 100 && !whole.contains('\n') {
            // A filter needs the value: the whole is left out without it.
            true if is_filtered => format!("{{% if {name} != none %}}{{{{ {whole} }}}}{{% endif %}}"),
            true => format!("{{{{ {whole} | default(\"…\") }}}}"),
            false => format!("{{{{ {name} | default(\"…\") }}}}"),
        };
        let message = format!("`{name}` can be missing; the text cannot be written then");
        self.problems.push(self.source.warning("KW0303", at.line, at.column, message).help(help));
    }
}

/// The type that an attribute is read as before a filter.
fn attribute(filter: &str) -> Option<Type> {
    match filter {
        "date" => Some(Type::Time),
        "number" | "money" | "percent" => Some(Type::Float),
        _ => None,
    }
}

/// Because of which value a canonical text can be missing, as authors write it.
fn missing_part(text: &str) -> &str {
    let text = canonical::inside_count(text).unwrap_or(text);
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    inner.rsplit_once(" ?? ").map_or(text, |(_, last)| last)
}

/// Whether a canonical text is a literal with nothing to read in it.
fn is_empty_text(text: &str) -> bool {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).is_some_and(|text| text.trim().is_empty())
}

fn no_literal(filter: &str) -> filter::FilterMistake {
    ("KW0205", format!("the argument of `{filter}` is written out: a text or a number"), None)
}

fn literal(expr: &Expr) -> Option<Dynamic> {
    match expr {
        Expr::StringConstant(text, _) => Some(text.clone().into()),
        Expr::IntegerConstant(number, _) => Some((*number).into()),
        Expr::FloatConstant(number, _) => Some(Dynamic::from(**number)),
        _ => None,
    }
}

/// Whether an expression gives percent already.
fn is_percent(expr: &Expr) -> bool {
    match expr {
        Expr::Dot(chain, ..) => is_percent(&chain.rhs),
        Expr::MethodCall(call, _) => call.name == IN_PERCENT,
        Expr::FnCall(call, _) => call.name == "-" && call.args.len() == 1 && call.args.iter().all(is_percent),
        Expr::Coalesce(parts, _) => parts.first().is_some_and(is_percent),
        Expr::Stmt(block) => match block.statements() {
            [Stmt::Expr(inner)] => is_percent(inner),
            _ => false,
        },
        _ => false,
    }
}
