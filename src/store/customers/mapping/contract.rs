//! What Keepwell needs each of its columns to be, and what stands for one that
//! a company does not have.

use super::column::Kind;
use crate::store::Relation;

/// What stands for a column that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Nothing can: the mapping is refused.
    Refused,
    /// This expression, which is of the right type.
    Stands(&'static str),
}

/// The kind of a column of ours, and what stands for it.
pub(crate) fn column(relation: Relation, name: &str) -> (Kind, Absent) {
    use Absent::{Refused, Stands};
    use Relation::{AccountOwners, Accounts, Contacts, Csms, Events, Scores};
    match (relation, name) {
        (Accounts, "id") | (_, "account_id") => (Kind::Key, Refused),
        (Accounts, "status") => (Kind::Text, Stands("'active'::text")),
        (
            Accounts,
            "tier" | "mrr" | "seats" | "seats_used" | "signed_up_at" | "activated_at" | "renewal_at" | "churned_at",
        ) => (Kind::Any, Stands("null::text")),
        (AccountOwners, "role" | "csm_id") => (Kind::Text, Refused),
        (Contacts | Csms, "id") | (Events | Scores, "name") => (Kind::Text, Refused),
        (Scores, "value") => (Kind::Number, Refused),
        (_, "at" | "opened_at") => (Kind::Time, Refused),
        (Contacts, "created_at") => (Kind::Time, Stands("timestamptz '1970-01-01 00:00:00+00'")),
        (_, "left_at" | "closed_at") => (Kind::Time, Stands("null::timestamptz")),
        (_, "traits" | "properties") => (Kind::Json, Stands("'{}'::jsonb")),
        (_, "was" | "became") => (Kind::Json, Stands("null::jsonb")),
        (_, "away_from" | "away_until") => (Kind::Day, Stands("null::date")),
        (Relation::Changes, "id") => (Kind::Any, Stands("null::int8")),
        (_, "capacity") => (Kind::Whole, Stands("null::int4")),
        (Csms, "email") => (Kind::Text, Stands("''::text")),
        // Only tells rows apart that are the same otherwise.
        (_, "id") => (Kind::Text, Stands("''::text")),
        _ => (Kind::Text, Stands("null::text")),
    }
}

/// What a value of ours is where theirs is null, if it may not be.
pub(crate) fn instead_of_null(relation: Relation, name: &str) -> Option<&'static str> {
    match (relation, name) {
        (Relation::Accounts, "status") => Some("'active'"),
        (Relation::Contacts, "created_at") => Some("timestamptz '1970-01-01 00:00:00+00'"),
        (_, "traits" | "properties") => Some("'{}'::jsonb"),
        (Relation::Csms, "email") => Some("''"),
        _ => None,
    }
}

/// A column of our own tables that is about the row, not about customers.
pub(crate) fn is_bookkeeping(relation: Relation, name: &str) -> bool {
    (relation, name) == (Relation::Changes, "imported")
}

/// Columns without which a row says nothing: it is left out.
pub(crate) fn is_needed(relation: Relation, name: &str) -> bool {
    column(relation, name).1 == Absent::Refused
}
