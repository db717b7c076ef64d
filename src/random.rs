//! The one place where chance enters: jitter, claim tokens, secrets.

/// Bytes from the operating system's generator.
///
/// # Panics
/// When the operating system has no randomness to give; nothing safe can be
/// done then.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0u8; N];
    getrandom::fill(&mut buffer).expect("the operating system provides randomness");
    buffer
}

/// A random 128-bit token, for claims and process identities.
pub fn token() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// A factor spread evenly over `1 - spread ..= 1 + spread`.
pub fn jitter(spread: f64) -> f64 {
    let raw = u32::from_le_bytes(bytes()) as f64 / u32::MAX as f64;
    1.0 + spread * (raw * 2.0 - 1.0)
}
