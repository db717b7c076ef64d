//! How a message is known to the world: its Message-ID, and with the same word
//! the address that its bounces go to.
//!
//! The word holds the message's id and what only this installation can have
//! written beside it. So whatever comes back with it is about that message, and
//! nobody can make one up for the mail of somebody else.

use uuid::Uuid;

use crate::signature::keyed;
use crate::store::Store;

/// Hexadecimal digits of a word: 32 of the id and 16 of its signature.
const WORD: usize = 48;

/// What names new messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming<'a> {
    secret: &'a [u8],
    /// What stands behind the @.
    domain: &'a str,
}

impl Naming<'_> {
    /// The Message-ID of a message; always the same.
    pub fn message_id(&self, id: Uuid) -> String {
        format!("<{}@{}>", word(self.secret, id), self.domain)
    }
}

fn word(secret: &[u8], id: Uuid) -> String {
    let id = id.simple().to_string();
    let signature = keyed(secret, "message", &id);
    format!("{id}{}", &signature[..WORD - id.len()])
}

impl Store {
    pub(crate) async fn naming(&self) -> sqlx::Result<Naming<'_>> {
        Ok(Naming { secret: self.secret().await?, domain: &self.mail_domain })
    }

    /// The messages that a text names by words of ours, each once; in any case
    /// of letters, since relays may change it.
    pub async fn messages_named(&self, text: &[u8]) -> sqlx::Result<Vec<Uuid>> {
        let secret = self.secret().await?;
        let mut found = Vec::new();
        for digits in text.split(|byte| !byte.is_ascii_hexdigit()).filter(|digits| digits.len() == WORD) {
            let said = String::from_utf8_lossy(digits).to_ascii_lowercase();
            let Ok(id) = Uuid::try_parse(&said[..32]) else { continue };
            if word(secret, id) == said && !found.contains(&id) {
                found.push(id);
            }
        }
        Ok(found)
    }
}
