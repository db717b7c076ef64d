//! Names that mean something in every customer store.

use crate::facts::NameKind;

/// In place of a severity: a ticket of any, and one without.
pub const ANY: &str = "any";

/// The role of owners that an account's `csm_id` has.
pub const CSM: &str = "csm";

/// Whether a name means something in every store.
pub fn is_always_there(kind: NameKind, name: &str) -> bool {
    [(NameKind::Severity, ANY), (NameKind::OwnerRole, CSM)].contains(&(kind, name))
}
