//! Who gets a mail: whether a contact can have it, and where their clock runs.

use chrono_tz::Tz;

use crate::facts::Contact;
use crate::zone::find_zone;

/// Whether a contact agreed to marketing mail: `true` and nothing else is yes.
pub fn has_consented(contact: &Contact) -> bool {
    is_consent(contact.traits.get("consent"))
}

/// Whether this value of the attribute `consent` is a yes.
pub fn is_consent(value: Option<&serde_json::Value>) -> bool {
    value == Some(&serde_json::Value::Bool(true))
}

/// The zone in which a recipient's clock runs: their own, else the account's,
/// else `otherwise`. A name that is no zone is as good as none.
pub fn recipient_zone(recipient: Option<&Contact>, account_zone: Option<&str>, otherwise: Tz) -> Tz {
    let own = recipient.and_then(|contact| contact.timezone.as_deref());
    [own, account_zone].into_iter().flatten().find_map(find_zone).unwrap_or(otherwise)
}
