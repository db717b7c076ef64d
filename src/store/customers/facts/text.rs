//! The text of a statement while it grows, and its parameters.

use super::answer::{AS_IT_WAS, Answer, By, END, FIRST};
use super::bind::{Bind, Start};
use super::scope::SubjectScope;
use super::standing::{moves, or_found, recorded_or_found};
use super::touches::touches;
use crate::facts::{Arg, Schema, Standing, Subject, Type};
use crate::playbook::Duration;
use crate::rule::functions::{self, FactSource, Param, ParamKind, RowNeed};
use crate::store::{Key, Relation, Relations};

/// A statement's text while it grows.
pub(crate) struct Text<'r> {
    scope: SubjectScope,
    /// Whose rows they are.
    pub(crate) subject: Subject,
    pub(crate) relations: &'r Relations,
    pub(crate) binds: Vec<Bind>,
    /// How many days earlier the call is asked that is being filled in.
    ago: Option<i64>,
    /// Whether it is asked of all subjects in one pass.
    pub(crate) in_pass: bool,
}

impl<'r> Text<'r> {
    pub(crate) fn new(scope: SubjectScope, subject: Subject, relations: &'r Relations) -> Text<'r> {
        Text { scope, subject, relations, binds: Vec::new(), ago: None, in_pass: false }
    }

    /// The relations it reads, at most one row for each subject: its account
    /// is `a`, its contact `who`.
    pub(crate) fn from(&mut self) -> String {
        let account = format!("{} as a", self.relations.of(Relation::Accounts));
        let contact = format!("{} as who", self.relations.of(Relation::Contacts));
        if self.scope == SubjectScope::All {
            return match self.subject {
                Subject::Account => account,
                Subject::Contact => format!("{contact} join {account} on a.id = who.account_id"),
            };
        }
        let mut arrays = vec![self.parameter(Bind::Accounts)];
        let mut columns = vec!["account_id"];
        if self.subject == Subject::Contact {
            arrays.push(self.parameter(Bind::Contacts));
            columns.push("contact_id");
        }
        for start in Start::ALL {
            arrays.push(self.parameter(Bind::Starts(start)));
            columns.push(start.column());
        }
        let subjects = format!("unnest({}) with ordinality as w ({}, position)", arrays.join(", "), columns.join(", "));
        match (self.scope, self.subject) {
            (SubjectScope::Named, subject) => {
                let key = self.relations.key().of_text("w.account_id");
                let joined = format!("{subjects} join {account} on a.id = {key}");
                match subject {
                    Subject::Account => joined,
                    Subject::Contact => {
                        format!("{joined} join {contact} on who.account_id = a.id and who.id = w.contact_id")
                    }
                }
            }
            (SubjectScope::All | SubjectScope::OwnState, _) => subjects,
        }
    }

    /// What is true of subjects that are still there, in a walk over all;
    /// `None` where that goes without saying.
    pub(crate) fn is_there(&mut self, schema: &Schema) -> Option<String> {
        if self.scope != SubjectScope::All || self.subject != Subject::Contact {
            return None;
        }
        let left = quoted(Subject::Contact, &schema.stored(Subject::Contact, "left_at")?.name);
        Some(format!("({left} is null or {left} > {})", self.parameter(Bind::AsOf)))
    }

    /// A cell's expression, cast to the type that is read; `None` when the
    /// arguments do not fit the function.
    pub(crate) fn answer(&mut self, answer: &Answer<'_>) -> Option<String> {
        self.ago = answer.ago;
        let expression = self.expression(answer);
        self.ago = None;
        Some(format!("({})::{}", expression?, answer.cast()))
    }

    fn expression(&mut self, answer: &Answer<'_>) -> Option<String> {
        Some(match &answer.by {
            By::Column(column) if answer.is_recorded() => {
                let name = self.parameter(Bind::Text(column.name.clone()));
                let recorded = self.fill(
                    answer.subject,
                    &AS_IT_WAS.replace("{value}", &format!("-> {name}")),
                    FactSource::Customers,
                    &[],
                )?;
                match Standing::of_column(answer.subject, &column.name) {
                    Some(standing) => {
                        let (account, as_of) = (self.account_text(), self.instant(Bind::AsOf));
                        let name = quoted(answer.subject, &column.name);
                        recorded_or_found(recorded, &name, standing, &self.relations.schema, &account, &as_of)
                    }
                    None => recorded,
                }
            }
            By::Trait(key) if answer.is_recorded() => {
                let key = self.parameter(Bind::Text((*key).to_owned()));
                self.fill(
                    answer.subject,
                    &AS_IT_WAS.replace("{value}", &format!("-> 'traits' -> {key}")),
                    FactSource::Customers,
                    &[],
                )?
            }
            By::Column(column) => {
                let name = quoted(answer.subject, &column.name);
                if let Some(standing) = Standing::of_column(answer.subject, &column.name) {
                    let (account, as_of) = (self.account_text(), self.instant(Bind::AsOf));
                    return Some(or_found(name, standing, &self.relations.schema, &account, &as_of));
                }
                match column.ty {
                    // Infinity and years beyond four digits cannot be read; they are missing.
                    Type::Time => format!("case when {name} >= {FIRST} and {name} < {END} then {name} end"),
                    _ => name,
                }
            }
            By::Trait(key) => {
                let key = self.parameter(Bind::Text((*key).to_owned()));
                format!("{}.traits -> {key}", alias(answer.subject))
            }
            By::Call(function, args) => {
                let pairs = functions::pair(*function, args)?;
                self.fill(answer.subject, function.sql(args), function.source(), &pairs)?
            }
        })
    }

    /// The id of the account of a row, as our own tables know it.
    fn account_text(&self) -> String {
        self.relations.key().to_text("a.id")
    }

    /// A function's text, asked of such a subject, with its named parameters
    /// filled in.
    pub(crate) fn fill(
        &mut self,
        subject: Subject,
        text: &str,
        source: FactSource,
        pairs: &[(&Param, &Arg)],
    ) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((text, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}')?;
            filled.push_str(text);
            filled.push_str(&self.named(name, subject, source, pairs)?);
            rest = tail;
        }
        filled.push_str(rest);
        Some(filled)
    }

    /// What stands for a named parameter of a call.
    fn named(&mut self, name: &str, subject: Subject, source: FactSource, pairs: &[(&Param, &Arg)]) -> Option<String> {
        let (account, contact) = match (self.scope, source) {
            (SubjectScope::OwnState, _) => ("w.account_id".to_owned(), "w.contact_id"),
            // Our own tables know an account by its text.
            (_, FactSource::Own) => (self.relations.key().to_text("a.id"), "who.id"),
            (_, FactSource::Customers) => ("a.id".to_owned(), "who.id"),
        };
        if let Some(relation) = name.strip_prefix("whose ") {
            let of_account = format!("{relation}.account_id = {account}");
            return Some(match subject {
                Subject::Account => of_account,
                Subject::Contact => format!("{of_account} and {relation}.contact_id = {contact}"),
            });
        }
        if let Some(relation) = name.strip_prefix("named ") {
            return Some(self.named_rows(relation, pairs));
        }
        if let Some(standing) = standing_named(name, "moves ") {
            return Some(moves(standing, self.relations, &account));
        }
        if let Some(standing) = standing_named(name, "stored ") {
            let column = self.relations.schema.stored(Subject::Account, standing.name());
            let text = column.filter(|column| column.ty == Type::Text);
            return Some(text.map_or("null::text".to_owned(), |column| quoted(Subject::Account, &column.name)));
        }
        if let Some(text) = name.strip_prefix("small ") {
            let text = match text.contains('.') {
                true => text.to_owned(),
                false => self.named(text, subject, source, pairs)?,
            };
            return Some(functions::folded(&text));
        }
        if name == Relation::Scores.name() {
            return Some(self.scores(&account));
        }
        if let Some(relation) = Relation::named(name) {
            return Some(self.relations.of(relation).to_owned());
        }
        if let Some((_, relation)) = OWN.iter().find(|(word, _)| *word == name) {
            return Some((*relation).to_owned());
        }
        match name {
            "touches" => Some(touches(self.relations, self.scope, &account, |bind| self.parameter(bind))),
            "account" if subject == Subject::Account => Some(account),
            "as_of" => Some(self.instant(Bind::AsOf)),
            "since" | "before" => pairs.iter().find_map(|(_, arg)| self.window(name == "since", arg)),
            "csm" => Some(match self.relations.schema.stored(Subject::Account, "csm_id") {
                Some(column) => format!("{}::text", quoted(Subject::Account, &column.name)),
                None => "null::text".to_owned(),
            }),
            "number" => pairs.iter().find_map(|(param, arg)| match arg {
                Arg::Text(column) if param.kind == ParamKind::NumberColumn => {
                    let column = self.relations.schema.stored(Subject::Account, column)?;
                    Some(quoted(Subject::Account, &column.name))
                }
                _ => None,
            }),
            _ => pairs.iter().find_map(|(param, arg)| match arg {
                Arg::Text(text) if param.name == name && param.kind == ParamKind::Gap => {
                    let gap = functions::gap(text)?.num_microseconds()?;
                    Some(self.parameter(Bind::Span(gap)))
                }
                Arg::Text(text) if param.name == name && param.kind == ParamKind::Age => {
                    let age = Duration::elapsed_of(text)?.num_microseconds()?;
                    Some(self.parameter(Bind::Span(age)))
                }
                Arg::Text(text) if param.name == name && param.kind == ParamKind::PlaybookId => {
                    let id = self.parameter(Bind::Text(text.clone()));
                    Some(format!("coalesce((select r.playbook from keepwell.renames r where r.was = {id}), {id})"))
                }
                Arg::Int(number) if param.name == name && param.kind == ParamKind::Moves => {
                    Some(self.parameter(Bind::Int(*number)))
                }
                Arg::Text(text) if param.name == name => Some(self.parameter(Bind::Text(text.clone()))),
                Arg::Texts(texts) if param.name == name => Some(self.parameter(Bind::Texts(texts.clone()))),
                _ => None,
            }),
        }
    }

    /// What is true of rows that have the names and properties of a call, as far
    /// as it gives them.
    fn named_rows(&mut self, alias: &str, pairs: &[(&Param, &Arg)]) -> String {
        let mut conditions = Vec::new();
        for need in functions::row_needs(pairs) {
            conditions.push(match need {
                RowNeed::Column(column, text) => {
                    format!("{alias}.{column} = {}", self.parameter(Bind::Text(text.to_owned())))
                }
                RowNeed::Properties(filter) => {
                    format!("{alias}.properties @> {}", self.parameter(Bind::Properties(filter.clone())))
                }
            });
        }
        if conditions.is_empty() { "true".to_owned() } else { conditions.join(" and ") }
    }

    /// The scores of the customer store, those that documents have made and those that
    /// were answered to surveys, in one relation. `own` tells those of documents from the
    /// others; what is `seen` before an instant counts at it. Those of documents count
    /// at their very instant, all others only after it.
    fn scores(&self, account: &str) -> String {
        let (store, key) = (self.relations.of(Relation::Scores), self.relations.key());
        // Inside a pass there is no account around it; with another key than text
        // only the account's text leads to the index.
        let of_account = match (key, self.in_pass) {
            (Key::Text, _) | (_, true) => None,
            _ => Some(key.to_text(account)),
        };
        let whose = of_account.as_ref().map_or(String::new(), |id| format!(" where o.account_id = {id}"));
        let whose_answers = of_account.as_ref().map_or(String::new(), |id| format!(" and v.account_id = {id}"));
        format!(
            "(select c.account_id, c.contact_id, c.id, c.name, c.value::float8 as value, c.at, c.at as seen, \
              false as own from {store} c \
              union all select {}, nullif(o.contact_id, '') collate \"default\", o.contact_id collate \"default\", \
              o.name collate \"default\", o.value, o.at, \
              o.at - interval '1 microsecond', true from keepwell.scores o{whose} \
              union all select {}, nullif(v.contact_id, '') collate \"default\", v.message::text, \
              v.score collate \"default\", v.value::float8, v.answered_at, v.answered_at, \
              false from keepwell.answers v where v.value is not null and v.score is not null{whose_answers})",
            key.of_text("o.account_id"),
            key.of_text("v.account_id")
        )
    }

    /// The start of the window of an argument, or of the one before that.
    fn window(&mut self, since: bool, arg: &Arg) -> Option<String> {
        let start = match (arg, since) {
            (Arg::Text(_) | Arg::Texts(_) | Arg::Properties(_), _) => return None,
            (Arg::Int(days), true) => return Some(self.instant(Bind::Since(*days))),
            (Arg::Int(days), false) => return Some(self.instant(Bind::Before(*days))),
            // The check refuses it: an enrollment's windows end now.
            (Arg::SinceEntry | Arg::SinceStep, _) if self.ago.is_some() => return None,
            (Arg::SinceEntry, true) => Start::EntrySince,
            (Arg::SinceEntry, false) => Start::EntryBefore,
            (Arg::SinceStep, true) => Start::StepSince,
            (Arg::SinceStep, false) => Start::StepBefore,
        };
        Some(match self.scope {
            // No enrollment, so the window is empty.
            SubjectScope::All => self.parameter(Bind::AsOf),
            SubjectScope::Named | SubjectScope::OwnState => format!("w.{}", start.column()),
        })
    }

    /// An instant, of the day that the call is asked about.
    fn instant(&mut self, bind: Bind) -> String {
        self.parameter(match self.ago {
            Some(days) => Bind::Ago(days, Box::new(bind)),
            None => bind,
        })
    }

    /// A typed parameter; equal ones are bound once.
    pub(crate) fn parameter(&mut self, bind: Bind) -> String {
        let ty = match bind {
            Bind::AsOf | Bind::Ago(..) | Bind::Since(_) | Bind::Before(_) | Bind::FromNow(_) => "timestamptz",
            Bind::Bool(_) => "boolean",
            Bind::Int(_) => "int8",
            Bind::Float(_) => "float8",
            Bind::Json(_) | Bind::Properties(_) => "jsonb",
            Bind::Span(_) => "interval",
            Bind::Text(_) => "text",
            Bind::Texts(_) | Bind::Accounts | Bind::Contacts => "text[]",
            Bind::Starts(_) => "timestamptz[]",
        };
        let index = match self.binds.iter().position(|known| *known == bind) {
            Some(index) => index,
            None => {
                self.binds.push(bind);
                self.binds.len() - 1
            }
        };
        format!("${}::{ty}", index + 1)
    }
}

/// The standing that a named parameter with such a beginning is about.
fn standing_named(name: &str, beginning: &str) -> Option<Standing> {
    let name = name.strip_prefix(beginning)?;
    Standing::ALL.into_iter().find(|standing| standing.name() == name)
}

/// What the rows of a subject are called in a statement.
pub(crate) fn alias(subject: Subject) -> &'static str {
    match subject {
        Subject::Account => "a",
        Subject::Contact => "who",
    }
}

/// A column of a subject.
pub(crate) fn quoted(subject: Subject, column: &str) -> String {
    format!("{}.\"{}\"", alias(subject), column.replace('"', "\"\""))
}

/// What the relations of our own state are called in the database.
const OWN: [(&str, &str); 9] = [
    ("enrollments", "keepwell.enrollments"),
    ("tasks", "keepwell.tasks"),
    ("messages", "keepwell.messages"),
    ("labels", "keepwell.labels"),
    ("own_scores", "keepwell.scores"),
    ("answers", "keepwell.answers"),
    ("plans", "keepwell.plans"),
    ("goals", "keepwell.goals"),
    ("playbooks", "keepwell.playbooks"),
];
