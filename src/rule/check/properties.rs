//! The type check of what stands behind a dot: columns, attributes, and what was kept at enrollment.

use rhai::{Expr, Position};

use super::checker::Checker;
use crate::diagnostic::nearest;
use crate::facts::{Cell, CellPath, Column, NameKind, Standing, Subject};
use crate::rule::check::kind::{Kind, Typed};
use crate::rule::functions::attribute_of;
use crate::rule::holder::{Holder, Person};

impl Checker<'_> {
    pub(crate) fn dot(&mut self, lhs: &Expr, rhs: &Expr, position: Position) -> Typed {
        let base = self.expr(lhs);
        self.member(base, rhs, position)
    }

    pub(crate) fn member(&mut self, base: Typed, rhs: &Expr, position: Position) -> Typed {
        match rhs {
            Expr::Dot(chain, _, _) => {
                let inner = self.member(base, &chain.lhs, chain.lhs.position());
                self.member(inner, &chain.rhs, chain.rhs.position())
            }
            Expr::Property(property, at) => self.property(&base, &property.2, *at),
            Expr::MethodCall(call, at) => self.method(&base, call, *at),
            Expr::Index(..) => {
                let help = "a part of a value is written with a dot: `account.mrr`";
                self.refuse(rhs.position(), "`[…]` behind a value", help)
            }
            _ => self.refuse(position, "this", "a part of a value is written with a dot: `account.mrr`"),
        }
    }

    pub(crate) fn property(&mut self, base: &Typed, name: &str, position: Position) -> Typed {
        let text = format!("{}.{name}", base.text);
        let typed = |kind: Kind, nullable: bool| Typed { kind, nullable, text: text.clone(), position };
        match &base.kind {
            Kind::Unknown => self.unknown(text, position),
            Kind::Subject(subject) if name == "traits" => typed(Kind::Traits(*subject), false),
            Kind::Subject(subject) => {
                let subject = *subject;
                let Some(column) = self.scope.schema.column(subject, name) else {
                    self.unknown_column(subject, subject.name(), name, position);
                    return self.unknown(text, position);
                };
                let (kind, nullable) = (Kind::of(column.ty), column.nullable);
                self.findings.cells.insert(Cell { subject, path: CellPath::Column(name.to_owned()) });
                typed(kind, nullable && !self.known.contains(&text))
            }
            Kind::Traits(subject) => {
                let cell = Cell { subject: *subject, path: CellPath::Trait(name.to_owned()) };
                if let Some((code, message, help)) = super::missing_relations::missing_for(&cell, self.scope.schema) {
                    self.problem(code, position, message, Some(help));
                }
                self.check_seen(attribute_of(*subject), name, position);
                self.findings.cells.insert(cell);
                let nullable = !self.known.contains(&text);
                typed(Kind::Attribute(Holder::Subject(*subject), name.to_owned()), nullable)
            }
            Kind::Earlier(subject, days) => self.earlier_property(*subject, *days, name, text, position),
            Kind::EarlierTraits(subject, days) => {
                let cell = Cell { subject: *subject, path: CellPath::Trait(name.to_owned()).ago(Some(*days)) };
                if let Some((code, message, help)) = super::missing_relations::missing_for(&cell, self.scope.schema) {
                    self.problem(code, position, message, Some(help));
                    return self.unknown(text, position);
                }
                self.check_seen(attribute_of(*subject), name, position);
                self.findings.cells.insert(cell);
                let nullable = !self.known.contains(&text);
                typed(Kind::Attribute(Holder::Subject(*subject), name.to_owned()), nullable)
            }
            Kind::Person(person) => self.person_property(*person, name, text, position),
            Kind::PersonTraits(person) => {
                if let Some((code, message, help)) =
                    super::missing_relations::missing_for_attribute(*person, &text, self.scope.schema)
                {
                    self.problem(code, position, message, Some(help));
                }
                let kind = match person {
                    Person::Recipient => NameKind::ContactAttribute,
                    Person::Csm => NameKind::CsmAttribute,
                };
                self.check_seen(kind, name, position);
                self.findings.people.insert(*person);
                let nullable = !self.known.contains(&text);
                typed(Kind::Attribute(Holder::Person(*person), name.to_owned()), nullable)
            }
            Kind::Entry if name == "at" => typed(Kind::Time, false),
            Kind::Entry => {
                if name == "traits" {
                    let help = "the columns are kept; read the attribute as it is now: `account.traits.…`";
                    self.problem("KW0202", position, "attributes are not kept at enrollment", Some(help.to_owned()));
                    return self.unknown(text, position);
                }
                let enrolled = self.scope.subject();
                let Some((_, column)) = self.scope.schema.entry_column(enrolled, name) else {
                    self.unknown_column(enrolled, "entry", name, position);
                    return self.unknown(text, position);
                };
                let (kind, nullable) = (Kind::of(column.ty), column.nullable);
                self.findings.entry_columns.insert(name.to_owned());
                typed(kind, nullable && !self.known.contains(&text))
            }
            other => {
                let message = format!("`{}` is {} and has no parts", base.text, other.name());
                let help = crate::rule::functions::global::find(name).map(|_| format!("write `{name}({})`", base.text));
                self.problem("KW0202", position, message, help);
                self.unknown(text, position)
            }
        }
    }

    /// A column of the recipient or the CSM; their attributes behind `traits`.
    fn person_property(&mut self, person: Person, name: &str, text: String, position: Position) -> Typed {
        self.findings.people.insert(person);
        if name == "traits" {
            return Typed { kind: Kind::PersonTraits(person), nullable: false, text, position };
        }
        let columns: Vec<&Column> = match person {
            Person::Recipient => self.scope.schema.contact.iter().collect(),
            Person::Csm => self.scope.schema.csm.iter().filter(|column| is_kept(&column.name)).collect(),
        };
        let Some(column) = columns.iter().find(|column| column.name == name) else {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            self.unknown_name(person.name(), &names, name, position);
            return self.unknown(text, position);
        };
        // Any column of the CSM proves that there is one.
        let is_csm = |text: &String| text == "csm" || text.starts_with("csm.");
        let nobody = person == Person::Csm && !self.known.iter().any(is_csm);
        let nullable = (column.nullable || nobody) && !self.known.contains(&text);
        Typed { kind: Kind::of(column.ty), nullable, text, position }
    }

    pub(crate) fn unknown_column(&mut self, subject: Subject, root: &str, name: &str, position: Position) {
        let columns: Vec<&str> = self.scope.schema.columns(subject).iter().map(|column| column.name.as_str()).collect();
        self.unknown_name(root, &columns, name, position);
    }

    fn unknown_name(&mut self, root: &str, columns: &[&str], name: &str, position: Position) {
        let has_functions = ["account", "contact", "entry"].contains(&root);
        let help = if let Some(function) = crate::rule::functions::find(name).filter(|_| has_functions) {
            let sample = function
                .examples()
                .first()
                .map_or(String::new(), |example| format!(", as in `{}`", example.expression));
            format!("`{name}` is a function: it needs parentheses{sample}")
        } else {
            match nearest(name, columns.iter().copied()) {
                _ if Standing::of_column(Subject::Account, name).is_some() && ["account", "entry"].contains(&root) => {
                    let first = Standing::of_column(Subject::Account, name).map_or("", Standing::document);
                    format!("the customer store has no such column; a file that begins with `{first}:` gives one")
                }
                _ if has_functions && root != "entry" && means_attributes(name) => {
                    format!("attributes stand behind `traits`: `{root}.traits.plan`")
                }
                Some(near) => format!("did you mean `{root}.{near}`?"),
                None if root == "entry" => format!("the columns are {}", columns.join(", ")),
                None => {
                    format!("an attribute is written `{root}.traits.{name}`; the columns are {}", columns.join(", "))
                }
            }
        };
        self.problem("KW0202", position, format!("unknown fact `{root}.{name}`"), Some(help));
    }
}

/// Whether it is what other tools call all the attributes of a customer.
fn means_attributes(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "trait",
        "attribute",
        "attributes",
        "property",
        "properties",
        "custom",
        "field",
        "fields",
        "custom_fields",
        "custom_attributes",
        "metadata",
        "meta",
    ];
    NAMES.contains(&name.to_lowercase().as_str())
}

/// Whether a text can name this column of a CSM.
fn is_kept(column: &str) -> bool {
    ["id", "name", "email", "manager_id", "timezone"].contains(&column)
}
