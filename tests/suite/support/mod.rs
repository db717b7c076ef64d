//! What several test modules need.

pub mod database;
pub mod http;
pub mod mail;
pub mod mapped;
pub mod mime;
pub mod program;
pub mod smtp;
pub mod world;
