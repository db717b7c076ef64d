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

/// A playbook that is to carry on the history of another name, as it stands under
/// that name until it is published; and that name.
pub(crate) async fn before_the_rename(
    store: &Store,
    mut ready: ReadyPlaybook,
) -> anyhow::Result<(ReadyPlaybook, Option<String>)> {
    if names_of_before(&ready).is_empty() {
        return Ok((ready, None));
    }
    let published = store.published().await?;
    let Some(before) = published.iter().find(|known| names_of_before(&ready).contains(&known.id.as_str())) else {
        return Ok((ready, None));
    };
    let text = store.revision_text(&before.id, &before.revision).await?;
    let is_same = text.is_some_and(|text| {
        text.modules() == ready.scripts && renaming::rules(&text.text) == renaming::rules(&ready.playbook.text)
    });
    if is_same {
        ready.revision = before.revision.clone();
    }
    ready.playbook.id = before.id.clone();
    Ok((ready, Some(before.id.clone())))
}
