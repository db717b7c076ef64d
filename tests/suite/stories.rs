//! What happens to customers, told on a real Postgres from the file to the
//! mail: the store, the workers and the language together.

mod asking;
mod bouncing;
mod budget;
mod contacts;
mod crossing;
mod crowds;
mod deeds;
mod duties;
mod earlier;
mod edges;
mod entering;
mod erasing;
mod faulty;
mod headers;
mod hindsight;
mod holding;
mod holdout;
mod labelling;
mod mail;
mod mapped;
mod moving;
mod people;
mod posting;
mod quiet;
mod referring;
mod relay;
mod releasing;
mod revisions;
mod slots;
mod stopping;
mod switching;
mod tasks;
mod together;
mod tripping;
mod waiting;
