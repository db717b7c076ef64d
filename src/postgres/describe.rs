//! Errors in words, for people and logs.

use std::error::Error;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// An error and its causes in one line, outermost first, nothing twice. What
/// Postgres says is given as its message, SQLSTATE, detail and hint; the file,
/// line and routine of Postgres' own source are left out, and so is a detail
/// that quotes the values of a row.
pub fn describe_error(error: &(dyn Error + 'static)) -> String {
    let causes = || std::iter::successors(Some(error), |cause: &&(dyn Error + 'static)| (*cause).source());
    // Wrappers repeat it as sqlx writes it, which ends in the line of a C file.
    let said = causes().find_map(database_error).map(|error| (error.to_string(), describe_answer(error)));
    let mut told = String::new();
    for cause in causes() {
        let cause = match &said {
            Some((raw, described)) => cause.to_string().replace(raw, described),
            None => cause.to_string(),
        };
        if !cause.is_empty() && !told.contains(&cause) {
            told.push_str(if told.is_empty() { "" } else { ": " });
            told.push_str(&cause);
        }
    }
    told
}

fn database_error<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e dyn DatabaseError> {
    match cause.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(error)) => Some(&**error),
        _ => cause.downcast_ref::<Box<dyn DatabaseError>>().map(|error| &**error),
    }
}

fn describe_answer(error: &dyn DatabaseError) -> String {
    let mut told = error.message().to_owned();
    let code = error.code().unwrap_or_default();
    if !code.is_empty() {
        told.push_str(&format!(" (SQLSTATE {code})"));
    }
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        // Data exceptions and violated constraints quote rows in theirs.
        let quotes_rows = ["22", "23"].iter().any(|class| code.starts_with(class));
        if let Some(detail) = error.detail().filter(|_| !quotes_rows) {
            told.push_str(&format!("; {}", in_one_line(detail)));
        }
        if let Some(hint) = error.hint() {
            told.push_str(&format!("; hint: {}", in_one_line(hint)));
        }
    }
    told
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Repeating(#[source] Box<dyn Error>);

    #[test]
    fn causes_are_told_once() {
        let inner = std::io::Error::other("the disk is full");
        assert_eq!(describe_error(&Repeating(Box::new(inner))), "the disk is full");
        let outer = anyhow::Error::new(std::io::Error::other("the disk is full")).context("nothing was written");
        assert_eq!(describe_error(outer.as_ref()), "nothing was written: the disk is full");
    }
}
