//! Facts from the customer store: one statement fetches exactly the cells that
//! are asked for.
//!
//! Cells of Keepwell's own state come by a second statement over the subjects
//! of a chunk, so that the customer store may lie elsewhere and rehearsal can
//! put its own answers there. Literals and instants are bind parameters;
//! window starts are computed here and not by the database.
//!
//! - `query`: [`FactQuery`], and the facts of named subjects ([`fetch`]);
//! - `walk`: the walk over all subjects, for one query or several ([`Walk`]);
//! - `statement`: one statement, from its text to its rows;
//! - `text`: the text while it grows, and its parameters (`bind`);
//! - `answer`: what answers a cell: a column, a trait or a function;
//! - `hoist`: functions that are calculated once for a row, or in one pass;
//! - `population`: what all subjects together give, in one pass for all who ask;
//! - `predicate_sql`: a predicate as SQL;
//! - `touches`: the events that count as touches;
//! - `dear_reads`: which tables are read for few of their rows;
//! - `standing`: an account's stage and tier, of the store or of a document;
//! - `scope`, `window`: which subjects a statement is about, and their windows.

mod answer;
mod bind;
mod dear_reads;
mod hoist;
mod population;
mod predicate_sql;
mod query;
mod scope;
mod standing;
mod statement;
mod text;
mod touches;
mod walk;
mod window;

pub(in crate::store) use answer::{END, FIRST};
pub use dear_reads::DearRead;
pub use hoist::Shape;
pub(crate) use population::KeptFigures;
pub use predicate_sql::Clauses;
pub use query::{FactQuery, fetch, scan};
pub(in crate::store) use standing::or_found;
pub use walk::{Scan, Walk};
pub use window::SubjectWindow;
