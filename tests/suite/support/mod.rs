//! What several test modules need.

pub mod client;
pub mod companies;
pub mod database;
pub mod http;
pub mod mail;
pub mod mapped;
pub mod mime;
pub mod program;
pub mod proxy;
pub mod rows;
pub mod smtp;
pub mod wire;
pub mod world;
