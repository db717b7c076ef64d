//! A KPI, ready.

use std::collections::BTreeSet;

use super::DocumentCompiler;
use crate::facts::{Cell, CellPath, NameKind, Schema, Subject, Type};
use crate::playbook::Source;
use crate::playbook::document::{Kpi, KpiUnit};
use crate::rule::{Rule, Wanted};

/// A KPI whose expression is compiled.
#[derive(Debug)]
pub struct ReadyKpi {
    pub value: Box<Rule>,
    pub unit: KpiUnit,
    /// What must be on record, or there is no figure.
    pub preconditions: Vec<Precondition>,
}

/// Something that must be on record, with the figure that says how far it is.
#[derive(Debug)]
pub struct Precondition {
    pub record: Record,
    pub figure: Rule,
}

/// What a KPI needs to be on record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// A column of accounts of so many days before. Its figure is the share of the
    /// accounts of that time of which something is on record.
    Past { days: i64, column: String },
    /// An event of that name, ever. Its figure is how many accounts had one.
    Event(String),
}

/// Compiles a KPI; `None` means that there was an error.
pub(super) fn compile(kpi: &Kpi, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyKpi> {
    compiler.whole(&kpi.statuses);
    let value = compiler.rule(&kpi.value, Wanted::Figure)?;
    if value.cells().is_empty() {
        let message = format!("`{}` is always the same: nothing in it is about accounts", kpi.value.text.trim());
        let help = "a figure is made of functions over all accounts, such as `sum_of(account.mrr)`";
        compiler.refuse("KW0209", &kpi.value, message, help);
        return None;
    }
    let mut preconditions = Vec::new();
    for record in records(&value, compiler.schema()) {
        let text = record.figure(compiler.schema());
        let source = Source { text: text.into(), origin: kpi.value.origin.clone() };
        let figure = compiler.rule(&source, Wanted::Figure)?;
        preconditions.push(Precondition { record, figure });
    }
    Some(ReadyKpi { value: Box::new(value), unit: kpi.unit, preconditions })
}

/// What a figure needs to be on record.
fn records(value: &Rule, schema: &Schema) -> BTreeSet<Record> {
    let calls = value.cells().iter().filter_map(|cell| match &cell.path {
        CellPath::Population(call) => Some(call),
        _ => None,
    });
    let past = |cell: &Cell| match &cell.path {
        CellPath::Ago { days, path } if cell.subject == Subject::Account => match &**path {
            CellPath::Column(column) => Some(Record::Past { days: *days, column: always_there(column, schema)? }),
            CellPath::Trait(_) => Some(Record::Past { days: *days, column: always_there("traits", schema)? }),
            _ => None,
        },
        _ => None,
    };
    let mut records: BTreeSet<Record> = calls.flat_map(|call| call.reads().iter().filter_map(past)).collect();
    let events = value.store_names().into_iter().filter(|(kind, _)| *kind == NameKind::Event);
    records.extend(events.map(|(_, name)| Record::Event(name)));
    records
}

/// The column itself where accounts cannot be without it; else one that they cannot
/// be without, whose record is that of the whole row. Of a view nobody says what
/// accounts cannot be without: then one that they have in practice.
fn always_there(column: &str, schema: &Schema) -> Option<String> {
    let known = |name: &str| schema.column(Subject::Account, name);
    let found = [column, "status", "name"].into_iter().find(|name| known(name).is_some_and(|column| !column.nullable));
    found.or_else(|| ["status", "name"].into_iter().find(|name| known(name).is_some())).map(str::to_owned)
}

impl Record {
    /// The expression that says how far it is on record.
    fn figure(&self, schema: &Schema) -> String {
        match self {
            Record::Past { days, column } => {
                let signed_up = schema.column(Subject::Account, "signed_up_at");
                let was_there = match signed_up.is_some_and(|column| column.ty == Type::Time) {
                    true => format!("account.signed_up_at < now - days({days})"),
                    false => "account.name != none".to_owned(),
                };
                format!("share_of(account.ago({days}).{column} != none, {was_there})")
            }
            Record::Event(name) => {
                let name = serde_json::Value::from(name.as_str());
                format!("count_of(account.days_since_event({name}) != none)")
            }
        }
    }
}
