//! `keepwell new`: a playbook of one's own, begun with one that is shipped.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value as Json, json};

use super::database::configuration;
use super::{Format, Global, output};
use crate::catalog::claimed_id;
use crate::catalog::shipped::{self, ShippedPlaybook};
use crate::diagnostic::nearest;
use crate::playbook::document::{PLAYBOOK_WORD, REPORT_WORD, SURVEY_WORD};
use crate::playbook::renaming::is_id;
use crate::playbook::source::SourceSet;

#[derive(Debug, Args)]
pub struct Options {
    /// A shipped playbook's id, or in one line what you wish: the nearest is taken.
    #[arg(value_name = "NAME_OR_WISH", required_unless_present = "list")]
    wish: Option<String>,
    /// The id of the new playbook, and the name of its file; the shipped one's when absent.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// What there is to begin with.
    #[arg(long, conflicts_with_all = ["wish", "id"])]
    list: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let all = shipped::playbooks();
    let Some(wish) = options.wish.as_deref().filter(|_| !options.list) else {
        match options.format {
            Format::Json => output::json(&list_as_json(&all)),
            _ => list(&all),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let (playbook, words) = choose(wish.trim(), all)?;
    let id = options.id.clone().unwrap_or_else(|| playbook.id.clone());
    let file = free_file(global, &playbook, &id)?;
    let config = configuration(global)?;
    let is_playbook = [PLAYBOOK_WORD, SURVEY_WORD].contains(&playbook.first_key);
    let names_alerts_to = config.alerts_to.is_none() && is_playbook;
    let scripts = write_scripts(&global.scripts, &playbook)?;
    let documents = write_documents(&global.playbooks, &playbook)?;
    write_new(&file, &playbook.copy(&id, names_alerts_to || !is_playbook))?;
    if options.format == Format::Json {
        let alerts_to = names_alerts_to.then_some(playbook.alerts_to.as_str());
        output::json(&json!({ "new": {
            "playbook": id,
            "file": file.display().to_string(),
            "from": playbook.id,
            "about": playbook.about,
            "words": words,
            "scripts": scripts.iter().map(NeededFile::to_json).collect::<Vec<_>>(),
            "documents": documents.iter().map(NeededFile::to_json).collect::<Vec<_>>(),
            "alerts_to": alerts_to,
        } }));
        return Ok(ExitCode::SUCCESS);
    }

    say!("Wrote {}, from the shipped playbook `{}`:", file.display(), playbook.id);
    say!("  {}", playbook.about);
    if !words.is_empty() {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        say!(
            "It was chosen for the words {}. Nothing else of the wish was understood: read what it does.",
            words.join(", ")
        );
    }
    scripts.iter().chain(&documents).for_each(|file| say!("{}", file.describe()));
    say!();
    match is_playbook {
        true => {
            say!(
                "Make it yours: `when`, the steps and their words, the cases under `tests`, `schedule` and `timezone`."
            )
        }
        false => say!("Make it yours: its expressions, the cases under `tests`, `schedule` and `timezone`."),
    }
    if names_alerts_to {
        say!("`alerts_to` is `{}`: write who hears of holds and failures.", playbook.alerts_to);
    }
    say!();
    say!("Next:");
    let options = global.repeated();
    // Where one sees what it does.
    let (next, next_rest) = match playbook.first_key {
        "lifecycle" => ("stages", String::new()),
        "tiers" => ("tiers", String::new()),
        "kpi" => ("kpi", id.clone()),
        "plan" => ("goals", format!("--plan {id}")),
        REPORT_WORD => (REPORT_WORD, format!("{id} ACCOUNT")),
        _ if is_playbook => ("plan", format!("--playbook {id}")),
        _ => ("scores", id.clone()),
    };
    for (word, rest) in
        [("check", &*file.display().to_string()), ("test", &file.display().to_string()), (next, &next_rest)]
    {
        say!("{}", format!("  keepwell {word} {rest}{options}").trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn list(all: &[ShippedPlaybook]) {
    let width = |of: fn(&ShippedPlaybook) -> usize| all.iter().map(of).max().unwrap_or(0);
    let (ids, areas) = (width(|playbook| playbook.id.len()), width(|playbook| playbook.area.len()));
    for playbook in all {
        say!("{}  {}  {}", output::pad(&playbook.id, ids), output::pad(playbook.area, areas), playbook.about);
    }
}

fn list_as_json(all: &[ShippedPlaybook]) -> Json {
    let rows: Vec<Json> =
        all.iter().map(|one| json!({ "playbook": one.id, "area": one.area, "about": one.about })).collect();
    json!({ "shipped": rows })
}

/// The playbook of that id, or the one nearest to a wish and the words of the
/// wish that it was chosen for.
fn choose(wish: &str, all: Vec<ShippedPlaybook>) -> anyhow::Result<(ShippedPlaybook, Vec<String>)> {
    if let Some(named) = all.iter().find(|playbook| playbook.id == wish) {
        return Ok((named.clone(), Vec::new()));
    }
    if all.iter().any(|playbook| playbook.area == wish) {
        let ids: Vec<&str> = all.iter().filter(|one| one.area == wish).map(|one| one.id.as_str()).collect();
        bail!("`{wish}` is an area with several playbooks; name one: {}", ids.join(", "));
    }
    if let Some(near) = nearest(wish, all.iter().map(|playbook| playbook.id.as_str())) {
        bail!("there is no shipped playbook `{wish}`: did you mean `{near}`?");
    }
    let width = all.iter().map(|playbook| playbook.id.len()).max().unwrap_or(0);
    let lines = |playbooks: &mut dyn Iterator<Item = &ShippedPlaybook>| -> String {
        playbooks.map(|playbook| format!("\n{}  {}", output::pad(&playbook.id, width), playbook.about)).collect()
    };
    let everything = lines(&mut all.iter());
    let mut fits = shipped::fits(wish, all);
    match fits.len() {
        0 => bail!(
            "no shipped playbook has to do with these words. There are:{everything}\nBegin with the one that is nearest, by its name"
        ),
        1 => {}
        _ => bail!("several fit equally well; name one:{}", lines(&mut fits.iter().map(|fit| &fit.playbook))),
    }
    let fit = fits.remove(0);
    Ok((fit.playbook, fit.reasons.into_iter().map(|reason| reason.word).collect()))
}

/// The file for a new playbook; an id or a file that is taken is an error.
fn free_file(global: &Global, playbook: &ShippedPlaybook, id: &str) -> anyhow::Result<PathBuf> {
    if !is_id(id) {
        bail!("`{id}` cannot be a playbook's id: use lower-case letters, digits and `-`, at most 100");
    }
    let other = format!("give yours another: `keepwell new {} --id my-{}`", playbook.id, playbook.id);
    let sources = SourceSet::read_playbooks(std::slice::from_ref(&global.playbooks));
    if let Some(taken) = sources.playbooks.iter().find(|file| claimed_id(&file.text).as_deref() == Some(id)) {
        bail!("{} has the id `{id}` already; {other}", taken.path);
    }
    let file = global.playbooks.join(format!("{id}.yaml"));
    if file.symlink_metadata().is_ok() {
        bail!("{} is there already, and nothing is written over it; {other}", file.display());
    }
    Ok(file)
}

/// A script or a document that a playbook uses.
struct NeededFile {
    path: PathBuf,
    state: FileState,
}

/// Whether a file was there before.
enum FileState {
    Written,
    There,
    /// There, and with another text than the shipped one.
    Other,
}

impl NeededFile {
    fn describe(&self) -> String {
        let path = self.path.display();
        match self.state {
            FileState::Written => format!("Wrote {path}, which it uses."),
            FileState::There => format!("It uses {path}, which is there."),
            FileState::Other => {
                format!("It uses {path}, which is there and not the shipped one: `check` says whether it fits.")
            }
        }
    }

    fn to_json(&self) -> Json {
        let state = match self.state {
            FileState::Written => "written",
            FileState::There => "there",
            FileState::Other => "other",
        };
        json!({ "file": self.path.display().to_string(), "state": state })
    }
}

/// Writes the scripts that the playbook uses and that are not there; what was
/// done about each.
fn write_scripts(folder: &Path, playbook: &ShippedPlaybook) -> anyhow::Result<Vec<NeededFile>> {
    let mut done = Vec::new();
    for script in playbook.scripts() {
        let path = folder.join(format!("{}.rhai", script.module));
        let state = match fs::read_to_string(&path) {
            Ok(text) if text == script.text => FileState::There,
            Ok(_) => FileState::Other,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                write_new(&path, script.text)?;
                FileState::Written
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        done.push(NeededFile { path, state });
    }
    Ok(done)
}

/// Writes the documents that the playbook does not go without and that are not there;
/// what was done about each.
fn write_documents(folder: &Path, playbook: &ShippedPlaybook) -> anyhow::Result<Vec<NeededFile>> {
    let mut done = Vec::new();
    for document in playbook.documents() {
        let sources = SourceSet::read_playbooks(&[folder.to_owned()]);
        let known = sources.playbooks.iter().find(|file| claimed_id(&file.text).as_deref() == Some(&document.id));
        done.push(match known {
            Some(file) => NeededFile { path: PathBuf::from(&*file.path), state: FileState::There },
            None => {
                let path = folder.join(format!("{}.yaml", document.id));
                write_new(&path, &document.copy(&document.id, true))?;
                NeededFile { path, state: FileState::Written }
            }
        });
    }
    Ok(done)
}

/// Writes a file that is not there, and its folder.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create_new(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().with_context(|| format!("{} cannot be written", path.display()))
}
