//! A made-up software company with its customers, for the demo and for trying
//! playbooks out.
//!
//! Everything is a function of one anchor instant and the number of accounts:
//! the same two give the same rows, and nothing happens at or after the
//! anchor except renewals that are still to come. A few dozen of the first 320
//! accounts have a [`Story`] each, so that every shipped playbook finds some.
//! What happened before, to other accounts, has the rates of [`PLANTED`].
//!
//! - `rows`: the rows, in the shape of the schema `customers`;
//! - `generate`: the company as a whole, from `accounts`, `people`, `usage`
//!   (events) and `feedback` (scores and tickets);
//! - `practice`: sign-ups, visits, invoices, orders and referrals, as events;
//! - `signs`: champions who left, tickets that pile up, errors of those who are new;
//! - `history`: what the accounts were before, as `account_changes` keeps it;
//! - `planted`: whose usage or NPS fell in the past, and who left;
//! - `spread`: numbers that look like chance and are none;
//! - `words`: names of people, companies and places;
//! - `insert`: writing all of it into the customer store.

mod accounts;
mod feedback;
mod generate;
mod history;
mod insert;
mod people;
mod planted;
mod practice;
mod rows;
mod signs;
mod spread;
mod usage;
mod words;

pub use planted::{FallRates, PLANTED, SampleRates};
pub use rows::{
    SampleAccount, SampleChange, SampleCompany, SampleContact, SampleCsm, SampleEvent, SampleOwner, SampleScore,
    SampleTicket, Story, UsageFall,
};

#[cfg(test)]
mod tests;
