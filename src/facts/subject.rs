//! Whom facts are about.

use std::fmt;

use crate::playbook::SubjectKind;

/// Whose fact it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    Account,
    Contact,
}

impl Subject {
    /// The name authors use: `account` or `contact`.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Account => "account",
            Subject::Contact => "contact",
        }
    }
}

impl From<SubjectKind> for Subject {
    fn from(kind: SubjectKind) -> Subject {
        match kind {
            // Its facts are those of all accounts together: none of one.
            SubjectKind::Account | SubjectKind::Portfolio => Subject::Account,
            SubjectKind::Contact => Subject::Contact,
        }
    }
}

/// Which account, or which contact of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectId {
    pub account: String,
    /// Empty for the account itself.
    pub contact: String,
}

impl SubjectId {
    /// What stands for all accounts together, which are no account.
    pub const PORTFOLIO: &str = "portfolio";
}

impl fmt::Display for SubjectId {
    /// `account`, or `account/contact`; `portfolio`, or `portfolio/csm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.account.is_empty() {
            true => f.write_str(SubjectId::PORTFOLIO)?,
            false => f.write_str(&self.account)?,
        }
        if self.contact.is_empty() { Ok(()) } else { write!(f, "/{}", self.contact) }
    }
}
