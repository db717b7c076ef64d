//! What of the customer store is used, and what is not and why.

use crate::facts::Type;

/// One relation, or one of several that stand for one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationReport {
    /// Ours: `accounts`.
    pub ours: &'static str,
    /// Theirs: `crm.companies`.
    pub theirs: String,
    pub used: Vec<UsedColumn>,
    /// Columns of theirs that cannot be used, each with the reason.
    pub ignored: Vec<(String, String)>,
    /// Columns of ours that they do not have.
    pub absent: Vec<&'static str>,
}

/// A column that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedColumn {
    /// What authors and functions call it.
    pub ours: String,
    pub theirs: String,
    pub ty: Type,
    pub nullable: bool,
    /// What is special about it.
    pub note: Option<&'static str>,
}
