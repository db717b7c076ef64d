//! How statements are sent, whatever they are about.
//!
//! - `pool`: the pool of connections, and what each is set to (`settings`);
//! - [`database_url`]: what DATABASE_URL says;
//! - [`errors`]: what an error says about trying again;
//! - `bulk_rows`: many rows in one statement;
//! - `kept_connection`: a connection that keeps its plans;
//! - `group_commit`: callers that share a transaction;
//! - `same_error`: the failure of such callers.

pub(crate) mod bulk_rows;
pub mod database_url;
pub mod errors;
pub(crate) mod group_commit;
pub(crate) mod kept_connection;
pub(crate) mod pool;
pub(crate) mod same_error;
mod settings;
