//! Messages from their insertion to their end: the outbox, the marker before a
//! body, outcomes, bounces, suppressions and the budget.

pub mod address_guard;
pub mod answer_posts;
pub mod answer_row;
pub mod answers;
pub mod auto_stop;
pub mod bounces;
pub mod budget;
pub mod claimed;
pub mod contact_addresses;
pub mod digests;
pub mod ending;
pub mod expired_claims;
pub mod feedback;
pub mod insert;
pub mod link_readers;
pub mod manual_outcomes;
pub mod mark_request;
pub mod marks;
pub(crate) mod message_ids;
pub mod outbox;
pub mod outcomes;
pub mod resends;
pub(super) mod shared_connections;
pub mod suppressions;
pub mod surveys;
pub(crate) mod transitions;
