//! `account.ago(n)`: the same account n times 24 hours earlier.
//!
//! What the customer store keeps with its instants is asked as of then. Columns
//! of the account are read from the history of its changes, and are missing
//! where nothing from before then is on record. Our own state, and columns of
//! contacts, have no such past.

use rhai::Position;

use super::checker::Checker;
use super::kind::{Kind, Typed};
use super::missing_relations::missing_for;
use crate::facts::{Arg, Cell, CellPath, Subject};
use crate::rule::compiled::Rule;
use crate::rule::functions::ago::NAME;
use crate::rule::functions::{self, FactSource, Function};

/// What is wrong with a call: the code, the message and the help.
pub(crate) type Refusal = (&'static str, String, String);

/// The days of a call; `None` when they are no days.
pub(crate) fn days(args: &[Arg]) -> Option<i64> {
    match args {
        [Arg::Int(days)] if *days >= 1 => Some(*days),
        _ => None,
    }
}

/// Why a call gives no days.
pub(crate) fn refuse_days() -> Refusal {
    let help = "for example `account.ago(30).mrr`".to_owned();
    ("KW0205", format!("`{NAME}` takes a number of days from 1"), help)
}

/// Why it does not stand behind itself.
pub(crate) fn refuse_nesting() -> Refusal {
    let help = "add the days up: `account.ago(7)` is `ago(3)` and four days more".to_owned();
    ("KW0212", format!("`{NAME}(…)` cannot stand behind `{NAME}(…)`"), help)
}

/// Why a column has no past.
pub(crate) fn refuse_column(subject: Subject, name: &str) -> Option<Refusal> {
    let contact = subject == Subject::Contact;
    contact.then(|| {
        let message = format!("`contact.{name}` as it was is not on record: columns of contacts have no history");
        ("KW0202", message, format!("read it as it is now: `contact.{name}`"))
    })
}

/// Why this cannot be asked about an earlier day.
pub(crate) fn refuse_function(subject: Subject, function: &dyn Function, args: &[Arg]) -> Option<Refusal> {
    let name = function.name();
    if function.source() == FactSource::Own {
        let message = format!("`{name}` is not available behind `{NAME}(…)`: it looks at Keepwell's own state");
        return Some(("KW0212", message, format!("ask it as of now: `{}.{name}(…)`", subject.name())));
    }
    if !function.has_past() {
        let message = format!("`{name}` is not available behind `{NAME}(…)`: it compares with today's value");
        return Some(("KW0212", message, format!("ask it as of now: `{}.{name}(…)`", subject.name())));
    }
    let since = args.iter().find_map(|arg| match arg {
        Arg::SinceEntry => Some("since_entry"),
        Arg::SinceStep => Some("since_step"),
        _ => None,
    })?;
    let message = format!("`{since}` is not available behind `{NAME}(…)`");
    Some(("KW0212", message, "give the window as a number of days".to_owned()))
}

/// What has a past, as a help where something has none.
pub(crate) const WITH_PAST: &str =
    "compare what the customer store keeps with its instants: events, scores, tickets, columns of accounts";

/// The first of what a rule reads that cannot be asked about an earlier day.
pub(crate) fn cell_without_past(rule: &Rule) -> Option<&Cell> {
    let is_without = |cell: &&Cell| match cell.path.whenever() {
        CellPath::Call { function, args } => {
            functions::find(function).and_then(|function| refuse_function(cell.subject, function, args)).is_some()
        }
        CellPath::Column(name) if ["id", "account_id", "created_at"].contains(&&**name) => false,
        CellPath::Column(name) => refuse_column(cell.subject, name).is_some(),
        CellPath::Trait(key) if cell.subject == Subject::Contact => {
            refuse_column(cell.subject, &format!("traits.{key}")).is_some()
        }
        CellPath::Population(_) => true,
        _ => false,
    };
    rule.cells().iter().find(is_without)
}

impl Checker<'_> {
    /// `account.ago(30)`.
    pub(crate) fn ago(
        &mut self,
        subject: Subject,
        args: &[Typed],
        text: String,
        position: Position,
        complained: bool,
    ) -> Typed {
        let literal: Option<Vec<Arg>> = args.iter().map(|arg| self.literal(arg)).collect();
        match literal.as_deref().and_then(days) {
            Some(days) => Typed { kind: Kind::Earlier(subject, days), nullable: false, text, position },
            None if complained => self.unknown(text, position),
            None => {
                let (code, message, help) = refuse_days();
                self.problem(code, position, message, Some(help));
                self.unknown(text, position)
            }
        }
    }

    /// A column, or all attributes, of an earlier day.
    pub(crate) fn earlier_property(
        &mut self,
        subject: Subject,
        days: i64,
        name: &str,
        text: String,
        position: Position,
    ) -> Typed {
        let column = self.scope.schema.column(subject, name).map(|column| column.ty);
        if column.is_none() && name != "traits" {
            self.unknown_column(subject, subject.name(), name, position);
            return self.unknown(text, position);
        }
        if let Some((code, message, help)) = refuse_column(subject, name) {
            self.problem(code, position, message, Some(help));
            return self.unknown(text, position);
        }
        let Some(ty) = column.filter(|_| name != "traits") else {
            return Typed { kind: Kind::EarlierTraits(subject, days), nullable: false, text, position };
        };
        let cell = Cell { subject, path: CellPath::Column(name.to_owned()).ago(Some(days)) };
        if let Some((code, message, help)) = missing_for(&cell, self.scope.schema) {
            self.problem(code, position, message, Some(help));
            return self.unknown(text, position);
        }
        self.findings.cells.insert(cell);
        let nullable = !self.known.contains(&text);
        Typed { kind: Kind::of(ty), nullable, text, position }
    }
}
