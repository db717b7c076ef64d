pub mod mail;
pub mod mime;
pub mod smtp;
