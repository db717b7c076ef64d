//! One respect in which two groups are compared.

use serde::Serialize;

use super::Group;
use crate::statistics::{Bounds, Difference, Sample, Share, difference_of_means, difference_of_shares};

/// With fewer accounts in a group nothing is said about shares, or about money:
/// changes of MRR are skewed, and Welch's interval needs more of them.
const FEWEST: i64 = 30;
const FEWEST_FOR_REVENUE: i64 = 60;

/// In what groups are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    Goal,
    Renewal,
    Revenue,
    Answered,
    Unsubscribed,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    TooFew,
    Better,
    Worse,
    /// Zero is among the values that it may have.
    Unclear,
}

/// What the groups are in a respect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Values {
    Shares { group: Share, base: Share },
    Means { group: Sample, base: Sample },
}

/// One respect, two groups. A difference of shares is in percentage points.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    pub measure: Measure,
    pub group: String,
    pub base: String,
    pub values: Values,
    /// `None` while a group is too small.
    pub difference: Option<Difference>,
    pub verdict: Verdict,
    /// How many accounts the smaller group has, and how many it takes.
    pub smallest: i64,
    pub needed: i64,
}

impl Figure {
    /// `level` is how often what holds at any time may miss.
    pub(super) fn new(measure: Measure, group: &Group, base: &Group, level: f64) -> Figure {
        let shares = |of: fn(&Group) -> Share| Values::Shares { group: of(group), base: of(base) };
        let values = match measure {
            Measure::Goal => shares(|group| group.goal),
            Measure::Renewal => shares(|group| group.renewal),
            Measure::Answered => shares(|group| group.answered),
            Measure::Unsubscribed => shares(|group| group.unsubscribed),
            Measure::Revenue => Values::Means { group: group.revenue, base: base.revenue },
        };
        let (smallest, needed) = match values {
            Values::Shares { group, base } => (group.of.min(base.of), FEWEST),
            Values::Means { group, base } => (group.count.min(base.count), FEWEST_FOR_REVENUE),
        };
        let difference = match values {
            _ if smallest < needed => None,
            Values::Shares { group, base } => Some(in_points(difference_of_shares(group, base, level))),
            Values::Means { group, base } => difference_of_means(group, base, level),
        };
        let verdict = difference.map_or(Verdict::TooFew, |found| judge(measure, found.anytime));
        let (group, base) = (group.name.clone(), base.name.clone());
        Figure { measure, group, base, values, difference, verdict, smallest, needed }
    }
}

fn in_points(found: Difference) -> Difference {
    Difference { value: found.value * 100.0, range: found.range.times(100.0), anytime: found.anytime.times(100.0) }
}

/// Only what holds at any time may decide: people look whenever they like.
fn judge(measure: Measure, anytime: Bounds) -> Verdict {
    let (more, fewer) = match measure {
        Measure::Unsubscribed => (Verdict::Worse, Verdict::Better),
        Measure::Goal | Measure::Renewal | Measure::Revenue | Measure::Answered => (Verdict::Better, Verdict::Worse),
    };
    match anytime {
        Bounds { low, .. } if low > 0.0 => more,
        Bounds { high, .. } if high < 0.0 => fewer,
        Bounds { .. } => Verdict::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::{Comparison, HELD_OUT, TREATED};

    fn group(name: &str, of: i64, part: i64) -> Group {
        let goal = Share { of, part };
        Group { name: name.to_owned(), drawn: of, goal, unsubscribed: goal, ..Group::default() }
    }

    fn verdict(treated: (i64, i64), held_out: (i64, i64)) -> Verdict {
        let groups = vec![group(TREATED, treated.0, treated.1), group(HELD_OUT, held_out.0, held_out.1)];
        Comparison::of_holdout(groups).figure(Measure::Goal).expect("is compared").verdict
    }

    #[test]
    fn a_verdict_needs_enough_on_both_sides_and_more_than_one_look_would() {
        assert_eq!(verdict((900, 800), (29, 1)), Verdict::TooFew);
        // The 95 % interval for one look is +5 to +33 points, and yet nothing is said.
        assert_eq!(verdict((70, 56), (80, 48)), Verdict::Unclear);
        assert_eq!(verdict((700, 560), (80, 30)), Verdict::Better);
        assert_eq!(verdict((700, 200), (80, 60)), Verdict::Worse);
        assert_eq!(verdict((700, 560), (80, 64)), Verdict::Unclear);
    }

    #[test]
    fn fewer_who_unsubscribe_are_better_and_more_variants_take_more_evidence() {
        let compared = |groups| Comparison::of_variants(groups);
        let two = compared(vec![group("b", 400, 120), group("a", 400, 60)]);
        let unsubscribed = two.figure(Measure::Unsubscribed).expect("is compared");
        assert_eq!((&*unsubscribed.group, &*unsubscribed.base, unsubscribed.verdict), ("b", "a", Verdict::Worse));
        assert_eq!(two.figure(Measure::Answered), None);
        let many = ["a", "b", "c", "d", "e"].map(|name| group(name, 400, if name == "b" { 120 } else { 60 }));
        let many = compared(many.to_vec());
        let width = |found: &Figure| found.difference.map(|found| found.anytime.high - found.anytime.low);
        assert!(width(many.figure(Measure::Goal).unwrap()) > width(two.figure(Measure::Goal).unwrap()));
    }
}
