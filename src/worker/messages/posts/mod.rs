//! What leaves by HTTP: one channel per file. To add one: a new file and a word
//! in the list.

use crate::message::channel::Channel;

mod request;
mod slack;
mod webhook;

pub(crate) use request::{PostChannel, Words};

/// Every channel that leaves by HTTP.
const CHANNELS: [&dyn PostChannel; 2] = [&webhook::Webhook, &slack::Slack];

/// How messages of a channel are posted; `None` when they leave another way.
pub(crate) fn by(channel: Channel) -> Option<&'static dyn PostChannel> {
    CHANNELS.into_iter().find(|one| one.channel() == channel)
}
