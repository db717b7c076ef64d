//! The tools, one file each. To add one: its file, and its word in the list.

use super::tool::Tool;

/// The tools of these files, in the order in which they are shown.
macro_rules! tools {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*
        pub static TOOLS: &[Tool] = &[$($name::TOOL),*];
    };
}

tools! {
    language_guide, facts, schema, list_playbooks, read_playbook, write_playbook, check, explain_code, test, plan, diff,
    explain, backtest,
}
