//! Events that the configuration names as touches, for functions that count
//! them beside what Keepwell did itself.

use super::bind::Bind;
use super::scope::SubjectScope;
use crate::store::{Relation, Relations};

/// The relation of those of the account whose id, as text, is `account`.
pub(crate) fn touches(
    relations: &Relations,
    scope: SubjectScope,
    account: &str,
    parameter: impl FnOnce(Bind) -> String,
) -> String {
    if relations.touch_events.is_empty() {
        return "(select null as account_id, null as contact_id, null::timestamptz as at where false)".to_owned();
    }
    let names = parameter(Bind::Texts(relations.touch_events.clone()));
    // By the key as it is in the store, whose index is used.
    let own = match scope {
        SubjectScope::OwnState => relations.key().of_text(account),
        SubjectScope::All | SubjectScope::Named => "a.id".to_owned(),
    };
    format!(
        "(select {account} as account_id, o.contact_id, o.at from {} o \
         where o.account_id = {own} and o.name = any({names}))",
        relations.of(Relation::Events)
    )
}
