//! The names of playbooks: what a file says of the one before, and a text that
//! comes under a new name without a word about it.

use std::sync::Arc;

use crate::catalog::ReadyPlaybook;
use crate::diagnostic::Diagnostic;
use crate::playbook::renaming;
use crate::store::Store;
use crate::store::runs::renames::NameConflict;

/// The names that a playbook had before.
pub(crate) fn names_of_before(ready: &ReadyPlaybook) -> Vec<&str> {
    ready.playbook.was.iter().flatten().map(|name| &*name.text).collect()
}

/// An error of each playbook that cannot have the name, or the history of the
/// name of before, that it claims.
pub async fn name_conflicts(store: &Store, playbooks: &[Arc<ReadyPlaybook>]) -> anyhow::Result<Vec<Diagnostic>> {
    let names: Vec<(&str, Vec<&str>)> =
        playbooks.iter().map(|ready| (&*ready.playbook.id, names_of_before(ready))).collect();
    let conflicts = store.name_conflicts(&names).await?;
    let error = |conflict: NameConflict| {
        let ready = playbooks.iter().find(|ready| ready.playbook.id == conflict.playbook())?;
        let (playbook, help) = (&ready.playbook, conflict.help());
        let at = renaming::place(playbook);
        Some(Diagnostic::error("KW0118", &playbook.file, at, conflict.to_string()).help(help))
    };
    Ok(conflicts.into_iter().filter_map(error).collect())
}

/// The playbook whose file is gone and whose text this one has, where it does not
/// say whether it is that one under another name. `files` are the ids of the
/// files as they stand now, where they may differ from what was published.
pub(crate) async fn twin(
    store: &Store,
    ready: &ReadyPlaybook,
    files: Option<&[String]>,
) -> anyhow::Result<Option<String>> {
    let playbook = &ready.playbook;
    if playbook.was.is_some() {
        return Ok(None);
    }
    let gone = store.gone_before(&playbook.id, files).await?;
    let own = if gone.is_empty() { None } else { renaming::rules(&playbook.text) };
    let twin = gone.into_iter().find(|text| own.is_some() && renaming::rules(&text.text) == own);
    Ok(twin.map(|text| text.playbook))
}

/// What `check` says of names beside a database: both of the others.
pub async fn findings(
    store: &Store,
    playbooks: &[Arc<ReadyPlaybook>],
    files: &[String],
) -> anyhow::Result<Vec<Diagnostic>> {
    let mut found = name_conflicts(store, playbooks).await?;
    found.extend(twins(store, playbooks, files).await?);
    Ok(found)
}

/// A warning of each playbook that has the text of one whose file is gone.
pub async fn twins(
    store: &Store,
    playbooks: &[Arc<ReadyPlaybook>],
    files: &[String],
) -> anyhow::Result<Vec<Diagnostic>> {
    let mut problems = Vec::new();
    for ready in playbooks {
        let playbook = &ready.playbook;
        let Some(twin) = twin(store, ready, Some(files)).await? else { continue };
        if store.has_approved(&playbook.id, &ready.revision).await? {
            continue;
        }
        let message = format!("this is the text of `{twin}`, whose file is gone: its runs are held");
        let help = format!(
            "write `was: {twin}` if it is that one under another name, so that nobody enters twice, or `was: none` \
             if it is new"
        );
        problems.push(Diagnostic::warning("KW0705", &playbook.file, playbook.place, message).help(help));
    }
    Ok(problems)
}

/// A playbook as it stands until it is published.
pub(crate) struct Unpublished {
    /// Under the name where its history is: its own, where that is published, or
    /// else the first of those of before.
    pub ready: ReadyPlaybook,
    /// The names of before whose history it will carry on.
    pub was: Vec<String>,
}

impl Unpublished {
    /// Of the names of before those under which it does not stand.
    pub fn further_names(&self) -> Vec<String> {
        self.was.iter().filter(|name| **name != self.ready.playbook.id).cloned().collect()
    }
}

/// A playbook that is to carry on the history of other names, as it stands under
/// them until it is published.
pub(crate) async fn before_the_rename(store: &Store, mut ready: ReadyPlaybook) -> anyhow::Result<Unpublished> {
    let names: Vec<String> = names_of_before(&ready).into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return Ok(Unpublished { ready, was: Vec::new() });
    }
    let published = store.published().await?;
    let find = |name: &str| published.iter().find(|known| known.id == name);
    let before: Vec<_> = names.iter().filter_map(|name| find(name)).collect();
    let was: Vec<String> = before.iter().map(|known| known.id.clone()).collect();
    let Some(first) = before.first().filter(|_| find(&ready.playbook.id).is_none()) else {
        return Ok(Unpublished { ready, was });
    };
    let text = store.revision_text(&first.id, &first.revision).await?;
    let is_same = text.is_some_and(|text| {
        text.modules() == ready.scripts
            && text.surveys() == ready.surveys
            && renaming::rules(&text.text) == renaming::rules(&ready.playbook.text)
    });
    if is_same {
        ready.revision = first.revision.clone();
    }
    ready.playbook.id = first.id.clone();
    Ok(Unpublished { ready, was })
}
