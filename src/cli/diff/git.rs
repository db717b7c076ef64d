//! Files as they are in a git revision, read with the program `git`. The working
//! copy and the repository stay as they are.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context;

use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::source::{SourceSet, is_playbook, is_script};

/// More than this is no folder of playbooks.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The mode of a link in a tree.
const LINK: &str = "120000";

/// A file of a revision.
struct TreeFile {
    /// From the root of the repository on.
    path: String,
    object: String,
    is_link: bool,
}

/// The playbooks and scripts of a revision, where the folders are that hold them
/// now. Scripts outside of the repository are read as they are.
pub(super) fn read(revision: &str, playbooks: &Path, scripts: &Path) -> anyhow::Result<SourceSet> {
    let (folder, path) = place_in_repository(playbooks)?;
    let commit = commit(&folder, revision)?;
    let mut problems = Vec::new();
    let playbooks = files(&folder, &commit, &path, revision, is_playbook, true, &mut problems)?;
    let outside = SourceSet::read(&[], scripts);
    let mut sources = match place_in_repository(scripts) {
        Ok((beside, path)) if root(&beside)? == root(&folder)? => {
            let scripts = files(&beside, &commit, &path, revision, is_script, false, &mut problems)?;
            SourceSet::of_files(playbooks, scripts)
        }
        _ => SourceSet { scripts: outside.scripts, ..SourceSet::of_files(playbooks, Vec::new()) },
    };
    sources.problems.extend(problems);
    Ok(sources)
}

/// The nearest folder of a path that exists, and the path from the root of its
/// repository on, with `/` between folders.
fn place_in_repository(path: &Path) -> anyhow::Result<(PathBuf, String)> {
    let whole = std::env::current_dir().context("the working folder cannot be used")?.join(path);
    let folder = whole.ancestors().find(|folder| folder.is_dir()).unwrap_or(&whole).to_owned();
    let rest = whole.strip_prefix(&folder).unwrap_or(Path::new(""));
    let output = git(&folder, ["rev-parse", "--show-prefix"], None)?;
    anyhow::ensure!(
        output.status.success(),
        "`{}` is in no git repository ({}): `--against` then takes a folder, or the word `published`",
        path.display(),
        first_error_line(&output)
    );
    let prefix = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
    let rest: Vec<_> = rest
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    Ok((folder, format!("{prefix}{}", rest.join("/")).trim_end_matches('/').to_owned()))
}

fn root(folder: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(git(folder, ["rev-parse", "--show-toplevel"], None)?.stdout)
}

/// The commit that a revision names.
fn commit(folder: &Path, revision: &str) -> anyhow::Result<String> {
    let named = format!("{revision}^{{commit}}");
    let output = match revision.starts_with('-') {
        true => None,
        false => Some(git(folder, ["rev-parse", "--verify", "--quiet", &named], None)?),
    };
    match output.filter(|output| output.status.success()) {
        Some(output) => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        None => anyhow::bail!(
            "`{revision}` is neither a folder, nor `published`, nor a revision that git knows here; \
             a copy that was made for a build may lack it: `git fetch origin {revision}`"
        ),
    }
}

/// The files below a path of a commit, by their names and with their bytes.
fn files(
    folder: &Path,
    commit: &str,
    path: &str,
    revision: &str,
    is_wanted: fn(&Path) -> bool,
    nested: bool,
    problems: &mut Vec<Diagnostic>,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut wanted = Vec::new();
    for file in list(folder, commit, path)? {
        let below = file.path.strip_prefix(path).unwrap_or(&file.path).trim_start_matches('/');
        let is_hidden = below.split('/').any(|part| part.starts_with('.'));
        // The path may name one file.
        if is_hidden || (!nested && below.contains('/')) || !is_wanted(Path::new(&file.path)) {
            continue;
        }
        if file.is_link {
            let at = Position { line: 1, column: 1 };
            let message = "a link is not read in a git revision";
            problems.push(Diagnostic::error("KW0009", &format!("{revision}:{}", file.path), at, message));
        } else {
            wanted.push(file);
        }
    }
    let contents = contents(folder, &wanted)?;
    Ok(wanted.into_iter().map(|file| format!("{revision}:{}", file.path)).zip(contents).collect())
}

fn list(folder: &Path, commit: &str, path: &str) -> anyhow::Result<Vec<TreeFile>> {
    let mut words = vec!["ls-tree", "-r", "-z", "--full-tree", commit];
    if !path.is_empty() {
        words.extend(["--", path]);
    }
    let output = git(folder, words, None)?;
    anyhow::ensure!(output.status.success(), "git cannot list the files of {commit}: {}", first_error_line(&output));
    let lines = output.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let file = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        let (about, path) = line.split_once('\t')?;
        let mut about = about.split(' ');
        let (mode, kind, object) = (about.next()?, about.next()?, about.next()?);
        (kind == "blob").then(|| TreeFile { path: path.to_owned(), object: object.to_owned(), is_link: mode == LINK })
    };
    Ok(lines.filter_map(file).collect())
}

/// The bytes of files, in their order.
fn contents(folder: &Path, files: &[TreeFile]) -> anyhow::Result<Vec<Vec<u8>>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let names: String = files.iter().map(|file| format!("{}\n", file.object)).collect();
    let output = git(folder, ["cat-file", "--batch"], Some(names))?;
    anyhow::ensure!(output.status.success(), "git cannot read the files: {}", first_error_line(&output));
    anyhow::ensure!(output.stdout.len() <= MOST_BYTES, "the files have more than {} MiB together", MOST_BYTES >> 20);
    let mut rest = output.stdout.as_slice();
    let mut found = Vec::new();
    for file in files {
        let lacks = || format!("git does not have the content of {}", file.path);
        let end = rest.iter().position(|byte| *byte == b'\n').with_context(lacks)?;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size: usize = head.rsplit(' ').next().and_then(|size| size.parse().ok()).with_context(lacks)?;
        rest = &rest[end + 1..];
        found.push(rest.get(..size).with_context(lacks)?.to_vec());
        rest = rest.get(size + 1..).unwrap_or_default();
    }
    Ok(found)
}

/// Runs `git` in a folder, with a text on its stdin.
fn git<W: AsRef<OsStr>>(
    folder: &Path,
    words: impl IntoIterator<Item = W>,
    input: Option<String>,
) -> anyhow::Result<Output> {
    let mut command = Command::new("git");
    // Git refreshes what it remembers of files only where it may lock.
    command.arg("-C").arg(folder).args(words).env("GIT_OPTIONAL_LOCKS", "0");
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow::anyhow!(
                "a revision is read with the program `git`, which is not installed here: \
             `--against` then takes a folder, or the word `published`"
            ),
            _ => anyhow::Error::new(error).context("git cannot be started"),
        })?;
    // Beside the reading, since neither side waits for the other.
    let writer = child.stdin.take().zip(input).map(|(mut stdin, input)| {
        std::thread::spawn(move || {
            let _ = stdin.write_all(input.as_bytes());
        })
    });
    let output = child.wait_with_output().context("git did not answer")?;
    if let Some(writer) = writer {
        let _ = writer.join();
    }
    Ok(output)
}

/// The first line of what git said.
fn first_error_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().next().unwrap_or("git said nothing").trim_start_matches("fatal: ").to_owned()
}
