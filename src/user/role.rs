//! Roles: each may do what those before it may, and more.

use std::fmt;

/// What somebody may do, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works on tasks, one's own and those of others, and on accounts.
    Csm,
    /// Approves and discards runs, stops and resumes, says what became of mail,
    /// and sees what people did.
    Operator,
    /// Manages people.
    Admin,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Csm, Role::Operator, Role::Admin];

    /// The names, in the order of [`Role::ALL`].
    pub const NAMES: [&str; 4] = ["viewer", "csm", "operator", "admin"];

    pub fn name(self) -> &'static str {
        Role::NAMES[self as usize]
    }

    pub fn of(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(name: String) -> Result<Role, String> {
        Role::of(&name).ok_or_else(|| format!("`{name}` is no role"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_roles() {
        for role in Role::ALL {
            assert_eq!(Role::of(role.name()), Some(role));
        }
        assert_eq!(Role::of("author"), None);
        assert!(Role::Viewer < Role::Csm && Role::Csm < Role::Operator && Role::Operator < Role::Admin);
    }
}
