//! Which text of two sets belongs to which: by the id, else by the names of before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{TextSet, UnusableText};
use crate::catalog::ReadyPlaybook;
use crate::store::runs::playbooks::Published;
use crate::worker::revision_cache::Loaded;
use crate::worker::runs::names::names_of_before;
use crate::worker::shared::Shared;

/// A playbook in one of the sets.
pub(super) enum Text {
    None,
    Ready { name: String, ready: Box<ReadyPlaybook> },
    Unusable(UnusableText),
}

impl Text {
    pub fn name(&self) -> Option<&str> {
        match self {
            Text::None => None,
            Text::Ready { name, .. } => Some(name),
            Text::Unusable(text) => Some(&text.playbook),
        }
    }

    pub fn ready(&self) -> Option<&ReadyPlaybook> {
        match self {
            Text::Ready { ready, .. } => Some(ready),
            _ => None,
        }
    }

    /// Why it cannot be used, if so.
    pub fn reason(&self, what: &str) -> Option<String> {
        match self {
            Text::Unusable(text) => Some(format!("{what}: {}", text.reason)),
            _ => None,
        }
    }

    /// Its queries, under the name where its history stands.
    pub fn load(self, shared: &Shared, history: &str) -> anyhow::Result<Option<Arc<Loaded>>> {
        let Text::Ready { mut ready, .. } = self else { return Ok(None) };
        ready.playbook.id = history.to_owned();
        Ok(Some(Arc::new(Loaded::new(*ready, shared.store.relations())?)))
    }
}

/// Two texts of one playbook.
pub(super) struct Pair {
    /// The names under which its history stands; the first is the one that both
    /// texts get.
    pub history: Vec<String>,
    pub before: Text,
    pub after: Text,
}

/// Finds the pairs. A text that says `was` belongs to the one of that name, where
/// no other does.
pub(super) fn pair_up(before: TextSet, after: TextSet, published: &[Published]) -> Vec<Pair> {
    let (mut before, mut after) = (by_name(before), by_name(after));
    let mut pairs = Vec::new();
    let shared: Vec<String> = after.keys().filter(|name| before.contains_key(*name)).cloned().collect();
    for name in shared {
        pairs.extend(before.remove(&name).zip(after.remove(&name)));
    }
    for name in after.keys().cloned().collect::<Vec<_>>() {
        let Some(text) = after.get(&name) else { continue };
        let earlier = names(text).into_iter().find(|name| before.contains_key(name));
        // The other way round of one that gets its old name back.
        let earlier = earlier
            .or_else(|| before.iter().find(|(_, text)| names(text).contains(&name)).map(|(known, _)| known.clone()));
        if let Some(earlier) = earlier {
            pairs.extend(before.remove(&earlier).zip(after.remove(&name)));
        }
    }
    pairs.extend(after.into_values().map(|text| (Text::None, text)));
    pairs.extend(before.into_values().map(|text| (text, Text::None)));
    let pair = |(before, after): (Text, Text)| Pair { history: history(&before, &after, published), before, after };
    pairs.into_iter().map(pair).collect()
}

fn by_name(set: TextSet) -> BTreeMap<String, Text> {
    let unusable = set.unusable.into_iter().map(|text| (text.playbook.clone(), Text::Unusable(text)));
    let ready = set.playbooks.into_iter().map(|ready| {
        let name = ready.playbook.id.clone();
        (name.clone(), Text::Ready { name, ready: Box::new(ready) })
    });
    unusable.chain(ready).collect()
}

/// The names that a text had before.
fn names(text: &Text) -> Vec<String> {
    text.ready().map(|ready| names_of_before(ready).into_iter().map(str::to_owned).collect()).unwrap_or_default()
}

/// The names that are published, of all that the texts have or had; where none is,
/// the first of them.
fn history(before: &Text, after: &Text, published: &[Published]) -> Vec<String> {
    let own = |text: &Text| text.name().map(str::to_owned);
    let mut all: Vec<String> = Vec::new();
    for name in own(after).into_iter().chain(own(before)).chain(names(after)).chain(names(before)) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    let first = all.first().cloned();
    all.retain(|name| published.iter().any(|one| one.id == *name));
    if all.is_empty() { first.into_iter().collect() } else { all }
}
