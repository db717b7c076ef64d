//! Why a text is no address, in the reader's language.

use super::language::say;
use crate::address::AddressError;

/// Why it is none, without a full stop.
pub(super) fn address_trouble(error: &AddressError) -> String {
    match error {
        AddressError::Empty => say!("the address is empty"),
        AddressError::NoAt(text) => say!("`{text}` has no `@` between a name and a domain", text = text),
        AddressError::NonAsciiLocal(text) => {
            say!("`{text}`: letters other than ASCII before the `@` are not supported by every mail relay", text = text)
        }
        AddressError::Local(text) => say!("`{text}`: the part before the `@` is not valid", text = text),
        AddressError::Domain(text) => say!("`{text}`: the domain is not valid", text = text),
        AddressError::Mailbox(text) => say!("`{text}`: expected `Name <name@domain>` or `name@domain`", text = text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::parse_address;

    #[test]
    fn it_is_said_as_the_command_line_says_it() {
        for text in ["", "anna", "änna@acme.example", "an na@acme.example", "anna@-"] {
            let error = parse_address(text).expect_err(text);
            assert_eq!(address_trouble(&error), error.to_string());
        }
    }
}
