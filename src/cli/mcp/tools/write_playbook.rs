//! `write_playbook`: a file, and what `check` says of it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value as Json, json};

use crate::cli::check::find_all;
use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::Workplace;
use crate::playbook::folder_claim::{WritePermit, permit_writing};
use crate::playbook::yaml::MAX_BYTES;

pub const TOOL: Tool = Tool {
    name: "write_playbook",
    title: "Write a playbook file",
    about: "Writes a file below the playbooks' folder as a whole, also in place of one that is there, and answers with \
            what `check` finds in it. It publishes nothing: a folder that a running daemon reads is refused.",
    parameters: &[
        Parameter::text("file", "Its name below the folder, such as `renewal.yaml`; it ends in `.yaml`.").required(),
        Parameter::text("text", "The whole text of the file.").required(),
    ],
    answers: &[("written", "object"), ("diagnostics", "array")],
    writes: true,
    call: |workplace, arguments| Box::pin(call(workplace, arguments)),
};

async fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let (name, text) = (arguments.text("file").unwrap_or_default(), arguments.text("text").unwrap_or_default());
    let below = workplace.below(name)?;
    anyhow::ensure!(
        below.extension().is_some_and(|ending| ending == "yaml"),
        "`{name}` is no name of a playbook file: it ends in `.yaml`"
    );
    anyhow::ensure!(text.len() <= MAX_BYTES, "the text is longer than the {MAX_BYTES} bytes that a playbook may have");
    let (path, is_new) = write(&workplace.global.playbooks, below, text)?;
    let files = [path];
    let checked = find_all(&workplace.global, &files, workplace.facts.as_deref(), false).await?;
    let mut json = checked.to_json();
    json["written"] = json!({ "file": files[0], "new": is_new });
    Ok(json)
}

/// Writes a file below a folder, all of it or nothing; whether it is new.
fn write(folder: &Path, below: &Path, text: &str) -> anyhow::Result<(PathBuf, bool)> {
    let cannot = |path: &Path| format!("{} cannot be written", path.display());
    let parent = below.parent().unwrap_or(Path::new(""));
    let path = folder.join(below);
    let real = folder.canonicalize().with_context(|| format!("there is no folder {}", folder.display()))?;
    let (mut there, inner) = (real.clone(), real.join(parent));
    for part in parent.components() {
        let next = there.join(part);
        match fs::symlink_metadata(&next) {
            Ok(found) => anyhow::ensure!(found.is_dir(), "{} is a link or no folder", next.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error).with_context(|| cannot(&path)),
        }
        there = next;
    }
    let _permit = permit(&there)?;
    DirBuilder::new().recursive(true).mode(0o755).create(&inner).with_context(|| cannot(&path))?;
    let target = real.join(below);
    let mode = match fs::symlink_metadata(&target) {
        Ok(found) => {
            anyhow::ensure!(found.is_file(), "{} is a link or no regular file, and is left alone", path.display());
            Some(found.permissions().mode() & 0o777)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| cannot(&path)),
    };
    // Hidden, so that nobody takes it for a playbook, and beside it, so that renaming is one step.
    let name = below.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = inner.join(format!(".{name}.{}.new", std::process::id()));
    let written = put(&beside, text, mode).and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| cannot(&path))?;
    Ok((path, mode.is_none()))
}

fn put(path: &Path, text: &str, mode: Option<u32>) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    if let Some(mode) = mode {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// An error where a daemon would take into force what is written there.
fn permit(folder: &Path) -> anyhow::Result<WritePermit> {
    permit_writing(folder).map_err(|claimed| {
        anyhow::anyhow!(
            "a running Keepwell reads {} and would publish what is written there: start `keepwell mcp` with \
             `--playbooks` naming a working copy of the folder",
            claimed.display()
        )
    })
}
