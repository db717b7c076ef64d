pub mod mime;
pub mod smtp;
