//! What a playbook costs.

use serde::Serialize;

/// From which share of judged tasks on, in percent, their dismissals say that the
/// playbook should be mended, and how many judgements that takes.
const POOR: i64 = 60;
const FEWEST_JUDGED: i64 = 5;

/// What became of a playbook's tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TaskCounts {
    pub done: i64,
    /// Of those, the ones with an outcome.
    pub with_outcome: i64,
    pub dismissed: i64,
    /// Closed by themselves: nobody judged them.
    pub closed: i64,
    pub open: i64,
    /// From its making to its end, in hours, of the middle one of those done or dismissed.
    pub median_hours: Option<f64>,
    /// The most frequent reasons of dismissals with their counts.
    pub reasons: Vec<(String, i64)>,
}

impl TaskCounts {
    fn judged(&self) -> i64 {
        self.done + self.dismissed
    }

    /// The share of the judged ones that were done, in percent.
    pub fn useful_percent(&self) -> Option<i64> {
        let judged = self.judged();
        (judged > 0).then(|| (self.done * 100 + judged / 2) / judged)
    }

    /// Whether most are dismissed. Too few judgements condemn nobody.
    pub fn is_poor(&self) -> bool {
        self.judged() >= FEWEST_JUDGED && self.dismissed * 100 > self.judged() * POOR
    }

    pub fn is_empty(&self) -> bool {
        self.judged() + self.closed + self.open == 0
    }
}

/// What it cost in a period, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spending {
    /// The length of the period.
    pub days: i64,
    pub tasks: TaskCounts,
    /// Mails to customers that left.
    pub mails: i64,
    /// Enrollments that reached the goal.
    pub goals: i64,
    /// How long a task takes, as the configuration says.
    pub minutes_per_task: Option<u32>,
}

impl Spending {
    /// The hours of tasks that were done; `None` where nobody says how long one takes.
    pub fn hours(&self) -> Option<f64> {
        self.minutes_per_task.map(|minutes| self.tasks.done as f64 * f64::from(minutes) / 60.0)
    }

    /// Mails for each goal that was reached; `None` without a goal.
    pub fn mails_per_goal(&self) -> Option<f64> {
        (self.goals > 0).then(|| self.mails as f64 / self.goals as f64)
    }

    /// Hours for each goal that was reached.
    pub fn hours_per_goal(&self) -> Option<f64> {
        self.hours().filter(|_| self.goals > 0).map(|hours| hours / self.goals as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_for_each_goal() {
        let tasks = TaskCounts { done: 6, dismissed: 2, ..TaskCounts::default() };
        assert_eq!((tasks.useful_percent(), tasks.is_poor()), (Some(75), false));
        let spent = Spending { tasks, mails: 30, goals: 4, minutes_per_task: Some(20), ..Spending::default() };
        assert_eq!((spent.mails_per_goal(), spent.hours(), spent.hours_per_goal()), (Some(7.5), Some(2.0), Some(0.5)));
        let nothing = Spending { goals: 0, ..spent };
        assert_eq!((nothing.mails_per_goal(), nothing.hours_per_goal()), (None, None));
        let poor = TaskCounts { done: 1, dismissed: 4, ..TaskCounts::default() };
        assert!(poor.is_poor() && !TaskCounts { dismissed: 4, ..TaskCounts::default() }.is_poor());
    }
}
