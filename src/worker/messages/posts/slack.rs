//! Notices in Slack channels.

use super::request::{PostChannel, Words};
use crate::delivery::post::Post;
use crate::delivery::target::Target;
use crate::message::channel::Channel;

pub(super) struct Slack;

impl PostChannel for Slack {
    fn channel(&self) -> Channel {
        Channel::Slack
    }

    fn post(&self, target: Target, words: Words) -> Result<Post, String> {
        Ok(Post::slack(target, &words.text))
    }
}
