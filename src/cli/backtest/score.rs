//! A backtest of a score: its own figures, and those of each factor.

use std::sync::Arc;

use anyhow::Context;
use serde_json::{Value as Json, json};

use super::print::{
    add, constant_as_json, figures_as_json, firings_as_json, percent, print_constant, print_figures, print_firings,
    print_undecided,
};
use crate::catalog::ReadyDocument;
use crate::catalog::documents::ReadyBodyOfDocument;
use crate::cli::check::Checked;
use crate::cli::database::Database;
use crate::cli::output;
use crate::playbook::reader::listed;
use crate::rehearsal::backtest::{
    AccountOutcome, Figures, PastPlay, Period, ReplayedScore, ScoreBacktest, ScoreTally, Tally,
};

/// A finished backtest of a score.
pub struct FinishedScoreBacktest {
    score: Arc<ReadyDocument>,
    pub(super) backtest: Arc<ScoreBacktest>,
    pub(super) tally: ScoreTally,
}

/// The ids of the scores of the folder.
pub(super) fn ids(checked: &Checked) -> Vec<&str> {
    let is_score = |ready: &&Arc<ReadyDocument>| matches!(ready.body, ReadyBodyOfDocument::Score(_));
    checked.documents.iter().filter(is_score).map(|ready| ready.document.id.as_str()).collect()
}

/// Why a playbook has no threshold, and what has.
pub(super) fn refuse_playbook(checked: &Checked, id: &str) -> String {
    let scores = ids(checked);
    let instead = match scores.is_empty() {
        true => "leave it out".to_owned(),
        false => format!("leave it out, or name a score: {}", listed(scores.into_iter())),
    };
    format!("`{id}` is a playbook, whose `when` says for whom it fires, and `--below` is for scores: {instead}")
}

/// The threshold of a score's backtest.
///
/// # Errors
/// Where there is none, or the document is none that has one.
pub(super) fn threshold_of(document: &ReadyDocument, below: Option<f64>) -> anyhow::Result<f64> {
    let id = &document.document.id;
    let ReadyBodyOfDocument::Score(score) = &document.body else {
        anyhow::bail!("`{id}` is {}: a backtest plays playbooks and scores", document.document.kind.noun);
    };
    let lowest = score.bands.iter().filter(|band| band.from <= 0.0 && band.to < 100.0).map(|band| band.to).next();
    below.with_context(|| {
        let value = lowest.unwrap_or(40.0);
        format!("`{id}` is a score: say below which value it gives warning, such as `--below {value}`")
    })
}

/// Plays a score on all accounts.
pub(super) async fn make(
    database: &Database,
    checked: &Checked,
    score: Arc<ReadyDocument>,
    below: f64,
    period: Period,
    outcome: AccountOutcome,
) -> anyhow::Result<FinishedScoreBacktest> {
    let replayed = ReplayedScore::new(score.clone(), below, &period);
    let replayed = replayed.with_context(|| format!("{} cannot be replayed", score.document.id))?;
    let backtest = Arc::new(ScoreBacktest::new(replayed, period, outcome, &checked.schema));
    let mut tally = super::play(database, checked, backtest.clone()).await?;
    // Without any account there are none yet.
    tally.factors.resize_with(backtest.factors().len(), Tally::default);
    Ok(FinishedScoreBacktest { score, backtest, tally })
}

/// The factors with their weights and what they come to, in the order of the text.
fn factors(made: &FinishedScoreBacktest) -> impl Iterator<Item = (&str, f64, &Tally)> {
    let factors = made.backtest.factors().iter().zip(&made.tally.factors);
    factors.map(|(factor, tally)| (factor.id.as_str(), factor.weight, tally))
}

/// Those who fired.
fn fired(figures: &Figures) -> u64 {
    figures.hits + figures.false_alarms
}

pub(super) fn as_json(made: &FinishedScoreBacktest) -> Json {
    let (period, tally) = (made.backtest.period(), &made.tally.whole);
    let factor = |(id, weight, tally): (&str, f64, &Tally)| {
        let figures = tally.figures();
        let mut answer = json!({ "factor": id, "weight": weight, "fired": fired(&figures) });
        add(&mut answer, figures_as_json(&figures));
        answer
    };
    let mut answer = json!({
        "score": made.score.document.id,
        "below": made.backtest.below(),
        "revision": made.score.revision,
        "from": period.from,
        "to": period.to,
        "slots": made.backtest.slots().len(),
        "accounts": tally.accounts,
        "firings": firings_as_json(tally),
        "outcome": made.backtest.outcome().condition.text,
        "within_days": made.backtest.outcome().within.num_seconds() as f64 / 86_400.0,
        "factors": factors(made).map(factor).collect::<Vec<_>>(),
        "undecided": tally.undecided.iter().map(|(reason, count)| {
            json!({ "reason": reason, "subjects": count })
        }).collect::<Vec<_>>(),
    });
    add(&mut answer, figures_as_json(&tally.figures()));
    add(&mut answer, constant_as_json(tally));
    answer
}

pub(super) fn print(made: &FinishedScoreBacktest) {
    let (below, tally) = (made.backtest.below(), &made.tally.whole);
    let what = format!("{} below {below}", made.score.document.id);
    print_firings(&what, made.score.zone, (&made.backtest.period(), made.backtest.slots().len()), tally);
    print_undecided(tally);
    say!();
    print_figures(made.backtest.outcome(), &tally.figures());
    say!();
    say!("  each factor below {below}, whatever the others say:");
    let row = |(id, weight, tally): (&str, f64, &Tally)| {
        let figures = tally.figures();
        json!({
            "factor": id,
            "weight": weight,
            "fired": fired(&figures),
            "hits": figures.hits,
            "false_alarms": figures.false_alarms,
            "misses": figures.misses,
            "precision": figures.precision.map(percent),
            "recall": figures.recall.map(percent),
            "lead_days": figures.lead_days.map(|lead| format!("{:.0}", lead.median)),
            "lift": figures.lift.map(|lift| format!("{:.1} ({:.1} to {:.1})", lift.value, lift.low, lift.high)),
        })
    };
    let columns =
        ["factor", "weight", "fired", "hits", "false_alarms", "misses", "precision", "recall", "lead_days", "lift"];
    output::table(&factors(made).map(row).collect::<Vec<_>>(), &columns);
    print_constant(tally);
}
