//! The mails of a plan as files, which mail programs open.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context;

use crate::effect::kind;
use crate::worker::runs::plan::{Plan, PlannedEffect};

/// The longest part of a name, in characters.
const LONGEST: usize = 60;

/// An error where mails cannot be written into a folder without mixing them with
/// something else. It need not be there.
pub(super) fn expect_empty(folder: &Path) -> anyhow::Result<()> {
    match fs::read_dir(folder) {
        Ok(mut entries) => anyhow::ensure!(
            entries.next().is_none(),
            "the folder {} is not empty: name a new one for the mails",
            folder.display()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!("{} cannot be used as a folder", folder.display())));
        }
    }
    Ok(())
}

/// Writes each mail of the plans into a file, and says how many there are.
pub(super) fn write(folder: &Path, plans: &[Plan]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
    let mut names = BTreeSet::new();
    for plan in plans {
        for effect in &plan.effects {
            let Some(mail) = &effect.mail else { continue };
            let path = folder.join(unique(&name(&plan.playbook, effect), &mut names));
            let failed = || format!("{} cannot be written", path.display());
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path).with_context(failed)?;
            file.write_all(mail).with_context(failed)?;
        }
    }
    let is_mail = |effect: &&PlannedEffect| matches!(effect.kind, kind::MAIL | kind::NOTICE) && effect.to.is_some();
    let all = plans.iter().flat_map(|plan| &plan.effects).filter(is_mail).count();
    tell!("{} of {all} mails are in {}; none of them was sent", names.len(), folder.display());
    Ok(())
}

/// `call_a1_hello`, or `call_a1_c1_hello` of a contact.
fn name(playbook: &str, effect: &PlannedEffect) -> String {
    let subject = &effect.subject;
    let parts = [playbook, &subject.account, &subject.contact, &effect.step];
    parts.into_iter().filter(|part| !part.is_empty()).map(part).collect::<Vec<_>>().join("_")
}

/// A text as a part of a file's name on every system: what could mean something
/// else becomes `-`.
fn part(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    text.chars().take(LONGEST).map(plain).collect()
}

/// The name with its ending, and a number where there is such a one already, also
/// where a file system takes capitals for small letters.
fn unique(name: &str, names: &mut BTreeSet<String>) -> String {
    let mut found = format!("{name}.eml");
    let mut number = 2;
    while !names.insert(found.to_lowercase()) {
        found = format!("{name}_{number}.eml");
        number += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_each_is_another_one() {
        assert_eq!(part("../a b/ü.eml"), "---a-b---eml");
        assert_eq!(part(&"x".repeat(200)).len(), LONGEST);
        let mut names = BTreeSet::new();
        let found = ["a", "A", "a", "b"].map(|name| unique(name, &mut names));
        assert_eq!(found, ["a.eml", "A_2.eml", "a_3.eml", "b.eml"]);
    }
}
