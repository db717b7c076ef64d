//! What tools may use: the files below the playbooks' folder, and the database
//! without a right to write.

use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use super::arguments::{Arguments, Parameter};
use crate::cli::Global;

/// Where tools work.
pub struct Workplace {
    /// With it the database refuses every write.
    pub global: Global,
    pub facts: Option<PathBuf>,
}

/// Some of the playbooks, for a tool that is about all of them otherwise.
pub const FILES: Parameter =
    Parameter::texts("files", "Only these files, named as `list_playbooks` names them. All when absent.");

impl Workplace {
    /// The files that a call names.
    pub fn files(&self, arguments: &Arguments) -> anyhow::Result<Vec<PathBuf>> {
        arguments.texts(FILES.name).into_iter().map(|name| self.file(name)).collect()
    }

    /// A file below the playbooks' folder that is there.
    pub fn file(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.global.playbooks.join(self.below(name)?);
        let real = path.canonicalize().with_context(|| format!("there is no playbook file `{name}`"))?;
        let folder = self.global.playbooks.canonicalize()?;
        anyhow::ensure!(real.starts_with(&folder), "`{name}` leads out of the folder of playbooks");
        anyhow::ensure!(is_playbook(&path), "`{name}` is no playbook file: its name does not end in `.yaml`");
        Ok(path)
    }

    /// The way to a file from the playbooks' folder on: it may be named with the
    /// folder, as diagnostics do.
    pub fn below<'a>(&self, name: &'a str) -> anyhow::Result<&'a Path> {
        let named = Path::new(name);
        let path = named.strip_prefix(&self.global.playbooks).unwrap_or(named);
        let is_plain = path.components().all(|part| match part {
            Component::Normal(part) => !part.to_string_lossy().starts_with('.'),
            _ => false,
        });
        anyhow::ensure!(
            is_plain && path.components().next().is_some() && !name.contains(char::is_control),
            "`{}` is no file below the folder of playbooks: name it like `renewal.yaml` or `team/renewal.yaml`",
            name.escape_debug()
        );
        Ok(path)
    }
}

/// Whether a file is read as a playbook.
fn is_playbook(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_have_a_name() {
        let global = Global {
            playbooks: "team/playbooks".into(),
            scripts: "scripts".into(),
            data: ".keepwell".into(),
            demo: false,
            config: None,
            acting_as: None,
            read_only: true,
        };
        let workplace = Workplace { global, facts: None };
        for (name, below) in [
            ("a.yaml", "a.yaml"),
            ("x/a.yaml", "x/a.yaml"),
            ("team/playbooks/a.yaml", "a.yaml"),
            ("team/a.yaml", "team/a.yaml"),
        ] {
            assert_eq!(workplace.below(name).expect(name), Path::new(below));
        }
        for name in [
            "",
            ".",
            "..",
            "../a.yaml",
            "x/../../a.yaml",
            "/etc/a.yaml",
            "./a.yaml",
            ".a.yaml",
            "x/.b/a.yaml",
            "a\n.yaml",
            "team/playbooks",
            "team/playbooks/../a.yaml",
        ] {
            assert!(workplace.below(name).is_err(), "{name:?}");
        }
    }
}
