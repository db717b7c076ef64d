//! Whether a playbook helps: what became of those it treats beside those it
//! holds out, of one text beside another, and what it costs. Pure; the store
//! counts.
//!
//! The unit is the account. Everybody who was drawn counts where they were drawn,
//! whatever became of them there ("intention to treat"), and from the same time
//! after the draw on, so that both sides had the same time.
//!
//! - `figure` compares two groups in one respect.
//! - `spending` is what the playbook costs.
//! - `words` says it in sentences.

mod figure;
mod spending;
mod words;

use serde::Serialize;

use crate::statistics::{LEVEL, Sample, Share};

pub use figure::{Figure, Measure, Values, Verdict};
pub use spending::{Spending, TaskCounts};

/// The group that gets what the playbook does.
pub const TREATED: &str = "treated";
/// The group that gets nothing.
pub const HELD_OUT: &str = "held out";

/// After how many days renewal and revenue are judged, where nobody says otherwise.
pub const TERM_DAYS: i64 = 90;

/// What became of the accounts of one arm or variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    pub name: String,
    /// All who were drawn into it.
    pub drawn: i64,
    /// Of those drawn a goal window ago or longer, those who reached the goal within it.
    pub goal: Share,
    /// Of those drawn a term ago or longer whose renewal was due within it, those who
    /// were customers at its end or whose renewal date had moved on.
    pub renewal: Share,
    /// By how much the MRR of those drawn a term ago or longer changed in it, in the
    /// store's currency; that of a customer who left is 0.
    pub revenue: Sample,
    /// Of those whose goal is judged, those who answered a survey of the same
    /// enrollment; nobody of nobody where it asked nothing.
    pub answered: Share,
    /// Of the same, those who unsubscribed after a mail of the step.
    pub unsubscribed: Share,
}

/// Groups beside each other, the first of them as the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub groups: Vec<Group>,
    pub figures: Vec<Figure>,
}

impl Comparison {
    /// Treated and held out, in whatever order they come.
    pub fn of_holdout(mut groups: Vec<Group>) -> Comparison {
        for name in [HELD_OUT, TREATED] {
            if !groups.iter().any(|group| group.name == name) {
                groups.push(Group { name: name.to_owned(), ..Group::default() });
            }
        }
        groups.sort_by_key(|group| group.name != HELD_OUT);
        Comparison::new(groups, &[Measure::Goal, Measure::Renewal, Measure::Revenue])
    }

    /// Variants of a mail, by name; each is compared with the first.
    pub fn of_variants(mut groups: Vec<Group>) -> Comparison {
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        let asks = groups.iter().any(|group| group.answered.of > 0);
        let measures = [Measure::Goal, Measure::Answered, Measure::Unsubscribed];
        let measures: Vec<Measure> = measures.into_iter().filter(|one| asks || *one != Measure::Answered).collect();
        Comparison::new(groups, &measures)
    }

    /// Several comparisons share the level of what holds at any time, so that it
    /// holds for all of them together (Bonferroni).
    fn new(groups: Vec<Group>, measures: &[Measure]) -> Comparison {
        let mut figures = Vec::new();
        if let Some((base, others)) = groups.split_first() {
            let level = LEVEL / others.len().max(1) as f64;
            for measure in measures {
                figures.extend(others.iter().map(|group| Figure::new(*measure, group, base, level)));
            }
        }
        Comparison { groups, figures }
    }

    pub fn figure(&self, measure: Measure) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.measure == measure)
    }
}

/// The variants of one mail step beside each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepVariants {
    pub step: String,
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// What can be said of one playbook.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Impact {
    pub playbook: String,
    /// How long after the draw the goal is judged.
    pub goal_days: f64,
    /// How long after the draw renewal and revenue are judged.
    pub term_days: i64,
    /// `None` where nobody is or was held out.
    pub holdout: Option<Comparison>,
    pub variants: Vec<StepVariants>,
    pub spent: Spending,
}
