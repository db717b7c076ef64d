//! From a message that is due to its end: prepare it, give it a place among
//! others, send it, and record what came of it.

pub(crate) mod attempt;
pub mod auto_stop;
pub mod batch_size;
pub mod bounce_collector;
pub(crate) mod customer_mail;
pub mod deliverer;
pub mod digester;
pub mod domain_limits;
pub mod explain;
pub(crate) mod heartbeat;
pub(crate) mod page_links;
pub(crate) mod posts;
pub(crate) mod prepare_mail;
pub(crate) mod prepare_notice;
pub(crate) mod prepare_post;
pub mod resend;
pub(crate) mod reserve;
pub(crate) mod send_queue;
pub(crate) mod settlement;
pub(crate) mod under_way;
pub(crate) mod words;
