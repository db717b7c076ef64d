//! What the names of a template mean: `account.name`, `entry.at`, `csm.email`.

use minijinja::machinery::ast;

use super::call::ago_of;
use super::lower::{Lowering, Spot, spot, spot_of_name};
use super::tree::{Expr, Kind, Name};
use crate::diagnostic::nearest;
use crate::facts::{Cell, CellPath, Column, Subject, Type, Value};
use crate::rule::check::ago;
use crate::rule::check::missing_relations::lacking;

/// Every name that stands alone.
pub(super) const ROOTS: &[&str] = &["account", "entry", "recipient", "csm", "playbook", "now", "none", "true", "false"];

/// The columns of a CSM that the people model carries.
const CSM_COLUMNS: &[&str] = &["id", "name", "email", "manager_id", "timezone"];

impl Lowering<'_> {
    /// A name that stands alone.
    pub(super) fn variable(&mut self, id: &str, at: Spot) -> Option<Expr> {
        let (name, ty, nullable) = match id {
            "now" => (Name::Now, Type::Time, false),
            "playbook" => (Name::Playbook, Type::Text, false),
            "recipient" if self.scope.allow_recipient => (Name::Recipient, Type::Bool, true),
            "csm" => (Name::Csm, Type::Bool, true),
            "recipient" => return self.no_recipient(at),
            "contact" if !self.scope.allow_contact => return self.no_contact(at),
            "account" | "contact" | "entry" => {
                let message = format!("`{id}` as a whole has no text");
                let example = if id == "entry" { "at" } else { "name" };
                return self.refuse("KW0302", at, message, Some(format!("`{id}.{example}`")));
            }
            "since_entry" => {
                let message = "`since_entry` stands where a method takes days";
                let help = "`account.events(\"login\", since_entry)`; for the time itself: `entry.at`";
                return self.refuse("KW0212", at, message, Some(help.to_owned()));
            }
            "since_step" => return self.no_since_step(at),
            _ => return self.unknown_variable(id, at),
        };
        Some(self.name(name, Some(ty), nullable, at))
    }

    fn unknown_variable(&mut self, id: &str, at: Spot) -> Option<Expr> {
        let schema = self.scope.schema;
        let has = |columns: &[Column]| columns.iter().any(|column| column.name == id);
        let help = if matches!(id, "null" | "nil" | "undefined") {
            Some("the missing value is `none`".to_owned())
        } else if crate::rule::functions::global::find(id).is_some() {
            Some(format!("`{id}` is a function: `{id}(…)`"))
        } else if self.scope.allow_recipient && has(&schema.contact) {
            Some(format!("did you mean `recipient.{id}`?"))
        } else if has(&schema.account) {
            Some(format!("did you mean `account.{id}`?"))
        } else {
            let contact = self.scope.allow_contact.then_some("contact");
            suggestion(id, ROOTS.iter().copied().chain(contact))
        };
        self.refuse("KW0302", at, format!("unknown name `{id}`"), help)
    }

    /// `base.name`, or `base["name"]`.
    pub(super) fn attribute(&mut self, expr: &ast::Expr) -> Option<Expr> {
        let at = spot(expr);
        let (base, name, name_at) = match expr {
            ast::Expr::GetAttr(attr) => (&attr.expr, attr.name, spot_of_name(attr.span(), attr.name)),
            ast::Expr::GetItem(item) => match text_of(&item.subscript_expr) {
                Some(name) => (&item.expr, name, spot(&item.subscript_expr)),
                None => {
                    let message = "only a text in quotes can stand in `[ ]`";
                    return self.refuse("KW0301", at, message, None);
                }
            },
            _ => return None,
        };
        match base {
            ast::Expr::Var(root) => self.column_of(root.id, name, at, name_at),
            ast::Expr::Call(call) if ago_of(call).is_some() => {
                let (subject, days) = self.earlier(call)?;
                self.earlier_column(subject, days, name, at, name_at)
            }
            ast::Expr::GetAttr(inner) if inner.name == "traits" => match &inner.expr {
                ast::Expr::Var(root) => self.trait_of(root.id, name, at),
                ast::Expr::Call(call) if ago_of(call).is_some() => {
                    let (subject, days) = self.earlier(call)?;
                    if let Some((code, message, help)) = ago::no_columns(subject, "traits") {
                        return self.refuse(code, at, message, Some(help));
                    }
                    let cell = Cell { subject, path: CellPath::Trait(name.to_owned()).ago(Some(days)) };
                    if let Some((code, message, help)) = lacking(&cell, self.scope.schema) {
                        return self.refuse(code, at, message, Some(help));
                    }
                    Some(self.cell(cell, Some(Type::Json), true, at))
                }
                _ => self.no_parts(name, name_at),
            },
            _ => self.no_parts(name, name_at),
        }
    }

    fn column_of(&mut self, root: &str, name: &str, at: Spot, name_at: Spot) -> Option<Expr> {
        let schema = self.scope.schema;
        match root {
            "account" => self.cell_column(Subject::Account, name, at, name_at),
            "contact" if self.scope.allow_contact => self.cell_column(Subject::Contact, name, at, name_at),
            "contact" => self.no_contact(at),
            "entry" if name == "at" => Some(self.name(Name::EntryAt, Some(Type::Time), false, at)),
            "entry" => {
                let enrolled = if self.scope.allow_contact { Subject::Contact } else { Subject::Account };
                let column = match schema.entry_column(enrolled, name) {
                    Some((_, column)) => column,
                    None => self.find(root, name, schema.columns(enrolled), &["at"], name_at)?,
                };
                self.entry_column(name);
                Some(self.name(Name::Entry(name.to_owned()), Some(column.ty), column.nullable, at))
            }
            "recipient" if !self.scope.allow_recipient => self.no_recipient(at),
            "recipient" => {
                let column = self.find(root, name, &schema.contact, &["traits"], name_at)?;
                Some(self.name(Name::RecipientColumn(name.to_owned()), Some(column.ty), column.nullable, at))
            }
            "csm" => {
                let columns: Vec<Column> =
                    schema.csm.iter().filter(|column| CSM_COLUMNS.contains(&column.name.as_str())).cloned().collect();
                let column = self.find(root, name, &columns, &[], name_at)?;
                Some(self.name(Name::CsmColumn(name.to_owned()), Some(column.ty), column.nullable, at))
            }
            "playbook" if name == "id" => Some(self.name(Name::Playbook, Some(Type::Text), false, at)),
            "now" | "playbook" => self.no_parts(name, name_at),
            _ => self.unknown_variable(root, at),
        }
    }

    fn cell_column(&mut self, subject: Subject, name: &str, at: Spot, name_at: Spot) -> Option<Expr> {
        let columns = self.scope.schema.columns(subject);
        let column = self.find(subject.name(), name, columns, &["traits"], name_at)?;
        let cell = Cell { subject, path: CellPath::Column(name.to_owned()) };
        Some(self.cell(cell, Some(column.ty), column.nullable, at))
    }

    /// A column as it was that many days earlier.
    fn earlier_column(&mut self, subject: Subject, days: i64, name: &str, at: Spot, name_at: Spot) -> Option<Expr> {
        let columns = self.scope.schema.columns(subject);
        let column = self.find(subject.name(), name, columns, &["traits"], name_at)?;
        if let Some((code, message, help)) = ago::no_columns(subject, name) {
            return self.refuse(code, name_at, message, Some(help));
        }
        let cell = Cell { subject, path: CellPath::Column(name.to_owned()).ago(Some(days)) };
        if let Some((code, message, help)) = lacking(&cell, self.scope.schema) {
            return self.refuse(code, name_at, message, Some(help));
        }
        Some(self.cell(cell, Some(column.ty), true, at))
    }

    fn trait_of(&mut self, root: &str, key: &str, at: Spot) -> Option<Expr> {
        let subject = match root {
            "account" => Subject::Account,
            "contact" if self.scope.allow_contact => Subject::Contact,
            "contact" => return self.no_contact(at),
            "recipient" if self.scope.allow_recipient => {
                let name = Name::RecipientTrait(key.to_owned());
                return Some(self.name(name, Some(Type::Json), true, at));
            }
            "recipient" => return self.no_recipient(at),
            "csm" | "entry" => {
                let message = format!("`{root}` has no traits");
                return self.refuse("KW0202", at, message, None);
            }
            _ => return self.unknown_variable(root, at),
        };
        let cell = Cell { subject, path: CellPath::Trait(key.to_owned()) };
        if let Some((code, message, help)) = lacking(&cell, self.scope.schema) {
            return self.refuse(code, at, message, Some(help));
        }
        Some(self.cell(cell, Some(Type::Json), true, at))
    }

    fn find<'c>(
        &mut self,
        root: &str,
        name: &str,
        columns: &'c [Column],
        others: &[&str],
        at: Spot,
    ) -> Option<&'c Column> {
        if let Some(column) = columns.iter().find(|column| column.name == name) {
            return Some(column);
        }
        let help = if name == "traits" && others.contains(&"traits") {
            Some(format!("name one of them: `{root}.traits.plan`"))
        } else if ["account", "contact"].contains(&root) && self.scope.function_names.contains(&name) {
            Some(format!("`{name}` is a method: `{root}.{name}(…)`"))
        } else {
            let names = columns.iter().map(|column| column.name.as_str());
            suggestion(name, names.chain(others.iter().copied()))
        };
        self.refuse("KW0202", at, format!("`{root}` has no `{name}`"), help);
        None
    }

    /// A leaf that is fetched with the facts.
    pub(super) fn cell(&mut self, cell: Cell, ty: Option<Type>, nullable: bool, at: Spot) -> Expr {
        if !self.cells.contains(&cell) {
            self.cells.push(cell.clone());
        }
        self.name(Name::Cell(cell), ty, nullable, at)
    }

    pub(super) fn name(&self, name: Name, ty: Option<Type>, nullable: bool, at: Spot) -> Expr {
        Expr { kind: Kind::Name { name, nullable }, place: self.place(at), ty }
    }

    fn no_recipient(&mut self, at: Spot) -> Option<Expr> {
        let message = "`recipient` is not available here: this text has no single reader";
        self.refuse("KW0212", at, message, None)
    }

    pub(super) fn no_contact(&mut self, at: Spot) -> Option<Expr> {
        let message = "`contact` is available in playbooks with `for: contact`";
        let help = self.scope.allow_recipient.then(|| "who gets this message is `recipient`".to_owned());
        self.refuse("KW0212", at, message, help)
    }

    pub(super) fn no_since_step(&mut self, at: Spot) -> Option<Expr> {
        let message = "`since_step` is available in `until` only";
        self.refuse("KW0212", at, message, Some("`since_entry`".to_owned()))
    }

    fn no_parts(&mut self, name: &str, at: Spot) -> Option<Expr> {
        let message = format!("there is no `{name}` here: a single value has no parts");
        self.refuse("KW0202", at, message, None)
    }
}

/// A suggestion in words, if a candidate is near enough.
pub(super) fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// The text of a literal in quotes.
pub(super) fn text_of<'a>(expr: &'a ast::Expr) -> Option<&'a str> {
    match expr {
        ast::Expr::Const(constant) => constant.value.as_str(),
        _ => None,
    }
}

/// A literal as a value; `None` when it is none that a template can hold.
pub(super) fn literal(value: &minijinja::Value) -> Option<Value> {
    use minijinja::value::ValueKind;
    Some(match value.kind() {
        ValueKind::None | ValueKind::Undefined => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => Value::Int(value.as_i64()?),
        ValueKind::Number => Value::Float(f64::try_from(value.clone()).ok()?),
        ValueKind::String => Value::text(value.as_str()?),
        _ => return None,
    })
}
