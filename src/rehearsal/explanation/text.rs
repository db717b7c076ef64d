//! The answer for people: first in plain words, then the evidence. Days and times
//! of day are those of the playbook's zone, which the first line names.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::clauses::{ExplainedClause, Truth};
use super::goals::goal_in_words;
use super::scores::score_in_words;
use super::words::{day_in_words, moment_in_words, value_in_words};
use super::{EntryVerdict, Explanation};
use crate::clock::Instant;
use crate::enrollment::Guard;

/// How many of the earlier enrollments are shown.
const SHOWN: usize = 5;

/// The widest clause that others are put in line with, in columns of the terminal.
const WIDEST: usize = 60;

impl Explanation {
    /// The answer in words, a few lines.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| {
            let _ = writeln!(text, "{words}");
        };
        line(self.headline());
        line(format!("  because {}", self.reason));
        if let Some(nearest) = &self.nearest {
            let day = day_in_words(nearest.at, self.zone);
            match self.decided_by {
                Guard::Clause => line(format!("  would be true from {day} on: {}", nearest.because)),
                _ => line(format!("  over from {day} on: {}", nearest.because)),
            }
            if let Some(then) = &nearest.then {
                line(format!("  then this would still be in the way: {then}"));
            }
        }
        if !self.clauses.is_empty() {
            line(String::new());
            line("  when".to_owned());
            clause_lines(&self.clauses, self.deciding).into_iter().for_each(&mut line);
        }
        for score in &self.scores {
            line(format!("  {}", score_in_words(score, self.zone)));
        }
        for goal in &self.goals {
            line(format!("  {}", goal_in_words(goal, self.zone)));
        }
        if !self.constant.is_empty() {
            line(String::new());
            line(format!("  not on record for then, so taken as of today: {}", self.constant.join(", ")));
        }
        line(String::new());
        for one in self.earlier.iter().take(SHOWN) {
            let ended = one.ended_at.map(|ended| format!(", ended {}", day_in_words(ended, self.zone)));
            line(format!(
                "  enrollment {}: {}, entered {}{}",
                one.id,
                one.state,
                day_in_words(one.started_at, self.zone),
                ended.unwrap_or_default()
            ));
        }
        if self.earlier.len() > SHOWN {
            line(format!("  and {} more", self.earlier.len() - SHOWN));
        }
        let moment = |at: Instant| moment_in_words(at, self.zone);
        let since = self.revision.published_at.map(|at| format!(", published on {}", moment(at)));
        line(format!("  revision {} of {}{}", self.revision.revision, self.revision.file, since.unwrap_or_default()));
        match self.next_slot {
            Some(slot) => line(format!("  next run on {}", moment(slot))),
            None => line("  no further run".to_owned()),
        }
        self.notes.iter().for_each(|note| line(format!("  note: {note}")));
        text
    }

    fn headline(&self) -> String {
        let (subject, playbook, why) = (&self.subject, &self.playbook, self.decided_by.describe());
        let at = self.at_in_words();
        match self.verdict {
            EntryVerdict::Enters => format!("{subject} enters {playbook} {at}"),
            EntryVerdict::Skipped => format!("{subject} does not enter {playbook} {at}: {why}"),
            EntryVerdict::Active => format!("{subject} is in {playbook} {at}"),
            EntryVerdict::Held => format!("{subject} waits for {playbook} {at}: {why}"),
        }
    }

    fn at_in_words(&self) -> String {
        format!("on {} ({})", moment_in_words(self.at, self.zone), self.zone)
    }
}

/// A line for each clause, in columns.
pub(super) fn clause_lines(clauses: &[ExplainedClause], deciding: Option<usize>) -> Vec<String> {
    let widest = clauses.iter().map(|clause| clause.clause.text.width()).max().unwrap_or(0).min(WIDEST);
    let lines = clauses.iter().enumerate().map(|(place, clause)| clause_line(clause, deciding == Some(place), widest));
    lines.collect()
}

/// `false        account.tier == "A"    "C"   <- decided here`.
fn clause_line(clause: &ExplainedClause, decides: bool, widest: usize) -> String {
    let text = &clause.clause.text;
    // A single value of a clause that names it needs no name again.
    let read = match clause.values.as_slice() {
        [(fact, value)] if text.contains(fact.as_str()) => value_in_words(value),
        _ => clause.values_in_words(),
    };
    let more = match &clause.truth {
        Truth::NotReached(Some(alone)) => format!(" (would be {alone})"),
        Truth::Undecided(error) => format!(" ({error})"),
        _ => String::new(),
    };
    let decided = if decides { "   <- decided here" } else { "" };
    let constant = if clause.constant.is_empty() { "" } else { " (as of today)" };
    let room = " ".repeat(widest.saturating_sub(text.width()));
    let words = format!("    {:<11}  {text}{room}  {read}{constant}{more}{decided}", clause.truth.name());
    words.trim_end().to_owned()
}
