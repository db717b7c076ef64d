//! The type check of functions: those of the language, and those of `scripts/`.

use rhai::{Expr, FnCallExpr, Position, Stmt};

use super::checker::{Checker, InlinedCall};
use super::kind::{Kind, Typed};
use crate::diagnostic::nearest;
use crate::facts::Type;
use crate::playbook::season::Seasons;
use crate::rule::foreign_syntax;
use crate::rule::functions;
use crate::rule::functions::global;
use crate::rule::rhai_messages;

impl Checker<'_> {
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
            ("days_since" | "days_until" | "hours_since" | "hours_until" | "month" | "day" | "weekday", [t]) => {
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
            ("plan_link", [plan]) => {
                self.plan_argument(plan, position);
                gives(Kind::Text, !self.known.contains(&text))
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
            (global::KPI | global::KPI_CHANGE, args) => self.kpi(name, args, text, position),
            _ if global::find(name).is_some() => {
                self.problem("KW0205", position, format!("`{name}` takes one argument"), None);
                self.unknown(text, position)
            }
            _ => {
                let help = if functions::find(name).is_some() {
                    Some(format!("it is asked of the account: `account.{name}(…)`"))
                } else if let Some(help) = self.filter_help(name) {
                    Some(help)
                } else if let Some(meant) = rhai_messages::suggest_function(name) {
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
                if self.findings.broken.insert(module.clone()) {
                    let message = format!("the script `{module}.rhai` has mistakes, and this calls it");
                    self.problem("KW0201", position, message, None);
                }
                return self.unknown(text, position);
            }
            let help = nearest(&module, modules.names()).map(|near| format!("did you mean `{near}::`?"));
            self.problem("KW0201", position, format!("there is no script `{module}.rhai`"), help);
            return self.unknown(text, position);
        };
        self.findings.modules.insert(module.clone());
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
            let help = "`if … { … } else { … }` counts as one; give longer functions plain values".to_owned();
            self.problem("KW0402", position, message, Some(help));
            return self.unknown(text, position);
        };
        // Its problems are reported at the call, where the author can act.
        let outer = self.call_site;
        self.call_site = outer.or(Some(position));
        let params = function.params.iter().cloned().zip(args).collect();
        self.bound.push(InlinedCall { module, params });
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

/// What to do about a season that is not in the configuration.
pub(crate) fn no_season(name: &str, seasons: &Seasons) -> String {
    match nearest(name, seasons.names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("name it in the configuration: `seasons: {{ {name}: [07-15..08-31] }}`"),
    }
}
