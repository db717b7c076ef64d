//! What a fact function is.

use super::pass::Pass;
use super::sessions::gap;
use super::window::Window;
use crate::clock::Instant;
use crate::facts::{Arg, Cell, History, NameKind, OwnAct, OwnActs, Subject, Type, Value};
use crate::playbook::duration::Duration;

/// A fact function.
pub trait Function: Sync {
    /// What authors call it.
    fn name(&self) -> &'static str;

    /// One sentence for authors.
    fn summary(&self) -> &'static str;

    /// The same for a contact; `None` when a contact has no such fact.
    fn of_contact(&self) -> Option<&'static str> {
        None
    }

    fn params(&self) -> &'static [Param];

    /// The type of its value, and whether it can be missing.
    fn gives(&self, args: &[Arg]) -> Gives;

    /// Whose tables it reads.
    fn source(&self) -> FactSource;

    /// One SQL expression with one value for one subject, in parentheses.
    ///
    /// Named parameters stand in braces: `{whose e}` is true on rows of the
    /// relation `e` that belong to the subject: to the account, or to that one
    /// contact of it. `{account}` is the account's id, for functions that
    /// contacts do not have;
    /// `{as_of}` now, `{since}` and `{before}` the start of the window and of
    /// the equally long one before it; a text parameter goes by its own name,
    /// a list of texts too, as an array; a gap and an age are intervals; `{named e}` is true on the events `e` that have the call's
    /// `name`, severity, topic and properties, as far as it gives them;
    /// `{stored stage}` is the stage that the customer store has, and `{moves stage}` the account's moves from one to another;
    /// `{small x}` is the text `x` in small letters; `{number}` the account's column that the call names, `{csm}` its `csm_id`;
    /// `{events}`, `{scores}`, `{tickets}`, `{contacts}`, `{changes}`,
    /// `{enrollments}`, `{tasks}`, `{messages}`, `{labels}`, `{plans}` and `{goals}` are relations, and `{touches}` is that of the account's events
    /// which the configuration names as touches; `{playbooks}` are the files that were published, documents included, which belong to no account. Each other table is bound to the account, and nothing in the
    /// text can raise an error whatever the data.
    fn sql(&self, args: &[Arg]) -> &'static str;

    /// The same meaning for all accounts in one pass; `None` when it can only be
    /// asked for one account at a time. See [`Pass`].
    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        None
    }

    /// Whether a value changes only where something that it reads happens, or
    /// leaves a window of its days: time alone changes nothing.
    fn is_steady(&self) -> bool {
        false
    }

    /// Whether a value is the whole days since the latest of what it reads.
    fn counts_days(&self) -> bool {
        false
    }

    /// The same meaning in memory.
    fn fold(&self, history: &History, call: &Window<'_>) -> Value;

    /// Whether it can be asked about an earlier day.
    fn has_past(&self) -> bool {
        self.source() == FactSource::Customers
    }

    /// What of an enrollment's own doing changes the value at the same instant.
    fn own_act(&self) -> Option<OwnAct> {
        None
    }

    /// The value as an enrollment sees it that has done this at the instant of the
    /// facts; `None` where it stays.
    fn after(&self, _value: &Value, _subject: Subject, _args: &[Arg], _acts: &OwnActs) -> Option<Value> {
        None
    }

    /// Shown to authors, and tested.
    fn examples(&self) -> &'static [Example];
}

/// One parameter of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    pub name: &'static str,
    pub kind: ParamKind,
    /// Whether it may be left out; then all optional ones behind it are, too.
    pub optional: bool,
    /// What in the customer store its texts are the names of, if of anything.
    pub names: Option<NameKind>,
}

/// What a parameter accepts; always a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    Text,
    /// A list of texts, at least one.
    Texts,
    /// What properties of an event must be equal to: `#{plan: "pro"}`.
    Properties,
    /// A whole number of days from 1, or `since_entry` or `since_step`.
    Days,
    /// A whole number of days from 1.
    DaysAgo,
    /// The id of another playbook.
    PlaybookId,
    /// How many moves back, from 1.
    Moves,
    /// The longest gap within a session: `30m`.
    Gap,
    /// A span of time without business days: `2h`.
    Age,
    /// A part of a text, not empty.
    Part,
    /// The name of a column.
    ColumnName,
    /// The name of a column of numbers.
    NumberColumn,
    /// The name of a label.
    Label,
    /// The name of a score that a document makes.
    OwnScore,
    /// The id of a factor of the score that was named before.
    Factor,
    /// The id of a success plan.
    OwnPlan,
    /// The id of a goal of the plan that was named before.
    Goal,
    /// The id of a survey, or the name of a score that answers are.
    Answers,
}

/// What a call yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gives {
    pub ty: Type,
    pub nullable: bool,
}

/// Where a function's facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactSource {
    /// The customer store.
    Customers,
    /// Keepwell's own state.
    Own,
}

/// An expression and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    pub expression: &'static str,
    pub meaning: &'static str,
}

/// A cell that no column or function answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no fact {0}")]
pub struct UnknownCell(pub Cell);

/// Matches arguments with the parameters of the form that has as many. `None`
/// when there is none, or when one does not fit.
pub fn pair<'a>(function: &dyn Function, args: &'a [Arg]) -> Option<Vec<(&'static Param, &'a Arg)>> {
    let required = function.params().iter().filter(|param| !param.optional).count();
    let params = function.form(args.len().checked_sub(required)?);
    (params.clone().count() == args.len()).then_some(())?;
    params.zip(args).map(|(param, arg)| param.kind.accepts(arg).then_some((param, arg))).collect()
}

impl dyn Function + '_ {
    /// The lists of parameters that it can be called with, the shorter first:
    /// without those that are optional, with the first of them, and so on.
    pub fn forms(&self) -> Vec<Vec<&'static Param>> {
        let optional = self.params().iter().filter(|param| param.optional).count();
        (0..=optional).map(|most| self.form(most).collect()).collect()
    }

    /// The list of parameters with the first so many of those that are optional.
    fn form(&self, mut most: usize) -> impl Iterator<Item = &'static Param> + Clone {
        self.params().iter().filter(move |param| {
            let is_there = !param.optional || most > 0;
            most -= usize::from(is_there && param.optional);
            is_there
        })
    }

    /// What a call with these arguments looks at; `None` when they do not fit.
    pub fn window<'a>(
        &self,
        args: &'a [Arg],
        as_of: Instant,
        since_entry: Option<Instant>,
        since_step: Option<Instant>,
    ) -> Option<Window<'a>> {
        let named = pair(self, args)?.into_iter().map(|(param, arg)| (param.name, arg));
        Some(Window::new(named, as_of, since_entry, since_step))
    }
}

impl Param {
    /// A parameter that must be given.
    pub const fn required(name: &'static str, kind: ParamKind) -> Param {
        Param { name, kind, optional: false, names: None }
    }

    /// A parameter that may be left out.
    pub const fn optional(name: &'static str, kind: ParamKind) -> Param {
        Param { name, kind, optional: true, names: None }
    }

    /// The same, whose texts are names in the customer store.
    pub const fn names(self, of: NameKind) -> Param {
        Param { names: Some(of), ..self }
    }
}

impl ParamKind {
    /// Whether the literal fits.
    pub fn accepts(self, arg: &Arg) -> bool {
        match (self, arg) {
            (ParamKind::Days | ParamKind::DaysAgo | ParamKind::Moves, Arg::Int(number)) => *number >= 1,
            (ParamKind::Properties, Arg::Properties(_)) => true,
            (ParamKind::Texts, Arg::Texts(texts)) => !texts.is_empty(),
            (ParamKind::Days, Arg::SinceEntry | Arg::SinceStep) => true,
            (ParamKind::Gap, Arg::Text(text)) => gap(text).is_some(),
            (ParamKind::Age, Arg::Text(text)) => Duration::elapsed_of(text).is_some(),
            (ParamKind::Part, Arg::Text(text)) => !text.trim().is_empty(),
            (
                ParamKind::Text
                | ParamKind::PlaybookId
                | ParamKind::ColumnName
                | ParamKind::NumberColumn
                | ParamKind::Label
                | ParamKind::OwnScore
                | ParamKind::Answers
                | ParamKind::Factor
                | ParamKind::OwnPlan
                | ParamKind::Goal,
                Arg::Text(_),
            ) => true,
            _ => false,
        }
    }
}

impl Gives {
    /// Always a value.
    pub const fn always(ty: Type) -> Gives {
        Gives { ty, nullable: false }
    }

    /// A value or `none`.
    pub const fn maybe(ty: Type) -> Gives {
        Gives { ty, nullable: true }
    }
}
