//! The type check of methods: `account.events("login", 30)`.

use rhai::{Expr, FnCallExpr, Position};

use super::ago;
use super::checker::Checker;
use super::kind::{Kind, Typed};
use crate::diagnostic::nearest;
use crate::facts::{Arg, Cell, CellPath, NameKind, PropertyFilter, PropertyValue, Subject, Type};
use crate::rule::functions::ago::NAME as AGO;
use crate::rule::functions::{self, ParamKind};
use crate::rule::property_literal;

impl Checker<'_> {
    pub(crate) fn method(&mut self, base: &Typed, call: &FnCallExpr, position: Position) -> Typed {
        let name = call.name.as_str();
        let before = self.findings.problems.len();
        let args: Vec<Typed> = call.args.iter().map(|arg| self.argument(arg)).collect();
        let complained = self.findings.problems.len() > before;
        let text =
            format!("{}.{name}({})", base.text, args.iter().map(|arg| arg.text.clone()).collect::<Vec<_>>().join(", "));
        let (subject, ago) = match &base.kind {
            Kind::Subject(subject) if name == AGO => {
                return self.ago(*subject, &args, text, position, complained);
            }
            Kind::Subject(subject) => (*subject, None),
            Kind::Earlier(..) if name == AGO => {
                let (code, message, help) = ago::refuse_nesting();
                self.problem(code, position, message, Some(help));
                return self.unknown(text, position);
            }
            Kind::Earlier(subject, days) => (*subject, Some(*days)),
            Kind::Unknown => return self.unknown(text, position),
            other => {
                let message = format!("`{}` is {} and has no functions", base.text, other.name());
                let given: Vec<&str> = [base].into_iter().chain(&args).map(|given| given.text.as_str()).collect();
                let free =
                    crate::rule::functions::global::find(name).map(|_| format!("write `{name}({})`", given.join(", ")));
                let help = free
                    .or_else(|| self.filter_help(name))
                    .or_else(|| crate::rule::rhai_messages::suggest_function(name).map(str::to_owned));
                self.problem("KW0201", position, message, help);
                return self.unknown(text, position);
            }
        };
        let mut literal = Vec::new();
        for arg in &args {
            match self.literal(arg) {
                Some(value) => literal.push(value),
                None if complained => return self.unknown(text, position),
                None => {
                    let message = format!("`{name}` takes literal arguments, such as \"login\" and 30");
                    self.problem("KW0205", arg.position, message, None);
                    return self.unknown(text, position);
                }
            }
        }
        match super::signature::signature(subject, name, &literal) {
            Ok((function, gives)) => {
                if let (Some(_), Some((code, message, help))) = (ago, ago::refuse_function(subject, function, &literal))
                {
                    self.problem(code, position, message, Some(help));
                    return self.unknown(text, position);
                }
                self.check_names(function, &literal, &args);
                let path = CellPath::Call { function: function.name(), args: literal };
                let cell = Cell { subject, path: path.ago(ago) };
                let text = cell.to_string();
                if let Some((code, message, help)) = super::missing_relations::missing_for(&cell, self.scope.schema) {
                    self.problem(code, position, message, Some(help));
                }
                self.findings.cells.insert(cell);
                let nullable = gives.nullable && !self.known.contains(&text);
                let kind = if function.name() == functions::LABEL { Kind::Label } else { Kind::of(gives.ty) };
                Typed { kind, nullable, text, position }
            }
            Err((code, message, help)) => {
                self.problem(code, position, message, help);
                self.unknown(text, position)
            }
        }
    }

    /// An argument of a method: alone there properties can stand.
    fn argument(&mut self, arg: &Expr) -> Typed {
        if !property_literal::is_map(arg) {
            return self.expr(arg);
        }
        let position = arg.position();
        let Some(filter) = property_literal::of_expr(arg) else {
            let message = "`#{ … }` takes texts, numbers, true and false that are written out, at least one";
            let help = "for example `account.events(\"order\", 30, #{plan: \"pro\"})`";
            self.problem("KW0205", position, message, Some(help.to_owned()));
            return self.unknown("?".to_owned(), position);
        };
        let text = filter.to_string();
        Typed { kind: Kind::Properties(filter), nullable: false, text, position }
    }

    pub(crate) fn literal(&self, arg: &Typed) -> Option<Arg> {
        match &arg.kind {
            Kind::Int => arg.text.parse().ok().map(Arg::Int),
            Kind::Text => serde_json::from_str::<String>(&arg.text).ok().map(Arg::Text),
            Kind::List(items) => items
                .iter()
                .map(|item| match self.literal(item)? {
                    Arg::Text(text) => Some(text),
                    _ => None,
                })
                .collect::<Option<Vec<String>>>()
                .map(Arg::Texts),
            Kind::Properties(filter) => Some(Arg::Properties(filter.clone())),
            Kind::Since("since_entry") => Some(Arg::SinceEntry),
            Kind::Since(_) => Some(Arg::SinceStep),
            _ => None,
        }
    }

    /// Warns of a name that the customer store was never seen to hold, and of a
    /// role that has another name here.
    pub(crate) fn check_seen(&mut self, kind: NameKind, name: &str, position: Position) {
        let schema = self.scope.schema;
        if kind == NameKind::Role
            && let called = schema.roles.resolve(name)
            && called != name
        {
            let message = format!("the role `{name}` of the store is called `{called}` in playbooks");
            let help = format!("write \"{called}\", as `roles:` of the configuration says");
            return self.warn("KW0104", position, message, Some(help));
        }
        let own = self.scope.neighbours.scores().filter(|_| kind == NameKind::Score);
        let near = own.and_then(|own| nearest(name, own)).map(|near| format!("did you mean \"{near}\"?"));
        let Some(missing) = schema.inventory.missing(kind, name) else {
            // What the store holds is not known; that a document makes nearly this is.
            if let Some(help) = near.filter(|_| !schema.inventory.has(kind, name)) {
                let message = format!("no document makes the score \"{name}\"");
                self.warn("KW0224", position, message, Some(help));
            }
            return;
        };
        let help = near.unwrap_or_else(|| missing.advice());
        self.warn("KW0221", position, missing.to_string(), Some(help));
    }

    /// Warns of properties that the event was never seen to have, and of values
    /// of a type that theirs never were.
    fn check_properties(&mut self, event: Option<&str>, filter: &PropertyFilter, position: Position) {
        let Some(event) = event else { return };
        for (property, value) in filter.iter() {
            let name = functions::property_name(event, property);
            self.check_seen(NameKind::EventProperty, &name, position);
            let seen = self.scope.schema.inventory.shapes(NameKind::EventProperty, &name);
            if seen.is_empty() || seen.iter().any(|shape| value.is_like(shape.shape)) {
                continue;
            }
            let kinds: Vec<&str> = seen.iter().map(|shape| shape.shape.name()).collect();
            let message = format!(
                "the property `{property}` of the event `{event}` was only seen as {}, which never equals {value}",
                kinds.join(" or ")
            );
            let help = match value {
                PropertyValue::Text(_) => "write a number, `true` or `false` without quotes".to_owned(),
                other => format!("write \"{other}\" in quotes if the store keeps it as text"),
            };
            self.warn("KW0223", position, message, Some(help));
        }
    }

    /// A score of which factors and bands are asked is made by a document, which
    /// has that factor.
    fn check_own_score(&mut self, kind: ParamKind, literal: &[Arg], name: &str, position: Position) {
        let neighbours = self.scope.neighbours;
        let Some(scores) = neighbours.scores() else { return };
        let score = match literal.first() {
            Some(Arg::Text(score)) => neighbours.score(score),
            _ => None,
        };
        let (message, help) = match (kind, score) {
            (ParamKind::OwnScore, Some(_)) | (ParamKind::Factor, None) => return,
            (ParamKind::Factor, Some(score)) => {
                let factors = || score.factors.iter().map(|factor| factor.id.as_str());
                if factors().any(|factor| factor == name) {
                    return;
                }
                let help = nearest(name, factors()).map_or_else(
                    || format!("its factors are {}", factors().collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean \"{near}\"?"),
                );
                (format!("the score has no factor \"{name}\""), help)
            }
            _ => {
                let help = nearest(name, scores).map_or_else(
                    || format!("a file that begins with `score: {name}` makes it"),
                    |near| format!("did you mean \"{near}\"?"),
                );
                (format!("no document makes the score \"{name}\""), help)
            }
        };
        self.problem("KW0224", position, message, Some(help));
    }

    /// A success plan that is asked about exists, and has that goal.
    fn check_own_plan(&mut self, kind: ParamKind, literal: &[Arg], name: &str, position: Position) {
        let neighbours = self.scope.neighbours;
        let problem = match (kind, literal.first()) {
            (ParamKind::OwnPlan, _) => neighbours.describe_unknown_plan(name),
            (_, Some(Arg::Text(id))) => neighbours.plan(id).and_then(|plan| {
                let goals = || plan.goals.iter().map(|goal| goal.id.as_str());
                if goals().any(|goal| goal == name) {
                    return None;
                }
                let help = nearest(name, goals()).map_or_else(
                    || format!("its goals are {}", goals().collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean \"{near}\"?"),
                );
                Some((format!("the plan has no goal \"{name}\""), help))
            }),
            _ => None,
        };
        if let Some((message, help)) = problem {
            self.problem("KW0241", position, message, Some(help));
        }
    }

    /// Playbooks and columns that the arguments name must exist.
    fn check_names(&mut self, function: &dyn functions::Function, literal: &[Arg], args: &[Typed]) {
        let pairs = functions::pair(function, literal).unwrap_or_default();
        let event = pairs.iter().find_map(|(param, value)| match value {
            Arg::Text(event) if param.names == Some(NameKind::Event) => Some(event.as_str()),
            _ => None,
        });
        for ((param, value), arg) in pairs.into_iter().zip(args) {
            if let Some(kind) = param.names {
                let names = functions::texts(value).into_iter();
                let neighbours = self.scope.neighbours;
                let is_own = |name: &str| {
                    kind == NameKind::Score && (neighbours.score(name).is_some() || neighbours.asks_for(name))
                };
                let names: Vec<&str> =
                    names.filter(|name| !functions::is_always_there(kind, name) && !is_own(name)).collect();
                names.into_iter().for_each(|name| self.check_seen(kind, name, arg.position));
            }
            if let Arg::Properties(filter) = value {
                self.check_properties(event, filter, arg.position);
            }
            let Arg::Text(name) = value else { continue };
            let columns = &self.scope.schema.columns(Subject::Account);
            let (code, what, known): (_, _, Vec<&str>) = match param.kind {
                ParamKind::PlaybookId if !self.scope.neighbours.lacks(name) => continue,
                ParamKind::PlaybookId => ("KW0108", "playbook", self.scope.neighbours.ids().collect()),
                // Of what documents find the store has no changes.
                ParamKind::ColumnName => {
                    let stored = columns.iter().filter(|column| !self.scope.schema.lacks("accounts", &column.name));
                    ("KW0202", "column", stored.map(|column| &*column.name).collect())
                }
                ParamKind::NumberColumn => {
                    let numbers = columns.iter().filter(|column| matches!(column.ty, Type::Int | Type::Float));
                    ("KW0202", "column of numbers", numbers.map(|column| &*column.name).collect())
                }
                ParamKind::Label => {
                    if let Some((message, help)) = self.scope.neighbours.describe_unset_label(name) {
                        self.warn("KW0215", arg.position, message, Some(help));
                    }
                    continue;
                }
                ParamKind::Answers if !self.scope.neighbours.lacks_answers(name) => continue,
                ParamKind::Answers => ("KW0108", "survey", self.scope.neighbours.answers().collect()),
                ParamKind::OwnScore | ParamKind::Factor => {
                    self.check_own_score(param.kind, literal, name, arg.position);
                    continue;
                }
                ParamKind::OwnPlan | ParamKind::Goal => {
                    self.check_own_plan(param.kind, literal, name, arg.position);
                    continue;
                }
                _ => continue,
            };
            if !known.contains(&name.as_str()) {
                let help = nearest(name, known).map(|near| format!("did you mean \"{near}\"?"));
                self.problem(code, arg.position, format!("there is no {what} \"{name}\""), help);
            }
        }
    }
}
