//! Bodies for other systems, signed with the secret beside their URL.

use super::request::{PostChannel, Words};
use crate::delivery::post::Post;
use crate::delivery::target::Target;
use crate::message::channel::Channel;

pub(super) struct Webhook;

impl PostChannel for Webhook {
    fn channel(&self) -> Channel {
        Channel::Webhook
    }

    fn post(&self, target: Target, words: Words) -> Result<Post, String> {
        let secrets = format!("{}_SECRET", words.variable);
        let given = (words.look_up)(&secrets).unwrap_or_default();
        Post::webhook(target, words.id, words.now.timestamp(), &given, words.text)
            .map_err(|why| format!("{secrets}: {why}"))
    }
}
