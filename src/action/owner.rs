//! `owner("inside")` in place of a colleague: who looks after the account in a role.

use super::{Compiler, Reads, Situation};
use crate::facts::{Arg, Cell, CellPath, Csm, NameKind, Subject, Value};
use crate::playbook::Source;
use crate::rule::functions::is_always_there;

/// A role of the account's owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub role: String,
    cell: Cell,
}

impl Owner {
    /// Reads `owner("inside")`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Owner> {
        let inside = text.trim().strip_prefix("owner(")?.strip_suffix(')')?.trim();
        let role = ['"', '\''].into_iter().find_map(|quote| inside.strip_prefix(quote)?.strip_suffix(quote))?;
        let is_word = !role.trim().is_empty() && !role.contains(['"', '\'']);
        let path = CellPath::Call { function: "owner", args: vec![Arg::Text(role.to_owned())] };
        is_word.then(|| Owner { role: role.to_owned(), cell: Cell { subject: Subject::Account, path } })
    }

    /// Warns of a role that no account has an owner for.
    pub fn check(&self, source: &Source, compiler: &mut Compiler) {
        if is_always_there(NameKind::OwnerRole, &self.role) {
            return;
        }
        if let Some(missing) = compiler.schema.inventory.missing(NameKind::OwnerRole, &self.role) {
            compiler.problems.push(source.warning("KW0221", 1, 1, missing.to_string()).help(missing.advice()));
        }
    }

    pub fn reads(&self, reads: &mut Reads) {
        reads.cells.insert(self.cell.clone());
    }

    /// The colleague; `None` where nobody has the role, or nobody is known by that id.
    pub fn find<'a>(&self, at: &'a Situation) -> Option<&'a Csm> {
        match at.context.facts.get(&self.cell) {
            Some(Value::Text(id)) => at.staff.find(id).map(|colleague| &colleague.csm),
            _ => None,
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "owner(\"{}\")", self.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_owner_of_a_role_is_read() {
        let role = |text: &str| Owner::parse(text).map(|owner| owner.role);
        assert_eq!(role("owner(\"inside\")").as_deref(), Some("inside"));
        assert_eq!(role(" owner( 'Key Account' ) ").as_deref(), Some("Key Account"));
        for other in ["owner", "owner()", "owner(inside)", "owner(\"\")", "owner(\"a\", \"b\")", "csm"] {
            assert_eq!(role(other), None, "{other}");
        }
    }
}
