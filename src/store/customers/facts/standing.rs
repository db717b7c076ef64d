//! The SQL of an account's stage and tier: the column of the customer store, else
//! what a document has found.

use crate::facts::{Schema, Standing};
use crate::store::{Relation, Relations};

/// What a document has found for an account by an instant, itself included. The
/// account is a text.
fn latest_standing(standing: Standing, account: &str, as_of: &str) -> String {
    format!(
        "(select f.value from keepwell.standings f \
          where f.account_id = ({account}) collate \"default\" and f.standing = '{}' and f.at <= {as_of} \
          order by f.at desc limit 1)",
        standing.name()
    )
}

/// A column of a row of accounts, with what a document has found where that is
/// null; the column alone where it cannot hold that.
pub(in crate::store) fn or_found(
    column: String,
    standing: Standing,
    schema: &Schema,
    account: &str,
    as_of: &str,
) -> String {
    match schema.takes(standing) {
        true => format!("coalesce({column}, {})", latest_standing(standing, account, as_of)),
        false => column,
    }
}

/// The same of a value of a column that was recorded as JSON. Without a record what a
/// document has found is read where the `column` is null today.
pub(super) fn recorded_or_found(
    recorded: String,
    column: &str,
    standing: Standing,
    schema: &Schema,
    account: &str,
    as_of: &str,
) -> String {
    match schema.takes(standing) {
        true => format!(
            "(select case when r.was is not null or {column} is null \
              then coalesce(nullif(r.was, 'null'), to_jsonb({})) end \
              from (select {recorded} as was) r)",
            latest_standing(standing, account, as_of)
        ),
        false => recorded,
    }
}

/// The moves of an account from one stage or tier to another, in one relation:
/// those of the store's own column, and those that a document has found, which are
/// `found`, of one instant in the order of their `place`. What is `seen` before an
/// instant counts at it. `stays` says whether it stands somewhere from then on, `was`
/// where it stood before.
pub(super) fn moves(standing: Standing, relations: &Relations, account: &str) -> String {
    let (changes, key, name) = (relations.of(Relation::Changes), relations.key(), standing.name());
    format!(
        "(select h.at, h.at as seen, row_number() over (order by h.at, h.id) as place, \
          (h.was ->> '{name}') collate \"default\" as was, true as stays, false as found \
          from {changes} h \
          where h.account_id = {account} and h.became is not null and h.was ? '{name}' and isfinite(h.at) \
          union all select f.at, f.at - interval '1 microsecond', 0, f.was, f.value is not null, true \
          from keepwell.standings f \
          where f.standing = '{name}' and f.account_id = ({}) collate \"default\")",
        key.to_text(account)
    )
}
