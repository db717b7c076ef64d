//! What an expression reads and whether it can mean what it says.
//!
//! Rhai compiles unknown properties and functions, and compares a missing
//! value or a text with a number silently; this walk over the compiled text is
//! where such mistakes are found. It also collects the cells to fetch.
//! After an unknown name no complaint about its type follows.

use rhai::{Expr, FnCallExpr, Position};

use super::canonical::quote;
use super::checker::Checker;
use super::guards;
use super::kind::{Kind, Typed, compatible};
use crate::diagnostic::nearest;
use crate::facts::Subject;
use crate::rule::engine::value::from_dynamic;
use crate::rule::holder::Person;
use crate::rule::place::place;
use crate::rule::population::Measure;
use crate::rule::scope::{MATCHING_COUNT, View};

/// How many parts an expression may have, those of module functions counted at
/// every call: nobody writes that many, and a few nested calls can mean them.
const MOST_PARTS: u32 = 20_000;
/// The longest canonical text of a part, in bytes.
const LONGEST_PART: usize = 32 * 1024;

impl Checker<'_> {
    /// Reads an expression; narrowing by guards follows evaluation order.
    pub fn expr(&mut self, expr: &Expr) -> Typed {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            self.findings.exhausted = true;
        }
        if self.findings.exhausted {
            return self.unknown("?".to_owned(), expr.position());
        }
        let typed = self.part(expr);
        self.findings.exhausted |= typed.text.len() > LONGEST_PART;
        typed
    }

    fn part(&mut self, expr: &Expr) -> Typed {
        let position = expr.position();
        let plain = |kind: Kind, text: String| Typed { kind, nullable: false, text, position };
        match expr {
            Expr::BoolConstant(value, _) => plain(Kind::Bool, value.to_string()),
            Expr::IntegerConstant(value, _) => plain(Kind::Int, value.to_string()),
            Expr::FloatConstant(value, _) => plain(Kind::Float, format!("{value}")),
            Expr::StringConstant(value, _) => plain(Kind::Text, quote(value)),
            Expr::Unit(_) => Typed { kind: Kind::None, nullable: true, text: "none".to_owned(), position },
            Expr::Array(items, _) => {
                let items: Vec<Typed> = items.iter().map(|item| self.expr(item)).collect();
                let text = items.iter().map(|item| item.text.clone()).collect::<Vec<_>>().join(", ");
                plain(Kind::List(items), format!("[{text}]"))
            }
            Expr::DynamicConstant(value, _) => self.constant_list(value, position),
            Expr::Variable(variable, _, _) => self.variable(&variable.1, position),
            Expr::And(parts, _) => self.logic(parts, true, position),
            Expr::Or(parts, _) => self.logic(parts, false, position),
            Expr::Coalesce(parts, _) => self.coalesce(parts, position),
            Expr::FnCall(call, _) => self.call(call, position),
            // The only syntax that is ours.
            Expr::Custom(custom, _) => match custom.tokens.first().and_then(|name| Measure::named(name)) {
                Some(measure) => self.population(measure, &custom.inputs, position),
                None => self.how_many(&custom.inputs, position),
            },
            Expr::Dot(chain, _, _) => self.dot(&chain.lhs, &chain.rhs, position),
            Expr::Stmt(block) if block.statements().len() == 1 => match block.statements().first() {
                Some(rhai::Stmt::Expr(inner)) => self.expr(inner),
                Some(rhai::Stmt::FnCall(call, at)) => self.call(call, *at),
                Some(rhai::Stmt::If(choice, at)) => self.choice(choice, *at),
                _ => self.refuse(position, "this", "put longer thoughts into a function in `scripts/`"),
            },
            Expr::InterpolatedString(..) => {
                self.refuse(position, "a text with `${…}` in it", "put texts together with `+`")
            }
            Expr::Index(..) => {
                self.refuse(position, "`[…]` behind a value", "a part of a value is written with a dot: `account.mrr`")
            }
            Expr::Map(..) => self.refuse_map(position),
            _ => self.refuse(position, "this", "put longer thoughts into a function in `scripts/`"),
        }
    }

    pub(crate) fn refuse(&mut self, position: Position, what: &str, help: &str) -> Typed {
        self.problem("KW0213", position, format!("{what} is not available in an expression"), Some(help.to_owned()));
        self.unknown("?".to_owned(), position)
    }

    fn refuse_map(&mut self, position: Position) -> Typed {
        let help = "a function of events takes properties, last: `account.events(\"order\", 30, #{plan: \"pro\"})`";
        self.refuse(position, "`#{ … }`", help)
    }

    fn constant_list(&mut self, value: &rhai::Dynamic, position: Position) -> Typed {
        let plain = |kind: Kind, text: String| Typed { kind, nullable: false, text, position };
        if value.is_map() {
            return self.refuse_map(position);
        }
        let Some(items) = value.clone().try_cast::<rhai::Array>() else { return self.unknown("?".into(), position) };
        let items: Vec<Typed> = items
            .iter()
            .map(|item| match from_dynamic(item) {
                Some(crate::facts::Value::Bool(b)) => plain(Kind::Bool, b.to_string()),
                Some(crate::facts::Value::Int(n)) => plain(Kind::Int, n.to_string()),
                Some(crate::facts::Value::Float(n)) => plain(Kind::Float, n.to_string()),
                Some(crate::facts::Value::Text(t)) => plain(Kind::Text, quote(&t)),
                Some(crate::facts::Value::Null) => plain(Kind::None, "none".to_owned()),
                _ => plain(Kind::Unknown, "?".to_owned()),
            })
            .collect();
        let text = items.iter().map(|item| item.text.clone()).collect::<Vec<_>>().join(", ");
        plain(Kind::List(items), format!("[{text}]"))
    }

    pub(crate) fn variable(&mut self, name: &str, position: Position) -> Typed {
        if let Some(bound) = self.bound.last() {
            return match bound.params.get(name) {
                Some(typed) => Typed { position, ..typed.clone() },
                None if name == "none" => Typed { kind: Kind::None, nullable: true, text: "none".into(), position },
                None => {
                    self.problem("KW0203", position, format!("unknown name `{name}`"), None);
                    self.unknown(name.to_owned(), position)
                }
            };
        }
        let typed = |kind: Kind, nullable: bool| Typed { kind, nullable, text: name.to_owned(), position };
        let portfolio = match self.scope.view {
            View::Subject | View::Population => None,
            View::Portfolio { has_matching } => Some(has_matching),
        };
        match name {
            "account" | "contact" if self.scope.view == View::Population => {
                let message = format!("`{name}` is one of many, and this is about all of them together");
                let help = "write it in the parentheses of a function over all accounts, such as `sum_of(account.mrr)`";
                self.problem("KW0212", position, message, Some(help.to_owned()));
                self.unknown(name.to_owned(), position)
            }
            "account" | "contact" if portfolio.is_some() => {
                let help = match self.in_text {
                    Some(_) => {
                        "ask about all, as in `share_of(account.mrr > 500)`, or list those that match: `{% for account in matching %}`"
                    }
                    None => {
                        "ask about all, as in `share_of(account.mrr > 500)`; which accounts are listed says `matching`"
                    }
                };
                let message = format!("no single `{name}` is in view here: the playbook is `for: portfolio`");
                self.problem("KW0212", position, message, Some(help.to_owned()));
                self.unknown(name.to_owned(), position)
            }
            MATCHING_COUNT if portfolio == Some(true) => typed(Kind::Int, false),
            MATCHING_COUNT => {
                let help = "a playbook `for: portfolio` has it, with `matching:`";
                self.problem("KW0212", position, "`matching_count` is not available here", Some(help.to_owned()));
                self.unknown(name.to_owned(), position)
            }
            "account" => typed(Kind::Subject(Subject::Account), false),
            "contact" if self.scope.contact => typed(Kind::Subject(Subject::Contact), false),
            "none" => typed(Kind::None, true),
            "now" => typed(Kind::Time, false),
            "recipient" if self.in_text.is_some_and(|text| !text.recipient) => {
                let message = "`recipient` is not available here: this text has no single reader";
                self.problem("KW0212", position, message, None);
                self.unknown(name.to_owned(), position)
            }
            "recipient" | "csm" if self.in_text.is_some() => {
                let person = if name == "csm" { Person::Csm } else { Person::Recipient };
                self.findings.people.insert(person);
                typed(Kind::Person(person), !self.known.contains(name))
            }
            "playbook" if self.in_text.is_some() => typed(Kind::Text, false),
            "entry" if self.scope.in_enrollment => typed(Kind::Entry, false),
            "since_entry" if self.scope.in_enrollment => typed(Kind::Since("since_entry"), false),
            "since_step" if self.scope.in_wait => typed(Kind::Since("since_step"), false),
            "contact" => {
                let help = match self.in_text {
                    Some(text) if text.recipient => "who gets this message is `recipient`".to_owned(),
                    _ => "write `for: contact`, or ask the account: `account.contacts(\"champion\")`".to_owned(),
                };
                self.problem("KW0212", position, "`contact` is only there in contact playbooks", Some(help));
                self.unknown(name.to_owned(), position)
            }
            "entry" | "since_entry" => {
                let message = format!("`{name}` is not available here: there is no enrollment yet");
                self.problem("KW0212", position, message, None);
                self.unknown(name.to_owned(), position)
            }
            "since_step" => {
                self.problem("KW0212", position, "`since_step` is only available in a wait's `until`", None);
                self.unknown(name.to_owned(), position)
            }
            // What it holds is known when the script runs; what is asked for, before.
            _ if self.in_script => {
                let message = format!("`{name}` cannot stand here: what is asked of an account is written out");
                let help = "write the name or the number itself, as in `account.events(\"login\", 30)`";
                self.problem("KW0205", position, message, Some(help.to_owned()));
                self.unknown(name.to_owned(), position)
            }
            _ => {
                let help = self.suggest_name(name, position);
                self.problem("KW0203", position, format!("unknown name `{name}`"), help);
                self.unknown(name.to_owned(), position)
            }
        }
    }

    fn suggest_name(&self, name: &str, position: Position) -> Option<String> {
        let schema = self.scope.schema;
        if self.in_text.is_some_and(|text| text.recipient) && schema.contact.iter().any(|column| column.name == name) {
            return Some(format!("write `recipient.{name}`"));
        }
        if schema.account.iter().any(|column| column.name == name) {
            return Some(format!("write `account.{name}`"));
        }
        if self.in_text.is_some()
            && let Some(near) = nearest(name, ["recipient", "csm", "playbook"])
        {
            return Some(format!("did you mean `{near}`?"));
        }
        if crate::rule::functions::global::find(name).is_some() {
            return Some(format!("`{name}` is a function: write `{name}(…)`"));
        }
        let around = match self.call_site {
            None => crate::rule::rhai_messages::Surroundings::new(&self.source.text, place(position), name),
            Some(_) => crate::rule::rhai_messages::Surroundings::default(),
        };
        Some(crate::rule::rhai_messages::suggest_name(name, &around, self.modules.functions(name).is_some(), false))
    }

    fn logic(&mut self, parts: &[Expr], and: bool, position: Position) -> Typed {
        let outer = self.known.clone();
        let mut texts = Vec::new();
        for part in parts {
            let typed = self.expr(part);
            self.want_bool(&typed, if and { "&&" } else { "||" });
            let proven = if and { guards::if_true(self, part) } else { guards::if_false(self, part) };
            self.known.extend(proven);
            texts.push(typed.text);
        }
        self.known = outer;
        if and {
            self.remark_contradictions(parts);
        }
        let text = format!("({})", texts.join(if and { " && " } else { " || " }));
        Typed { kind: Kind::Bool, nullable: false, text, position }
    }

    fn coalesce(&mut self, parts: &[Expr], position: Position) -> Typed {
        let any_default = std::mem::take(&mut self.any_default);
        let parts: Vec<Typed> = parts.iter().map(|part| self.expr(part)).collect();
        let text = format!("({})", parts.iter().map(|part| part.text.clone()).collect::<Vec<_>>().join(" ?? "));
        if let Some(first) = parts.first()
            && !first.nullable
            && first.kind != Kind::Unknown
        {
            let message = format!("`{}` is never missing, so its default is never used", first.text);
            self.warn("KW0210", first.position, message, None);
        }
        let known = parts.iter().find(|part| !matches!(part.kind, Kind::Attribute(..) | Kind::None | Kind::Unknown));
        let kind = known.map_or(Kind::Unknown, |part| part.kind.clone());
        let mut mixed = false;
        for part in &parts {
            if let (Kind::Attribute(subject, key), Some(ty)) = (&part.kind, kind.ty()) {
                let (subject, key) = (*subject, key.clone());
                self.read_as(subject, &key, ty, part.position);
            } else if any_default && part.kind.is_printable() && kind.is_printable() {
                mixed |= !compatible(&part.kind, &kind);
            } else if part.kind != Kind::None && !compatible(&part.kind, &kind) {
                let message = format!(
                    "the default `{}` is {}, and what it stands in for is {}",
                    part.text,
                    part.kind.name(),
                    kind.name()
                );
                self.problem("KW0206", part.position, message, None);
            }
        }
        let kind =
            if parts.iter().any(|part| part.kind == Kind::Float) && kind.is_number() { Kind::Float } else { kind };
        let kind = if mixed { Kind::Unknown } else { kind };
        Typed { kind, nullable: parts.iter().all(|part| part.nullable), text, position }
    }

    pub(crate) fn call(&mut self, call: &FnCallExpr, position: Position) -> Typed {
        if call.op_token.is_some() || call.name == "contains" && call.namespace.is_empty() {
            return self.operator(call, position);
        }
        if !call.namespace.is_empty() {
            return self.module_call(call, position);
        }
        self.function(call, position)
    }
}
