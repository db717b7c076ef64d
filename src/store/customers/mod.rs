//! The customer store: reading facts from it, mapping a company's own tables
//! onto it, importing into it, and one person's data in all of it.
//!
//! - [`relations`]: where the customers are, in our tables or in a company's own;
//! - [`mapping`]: from `store:` of the configuration to these relations;
//! - [`reader_role`]: reading as a role that cannot write;
//! - `called_functions`: what could lay that role down;
//! - [`reader_login`]: reading with a login of its own, which nothing can lay down;
//! - [`rights`]: what role and login may do beyond that;
//! - [`facts`]: the cells that conditions ask for;
//! - [`people`]: contacts and colleagues of accounts;
//! - [`pasts`]: the past of every account, for backtests;
//! - [`inventory`]: which names the store was seen to hold;
//! - [`import`]: writing rows of files into the store;
//! - [`export`]: everything that is known of a customer, as one document;
//! - [`unknown_zones`]: time zones that are none;
//! - [`sample`]: the made-up company of the demo;
//! - [`data_subject`]: which rows and words are about one person;
//! - [`erasure`]: deleting these.

pub mod arrivals;
mod called_functions;
pub mod data_subject;
pub mod erasure;
pub mod export;
pub mod facts;
pub mod import;
pub mod inventory;
pub mod mapping;
pub mod pasts;
pub mod people;
pub mod reader_login;
pub mod reader_role;
pub mod relations;
pub mod rights;
pub mod sample;
pub mod unknown_zones;
