//! What happens to customers, told on a real Postgres from the file to the
//! mail: the store, the workers and the language together.

mod contacts;
mod crowds;
mod entering;
mod holding;
mod mail;
mod relay;
mod revisions;
mod slots;
mod stopping;
mod switching;
mod tasks;
mod waiting;
