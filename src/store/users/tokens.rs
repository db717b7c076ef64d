//! Tokens of sessions and links: 256 random bits, of which the database keeps a
//! hash. A hash without a key is enough, since nobody can guess what is hashed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::random;

/// A new token, as it stands in a cookie or a link.
pub(super) fn draw() -> String {
    URL_SAFE_NO_PAD.encode(random::bytes::<32>())
}

/// What is stored of a token, whoever wrote it.
pub(super) fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
