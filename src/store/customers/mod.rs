//! The customer store: reading facts from it, mapping a company's own tables
//! onto it, importing into it, and one person's data in all of it.

pub mod data_subject;
pub mod erasure;
pub mod export;
pub mod facts;
pub mod import;
pub mod mapping;
pub mod people;
pub mod reader_role;
pub mod relations;
pub mod sample;
