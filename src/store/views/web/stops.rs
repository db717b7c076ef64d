//! Since when what is stopped is, and what waits behind it.

use crate::clock::Instant;
use crate::store::Store;

impl Store {
    /// The stops that can be taken back, by their scope, with when each began.
    pub async fn stop_times(&self) -> sqlx::Result<Vec<(String, Instant)>> {
        sqlx::query_as("select scope, at from keepwell.control order by scope").fetch_all(self.pool()).await
    }
}
