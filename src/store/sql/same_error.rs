//! One failure of several who went together: each gets an error of the same kind.

use std::borrow::Cow;
use std::error::Error;

use sqlx::error::{DatabaseError, ErrorKind};

/// The same failure for each of so many.
pub(crate) fn all_failed<R>(error: sqlx::Error, count: usize) -> Vec<sqlx::Result<R>> {
    let mut all: Vec<sqlx::Result<R>> = (1..count).map(|_| Err(same_error(&error))).collect();
    if count > 0 {
        all.push(Err(error));
    }
    all
}

/// An error of the same kind, with the same words and SQLSTATE.
fn same_error(error: &sqlx::Error) -> sqlx::Error {
    use sqlx::Error::*;
    match error {
        Database(error) => Database(Box::new(SameDatabaseError {
            message: error.message().to_owned(),
            code: error.code().map(Cow::into_owned),
        })),
        Io(error) => Io(std::io::Error::new(error.kind(), error.to_string())),
        Tls(error) => Tls(error.to_string().into()),
        PoolTimedOut => PoolTimedOut,
        PoolClosed => PoolClosed,
        WorkerCrashed => WorkerCrashed,
        RowNotFound => RowNotFound,
        ColumnNotFound(name) => ColumnNotFound(name.clone()),
        TypeNotFound { type_name } => TypeNotFound { type_name: type_name.clone() },
        ColumnDecode { index, source } => ColumnDecode { index: index.clone(), source: source.to_string().into() },
        Decode(error) => Decode(error.to_string().into()),
        Encode(error) => Encode(error.to_string().into()),
        Protocol(text) => Protocol(text.clone()),
        other => Protocol(other.to_string()),
    }
}

/// What the database said to another one.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct SameDatabaseError {
    message: String,
    code: Option<String>,
}

impl DatabaseError for SameDatabaseError {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.code.as_deref().map(Cow::Borrowed)
    }

    fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::describe_error;
    use crate::store::sql::errors::{FailureKind, failure_kind, is_about_a_row, is_contention};

    #[test]
    fn each_gets_an_error_of_the_same_kind() {
        let database = |code: &str| {
            let (message, code) = ("the server said no".to_owned(), Some(code.to_owned()));
            sqlx::Error::Database(Box::new(SameDatabaseError { message, code }))
        };
        let silent = std::io::Error::new(std::io::ErrorKind::TimedOut, "nothing was heard");
        for error in [
            database("57P01"),
            database("40001"),
            database("23505"),
            sqlx::Error::Io(silent),
            sqlx::Error::PoolTimedOut,
            sqlx::Error::Decode("no number".into()),
            sqlx::Error::Protocol("unheard of".to_owned()),
        ] {
            let about = |error: &sqlx::Error| (describe_error(error), is_about_a_row(error), is_contention(error));
            let expected = about(&error);
            let kind = failure_kind(&anyhow::Error::new(same_error(&error)));
            let all: Vec<sqlx::Error> = all_failed::<()>(error, 3).into_iter().filter_map(Result::err).collect();
            assert_eq!(all.len(), 3);
            for one in all {
                assert_eq!(about(&one), expected);
                assert_eq!(failure_kind(&anyhow::Error::new(one)), kind, "{expected:?}");
            }
        }
        assert_eq!(failure_kind(&anyhow::Error::new(same_error(&database("23505")))), FailureKind::Lasting);
        assert!(all_failed::<()>(sqlx::Error::PoolClosed, 0).is_empty());
    }
}
