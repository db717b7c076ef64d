//! Which subjects a statement is about.

/// Which rows a statement has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectScope {
    /// One for every subject that is kept: the account's id comes first, then
    /// for contacts the contact's. Contacts who have left are no subjects.
    All,
    /// One for each bound subject that exists; the first column is the 1-based
    /// position among the bound ones.
    Named,
    /// One for each bound subject, there or not; the first column as above.
    OwnState,
}
