//! The connections that the senders of a process share. Each carries the same
//! few statements; senders that come at the same moment share a transaction.

use std::fmt;

use tokio::sync::Mutex;

use super::ending::Ending;
use super::mark_request::{Marked, WaitingMarkRequest};
use crate::store::sql::group_commit::GroupCommit;
use crate::store::sql::kept_connection::KeptConnection;

/// One connection each for what is about to leave, for markers and for outcomes.
/// They are opened when they are needed.
#[derive(Default)]
pub(crate) struct SharedConnections {
    pub departures: Mutex<KeptConnection>,
    /// `None` says that a message had better be marked alone.
    pub marks: GroupCommit<WaitingMarkRequest, Option<Marked>>,
    /// Whether each ending was taken.
    pub endings: GroupCommit<Ending, bool>,
}

impl SharedConnections {
    /// Closes them, once nobody uses them.
    pub async fn close(&self) {
        self.departures.lock().await.close().await;
        self.marks.connection().await.close().await;
        self.endings.connection().await.close().await;
    }
}

impl fmt::Debug for SharedConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedConnections")
    }
}
