//! All SQL, and the only use of sqlx; one file per table family.

pub mod sample;
