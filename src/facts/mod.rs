//! What conditions and templates see.
//!
//! A column of the store, a key of its `traits`, or a fact function with
//! literal arguments is a [`Cell`]; [`Facts`] is one subject's row of typed
//! cells, frozen at one instant, and nothing behind it sees events. `store`
//! fetches cells with SQL, a test case folds them from a [`History`].
//!
//! - `subject`: whom facts are about: an account, or a contact of it;
//! - `cell`: the address of a value;
//! - `value`: one typed value;
//! - `property_filter`: which events of a name are meant, by their properties;
//! - `row`: which cells are read ([`Layout`]), and their values ([`Facts`]);
//! - [`schema`]: the columns of accounts and contacts;
//! - `standing`: an account's stage and tier, which the store or a document says;
//! - [`file`]: a schema as a file, to check playbooks without the database;
//! - `past`: an account's past with its beginning and its end, for backtests;
//! - [`people`]: contacts and colleagues;
//! - [`inventory`]: the names that the customer store was seen to hold;
//! - `kpi`: the recorded figures of documents;
//! - `own_acts`: what an enrollment did at the instant of its facts;
//! - `plans`: success plans that an account has, and how far their goals are;
//! - [`progress`]: what an enrollment knows of itself;
//! - [`history`]: an account's past in memory, for test cases and backtests;
//! - `event_log`: its usage events, found by name and time;
//! - [`time`]: the functions of expressions on instants.

mod cell;
mod event_log;
pub mod file;
pub mod history;
pub mod inventory;
mod kpi;
mod own_acts;
mod past;
pub mod people;
mod plans;
pub mod progress;
mod property_filter;
mod row;
pub mod schema;
mod standing;
mod subject;
pub mod time;
mod value;

pub use cell::{Arg, Cell, CellPath, PopulationCall};
pub use event_log::{EventLog, EventRecord};
pub use history::History;
pub use inventory::{Inventory, NameKind};
pub use kpi::{KpiQuestion, KpiRecord};
pub use own_acts::{OwnAct, OwnActs};
pub use past::AccountPast;
pub use people::{Colleague, Contact, Csm};
pub use plans::{GoalProgress, GoalRecord, PlanRecord};
pub use progress::Progress;
pub use property_filter::{PropertyFilter, PropertyValue};
pub use row::{Facts, Layout, Matching};
pub use schema::{Column, Schema};
pub use standing::Standing;
pub use subject::{Subject, SubjectId};
pub use value::{Type, Value};
