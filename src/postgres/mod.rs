//! A Postgres of our own, for when nobody gave us one: Debian's programs, a
//! unix socket and no TCP.
//!
//! The process that starts the server owns it: it is the server's parent, and
//! the server ends with it, also when it is killed. Every other process on the
//! same directory is a client; when the server goes away it calls
//! [`PrivatePostgres::ensure`] again, and the first to get the lock starts it.
//!
//! - `private`: the server as its owner or a client has it: start, adopt, stop;
//! - `layout`: the directory: lock, sockets, log, what a crash left;
//! - `programs`: where initdb and postgres are installed;
//! - `identity`: as whom the server runs, since it refuses to be root;
//! - `cluster`: making the cluster, and the server's command line;
//! - `operator`: whose the directory is, when root calls;
//! - `environment`: the variables that it must not hear;
//! - `server`: the process;
//! - `error`: why there is none;
//! - `describe`: errors of any Postgres in words.

mod cluster;
mod describe;
mod environment;
mod error;
mod identity;
mod layout;
mod operator;
mod private;
mod programs;
mod server;

pub use cluster::Durability;
pub use describe::describe_error;
pub use environment::VARIABLES;
pub use error::PrivateError;
pub use operator::act_as_operator;
pub use private::PrivatePostgres;
