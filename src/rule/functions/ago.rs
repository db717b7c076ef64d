//! `account.ago(n)`, as authors see it: the same account n times 24 hours
//! earlier.

use super::function::Example;
use crate::facts::Subject;

/// The name authors call.
pub const NAME: &str = "ago";

/// One sentence for authors, of an account and of a contact.
pub const SUMMARIES: [(Subject, &str); 2] = [
    (
        Subject::Account,
        "The account so many days earlier: its columns, attributes and methods over the customer store.",
    ),
    (Subject::Contact, "The contact so many days earlier: its methods over the customer store."),
];

/// Shown to authors.
pub const EXAMPLE: Example =
    Example { expression: r#"account.mrr < (account.ago(30).mrr ?? 0)"#, meaning: "They pay less than 30 days ago." };
