//! The key `was`: what a playbook was called before. And whether two texts say
//! the same under different names.

use std::collections::BTreeMap;

use super::reader::Fields;
use super::scale::SURVEY_WORD;
use super::yaml::{self, Node, NodeValue};
use super::{Playbook, Source};
use crate::diagnostic::{Diagnostic, Position};

/// The word for a playbook that is new, although its text is that of another one.
pub const NEW: &str = "none";

/// Keys that may differ where a playbook is only renamed: none of them says whom
/// it enrolls or what it does.
const OF_THE_NAME: [&str; 5] = ["playbook", SURVEY_WORD, "about", "was", "tests"];

/// Whether a text can be a playbook's id.
pub fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= 100 && text.chars().all(allowed)
}

/// What to write for a text that cannot be an id.
pub(super) fn id_advice(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut proposal = String::new();
    for c in text.trim().to_lowercase().chars() {
        if allowed(c) {
            proposal.push(c);
        } else if !proposal.is_empty() && !proposal.ends_with('-') {
            proposal.push('-');
        }
    }
    match proposal.trim_matches('-') {
        "" => "use lower-case letters, digits and `-`, at most 100".to_owned(),
        good => format!("use lower-case letters, digits and `-`: `{good:.100}`"),
    }
}

/// Reads `was`: `None` where nothing is said, nothing in it for `none`.
pub(super) fn read(fields: &mut Fields<'_, '_>, id: Option<&str>) -> Option<Vec<Source>> {
    let node = fields.take("was")?;
    let names = match &node.value {
        NodeValue::Text(source) if &*source.text == NEW => return Some(Vec::new()),
        NodeValue::Text(source) => vec![source.clone()],
        NodeValue::Sequence(items) if !items.is_empty() => fields.texts("was"),
        _ => {
            let message = format!("`was` needs the id that the playbook had before, not {}", node.describe());
            let help = "write `was: old-id`, or `was: none` for a playbook that is new";
            fields.error_with_help("KW0103", node.place, message, help);
            return None;
        }
    };
    let mut good: Vec<Source> = Vec::new();
    for name in names {
        let at = name.origin.at(1, 1);
        let text = &*name.text;
        if !is_id(text) || text == NEW {
            let message = format!("`{}` cannot be a playbook's id", super::reader::short(text));
            fields.error_with_help("KW0104", at, message, "write the id that the playbook had before");
        } else if Some(text) == id {
            let message = format!("`was` names `{text}`, which is the playbook's own id");
            let help = "write the id that it had before, or remove the key";
            fields.error_with_help("KW0118", at, message, help);
        } else if !good.iter().any(|known| *known.text == *text) {
            good.push(name);
        }
    }
    Some(good)
}

/// Reports names that are no name of before: they are another file's id still,
/// or several playbooks claim the same. `ids` are those of all files, with the
/// file where that is known.
pub fn check_across<'a>(
    playbooks: impl IntoIterator<Item = &'a Playbook>,
    ids: &[String],
    problems: &mut Vec<Diagnostic>,
) {
    let mut claims: BTreeMap<&str, Vec<(&Playbook, &Source)>> = BTreeMap::new();
    let mut files: BTreeMap<&str, &Playbook> = BTreeMap::new();
    for playbook in playbooks {
        files.insert(&playbook.id, playbook);
        for name in playbook.was.iter().flatten() {
            claims.entry(&name.text).or_default().push((playbook, name));
        }
    }
    for (name, claims) in claims {
        for (playbook, source) in &claims {
            let others = claims.iter().filter(|(other, _)| other.file != playbook.file);
            let others: Vec<String> =
                others.map(|(other, source)| format!("{}:{}", other.file, source.origin.at(1, 1).line)).collect();
            if !others.is_empty() {
                let message = format!("`was` names `{name}`, and so does {}", others.join(" and "));
                let help = "the history of a playbook goes to one other: take it out of all but one of them";
                problems.push(source.error("KW0118", 1, 1, message).help(help));
            } else if ids.iter().any(|id| id == name) {
                let place = files.get(name).map(|file| format!(", in {}:{}", file.file, file.place.line));
                let message = format!("`was` names `{name}`, which is a playbook still{}", place.unwrap_or_default());
                let help = format!("to rename it, remove its file; where both are to be, remove `{name}` from `was`");
                problems.push(source.error("KW0118", 1, 1, message).help(help));
            }
        }
    }
}

/// The names of before that a file claims, as far as they can be read; the rest
/// of the file may be wrong.
pub fn claimed(text: &str) -> Vec<String> {
    let Some(root) = yaml::read(&"".into(), text, &mut Vec::new()) else { return Vec::new() };
    let entries = root.as_mapping().unwrap_or_default();
    let Some(entry) = entries.iter().find(|entry| entry.key == "was") else { return Vec::new() };
    let names: Vec<&str> = match entry.node.as_sequence() {
        Some(items) => items.iter().filter_map(Node::as_text).collect(),
        None => entry.node.as_text().into_iter().filter(|name| *name != NEW).collect(),
    };
    names.into_iter().map(str::to_owned).collect()
}

/// What a playbook says apart from its name: two texts for which this is equal
/// enroll the same subjects and do the same. Neither remarks nor the way it is
/// laid out count. `None` where the text cannot be read.
pub fn rules(text: &str) -> Option<String> {
    let root = yaml::read(&"".into(), text, &mut Vec::new())?;
    let mut entries: Vec<_> =
        root.as_mapping()?.iter().filter(|entry| !OF_THE_NAME.contains(&entry.key.as_str())).collect();
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    let mut written = String::new();
    for entry in entries {
        write_text(&entry.key, &mut written);
        write_node(&entry.node, &mut written);
    }
    Some(written)
}

fn write_node(node: &Node, into: &mut String) {
    match &node.value {
        NodeValue::Null => into.push('~'),
        NodeValue::Bool(value) => into.push_str(if *value { "+" } else { "-" }),
        NodeValue::Int(value) => into.push_str(&format!("#{value};")),
        NodeValue::Float(number) => into.push_str(&format!("#{};", number.text)),
        NodeValue::Text(source) => write_text(source.text.trim_end(), into),
        NodeValue::Sequence(items) => {
            into.push('[');
            items.iter().for_each(|item| write_node(item, into));
            into.push(']');
        }
        NodeValue::Mapping(entries) => {
            into.push('{');
            for entry in entries {
                write_text(&entry.key, into);
                write_node(&entry.node, into);
            }
            into.push('}');
        }
    }
}

/// With its length, so that no text runs into the next.
fn write_text(text: &str, into: &mut String) {
    into.push_str(&format!("{}:{text}", text.len()));
}

/// Where what is said of a playbook's names stands.
pub fn place(playbook: &Playbook) -> Position {
    playbook.was.iter().flatten().next().map_or(playbook.place, |name| name.origin.at(1, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELCOME: &str =
        "playbook: welcome\nabout: Says hello.\nschedule: '@daily'\nwhen: true\nsteps: [{ wait: 3d }]\n";

    #[test]
    fn a_renamed_text_says_the_same_and_a_changed_one_does_not() {
        let renamed =
            "# Renamed.\nplaybook: hello\nwas: welcome\nschedule: \"@daily\"\nwhen: true\nsteps:\n  - wait: 3d\n";
        assert_eq!(rules(WELCOME), rules(renamed));
        for changed in [
            WELCOME.replace("3d", "4d"),
            WELCOME.replace("true", "\"true\""),
            WELCOME.replace("when", "exit"),
            format!("{WELCOME}mode: shadow\n"),
        ] {
            assert_ne!(rules(WELCOME), rules(&changed), "{changed}");
        }
        assert_eq!(rules("- a list"), None);
    }

    #[test]
    fn names_are_read_from_a_file_with_mistakes() {
        assert_eq!(claimed("playbook: b\nwas: a\nwhen: account.\nsteps: 5\n"), ["a"]);
        assert_eq!(claimed("playbook: c\nwas: [a, b]\n"), ["a", "b"]);
        assert!(claimed("playbook: c\nwas: none\n").is_empty());
    }
}
