//! Something that could be written.

/// Something that could be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What people choose by.
    pub name: String,
    /// What is written; the name itself where it is empty.
    pub insert: String,
    pub kind: CandidateKind,
    /// In a few words: its type.
    pub detail: String,
    /// In Markdown.
    pub documentation: String,
}

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    Key,
    StepKind,
    /// One of a few words.
    Word,
    /// A name of this installation, such as that of an event.
    Name,
    Column,
    Function,
    Module,
    /// `account`, `now`.
    Value,
}

impl Candidate {
    pub(super) fn new(kind: CandidateKind, name: impl Into<String>, documentation: impl Into<String>) -> Candidate {
        Candidate {
            name: name.into(),
            insert: String::new(),
            kind,
            detail: String::new(),
            documentation: documentation.into(),
        }
    }
}
