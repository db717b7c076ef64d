//! Messages, and what decides about them. Pure: no SQL, no clock, no IO; `now`
//! and everything that was seen are given.
//!
//! [`channel`], [`class`] and [`state`] are the words a message row is made of.
//! [`gate`] says whether a customer's mail may leave now, by [`quiet`] hours and
//! the [`budget`] among others; `run`, `test` and `plan` ask it alike. [`duplicate`] says when a mail
//! only repeats another one.
//! [`outcome`] says what a server's answer makes of a message, and [`bounce`] why a
//! mail was not delivered and what that means for its address. [`auto_stop`] says
//! when what came of a playbook's mail stops the playbook.

pub mod auto_stop;
pub mod bounce;
pub mod budget;
pub mod channel;
pub mod class;
pub mod duplicate;
pub mod gate;
pub mod outcome;
pub mod quiet;
pub mod recipient;
pub mod refusal;
pub mod state;
pub mod unknown_word;
