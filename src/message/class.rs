//! Why somebody gets a message, which decides what may stop it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::message::unknown_word::UnknownWord;

/// Why somebody gets a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Help with what a customer has.
    Lifecycle,
    /// Advertisement: only with consent.
    Marketing,
    /// What a customer needs in any case, such as a receipt.
    Transactional,
    /// To colleagues and other systems, never to a customer.
    Internal,
}

impl Class {
    pub const ALL: [Class; 4] = [Class::Lifecycle, Class::Marketing, Class::Transactional, Class::Internal];

    /// Those that authors choose from, with the words they write.
    pub const OF_MAIL: [(&'static str, Class); 3] = [
        (Class::Lifecycle.name(), Class::Lifecycle),
        (Class::Marketing.name(), Class::Marketing),
        (Class::Transactional.name(), Class::Transactional),
    ];

    /// The word in the database, in lists and in playbooks.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Lifecycle => "lifecycle",
            Class::Marketing => "marketing",
            Class::Transactional => "transactional",
            Class::Internal => "internal",
        }
    }

    /// The class of that name.
    pub fn parse(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whether its reader may refuse it: it carries a way to unsubscribe and
    /// takes a place in the attention budget.
    pub fn may_be_refused(self) -> bool {
        matches!(self, Class::Lifecycle | Class::Marketing)
    }

    /// Whether it needs the contact's consent.
    pub fn needs_consent(self) -> bool {
        self == Class::Marketing
    }
}

impl TryFrom<String> for Class {
    type Error = UnknownWord;

    fn try_from(name: String) -> Result<Class, UnknownWord> {
        Class::parse(&name).ok_or(UnknownWord(name))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for class in Class::ALL {
            assert_eq!(Class::parse(class.name()), Some(class));
        }
        assert_eq!(Class::parse("all"), None);
    }
}
