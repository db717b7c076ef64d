//! Passwords: argon2id with the crate's parameters, which are those that OWASP
//! recommends: 19 MiB, two passes, one lane.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, password_hash};

use crate::random;

/// The shortest password, in characters. Nothing else is asked of one.
pub const SHORTEST: usize = 12;

/// The longest, in bytes.
pub const LONGEST: usize = 1024;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    /// The machine has no memory for it, for example.
    #[error("the password could not be hashed")]
    NotHashed,
}

/// A hash of a random password. A password of nobody is compared with it, so that
/// the answer takes as long as with a user's own.
static HASH_OF_NOBODY: LazyLock<Option<String>> =
    LazyLock::new(|| hash(&random::bytes::<16>()).map(|hash| hash.to_string()).ok());

/// The hash to keep of a password that is taken.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < SHORTEST {
        return Err(PasswordError::TooShort);
    }
    if password.len() > LONGEST {
        return Err(PasswordError::TooLong);
    }
    hash(password.as_bytes()).map(|hash| hash.to_string()).map_err(|_| PasswordError::NotHashed)
}

/// Whether a password is the one of this hash; `None` is that of nobody. It
/// takes the same time whatever the answer is, some tens of milliseconds of work.
pub fn is_password(password: &str, kept: Option<&str>) -> bool {
    let password = if password.len() > LONGEST { "" } else { password };
    let is_right = compared_hash(kept).and_then(|hash| PasswordHash::new(hash).ok()).is_some_and(|hash| {
        std::hint::black_box(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    is_right && kept.is_some()
}

/// The hash that a password is compared with: always one, and of the same work.
/// There is none only where the machine could not make that of nobody.
fn compared_hash(kept: Option<&str>) -> Option<&str> {
    kept.or(HASH_OF_NOBODY.as_deref())
}

fn hash(password: &[u8]) -> password_hash::Result<PasswordHash> {
    Argon2::default().hash_password_with_salt(password, &random::bytes::<16>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_fits_its_hash() {
        let kept = hash_password("correct horse battery").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(is_password("correct horse battery", Some(&kept)));
        assert!(!is_password("correct horse batterz", Some(&kept)));
        assert!(!is_password("", Some(&kept)));
        assert!(!is_password("correct horse battery", None));
        assert!(!is_password("correct horse battery", Some("correct horse battery")));
        assert_ne!(kept, hash_password("correct horse battery").unwrap(), "each hash has a salt of its own");
    }

    /// The time of an answer follows from these alone: the algorithm and its
    /// parameters, and the lengths of salt and output.
    #[test]
    fn comparing_with_nobody_is_the_same_work() {
        let kept = hash_password("correct horse battery").unwrap();
        let (own, nobodys) = (compared_hash(Some(&kept)).unwrap(), compared_hash(None).unwrap());
        let (own, nobodys) = (PasswordHash::new(own).unwrap(), PasswordHash::new(nobodys).unwrap());
        let work = |hash: &PasswordHash| {
            let lengths = (hash.salt.as_ref().map(|salt| salt.len()), hash.hash.as_ref().map(|output| output.len()));
            (hash.algorithm.to_string(), hash.version, hash.params.to_string(), lengths)
        };
        assert_eq!(work(&own), work(&nobodys));
    }

    #[test]
    fn length_is_all_that_is_asked_of_a_password() {
        assert_eq!(hash_password("elevencharS"), Err(PasswordError::TooShort));
        assert!(hash_password("aaaaaaaaaaaa").is_ok());
        assert!(hash_password("ĂĂĂĂĂĂĂĂĂĂĂĂ").is_ok());
        assert_eq!(hash_password(&"x".repeat(1025)), Err(PasswordError::TooLong));
    }
}
