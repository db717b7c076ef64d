//! The playbooks and documents that come with Keepwell, to begin a new one with. They are in
//! the program, with the scripts that they use.
//!
//! - `wish` finds the one that is nearest to what somebody wishes.

use crate::playbook::document::{FileDraft, REPORT_WORD};
use crate::playbook::source::SourceFile;
use crate::rule::functions::global::{KPI, KPI_CHANGE};

mod files {
    include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
}

mod wish;

pub use wish::{Fit, Reason, fits};

/// A playbook or document that comes with Keepwell.
#[derive(Clone, Debug)]
pub struct ShippedPlaybook {
    pub id: String,
    /// The folder of `playbooks` that it is in, such as `onboarding`.
    pub area: &'static str,
    /// What it is for, in one sentence.
    pub about: String,
    /// Whom it tells of holds and failures: nobody's real address; empty of a document.
    pub alerts_to: String,
    /// `playbook`, or the kind of a document.
    pub first_key: &'static str,
    /// The whole file.
    pub text: &'static str,
}

/// A script that comes with Keepwell.
#[derive(Clone, Copy, Debug)]
pub struct ShippedScript {
    /// The name of its file without the ending, by which playbooks call it.
    pub module: &'static str,
    pub text: &'static str,
}

/// Every shipped playbook and document, by area and within it by the name of the file.
pub fn playbooks() -> Vec<ShippedPlaybook> {
    let read = |(name, text): &(&'static str, &'static str)| {
        let file = SourceFile { path: format!("{name}.yaml").into(), text: (*text).into() };
        let (id, about, alerts_to, first_key) = match super::read(&file, &mut Vec::new())? {
            FileDraft::Playbook(draft) => {
                let playbook = draft.playbook;
                let first_key = playbook.first_key();
                (playbook.id, playbook.about, playbook.alerts_to, first_key)
            }
            FileDraft::Document(draft) => (draft.document.id, draft.document.about, None, draft.document.kind.word),
        };
        let (about, alerts_to) = (about.unwrap_or_default(), alerts_to.unwrap_or_default());
        let area = name.split_once('/').map_or("", |(area, _)| area);
        Some(ShippedPlaybook { id, area, about, alerts_to, first_key, text })
    };
    files::PLAYBOOKS.iter().filter_map(read).collect()
}

impl ShippedPlaybook {
    /// Its text under another id, without the words that only serve to find it.
    /// Where somebody else hears of holds and failures, it names nobody.
    pub fn copy(&self, id: &str, names_alerts_to: bool) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut in_cases = false;
        for line in self.text.lines() {
            in_cases |= line == "tests:";
            let first = line.strip_prefix(self.first_key).is_some_and(|rest| rest.starts_with(':'));
            if first {
                lines.push(format!("{}: {id}", self.first_key));
            } else if line.starts_with(wish::KEYWORDS) {
                // The empty remark before them.
                lines.pop_if(|line| line == "#");
            } else if in_cases {
                lines.push(with_id(line, &self.id, id));
            } else if names_alerts_to || !line.starts_with("alerts_to:") {
                lines.push(line.to_owned());
            }
        }
        lines.join("\n") + "\n"
    }

    /// The scripts that its expressions call.
    pub fn scripts(&self) -> Vec<ShippedScript> {
        let scripts = files::SCRIPTS.iter().map(|(module, text)| ShippedScript { module, text });
        scripts.filter(|script| self.text.contains(&format!("{}::", script.module))).collect()
    }

    /// The documents that it does not go without: the value reports that its steps
    /// send, and the KPIs whose recorded figures it reads.
    pub fn documents(&self) -> Vec<ShippedPlaybook> {
        let is_sent = |report: &ShippedPlaybook| {
            let step = format!("{REPORT_WORD}: {}", report.id);
            self.text.lines().any(|line| line.starts_with(' ') && line.trim_start().trim_start_matches("- ") == step)
        };
        let is_read = |kpi: &ShippedPlaybook| {
            [KPI, KPI_CHANGE].iter().any(|function| self.text.contains(&format!("{function}(\"{}\"", kpi.id)))
        };
        let is_needed = |one: &ShippedPlaybook| match one.first_key {
            REPORT_WORD => is_sent(one),
            KPI => is_read(one),
            _ => false,
        };
        playbooks().into_iter().filter(is_needed).collect()
    }
}

/// A line of a document's cases, which name it where they say what it found before.
fn with_id(line: &str, was: &str, id: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let (mut text, mut copied) = (String::new(), 0);
    for (at, _) in line.match_indices(was) {
        let (before, behind) = (&line[..at], &line[at + was.len()..]);
        let is_word = !before.ends_with(is_part) && !behind.starts_with(is_part);
        if is_word && ["plans: {", "plan:"].iter().any(|key| before.trim_end().ends_with(key)) {
            text.push_str(&line[copied..at]);
            text.push_str(id);
            copied = at + was.len();
        }
    }
    text + &line[copied..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::document::PLAYBOOK_WORD;

    #[test]
    fn a_copy_differs_in_its_id_and_in_what_is_for_finding_it() {
        let text = "# Why.\n#\n# Keywords: a, b.\n\nplaybook: a\nalerts_to: x@y.example\nwhen: true\n";
        let shipped = ShippedPlaybook {
            id: "a".into(),
            area: "",
            about: String::new(),
            alerts_to: String::new(),
            first_key: PLAYBOOK_WORD,
            text,
        };
        assert_eq!(shipped.copy("mine", true), "# Why.\n\nplaybook: mine\nalerts_to: x@y.example\nwhen: true\n");
        assert_eq!(shipped.copy("mine", false), "# Why.\n\nplaybook: mine\nwhen: true\n");
    }

    #[test]
    fn the_cases_of_a_copy_name_it() {
        let text =
            "plan: a\ntests:\n  - plans: { a: -3d }\n    goals: [ { plan: a, goal: a, at: -3d }, { plan: a-b } ]\n";
        let shipped = ShippedPlaybook {
            id: "a".into(),
            area: "",
            about: String::new(),
            alerts_to: String::new(),
            first_key: "plan",
            text,
        };
        let copy = "plan: mine\ntests:\n  - plans: { mine: -3d }\n    goals: [ { plan: mine, goal: a, at: -3d }, { plan: a-b } ]\n";
        assert_eq!(shipped.copy("mine", true), copy);
    }

    #[test]
    fn every_shipped_file_can_be_found() {
        let shipped = playbooks();
        assert_eq!(shipped.len(), files::PLAYBOOKS.len());
        for playbook in &shipped {
            assert!(!playbook.area.is_empty(), "{} is in no folder", playbook.id);
            let hears = playbook.first_key != PLAYBOOK_WORD || !playbook.alerts_to.is_empty();
            assert!(!playbook.about.is_empty() && hears, "{}", playbook.id);
            assert!(playbook.text.contains(&format!("\n{}", wish::KEYWORDS)), "{} has no keywords", playbook.id);
        }
    }
}
