//! What a webhook and a Slack notice look like on the wire, and what each
//! answer means.
//!
//! A webhook is sent at least once, always with the same id and the same
//! bytes, so that its receiver can tell a repetition. Slack makes a new message
//! of every post that it takes, so there what is unclear is not repeated.

use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::http::{Http, Posted};
use super::target::Target;
use super::{Outcome, Permission};
use crate::message::channel::Channel;

/// What is posted where.
#[derive(Clone, Debug)]
pub struct Post {
    pub target: Target,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Whether an unclear outcome is followed by a repetition is its answer.
    pub channel: Channel,
}

impl Post {
    /// A webhook as Standard Webhooks has it: `id`, the seconds since 1970 and
    /// one signature for each secret, separated by spaces in `secrets`.
    ///
    /// # Errors
    /// When a secret that begins with `whsec_` is not base64 behind it.
    pub fn webhook(target: Target, id: &str, timestamp: i64, secrets: &str, body: String) -> Result<Post, String> {
        let signatures: Vec<String> = secrets
            .split_whitespace()
            .map(|secret| signature(&key(secret)?, id, timestamp, &body))
            .collect::<Result<_, String>>()?;
        let mut headers = vec![
            ("content-type", content_type(&body).to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
        ];
        if !signatures.is_empty() {
            headers.push(("webhook-signature", signatures.join(" ")));
        }
        Ok(Post { target, headers, body, channel: Channel::Webhook })
    }

    /// A text for a Slack channel.
    pub fn slack(target: Target, text: &str) -> Post {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let body = serde_json::json!({ "text": escaped }).to_string();
        let headers = vec![("content-type", "application/json".to_owned())];
        Post { target, headers, body, channel: Channel::Slack }
    }
}

impl Http {
    /// Posts once; see [`Http::post`].
    pub async fn deliver<F, Fut>(&self, post: &Post, mark: F) -> Outcome
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Permission>,
    {
        match self.post(&post.target, &post.headers, &post.body, mark).await {
            Posted::Answered { status, retry_after } => answered(status, retry_after, post.channel.may_repeat()),
            Posted::NotSent(why) => Outcome::Deferred { reply: why },
            Posted::Forbidden(why) => Outcome::Failed { reply: why },
            Posted::NotMarked(reason) => Outcome::NotMarked(reason),
            Posted::MarkUnclear => Outcome::MarkUnclear,
            Posted::Lost(why) if post.channel.may_repeat() => Outcome::Deferred { reply: why },
            Posted::Lost(what) => Outcome::Unknown { what },
        }
    }
}

fn answered(status: u16, retry_after: Option<u64>, repeatable: bool) -> Outcome {
    let reply = format!("HTTP {status}");
    match status {
        200..=299 => Outcome::Accepted { reply },
        300..=399 => Outcome::Failed { reply: format!("{reply}: a redirect is not followed") },
        // Clear answers that nothing was taken.
        429 | 503 => match retry_after {
            Some(seconds) => Outcome::AskedToWait { reply, seconds },
            None => Outcome::Deferred { reply },
        },
        408 | 425 => Outcome::Deferred { reply },
        410 => Outcome::Failed { reply: format!("{reply}: its receiver is gone for good") },
        400..=499 => Outcome::Failed { reply },
        _ if repeatable => Outcome::Deferred { reply },
        _ => Outcome::Unknown { what: reply },
    }
}

fn content_type(body: &str) -> &'static str {
    match serde_json::from_str::<serde::de::IgnoredAny>(body) {
        Ok(_) => "application/json",
        Err(_) => "text/plain; charset=utf-8",
    }
}

/// `whsec_` and base64, or the bytes themselves.
fn key(secret: &str) -> Result<Vec<u8>, String> {
    match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| "it is not base64 behind `whsec_`".to_owned()),
        None => Ok(secret.as_bytes().to_vec()),
    }
}

fn signature(key: &[u8], id: &str, timestamp: i64, body: &str) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| error.to_string())?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target::parse("https://example.com/hook", &[]).expect("a target")
    }

    #[test]
    fn a_webhook_is_signed_as_the_specification_has_it() {
        // The example of the Standard Webhooks libraries.
        let secrets = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw second";
        let body = r#"{"test": 2432232314}"#.to_owned();
        let post =
            Post::webhook(target(), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, secrets, body).expect("a post");
        let header = |name| post.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let signatures: Vec<&str> = header("webhook-signature").expect("signed").split(' ').collect();
        assert_eq!(signatures[0], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(signatures.len(), 2);
        assert_eq!(header("content-type"), Some("application/json"));
        assert!(Post::webhook(target(), "x", 0, "whsec_!", String::new()).is_err());
    }

    #[test]
    fn slack_reads_no_markup_in_a_text() {
        let post = Post::slack(target(), "<!channel> A & B");
        assert_eq!(post.body, r#"{"text":"&lt;!channel&gt; A &amp; B"}"#);
    }

    #[test]
    fn what_is_unclear_is_repeated_only_where_a_repetition_can_be_told() {
        assert!(matches!(answered(500, None, true), Outcome::Deferred { .. }));
        assert!(matches!(answered(500, None, false), Outcome::Unknown { .. }));
        assert!(matches!(answered(429, Some(30), false), Outcome::AskedToWait { seconds: 30, .. }));
        for status in [301, 400, 404, 410] {
            assert!(matches!(answered(status, None, true), Outcome::Failed { .. }), "{status}");
        }
    }
}
