//! Everything that expressions can ask, for people who read and write them: the
//! same lists that the checker reads.

use super::check::signature::forms;
use super::functions::global::FREE;
use super::functions::{Example, FUNCTIONS, Function, ago};
use crate::facts::{Schema, Subject, Type};

/// What something gives.
#[derive(Clone, Copy, Debug)]
pub enum ResultType {
    Value(Type),
    Span,
    /// An account or a contact, of which more can be asked.
    Subject(Subject),
}

/// One thing that can be asked.
#[derive(Clone, Debug)]
pub struct ReferenceEntry {
    /// `column`, `method` or `function`.
    pub kind: &'static str,
    pub name: String,
    /// The ways to call it; none for columns.
    pub calls: Vec<String>,
    pub gives: ResultType,
    pub nullable: bool,
    pub summary: &'static str,
    pub examples: Vec<Example>,
}

/// All of it, in the order of the reference.
pub fn entries(schema: &Schema) -> Vec<ReferenceEntry> {
    let roots = [
        ("account", &schema.account, ""),
        ("contact", &schema.contact, "In playbooks with `for: contact`."),
        ("recipient", &schema.contact, "In templates."),
        ("csm", &schema.csm, "In templates."),
    ];
    let columns = roots.into_iter().flat_map(|(root, columns, summary)| {
        columns.iter().map(move |column| ReferenceEntry {
            kind: "column",
            name: format!("{root}.{}", column.name),
            calls: Vec::new(),
            gives: ResultType::Value(column.ty),
            nullable: column.nullable,
            summary,
            examples: Vec::new(),
        })
    });
    let method = |subject: Subject, function: &dyn Function, summary, examples| ReferenceEntry {
        kind: "method",
        name: format!("{}.{}", subject.name(), function.name()),
        calls: forms(subject, function),
        gives: ResultType::Value(function.gives(&[]).ty),
        nullable: function.gives(&[]).nullable,
        summary,
        examples,
    };
    let of_accounts = FUNCTIONS
        .iter()
        .map(|function| method(Subject::Account, *function, function.summary(), function.examples().to_vec()));
    let of_contacts = FUNCTIONS.iter().filter_map(|function| {
        function.of_contact().map(|summary| method(Subject::Contact, *function, summary, Vec::new()))
    });
    let ago = |of: Subject| {
        let whose = ago::SUMMARIES.into_iter().filter(move |(subject, _)| *subject == of);
        whose.map(|(subject, summary)| ReferenceEntry {
            kind: "method",
            name: format!("{}.{}", subject.name(), ago::NAME),
            calls: vec![format!("{}.{}(n)", subject.name(), ago::NAME)],
            gives: ResultType::Subject(subject),
            nullable: false,
            summary,
            examples: if subject == Subject::Account { vec![ago::EXAMPLE] } else { Vec::new() },
        })
    };
    let free = FREE.iter().map(|function| ReferenceEntry {
        kind: "function",
        name: function.name.to_owned(),
        calls: vec![function.signature.to_owned()],
        gives: function.gives.map_or(ResultType::Span, ResultType::Value),
        nullable: function.nullable,
        summary: function.summary,
        examples: vec![function.example],
    });
    let methods = of_accounts.chain(ago(Subject::Account)).chain(of_contacts).chain(ago(Subject::Contact));
    columns.chain(methods).chain(free).collect()
}

impl ReferenceEntry {
    /// What it gives, in words.
    pub fn gives(&self) -> String {
        let gives = match self.gives {
            ResultType::Value(ty) => ty.name().to_owned(),
            ResultType::Span => "a span of time".to_owned(),
            ResultType::Subject(subject) => format!("the {}, to ask it more", subject.name()),
        };
        if self.nullable { format!("{gives}; can be missing") } else { gives }
    }
}
