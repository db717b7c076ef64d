//! From a template's text to what prints it: every expression in it is checked
//! and compiled as those of conditions are.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use rhai::{Dynamic, Expr, Stmt};

use super::escape::Escape;
use super::filter::{self, FILTERS, Filter, Flow};
use super::node::{Arm, Compiled, Node, Print, Template};
use super::placeholder;
use super::split::{self, Fragment, Piece, Spot, UNREADABLE};
use super::tag::{self, Tag};
use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::facts::{Cell, Type};
use crate::playbook::Source;
use crate::rule::check::canonical;
use crate::rule::check::kind::Kind;
use crate::rule::compile::{Checked, Compilation, Wanted};
use crate::rule::compiled::Rule;
use crate::rule::engine::modules::Modules;
use crate::rule::engine::sandbox::Sandbox;
use crate::rule::holder::Person;
use crate::rule::scope::{Scope, TextNames};

/// The longest template, in bytes.
const LONGEST_SOURCE: usize = 64 * 1024;
/// How deep `if`s nest.
const DEEPEST_IF: usize = 30;
/// The most expressions of one template.
const MOST_EXPRESSIONS: usize = 1_000;
/// Gives percent already, so that the filter `percent` must not multiply.
const IN_PERCENT: &str = "event_change";

/// What the names in a template may mean.
#[derive(Clone, Copy)]
pub struct TemplateScope<'a> {
    /// As in the expressions of steps; what it knows to be present may be what
    /// the playbook's condition has proven.
    pub scope: &'a Scope<'a>,
    /// Whether it is rendered for one contact: `recipient.…` is known.
    pub recipient: bool,
    pub modules: &'a Modules,
    pub sandbox: &'a Sandbox,
}

impl Template {
    /// Reads and checks a template. All findings come together; the template
    /// is there exactly when none of them is an error.
    pub fn compile(source: &Source, scope: &TemplateScope, escape: Escape) -> (Option<Template>, Vec<Diagnostic>) {
        if source.text.len() > LONGEST_SOURCE {
            let problem = source.error(UNREADABLE, 1, 1, "the template is too long");
            return (None, vec![problem.help("a template has at most 64 KiB")]);
        }
        let (pieces, problems) = split::split(source);
        let mut compiler = TextCompiler {
            source,
            scope,
            problems,
            known: scope.scope.known.clone(),
            open: Vec::new(),
            nodes: Vec::new(),
            expressions: 0,
            cells: Vec::new(),
            entry_columns: BTreeSet::new(),
            modules: BTreeSet::new(),
            people: BTreeSet::new(),
        };
        for piece in pieces {
            match piece {
                Piece::Words(words) => compiler.nodes.push(Node::Words(words.into())),
                Piece::Print(inside) => compiler.print(inside),
                Piece::Tag { inside, open } => compiler.tag(inside, open),
            }
        }
        for open in std::mem::take(&mut compiler.open) {
            compiler.error(UNREADABLE, open.at, "this `{% if %}` is never closed", Some("end it with `{% endif %}`"));
        }
        compiler.problems.extend(placeholder::foreign(source));
        let problems = compiler.problems;
        if problems.iter().any(Diagnostic::is_error) {
            return (None, problems);
        }
        let template = Template(Arc::new(Compiled {
            nodes: compiler.nodes,
            escape,
            cells: compiler.cells,
            entry_columns: compiler.entry_columns,
            modules: compiler.modules,
            people: compiler.people,
        }));
        (Some(template), problems)
    }
}

struct TextCompiler<'a> {
    source: &'a Source,
    scope: &'a TemplateScope<'a>,
    problems: Vec<Diagnostic>,
    /// Canonical texts of what is present at this place.
    known: HashSet<String>,
    /// The `if`s around this place, the innermost last.
    open: Vec<OpenIf>,
    /// What was compiled of the innermost block.
    nodes: Vec<Node>,
    expressions: usize,
    cells: Vec<Cell>,
    entry_columns: BTreeSet<String>,
    modules: BTreeSet<String>,
    people: BTreeSet<Person>,
}

/// An `if` whose end is not read yet.
struct OpenIf {
    at: Spot,
    /// The arms that are read, and the condition of the one that is being read;
    /// `None` of one with a mistake, and in `else`.
    arms: Vec<Arm>,
    condition: Option<(Rule, Position)>,
    has_else: bool,
    /// What stands before the `if`.
    before: Vec<Node>,
    /// What is present outside of it, and where all its conditions are false.
    outside: HashSet<String>,
    otherwise: HashSet<String>,
}

impl TextCompiler<'_> {
    fn error(&mut self, code: &'static str, at: Spot, message: impl Into<String>, help: Option<&str>) {
        let mut problem = self.source.error(code, at.line, at.column, message);
        problem.help = help.map(str::to_owned);
        self.problems.push(problem);
    }

    fn place(&self, at: Spot) -> Position {
        self.source.origin.at(at.line, at.column)
    }

    /// Compiles one expression of the text.
    fn expression(&mut self, part: Fragment, wanted: Wanted) -> Option<Checked> {
        self.expressions += 1;
        if self.expressions > MOST_EXPRESSIONS {
            if self.expressions == MOST_EXPRESSIONS + 1 {
                self.error(UNREADABLE, part.at, "there are too many expressions in one text", None);
            }
            return None;
        }
        let scope = Scope { known: &self.known, ..self.scope.scope.clone() };
        let compilation = Compilation {
            scope: &scope,
            modules: self.scope.modules,
            sandbox: self.scope.sandbox,
            in_text: Some(TextNames { recipient: self.scope.recipient, filters: FILTERS }),
        };
        let checked = compilation.expression(&part.source(self.source), wanted, &mut self.problems)?;
        for cell in checked.rule.cells() {
            if !self.cells.contains(cell) {
                self.cells.push(cell.clone());
            }
        }
        self.entry_columns.extend(checked.rule.entry_columns().iter().cloned());
        self.modules.extend(checked.rule.modules().iter().cloned());
        self.people.extend(checked.people.iter().copied());
        Some(checked)
    }

    /// Complains of `{{-` and `-%}`, which trim blanks elsewhere.
    fn refuse_trimming(&mut self, inside: Fragment) -> bool {
        let (begins, ends) = (inside.text.starts_with(['-', '+']), inside.text.ends_with(['-', '+']));
        if begins || ends {
            let at = if begins { inside.at } else { inside.at.after(inside.text.split_at(inside.text.len() - 1).0) };
            let help =
                "leave it out: a tag alone on its line leaves no empty line; a negative number is written `{{ -5 }}`";
            self.error(UNREADABLE, at, "blanks are not trimmed by a sign at the braces", Some(help));
        }
        begins || ends
    }

    fn print(&mut self, inside: Fragment) {
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
        let place = self.place(value.at);
        self.nodes.push(Node::Print(Box::new(Print {
            rule: checked.rule,
            name: name.into(),
            filters: compiled,
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

    fn tag(&mut self, inside: Fragment, at: Spot) {
        if self.refuse_trimming(inside) {
            // What is meant is known all the same.
            return self.keyword(Fragment { text: inside.text.trim_matches(['-', '+']), ..inside }, at);
        }
        self.keyword(inside, at);
    }

    fn keyword(&mut self, inside: Fragment, at: Spot) {
        match tag::read(inside) {
            Err((message, help)) => self.error(UNREADABLE, at, message, help.as_deref()),
            Ok(Tag::If(condition)) => {
                if self.open.len() == DEEPEST_IF {
                    self.error(UNREADABLE, at, "too many `{% if %}`s inside each other", None);
                }
                let outside = self.known.clone();
                let mut open = OpenIf {
                    at,
                    arms: Vec::new(),
                    condition: None,
                    has_else: false,
                    before: std::mem::take(&mut self.nodes),
                    outside: outside.clone(),
                    otherwise: outside,
                };
                self.condition(&mut open, condition);
                self.open.push(open);
            }
            Ok(tag) => match self.open.pop() {
                Some(open) => self.further(open, tag, at),
                None => {
                    let name = match tag {
                        Tag::EndIf => "endif",
                        Tag::Else => "else",
                        _ => "elif",
                    };
                    let message = format!("`{{% {name} %}}` without an `{{% if %}}` before it");
                    self.error(UNREADABLE, at, message, None);
                }
            },
        }
    }

    /// A tag that goes on with an `if`, or ends it.
    fn further(&mut self, mut open: OpenIf, tag: Tag, at: Spot) {
        let nodes = std::mem::take(&mut self.nodes);
        let otherwise = match open.condition.take() {
            Some((condition, place)) => {
                open.arms.push(Arm { condition, nodes, place });
                Vec::new()
            }
            None => nodes,
        };
        self.known = open.otherwise.clone();
        match tag {
            Tag::EndIf => {
                self.known = open.outside;
                self.nodes = open.before;
                self.nodes.push(Node::If { arms: open.arms, otherwise });
                return;
            }
            _ if open.has_else => {
                let name = if tag == Tag::Else { "else" } else { "elif" };
                self.error(UNREADABLE, at, format!("`{{% {name} %}}` after `{{% else %}}`"), None);
            }
            Tag::Elif(condition) => self.condition(&mut open, condition),
            _ => open.has_else = true,
        }
        self.open.push(open);
    }

    /// Compiles a condition and sets what is known where it holds.
    fn condition(&mut self, open: &mut OpenIf, condition: Fragment) {
        let (parts, within) = split::filters(condition);
        if let Some(at) = within.first().copied().or_else(|| parts.get(1).map(|part| part.at)) {
            let help = "\"or\" is `||`, and a default is `(account.seats ?? 0)`";
            return self.error(UNREADABLE, at, "a filter does not belong in a condition", Some(help));
        }
        let Some(checked) = self.expression(condition, Wanted::Verdict) else { return };
        self.known.extend(checked.rule.proves().iter().cloned());
        open.otherwise.extend(checked.if_false);
        open.condition = Some((checked.rule, self.place(condition.at)));
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
