//! What a channel makes of a message that leaves by HTTP.

use crate::clock::Instant;
use crate::delivery::post::Post;
use crate::delivery::target::Target;
use crate::message::channel::Channel;

/// A message that is about to be posted.
pub(crate) struct Words<'a> {
    /// Tells the receiver a second post from the first.
    pub id: &'a str,
    pub text: String,
    /// The environment variable that holds the URL.
    pub variable: &'a str,
    /// Looks up another variable; `None` when it is not set.
    pub look_up: &'a dyn Fn(&str) -> Option<String>,
    pub now: Instant,
}

/// A channel that leaves by HTTP.
pub(crate) trait PostChannel: Sync {
    fn channel(&self) -> Channel;

    /// What is posted.
    ///
    /// # Errors
    /// When a secret of it cannot be used, in words.
    fn post(&self, target: Target, words: Words) -> Result<Post, String>;
}
