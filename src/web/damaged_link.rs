//! A link in a mail that arrived with a part missing, or changed.
//!
//! Links are long, and break: at the end of a line, in a program that rewrites
//! them, in what a person copies. Whoever follows one is told that nothing was
//! done, and how else to get there. Tokens are signed, so that this says nothing
//! about an address.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::WebState;
use super::customer::CustomerFrame;
use super::page::Trouble;
use crate::store::messages::link_readers::LinkReaders;

/// What a link was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Unsubscribe,
    Choose,
    Answer,
    Plan,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Unsubscribe => "unsubscribe",
            Purpose::Choose => "choose",
            Purpose::Answer => "answer",
            Purpose::Plan => "plan",
        }
    }
}

#[derive(Serialize)]
struct DamagedPage {
    purpose: &'static str,
}

/// The page that says so. Who makes links up is seen in the log, but not each
/// time; an answer's link ends with its mail.
pub(super) fn page(web: &WebState, headers: &HeaderMap, purpose: Purpose) -> Result<Response, Trouble> {
    if purpose != Purpose::Answer {
        web.forged_links.warn(|count| tracing::warn!(count, "links with a token that is not ours"));
    }
    let page = DamagedPage { purpose: purpose.name() };
    CustomerFrame::new(web, &LinkReaders::default(), headers).page(StatusCode::NOT_FOUND, "damaged.html", page)
}

/// The token without what mail programs put into links: blanks and the ends of
/// lines, the marks that quoted-printable leaves, and what stood behind the
/// link. A token has lower-case letters, digits and points.
pub(super) fn without_damage(token: &str) -> String {
    let kept = token.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.');
    kept.collect::<String>().to_ascii_lowercase().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_into_a_link_is_taken_out_again() {
        let token = "0a1b.lifecycle.2c3d";
        for damaged in [
            token,
            "0a1b.lifecycle.2c3d>",
            " 0a1b.life\r\n cycle.2c3d",
            "0a1b.lifecycle=\n.2c3d.",
            "0A1B.LIFECYCLE.2C3D)",
        ] {
            assert_eq!(without_damage(damaged), token);
        }
        assert_ne!(without_damage("0a1b.lifecycle.2c"), token);
    }
}
