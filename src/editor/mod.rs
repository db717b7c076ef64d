//! What an editor asks of a file that is being written.
//!
//! All of it works on text that cannot be parsed at the moment, knows no
//! protocol, and reads no files: everything that is known beside the text
//! comes as [`Surroundings`]. Keys and their meaning are those of the readers'
//! forms, names of facts those of the checker.
//!
//! - `cursor` says where in a playbook a place of its text is (a `spot`), `flow`
//!   inside of braces; `expression` says what is being written there.
//! - `place` says what may stand there.
//! - `surroundings` is what is known beside the text; `script` reads the shared
//!   functions.
//! - `completion` proposes what could stand there: each `candidate` is one of the
//!   `keys`, `names` and `facts`.
//! - `module` is all this for a file of shared functions.
//! - `hover` says what a word means, `references` where a name is defined and what
//!   else says it.
//! - `lens` finds the lines from which something can be started.

mod candidate;
mod completion;
mod cursor;
mod expression;
mod facts;
mod flow;
mod hover;
mod keys;
mod lens;
mod module;
mod names;
mod place;
mod references;
mod script;
mod spot;
mod surroundings;

pub use candidate::{Candidate, CandidateKind};
pub use completion::{Proposals, complete};
pub use hover::{Meaning, hover};
pub use lens::{CaseLine, cases, playbook_line};
pub use module::{complete_script, hover_script, script_definition};
pub use references::{RenameRefusal, Target, definition, renamable, rename};
pub use surroundings::Surroundings;
