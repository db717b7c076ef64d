//! Keyed hashes: by what an address is known, and what makes a link one of ours.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A keyed hash as hexadecimal text; each purpose has hashes of its own.
pub(crate) fn keyed(secret: &[u8], purpose: &str, text: &str) -> String {
    hex(&mac(secret, purpose, text).finalize().into_bytes())
}

/// A text, and what is to be what [`keyed`] makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    pub text: &'a str,
    pub signature: &'a str,
}

/// Whether the signature is what [`keyed`] makes of the text; takes equally long
/// wherever they differ.
pub(crate) fn is_keyed(secret: &[u8], purpose: &str, signed: Signed<'_>) -> bool {
    let Signed { text, signature } = signed;
    unhex(signature).is_some_and(|given| mac(secret, purpose, text).verify_slice(&given).is_ok())
}

/// Bytes as hexadecimal text, in small letters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a hexadecimal text; `None` where it is none.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn mac(secret: &[u8], purpose: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(format!("{purpose}:{text}").as_bytes());
    mac
}
