//! `roles:`, what the roles of the customer store are called in playbooks.

use std::collections::BTreeMap;

use crate::playbook::reader::{Fields, short};

/// The name in playbooks of each role that the customer store calls otherwise.
/// Contacts are read with that name, so a role has one name everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleNames(BTreeMap<String, String>);

impl RoleNames {
    /// Roles of the store, each with its name in playbooks.
    pub fn new(names: BTreeMap<String, String>) -> RoleNames {
        RoleNames(names)
    }

    /// Whether every role is called as it is in the store.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each role of the store that has another name, and that name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(stored, name)| (stored.as_str(), name.as_str()))
    }

    /// The name of a role that an author wrote: one of the store's has another.
    pub fn resolve<'n>(&'n self, written: &'n str) -> &'n str {
        let is_name = self.0.values().any(|name| name == written);
        self.0.get(written).filter(|_| !is_name).map_or(written, String::as_str)
    }

    /// Reads `roles: { "Economic Buyer": owner }`.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> RoleNames {
        let mut names = BTreeMap::new();
        for entry in fields.mapping("roles").into_iter().flatten() {
            let stored = entry.key.as_str();
            let is_readable = |role: &str| !role.trim().is_empty() && !role.contains(char::is_control);
            let name = entry.node.as_text().map(str::trim).filter(|name| is_readable(name));
            match name.filter(|_| is_readable(stored)) {
                Some(name) => drop(names.insert(stored.to_owned(), name.to_owned())),
                None => {
                    let message = format!("the role `{}` needs its name in playbooks", short(stored));
                    let help = "write the store's role, then the name: `roles: { \"Economic Buyer\": owner }`";
                    fields.error_with_help("KW0601", entry.node.place, message, help);
                }
            }
        }
        RoleNames(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_playbooks_is_itself() {
        let names = |pairs: &[(&str, &str)]| {
            RoleNames::new(pairs.iter().map(|(stored, name)| ((*stored).to_owned(), (*name).to_owned())).collect())
        };
        let roles = names(&[("Economic Buyer", "owner"), ("owner", "assistant")]);
        assert_eq!(roles.resolve("Economic Buyer"), "owner");
        // What the store calls so is an assistant; the author means who is called owner here.
        assert_eq!(roles.resolve("owner"), "owner");
        assert_eq!(roles.resolve("champion"), "champion");
    }
}
