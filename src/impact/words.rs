//! What figures mean, in sentences.

use super::{Comparison, Figure, HELD_OUT, Impact, Measure, Spending, StepVariants, Values, Verdict};
use crate::statistics::{Bounds, Share};

impl Impact {
    /// Whether it helps, in one sentence.
    pub fn summary(&self) -> String {
        let Some(figures) = self.holdout.as_ref().map(|holdout| &holdout.figures) else {
            return "Nobody is held out, so nothing can be compared: `holdout: 10%` would tell what it is worth."
                .to_owned();
        };
        let with = |verdict| -> Vec<&str> {
            figures.iter().filter(|figure| figure.verdict == verdict).map(|figure| figure.measure.noun()).collect()
        };
        let (better, worse) = (with(Verdict::Better), with(Verdict::Worse));
        match (better.is_empty(), worse.is_empty()) {
            (false, true) => format!("It helps: {}.", better.join(", ")),
            (true, false) => format!("It harms: {}.", worse.join(", ")),
            (false, false) => format!("It helps: {}. It harms: {}.", better.join(", "), worse.join(", ")),
            (true, true) => match figures.iter().find(|figure| figure.measure == Measure::Goal) {
                Some(goal) if goal.verdict == Verdict::TooFew => {
                    format!("It is too early to say whether it helps: {}.", goal.too_few())
                }
                _ => "No difference can be told yet.".to_owned(),
            },
        }
    }

    /// All that can be said, a sentence each, after the summary.
    pub fn sentences(&self) -> Vec<String> {
        let of_holdout = self.holdout.iter().flat_map(|holdout| &holdout.figures);
        let mut sentences: Vec<String> = of_holdout.map(|figure| self.sentence(figure)).collect();
        if let Some(holdout) = &self.holdout {
            sentences.extend(pending(holdout));
        }
        for variants in &self.variants {
            sentences.push(variants.summary());
            sentences.extend(variants.comparison.figures.iter().map(|figure| self.sentence(figure)));
        }
        sentences.extend(self.spent.sentences());
        sentences
    }

    /// One figure.
    pub fn sentence(&self, figure: &Figure) -> String {
        let what = match figure.measure {
            Measure::Goal => format!("Goal within {} days", self.goal_days),
            Measure::Renewal => format!("Renewal, of those due within {} days", self.term_days),
            Measure::Revenue => format!("Change of MRR in {} days", self.term_days),
            Measure::Answered => "Answered a survey".to_owned(),
            Measure::Unsubscribed => "Unsubscribed".to_owned(),
        };
        let (group, base) = (&figure.group, &figure.base);
        let values = match figure.values {
            Values::Shares { group: one, base: other } => {
                format!("{}, {}", describe(one, group), describe(other, base))
            }
            Values::Means { group: one, base: other } => {
                format!("{:+.2} of {} {group}, {:+.2} of {} {base}", one.mean, one.count, other.mean, other.count)
            }
        };
        let Some(found) = figure.difference else { return format!("{what}: {values}; {}.", figure.too_few()) };
        let unit = if figure.measure == Measure::Revenue { "" } else { " points" };
        let decimals = if figure.measure == Measure::Revenue { 2 } else { 0 };
        let range = |bounds: Bounds| format!("{:+.decimals$} to {:+.decimals$}", bounds.low, bounds.high);
        let verdict = match figure.verdict {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::TooFew | Verdict::Unclear => "no difference can be told yet",
        };
        format!(
            "{what}: {values}. Difference {:+.decimals$}{unit}, 95 % sure {}; however often one looks {}: {verdict}.",
            found.value,
            range(found.range),
            range(found.anytime)
        )
    }
}

impl Figure {
    fn too_few(&self) -> String {
        format!("too few to say: {} of {} needed on each side", self.smallest, self.needed)
    }
}

impl StepVariants {
    fn summary(&self) -> String {
        let goal: Vec<&Figure> =
            self.comparison.figures.iter().filter(|figure| figure.measure == Measure::Goal).collect();
        let named = |verdict| goal.iter().filter(move |figure| figure.verdict == verdict).map(|figure| &*figure.group);
        let base = self.comparison.groups.first().map_or("", |group| &group.name);
        let (better, worse): (Vec<&str>, Vec<&str>) =
            (named(Verdict::Better).collect(), named(Verdict::Worse).collect());
        let told = match (better.is_empty(), worse.is_empty()) {
            (true, true) => "no difference can be told yet".to_owned(),
            (false, _) => format!("{} is better than {base}", better.join(", ")),
            (true, false) => format!("{base} is better than {}", worse.join(", ")),
        };
        format!("Variants of `{}`: {told}.", self.step)
    }
}

impl Measure {
    fn noun(self) -> &'static str {
        match self {
            Measure::Goal => "the goal",
            Measure::Renewal => "renewal",
            Measure::Revenue => "revenue",
            Measure::Answered => "answers",
            Measure::Unsubscribed => "unsubscriptions",
        }
    }
}

impl Spending {
    /// What was spent, and on what.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        let tasks = &self.tasks;
        if !tasks.is_empty() {
            let useful = tasks
                .useful_percent()
                .map_or(String::new(), |percent| format!("{percent} % of those somebody judged were useful: "));
            let median =
                tasks.median_hours.map_or(String::new(), |hours| format!("; the middle one took {}", span(hours)));
            sentences.push(format!(
                "Tasks of the last {} days: {useful}{} done ({} with an outcome), {} dismissed; {} closed by themselves, {} open{median}.",
                self.days, tasks.done, tasks.with_outcome, tasks.dismissed, tasks.closed, tasks.open
            ));
        }
        let hours = self.hours().map_or(String::new(), |hours| format!(" and {hours:.1} hours"));
        let each = match (self.mails_per_goal(), self.hours_per_goal()) {
            (Some(mails), Some(hours)) => format!(": {mails:.1} mails and {hours:.1} hours for each"),
            (Some(mails), None) => format!(": {mails:.1} mails for each"),
            (None, _) => String::new(),
        };
        sentences.push(format!(
            "Spent in the last {} days: {} mails{hours}; {} goals were reached{each}.",
            self.days, self.mails, self.goals
        ));
        sentences
    }
}

/// Who was drawn and has not had the time yet.
fn pending(holdout: &Comparison) -> Option<String> {
    let waiting: i64 = holdout.groups.iter().map(|group| group.drawn - group.goal.of).sum();
    let held_out = holdout.groups.iter().find(|group| group.name == HELD_OUT).map_or(0, |group| group.drawn);
    let drawn: i64 = holdout.groups.iter().map(|group| group.drawn).sum();
    (waiting > 0).then(|| {
        format!("{drawn} accounts were drawn, {held_out} of them held out; the time of {waiting} is not over yet.")
    })
}

fn describe(share: Share, who: &str) -> String {
    match share.of {
        0 => format!("0 {who}"),
        of => format!("{} of {of} {who} ({:.0} %)", share.part, share.rate() * 100.0),
    }
}

/// Hours as people say them.
fn span(hours: f64) -> String {
    if hours < 48.0 { format!("{hours:.1} hours") } else { format!("{:.1} days", hours / 24.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::{Group, TREATED};
    use crate::statistics::Sample;

    fn impact(treated: Share, held_out: Share) -> Impact {
        let revenue = Sample { count: 100, mean: 1.5, variance: 4.0 };
        let group = |name: &str, goal: Share| Group {
            name: name.to_owned(),
            drawn: goal.of + 5,
            goal,
            revenue,
            ..Group::default()
        };
        let holdout = Some(Comparison::of_holdout(vec![group(TREATED, treated), group(HELD_OUT, held_out)]));
        let spent = Spending { days: 90, mails: 7, goals: 2, ..Spending::default() };
        Impact { playbook: "p".to_owned(), goal_days: 30.0, term_days: 90, holdout, variants: Vec::new(), spent }
    }

    #[test]
    fn the_words_come_first_and_the_figures_follow() {
        let found = impact(Share { of: 700, part: 560 }, Share { of: 80, part: 32 });
        assert_eq!(found.summary(), "It helps: the goal.");
        assert_eq!(
            found.sentences(),
            [
                "Goal within 30 days: 560 of 700 treated (80 %), 32 of 80 held out (40 %). Difference +40 points, \
                 95 % sure +29 to +50; however often one looks +23 to +57: better.",
                "Renewal, of those due within 90 days: 0 treated, 0 held out; too few to say: 0 of 30 needed on each side.",
                "Change of MRR in 90 days: +1.50 of 100 treated, +1.50 of 100 held out. Difference +0.00, \
                 95 % sure -0.56 to +0.56; however often one looks -0.87 to +0.87: no difference can be told yet.",
                "790 accounts were drawn, 85 of them held out; the time of 10 is not over yet.",
                "Spent in the last 90 days: 7 mails; 2 goals were reached: 3.5 mails for each.",
            ]
        );
        let early = impact(Share { of: 70, part: 50 }, Share { of: 12, part: 3 });
        assert_eq!(
            early.summary(),
            "It is too early to say whether it helps: too few to say: 12 of 30 needed on each side."
        );
        assert!(Impact { holdout: None, ..early }.summary().starts_with("Nobody is held out"));
    }
}
