//! The login of its own that customers are read with.
//!
//! A role that was taken for a transaction can be laid down by what is called in
//! it, a login cannot: whatever a function of a mapped view does, it does as this
//! user, who may write nothing of Keepwell's state.

use serde_json::Value as Json;

use super::rights::{ExcessRight, excess_rights};
use crate::clock::Instant;
use crate::store::Store;

/// Where a login leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderPlace {
    /// To the database of everything else.
    Same,
    /// To a standby of it, which may be behind.
    Standby,
    /// To another database.
    Another,
}

/// The login, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderLogin {
    pub user: String,
    pub place: ReaderPlace,
    /// What it may do that leads to Keepwell's own state, such as `writes
    /// keepwell.messages`: it is not fit to be used. At most five.
    pub grave: Vec<String>,
    /// What else it may do and has no need to; at most five.
    pub excess: Vec<String>,
}

/// What a database says of itself.
type Place = (Json, bool, Instant);

/// Which database it is, whether it follows another one, and since when its
/// server runs: a copy of all files that runs elsewhere has another start.
const PLACE: &str = "select keepwell.identity(), pg_is_in_recovery(), pg_postmaster_start_time()";

impl Store {
    /// The login that customers are read with, looked at over its own
    /// connection; `None` where there is none. An error is what the database
    /// said to it.
    pub async fn reader_login(&self) -> sqlx::Result<Option<ReaderLogin>> {
        let Some(pool) = &self.reader else { return Ok(None) };
        let user: String = sqlx::query_scalar("select session_user::text").fetch_one(pool).await?;
        let theirs: Place = sqlx::query_as(PLACE).fetch_one(pool).await?;
        let ours: Place = sqlx::query_as(PLACE).fetch_one(self.pool()).await?;
        let rights = excess_rights(self.pool(), &user).await?;
        let (grave, excess): (Vec<_>, Vec<_>) = rights.into_iter().partition(|right| right.is_grave);
        let words = |rights: Vec<ExcessRight>| rights.into_iter().map(|right| right.what).collect();
        Ok(Some(ReaderLogin { user, place: place(&ours, &theirs), grave: words(grave), excess: words(excess) }))
    }
}

fn place(ours: &Place, theirs: &Place) -> ReaderPlace {
    let is_copy = ["cluster", "database"].iter().all(|part| ours.0[part] == theirs.0[part]);
    match theirs.1 {
        _ if ours == theirs => ReaderPlace::Same,
        true if is_copy => ReaderPlace::Standby,
        _ => ReaderPlace::Another,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_standby_is_told_from_the_database_and_from_another() {
        let start = Instant::default();
        let place_of = |database: &str, port: &str, follows: bool, start: Instant| {
            (json!({ "cluster": "7/1", "database": database, "port": port, "directory": null }), follows, start)
        };
        let ours = place_of("5", "5432", false, start);
        let later = start + chrono::Duration::hours(1);
        assert_eq!(place(&ours, &place_of("5", "5432", false, start)), ReaderPlace::Same);
        assert_eq!(place(&ours, &place_of("5", "5433", true, later)), ReaderPlace::Standby);
        assert_eq!(place(&ours, &place_of("6", "5432", false, start)), ReaderPlace::Another);
        // The same files under the same port, on another machine.
        assert_eq!(place(&ours, &place_of("5", "5432", false, later)), ReaderPlace::Another);
        assert_eq!(place(&ours, &place_of("6", "5433", true, later)), ReaderPlace::Another);
    }
}
