//! The holdout: a share of accounts that gets nothing, so that a playbook can
//! know whether it helped.
//!
//! The unit is the account: its contacts share an arm. The arm is drawn once,
//! by a hash that the playbook's id salts, when the account first enters; from
//! then on the stored enrollment is the truth, whatever the share is later.

use serde::Serialize;

use crate::ids;
use crate::statistics::{Difference, LEVEL, Share, difference_of_shares};

/// Accounts are drawn from so many equal parts.
const PARTS: u64 = 10_000;

/// With fewer accounts in either arm nothing is said about a difference.
const FEWEST: i64 = 30;

/// The side of the comparison that an enrollment is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// Gets what the playbook does.
    Treated,
    /// Gets nothing.
    Ghost,
}

impl Arm {
    /// The word in the database.
    pub fn name(self) -> &'static str {
        match self {
            Arm::Treated => "treated",
            Arm::Ghost => "ghost",
        }
    }

    /// The arm of that name.
    pub fn parse(name: &str) -> Option<Arm> {
        [Arm::Treated, Arm::Ghost].into_iter().find(|arm| arm.name() == name)
    }
}

/// What an account's earlier enrollments in a playbook say about its arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Drawn {
    /// It has none: it is drawn now.
    #[default]
    NotYet,
    /// It was treated while there was no holdout, so it takes no part.
    Outside,
    In(Arm),
}

impl Drawn {
    /// What enrollments here and in another playbook, of one history now, say together.
    pub fn merge(self, other: Drawn) -> Drawn {
        match (self, other) {
            (Drawn::NotYet, drawn) | (drawn, Drawn::NotYet) => drawn,
            (Drawn::Outside, _) | (_, Drawn::Outside) => Drawn::Outside,
            (Drawn::In(one), Drawn::In(other)) => Drawn::In(one.max(other)),
        }
    }
}

/// The arm of an account that enters; `None` takes no part in a comparison.
/// `share` (0..=1) is held out; no holdout is `None`.
pub fn draw(share: Option<f64>, playbook: &str, account: &str, before: Drawn) -> Option<Arm> {
    let share = share?;
    match before {
        Drawn::Outside => None,
        Drawn::In(arm) => Some(arm),
        Drawn::NotYet => {
            let part = ids::share(&["holdout", playbook, account], PARTS) as f64;
            Some(if part < share * PARTS as f64 { Arm::Ghost } else { Arm::Treated })
        }
    }
}

/// How many accounts of an arm there are, and how many reached the goal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    pub accounts: i64,
    pub goal: i64,
}

impl Outcomes {
    fn rate(self) -> f64 {
        self.goal as f64 / self.accounts.max(1) as f64
    }

    fn describe(self, what: &str) -> String {
        match self.accounts {
            0 => format!("0 {what}"),
            accounts => format!("{} of {accounts} {what} ({:.0} %)", self.goal, self.rate() * 100.0),
        }
    }
}

/// Both arms of a playbook, each account where it was drawn, whatever became
/// of it there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    pub treated: Outcomes,
    pub ghosts: Outcomes,
}

impl Comparison {
    /// By how many percentage points more of the treated reached the goal. `None`
    /// while an arm is too small.
    pub fn difference(&self) -> Option<Difference> {
        if self.treated.accounts < FEWEST || self.ghosts.accounts < FEWEST {
            return None;
        }
        let share = |arm: Outcomes| Share { of: arm.accounts, part: arm.goal };
        let found = difference_of_shares(share(self.treated), share(self.ghosts), LEVEL);
        let (range, anytime) = (found.range.times(100.0), found.anytime.times(100.0));
        Some(Difference { value: found.value * 100.0, range, anytime })
    }

    /// In one sentence.
    pub fn describe(&self) -> String {
        let counts = format!(
            "the goal was reached by {}, {}",
            self.treated.describe("treated"),
            self.ghosts.describe("held out")
        );
        match self.difference() {
            None => format!("{counts}: too few to compare, which takes {FEWEST} of each"),
            Some(Difference { range, anytime, .. }) => {
                // People look as often as they like: what a single look says is not enough.
                let verdict = match () {
                    () if anytime.low > 0.0 => "it helps",
                    () if anytime.high < 0.0 => "it harms",
                    () => "no difference can be told yet",
                };
                format!("{counts}: between {:+.0} and {:+.0} points; {verdict}", range.low, range.high)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(share: f64) -> Vec<bool> {
        (0..2_000).map(|n| draw(Some(share), "rescue", &format!("a{n}"), Drawn::NotYet) == Some(Arm::Ghost)).collect()
    }

    #[test]
    fn about_the_share_is_held_out_and_a_larger_share_keeps_them() {
        let (tenth, half) = (drawn(0.1), drawn(0.5));
        let count = |ghosts: &[bool]| ghosts.iter().filter(|ghost| **ghost).count();
        assert!((140..260).contains(&count(&tenth)), "{}", count(&tenth));
        assert!((900..1_100).contains(&count(&half)), "{}", count(&half));
        assert!(tenth.iter().zip(&half).all(|(small, large)| !small || *large));
    }

    #[test]
    fn another_playbook_draws_others() {
        let arm = |playbook, account: &str| draw(Some(0.5), playbook, account, Drawn::NotYet);
        let same = (0..1_000).filter(|n| arm("one", &n.to_string()) == arm("two", &n.to_string())).count();
        assert!((400..600).contains(&same), "{same}");
    }

    #[test]
    fn what_is_stored_is_the_truth() {
        for n in 0..20 {
            let arm = |share, before| draw(share, "rescue", &n.to_string(), before);
            assert_eq!(arm(Some(0.99), Drawn::In(Arm::Treated)), Some(Arm::Treated));
            assert_eq!(arm(Some(0.01), Drawn::In(Arm::Ghost)), Some(Arm::Ghost));
            assert_eq!(arm(Some(0.99), Drawn::Outside), None);
            assert_eq!(arm(None, Drawn::In(Arm::Ghost)), None);
        }
    }

    #[test]
    fn a_verdict_needs_enough_in_both_arms() {
        let of = |accounts, goal| Outcomes { accounts, goal };
        let compared = |treated, ghosts| Comparison { treated, ghosts };
        assert_eq!(compared(of(900, 800), of(29, 1)).difference(), None);
        assert!(compared(of(900, 800), of(29, 1)).describe().contains("too few"));
        // Newcombe (1998), example (a): 56 of 70 against 48 of 80 is 5.24 to 33.39 points.
        let range = compared(of(70, 56), of(80, 48)).difference().expect("enough").range;
        assert!((range.low - 5.24).abs() < 0.01 && (range.high - 33.39).abs() < 0.01, "{range:?}");
        assert_eq!(
            compared(of(70, 56), of(80, 48)).describe(),
            "the goal was reached by 56 of 70 treated (80 %), 48 of 80 held out (60 %): between +5 and +33 points; no difference can be told yet"
        );
        assert!(compared(of(700, 560), of(80, 32)).describe().ends_with("it helps"));
        assert!(compared(of(80, 32), of(700, 560)).describe().ends_with("it harms"));
        assert!(compared(of(80, 48), of(70, 42)).describe().ends_with("no difference can be told yet"));
    }
}
