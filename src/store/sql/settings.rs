//! What every connection of ours is set to.

/// Of every connection, set by statements: a pooler in between may ignore what
/// a connection asks for when it starts. A user named like a schema would
/// without the path see other tables; compiling a statement about a thousand
/// accounts takes a hundred times as long as answering it by the keys; a marker
/// that a crash of the server takes back would let a mail leave twice.
pub(crate) const SETTINGS: &str = "set statement_timeout = '120s'; set idle_in_transaction_session_timeout = '30s';
    set lock_timeout = '10s'; set timezone = 'UTC'; set search_path = public; set jit = off;
    set synchronous_commit = 'on'";

/// Of a connection that must write nothing, besides.
pub(crate) const READ_ONLY: &str = "set default_transaction_read_only = on";
