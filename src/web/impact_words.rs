//! Whether a playbook helps, in the reader's language. The command line says the same
//! in English; see `impact::words`.

use super::language::{phrase, say, say_filled, translated};
use super::page::list_in_words;
use crate::impact::{Comparison, Figure, HELD_OUT, Impact, Measure, Spending, StepVariants, Values, Verdict};
use crate::statistics::{Sample, Share};

/// Whether it helps, in one sentence.
pub(super) fn summary(impact: &Impact) -> String {
    let Some(figures) = impact.holdout.as_ref().map(|holdout| &holdout.figures) else {
        return say!("Nobody is held out, so nothing can be compared: `holdout: 10%` would tell what it is worth.");
    };
    let with = |verdict| {
        let found: Vec<_> = figures.iter().filter(|figure| figure.verdict == verdict).collect();
        let nouns: Vec<_> = found.into_iter().map(|figure| translated(noun(figure.measure))).collect();
        (!nouns.is_empty()).then(|| list_in_words(&nouns))
    };
    match (with(Verdict::Better), with(Verdict::Worse)) {
        (Some(better), None) => say!("It helps: {better}.", better = better),
        (None, Some(worse)) => say!("It harms: {worse}.", worse = worse),
        (Some(better), Some(worse)) => {
            say!("It helps: {better}. It harms: {worse}.", better = better, worse = worse)
        }
        (None, None) => match figures.iter().find(|figure| figure.measure == Measure::Goal) {
            Some(goal) if goal.verdict == Verdict::TooFew => say!(
                "It is too early to say whether it helps: too few to say: {smallest} of {needed} needed on each side.",
                smallest = goal.smallest,
                needed = goal.needed
            ),
            _ => say!("No difference can be told yet."),
        },
    }
}

/// All that can be said, a sentence each, after the summary.
pub(super) fn sentences(impact: &Impact) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(holdout) = &impact.holdout {
        // The names of these groups are ours; those of variants are their authors'.
        let name = |group: &str| translated(group).into_owned();
        sentences.extend(holdout.figures.iter().map(|figure| sentence(impact, figure, name)));
        sentences.extend(pending(holdout));
    }
    for variants in &impact.variants {
        sentences.push(of_variants(variants));
        let figures = variants.comparison.figures.iter();
        sentences.extend(figures.map(|figure| sentence(impact, figure, str::to_owned)));
    }
    sentences.extend(of_tasks(&impact.spent));
    sentences.push(of_spending(&impact.spent));
    sentences
}

fn noun(measure: Measure) -> &'static str {
    match measure {
        Measure::Goal => phrase!("the goal"),
        Measure::Renewal => phrase!("renewal"),
        Measure::Revenue => phrase!("revenue"),
        Measure::Answered => phrase!("answers"),
        Measure::Unsubscribed => phrase!("unsubscriptions"),
    }
}

/// One figure.
fn sentence(impact: &Impact, figure: &Figure, name: impl Fn(&str) -> String) -> String {
    let what = match figure.measure {
        Measure::Goal => say!("Goal within {days} days", days = impact.goal_days),
        Measure::Renewal => say!("Renewal, of those due within {days} days", days = impact.term_days),
        Measure::Revenue => say!("Change of MRR in {days} days", days = impact.term_days),
        Measure::Answered => say!("Answered a survey"),
        Measure::Unsubscribed => say!("Unsubscribed"),
    };
    let (group, base) = (name(&figure.group), name(&figure.base));
    let (group, base) = match figure.values {
        Values::Shares { group: one, base: other } => (of_share(one, &group), of_share(other, &base)),
        Values::Means { group: one, base: other } => (of_mean(one, &group), of_mean(other, &base)),
    };
    let Some(found) = figure.difference else {
        return say!(
            "{what}: {group}, {base}; too few to say: {smallest} of {needed} needed on each side.",
            what = what,
            group = group,
            base = base,
            smallest = figure.smallest,
            needed = figure.needed
        );
    };
    let verdict = translated(match figure.verdict {
        Verdict::Better => phrase!("better"),
        Verdict::Worse => phrase!("worse"),
        Verdict::TooFew | Verdict::Unclear => phrase!("no difference can be told yet"),
    });
    let is_money = figure.measure == Measure::Revenue;
    let decimals = if is_money { 2 } else { 0 };
    let [difference, low, high, lowest, highest] =
        [found.value, found.range.low, found.range.high, found.anytime.low, found.anytime.high]
            .map(|value| format!("{value:+.decimals$}"));
    let pattern = match is_money {
        true => phrase!(
            "{what}: {group}, {base}. Difference {difference}, 95 % sure {low} to {high}; however often one looks \
             {lowest} to {highest}: {verdict}."
        ),
        false => phrase!(
            "{what}: {group}, {base}. Difference {difference} points, 95 % sure {low} to {high}; however often one \
             looks {lowest} to {highest}: {verdict}."
        ),
    };
    let values: [(&str, &dyn std::fmt::Display); 9] = [
        ("what", &what),
        ("group", &group),
        ("base", &base),
        ("difference", &difference),
        ("low", &low),
        ("high", &high),
        ("lowest", &lowest),
        ("highest", &highest),
        ("verdict", &verdict),
    ];
    say_filled(pattern, &values)
}

fn of_share(share: Share, who: &str) -> String {
    if share.of == 0 {
        return say!("0 {who}", who = who);
    }
    let percent = format!("{:.0}", share.rate() * 100.0);
    say!("{part} of {all} {who} ({percent} %)", part = share.part, all = share.of, who = who, percent = percent)
}

fn of_mean(sample: Sample, who: &str) -> String {
    say!("{mean} of {all} {who}", mean = format!("{:+.2}", sample.mean), all = sample.count, who = who)
}

/// Who was drawn and has not had the time yet.
fn pending(holdout: &Comparison) -> Option<String> {
    let waiting: i64 = holdout.groups.iter().map(|group| group.drawn - group.goal.of).sum();
    let held_out = holdout.groups.iter().find(|group| group.name == HELD_OUT).map_or(0, |group| group.drawn);
    let drawn: i64 = holdout.groups.iter().map(|group| group.drawn).sum();
    (waiting > 0).then(|| {
        say!(
            "{drawn} accounts were drawn, {held_out} of them held out; the time of {waiting} is not over yet.",
            drawn = drawn,
            held_out = held_out,
            waiting = waiting
        )
    })
}

fn of_variants(variants: &StepVariants) -> String {
    let goal = || variants.comparison.figures.iter().filter(|figure| figure.measure == Measure::Goal);
    let named = |verdict| -> Vec<&str> {
        goal().filter(|figure| figure.verdict == verdict).map(|figure| figure.group.as_str()).collect()
    };
    let base = variants.comparison.groups.first().map_or("", |group| group.name.as_str());
    let (better, worse) = match (named(Verdict::Better), named(Verdict::Worse)) {
        (better, worse) if better.is_empty() && worse.is_empty() => {
            return say!("Variants of `{step}`: no difference can be told yet.", step = variants.step);
        }
        (better, worse) if better.is_empty() => (vec![base], worse),
        (better, _) => (better, vec![base]),
    };
    say!(
        "Variants of `{step}`: {better} is better than {worse}.",
        step = variants.step,
        better = list_in_words(&better),
        worse = list_in_words(&worse)
    )
}

/// What became of its tasks; `None` without any.
fn of_tasks(spent: &Spending) -> Option<String> {
    let tasks = &spent.tasks;
    if tasks.is_empty() {
        return None;
    }
    Some(match (tasks.useful_percent(), tasks.median_hours) {
        (Some(percent), Some(hours)) => say!(
            "Tasks of the last {days} days: {percent} % of those somebody judged were useful: {done} done ({outcomes} \
             with an outcome), {dismissed} dismissed; {closed} closed by themselves, {open} open; the middle one took \
             {span}.",
            days = spent.days,
            percent = percent,
            done = tasks.done,
            outcomes = tasks.with_outcome,
            dismissed = tasks.dismissed,
            closed = tasks.closed,
            open = tasks.open,
            span = span(hours)
        ),
        (Some(percent), None) => say!(
            "Tasks of the last {days} days: {percent} % of those somebody judged were useful: {done} done ({outcomes} \
             with an outcome), {dismissed} dismissed; {closed} closed by themselves, {open} open.",
            days = spent.days,
            percent = percent,
            done = tasks.done,
            outcomes = tasks.with_outcome,
            dismissed = tasks.dismissed,
            closed = tasks.closed,
            open = tasks.open
        ),
        (None, _) => say!(
            "Tasks of the last {days} days: {done} done ({outcomes} with an outcome), {dismissed} dismissed; {closed} \
             closed by themselves, {open} open.",
            days = spent.days,
            done = tasks.done,
            outcomes = tasks.with_outcome,
            dismissed = tasks.dismissed,
            closed = tasks.closed,
            open = tasks.open
        ),
    })
}

/// What was spent, and on what.
fn of_spending(spent: &Spending) -> String {
    let short = |number: f64| format!("{number:.1}");
    let Spending { days, mails, goals, .. } = spent;
    match (spent.hours(), spent.mails_per_goal(), spent.hours_per_goal()) {
        (Some(hours), Some(mails_each), Some(hours_each)) => say!(
            "Spent in the last {days} days: {mails} mails and {hours} hours; {goals} goals were reached: {mails_each} \
             mails and {hours_each} hours for each.",
            days = days,
            mails = mails,
            hours = short(hours),
            goals = goals,
            mails_each = short(mails_each),
            hours_each = short(hours_each)
        ),
        (Some(hours), _, _) => say!(
            "Spent in the last {days} days: {mails} mails and {hours} hours; {goals} goals were reached.",
            days = days,
            mails = mails,
            hours = short(hours),
            goals = goals
        ),
        (None, Some(mails_each), _) => say!(
            "Spent in the last {days} days: {mails} mails; {goals} goals were reached: {mails_each} mails for each.",
            days = days,
            mails = mails,
            goals = goals,
            mails_each = short(mails_each)
        ),
        (None, None, _) => say!(
            "Spent in the last {days} days: {mails} mails; {goals} goals were reached.",
            days = days,
            mails = mails,
            goals = goals
        ),
    }
}

/// Hours as people say them.
fn span(hours: f64) -> String {
    match hours < 48.0 {
        true => say!("{n} hours", n = format!("{hours:.1}")),
        false => say!("{n} days", n = format!("{:.1}", hours / 24.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::{Group, TREATED, TaskCounts};
    use crate::web::language::PageLanguage;

    fn group(name: &str, of: i64, part: i64) -> Group {
        let goal = Share { of, part };
        let revenue = Sample { count: 100, mean: 1.5, variance: 4.0 };
        Group {
            name: name.to_owned(),
            drawn: of + 5,
            goal,
            unsubscribed: goal,
            answered: goal,
            revenue,
            ..Group::default()
        }
    }

    fn impact(treated: (i64, i64), held_out: (i64, i64)) -> Impact {
        let groups = vec![group(TREATED, treated.0, treated.1), group(HELD_OUT, held_out.0, held_out.1)];
        let variants = Comparison::of_variants(vec![group("a", 400, 60), group("b", 400, 120), group("c", 9, 0)]);
        Impact {
            playbook: "p".to_owned(),
            goal_days: 30.0,
            term_days: 90,
            holdout: Some(Comparison::of_holdout(groups)),
            variants: vec![StepVariants { step: "nudge".to_owned(), comparison: variants }],
            spent: Spending { days: 90, mails: 7, goals: 2, ..Spending::default() },
        }
    }

    #[test]
    fn in_english_it_is_what_the_command_line_says() {
        let tasks = TaskCounts { done: 6, dismissed: 2, closed: 1, median_hours: Some(60.0), ..TaskCounts::default() };
        let spent = |tasks: &TaskCounts, goals, minutes_per_task| Spending {
            days: 90,
            tasks: tasks.clone(),
            mails: 7,
            goals,
            minutes_per_task,
        };
        let better = impact((700, 560), (80, 32));
        let nothing = Impact { holdout: None, variants: Vec::new(), ..better.clone() };
        for found in [
            impact((700, 200), (80, 60)),
            impact((700, 560), (80, 64)),
            impact((70, 50), (12, 3)),
            Impact { spent: spent(&tasks, 2, Some(20)), ..better.clone() },
            Impact { spent: spent(&tasks, 0, Some(20)), ..better.clone() },
            Impact { spent: spent(&TaskCounts { median_hours: None, ..tasks.clone() }, 0, None), ..better.clone() },
            Impact { spent: spent(&TaskCounts { open: 3, ..TaskCounts::default() }, 0, None), ..nothing.clone() },
            better,
            nothing,
        ] {
            assert_eq!(summary(&found), found.summary());
            assert_eq!(sentences(&found), found.sentences());
        }
    }

    #[tokio::test]
    async fn in_chinese_it_says_the_same() {
        let found = impact((700, 560), (80, 32));
        let (summary, sentences) = PageLanguage::Chinese.answer(async { (summary(&found), sentences(&found)) }).await;
        assert_eq!(summary, "有效：目标。");
        assert_eq!(
            sentences[0],
            "30 天内达成目标：处理组 700 个中 560 个（80%），对照组 80 个中 32 个（40%）。相差 +40 个百分点，\
             95% 置信区间 +29 至 +50；无论查看多少次为 +23 至 +57：更好。"
        );
    }
}
