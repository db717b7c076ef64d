//! Where an account stands: its stage in the lifecycle, and its tier.
//!
//! A column of the customer store says it. Where the store has no such column, or
//! nothing in it for an account, it is what a document `lifecycle:` or `tiers:`
//! has found. This is decided at three places, which a test compares: the
//! statements (`store::customers::facts`), [`History::column`](super::History::column)
//! for what is held in memory, and [`Schema::takes`](super::Schema::takes), which
//! says whether the column can hold what a document finds.

use super::inventory::NameKind;
use super::subject::Subject;

/// Something that documents say of where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    Stage,
    Tier,
}

impl Standing {
    pub const ALL: [Standing; 2] = [Standing::Stage, Standing::Tier];

    /// The column of accounts that holds it, which is also what it is called in
    /// messages and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Stage => "stage",
            Standing::Tier => "tier",
        }
    }

    /// The first key of the documents that find it.
    pub fn document(self) -> &'static str {
        match self {
            Standing::Stage => "lifecycle",
            Standing::Tier => "tiers",
        }
    }

    /// Its names among those of the customer store.
    pub fn names(self) -> NameKind {
        match self {
            Standing::Stage => NameKind::Stage,
            Standing::Tier => NameKind::Tier,
        }
    }

    /// The one that a column holds.
    pub fn of_column(subject: Subject, column: &str) -> Option<Standing> {
        Standing::ALL.into_iter().find(|standing| subject == Subject::Account && standing.name() == column)
    }
}
