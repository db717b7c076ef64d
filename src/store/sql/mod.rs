//! How statements are sent, whatever they are about: rows in bulk, kept
//! connections, and transactions that several callers share.

pub(crate) mod bulk_rows;
pub mod errors;
pub(crate) mod group_commit;
pub(crate) mod kept_connection;
pub(crate) mod pool;
mod settings;
