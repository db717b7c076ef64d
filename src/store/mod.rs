//! All SQL, and the only use of sqlx.

pub mod private;
