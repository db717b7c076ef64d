//! A function's value for every subject at once, from one walk over a relation.

/// How the values of all accounts, or of all contacts, come out of a relation's
/// rows.
///
/// Calls with the same relation share one walk. Parameters stand in braces as in
/// [`super::Function::sql`], but for `{account}` and `{whose e}`; and `{rows}` in `value` is
/// true for the rows of this call, since those of other calls are in the walk
/// too. A subject without any row has no value or, where the function always
/// gives one, 0. Nothing in the texts can raise an error whatever the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// What follows `from`, with its alias.
    pub relation: &'static str,
    /// What the rows are called: their `account_id` and, where contacts have the
    /// function, too, their `contact_id` say whose they are.
    pub alias: &'static str,
    /// Which rows count.
    pub rows: &'static str,
    pub fold: PassFold,
    /// The value of a subject's rows: an aggregate, or an expression of the
    /// first row.
    pub value: &'static str,
}

/// How a subject's rows become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassFold {
    /// An aggregate that looks at each row once, in any order.
    Hashed,
    /// One that sorts a subject's rows. It is kept apart from the others,
    /// which it would slow down.
    Sorted,
    /// What the first row of an order says. `value` has no `{rows}`.
    First { order: &'static str },
}

/// The order in which the first is what `score(name)` gives.
pub(super) const LATEST_SCORE: &str = "s.own desc, (s.contact_id is null) desc, s.at desc, s.id collate \"C\" desc";
