//! Who uses the pages: names, roles, passwords and how often one may try.
//! Pure but for [`password`], which draws a salt.
//!
//! - [`role`]: what somebody may do;
//! - [`password`]: which passwords are taken, and their hashes;
//! - [`attempts`]: how long a login waits after those that failed.

pub mod attempts;
pub mod password;
pub mod role;

/// The longest name of a user, in characters.
pub const LONGEST_NAME: usize = 64;

/// The name of a user as it is kept: in lower case, without outer blanks. `None`
/// for a text that is no name: empty, too long, or with other characters than
/// ASCII letters, digits and `. _ - + @`.
pub fn user_name(text: &str) -> Option<String> {
    let name = text.trim().to_lowercase();
    let is_good = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    (!name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_good)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_in_one_form() {
        assert_eq!(user_name(" Ines.Falk@Acme.example ").as_deref(), Some("ines.falk@acme.example"));
        for text in ["", "  ", "ines falk", "ines/falk", "<b>", "inès", &"x".repeat(65)] {
            assert_eq!(user_name(text), None, "{text}");
        }
    }
}
