//! What an error of the database says about trying again.

/// Whether the database refused the values themselves: the same statement
/// would fail again, and another one may well succeed.
pub fn is_refusal(error: &sqlx::Error) -> bool {
    // Data exceptions, violated constraints, rows too large for an index.
    let classes = ["22", "23", "54"];
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| classes.iter().any(|class| code.starts_with(class)))
}

/// Whether a statement names what is not there, or what may not be read:
/// somebody changed the customers' relations.
pub fn is_schema_mismatch(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    error.and_then(|error| error.code()).is_some_and(|code| code.starts_with("42"))
}

/// Whether Postgres has ended a statement that took longer than it may.
pub fn is_overdue(error: &anyhow::Error) -> bool {
    error.downcast_ref::<sqlx::Error>().is_some_and(has_run_out)
}

/// The same of an error of the database.
pub(crate) fn has_run_out(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "57014")
}

/// Whether the database refused a statement and not the connection: of many
/// rows one may be at fault, or in somebody else's way, and the others not.
pub fn is_about_a_row(error: &sqlx::Error) -> bool {
    // The server is going away, is out of something, or may not be used.
    let elsewhere = ["08", "53", "57P", "58", "28", "25"];
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| !elsewhere.iter().any(|class| code.starts_with(class)))
}

/// Whether a transaction was ended for another one's sake, or a lock of it not
/// given: the same may well succeed the next time.
pub(crate) fn is_contention(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("40") || code == "55P03")
}

/// Carries out a transaction, and again when others were in its way, three
/// times at most.
pub(crate) async fn retry_contention<T, F, Fut>(mut carry_out: F) -> sqlx::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = sqlx::Result<T>>,
{
    const ATTEMPTS: usize = 3;
    for _ in 1..ATTEMPTS {
        match carry_out().await {
            Err(error) if is_contention(&error) => {}
            done => return done,
        }
    }
    carry_out().await
}

/// What an error says about trying the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The database is away, or in no state to work: all else would fail, too.
    Database,
    /// Somebody else was in the way: it may well succeed the next time.
    Contention,
    /// It will fail again, and what is beside it need not.
    Lasting,
}

/// Which kind of failure is behind a worker's error.
pub(crate) fn failure_kind(error: &anyhow::Error) -> FailureKind {
    match error.downcast_ref::<sqlx::Error>() {
        Some(error) if is_contention(error) => FailureKind::Contention,
        Some(error @ sqlx::Error::Database(_)) if is_about_a_row(error) => FailureKind::Lasting,
        Some(
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. },
        )
        | None => FailureKind::Lasting,
        Some(_) => FailureKind::Database,
    }
}

/// An error of the first words with the database of DATABASE_URL, explained.
pub fn explain_unreachable(error: sqlx::Error) -> anyhow::Error {
    // What a prepared statement meets on somebody else's connection.
    let code = error.as_database_error().and_then(|error| error.code());
    let pooled = matches!(code.as_deref(), Some("42P05" | "26000"));
    anyhow::Error::new(error).context(match pooled {
        true => TRANSACTION_POOLER,
        false => "the database of DATABASE_URL cannot be reached",
    })
}

/// What is said of a pooler that keeps no sessions.
pub const TRANSACTION_POOLER: &str = "DATABASE_URL leads to a pooler in transaction mode, which Keepwell cannot use: \
    connect to Postgres directly, or to a pool in session mode";
