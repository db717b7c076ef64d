//! `guardrails:`, in a playbook and in the configuration: what stops a run
//! before it touches too many, or the wrong ones.

use std::sync::Arc;

use chrono::Duration;

use super::Source;
use super::reader::form::{OFF, SHARE, TIMES, words};
use super::reader::{Fields, Form, Key, NameOf, Shape, is_off, share};
use super::trips::{self, TripLimits, Trips};
use super::yaml::{Node, NodeValue};
use crate::diagnostic::Diagnostic;

/// What a playbook or the configuration says. `None`: the next one decides,
/// the configuration or in the end [`Limits::default`].
#[derive(Clone, Debug, Default)]
pub struct Guardrails {
    pub hold_above: Option<HoldAbove>,
    pub first_run: Option<FirstRun>,
    /// Whether a run waits for a person whose condition reads a name that the
    /// customer store was never seen to hold.
    pub hold_unseen: Option<bool>,
    pub ramp: Option<Option<Ramp>>,
    /// What of its mail stops the playbook.
    pub trips: Option<Trips>,
    /// How many times the median of earlier runs is unusual.
    pub unusual: Option<Option<f64>>,
    /// The share of the store's subjects (0..=1) by which it may have moved.
    pub store_change: Option<Option<f64>>,
    /// Enrollments per day of the playbook's zone.
    pub max_per_day: Option<Option<u64>>,
    pub fresh: Option<Vec<Fresh>>,
    /// Playbooks whose active enrollments postpone customer mail here.
    pub yields_to: Option<Vec<Source>>,
}

/// What the first run of a new or changed revision may do without a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstRun {
    /// As many as the first batch of the ramp enter, the rest is held.
    #[default]
    Canary,
    /// It goes ahead like any other run.
    Go,
    /// Everybody is held.
    Hold,
}

/// The number of enrollments above which a run waits for a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HoldAbove {
    Off,
    /// Whichever is larger: `count`, or `share` (0..=1) of the subjects whose
    /// account has one of the playbook's statuses. But never more than `most`
    /// (0..=1) of these subjects, and [`HoldAbove::FEW`]; `None` is no such limit.
    Above {
        count: u64,
        share: f64,
        most: Option<f64>,
    },
}

impl HoldAbove {
    /// So few may enter whatever share of the subjects they are.
    pub const FEW: u64 = 5;

    /// How many of so many subjects may enter; `None` is any number.
    pub fn limit(&self, subjects: i64) -> Option<u64> {
        let HoldAbove::Above { count, share, most } = *self else { return None };
        let of_subjects = |share: f64| (share * subjects as f64).floor() as u64;
        let limit = count.max(of_subjects(share));
        Some(most.map_or(limit, |most| limit.min(of_subjects(most).max(HoldAbove::FEW))))
    }
}

impl Default for HoldAbove {
    fn default() -> Self {
        HoldAbove::Above { count: 25, share: 0.02, most: Some(0.25) }
    }
}

/// How what a person approved goes out: `first` at once, then `grow` times as
/// many as before after each `every`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    pub first: u64,
    pub every: Duration,
    pub grow: f64,
}

impl Default for Ramp {
    fn default() -> Self {
        Ramp { first: 10, every: Duration::minutes(15), grow: 10.0 }
    }
}

impl Ramp {
    /// How many the batch of that number lets go, counted from 0.
    pub fn batch(&self, number: u32) -> u64 {
        let size = self.first as f64 * self.grow.powi(i32::try_from(number).unwrap_or(i32::MAX));
        // Saturates; more than anybody has.
        (size.floor() as u64).max(1)
    }

    /// How many the batches up to and with that number let go together.
    pub fn so_far(&self, number: u32) -> u64 {
        (0..=number).fold(0, |sum: u64, number| sum.saturating_add(self.batch(number)))
    }
}

/// How old the latest row of a relation may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    pub source: FreshSource,
    pub within: Duration,
}

/// A relation whose rows have an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreshSource {
    Events,
    Scores,
    Tickets,
}

impl FreshSource {
    pub const ALL: [FreshSource; 3] = [FreshSource::Events, FreshSource::Scores, FreshSource::Tickets];

    /// The relation's name.
    pub fn name(self) -> &'static str {
        match self {
            FreshSource::Events => "events",
            FreshSource::Scores => "scores",
            FreshSource::Tickets => "tickets",
        }
    }
}

/// The guardrails that hold for one playbook.
#[derive(Clone, Debug)]
pub struct Limits {
    pub hold_above: HoldAbove,
    pub first_run: FirstRun,
    pub hold_unseen: bool,
    /// `None` lets everything go that was approved.
    pub ramp: Option<Ramp>,
    pub trips: TripLimits,
    pub unusual: Option<f64>,
    pub store_change: Option<StoreChange>,
    pub max_per_day: Option<u64>,
    pub fresh: Vec<Fresh>,
    pub yields_to: Vec<String>,
}

/// How much the store may have moved since the last run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoreChange {
    /// Of its subjects, 0..=1.
    pub share: f64,
    /// A smaller move is none; so a young company may grow.
    pub least: u64,
}

impl Guardrails {
    /// What holds for a playbook that says this in an installation whose
    /// configuration says `defaults`.
    pub fn over(&self, defaults: &Guardrails) -> Limits {
        const UNUSUAL: f64 = 3.0;
        const STORE_CHANGE: StoreChange = StoreChange { share: 0.3, least: 25 };
        let share = self.store_change.or(defaults.store_change);
        let exactly = |share| StoreChange { share, least: 0 };
        let yields_to = self.yields_to.as_ref().or(defaults.yields_to.as_ref());
        Limits {
            hold_above: self.hold_above.or(defaults.hold_above).unwrap_or_default(),
            first_run: self.first_run.or(defaults.first_run).unwrap_or_default(),
            hold_unseen: self.hold_unseen.or(defaults.hold_unseen).unwrap_or(true),
            ramp: self.ramp.or(defaults.ramp).unwrap_or(Some(Ramp::default())),
            trips: self.trips.clone().unwrap_or_default().over(&defaults.trips.clone().unwrap_or_default()),
            unusual: self.unusual.or(defaults.unusual).unwrap_or(Some(UNUSUAL)),
            store_change: share.map_or(Some(STORE_CHANGE), |share| share.map(exactly)),
            max_per_day: self.max_per_day.or(defaults.max_per_day).flatten(),
            fresh: self.fresh.clone().or_else(|| defaults.fresh.clone()).unwrap_or_default(),
            yields_to: yields_to.map_or(Vec::new(), |ids| ids.iter().map(|id| id.text.trim().to_owned()).collect()),
        }
    }
}

const FIRST_RUNS: [(&str, FirstRun); 4] =
    [("canary", FirstRun::Canary), ("go", FirstRun::Go), ("hold", FirstRun::Hold), ("off", FirstRun::Go)];
const UNSEEN: [(&str, bool); 2] = [("hold", true), ("off", false)];
const FIRST_RUN_WORDS: &[&str] = &words(&FIRST_RUNS);
const UNSEEN_WORDS: &[&str] = &words(&UNSEEN);
/// As many as anybody may mean.
const MOST_SUBJECTS: i64 = 1_000_000_000;

/// The keys of guardrails, in a playbook and in the configuration.
pub static GUARDRAILS: Form = Form::new(
    "guardrails",
    &[&[
        Key::new(
            "hold_above",
            Shape::Either(&[OFF, Shape::Form(&HOLD_ABOVE)]),
            "Holds a run that would enroll more than the larger of `count` and `share`, or more than `most`. Default: `{ count: 25, share: 2%, most: 25% }`.",
        ),
        Key::new(
            "first_run",
            Shape::Words(FIRST_RUN_WORDS),
            "Of the first run of a new or changed revision `canary` (default) lets a few enter and holds the rest, `hold` holds everybody, `go` nobody.",
        ),
        Key::new(
            "unseen",
            Shape::Words(UNSEEN_WORDS),
            "`hold` (default): holds a run whose condition reads a name that the customer store has never held. Or `off`.",
        ),
        Key::new(
            "ramp",
            Shape::Either(&[OFF, Shape::Form(&RAMP)]),
            "How an approved run goes out in batches. Default: `{ first: 10, every: 15m, grow: 10x }`. Or `off`.",
        ),
        Key::new(
            "trips",
            Shape::Either(&[OFF, Shape::Form(&trips::TRIPS)]),
            "How much trouble its mail may make before the playbook stops by itself. Or `off`.",
        ),
        Key::new(
            "unusual",
            Shape::Either(&[OFF, TIMES]),
            "Holds a run that is more than this many times the median of the last seven. Default: `3x`. Or `off`.",
        ),
        Key::new(
            "store_change",
            Shape::Either(&[OFF, SHARE]),
            "Holds a run when the number of subjects moved by more than this since the last one. Default: `30%`. Or `off`.",
        ),
        Key::new(
            "max_per_day",
            Shape::Either(&[
                OFF,
                Shape::Whole { least: 1, most: i64::MAX },
                Shape::text_like(r"^\s*\+?0*[1-9][0-9]*\s*$", "a whole number from 1"),
            ]),
            "No more enter on one day of the playbook's zone. Default: `off`.",
        ),
        Key::new(
            "fresh",
            Shape::Either(&[OFF, Shape::Form(&FRESH)]),
            "Holds a run while the store has no row that is young enough, such as `{ events: 6h }`. Default: `off`.",
        ),
        Key::new(
            "yields_to",
            Shape::Either(&[OFF, Shape::list(&Shape::Name(NameOf::Playbook), 0)]),
            "Customer mail here waits while the account is active in one of these playbooks. Default: none.",
        ),
    ]],
);

static HOLD_ABOVE: Form = Form::new(
    "hold_above",
    &[&[
        Key::new(
            "count",
            Shape::Whole { least: 0, most: MOST_SUBJECTS },
            "So many may enter without a person. Default: 25.",
        ),
        Key::new("share", SHARE, "Or so large a share of the subjects. Default: `2%`."),
        Key::new(
            "most",
            Shape::Either(&[OFF, SHARE]),
            "But never a larger share than this, except for five or fewer. Default: none when `hold_above` is written.",
        ),
    ]],
);

static RAMP: Form = Form::new(
    "ramp",
    &[&[
        Key::new(
            "first",
            Shape::Whole { least: 1, most: MOST_SUBJECTS },
            "How many the first batch lets go. Default: 10.",
        ),
        Key::new("every", Shape::Elapsed, "How long after it the next batch goes. Default: `15m`."),
        Key::new("grow", Shape::Either(&[OFF, TIMES]), "How many times as many each batch is. Default: `10x`."),
    ]],
);

static FRESH: Form = Form::new(
    "fresh",
    &[&[
        Key::new("events", Shape::Elapsed, "How old the latest event may be."),
        Key::new("scores", Shape::Elapsed, "How old the latest score may be."),
        Key::new("tickets", Shape::Elapsed, "How old the latest ticket may be."),
    ]],
);

/// Reads guardrails; what is wrong is added to `problems`.
pub fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Guardrails {
    let mut fields = Fields::new(file, node, &GUARDRAILS, problems);
    let hold_above = fields.take("hold_above").and_then(|node| hold_above(file, node, fields.problems()));
    let first_run = fields.one_of("first_run", &FIRST_RUNS);
    let hold_unseen = fields.one_of("unseen", &UNSEEN);
    let ramp = fields.take("ramp").and_then(|node| ramp(file, node, fields.problems()));
    let trips = fields.take("trips").and_then(|node| trips::read(file, node, fields.problems()));
    let unusual = switched(&mut fields, "unusual", "write `3x`, or `off`", times);
    let store_change = switched(&mut fields, "store_change", "write `30%`, or `off`", share);
    let whole = |text: &str| text.parse::<u64>().ok().filter(|count| *count > 0);
    let max_per_day = switched(&mut fields, "max_per_day", "write a whole number from 1, or `off`", whole);
    let fresh = fields.take("fresh").map(|node| fresh(file, node, fields.problems()));
    let yields_to = match fields.take("yields_to") {
        Some(node) if is_off(node) => Some(Vec::new()),
        Some(_) => Some(fields.texts("yields_to")),
        None => None,
    };
    fields.finish();
    Guardrails { hold_above, first_run, hold_unseen, ramp, trips, unusual, store_change, max_per_day, fresh, yields_to }
}

/// `3x`: a number from 1.
fn times(text: &str) -> Option<f64> {
    text.trim().strip_suffix('x')?.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 1.0)
}

/// `off`, or a value; `None` when it is not given or wrong.
fn switched<T>(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    help: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<Option<T>> {
    let node = fields.take(key)?;
    if is_off(node) {
        return Some(None);
    }
    let given = match node.value {
        NodeValue::Int(number) => read(&number.to_string()),
        _ => node.as_text().and_then(|text| read(text.trim())),
    };
    if given.is_none() {
        let message = format!("`{key}` cannot be {}", node.describe());
        fields.error_with_help("KW0103", node.place, message, help);
    }
    given.map(Some)
}

/// `off`, or a mapping whose missing keys keep their defaults.
fn ramp(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Option<Ramp>> {
    const HELP: &str = "write `{ first: 10, every: 15m, grow: 10x }` or `off`";
    if is_off(node) {
        return Some(None);
    }
    if node.as_mapping().is_none() {
        let message = format!("`ramp` needs `first`, `every` and `grow`, not {}", node.describe());
        problems.push(Diagnostic::error("KW0103", file, node.place, message).help(HELP));
        return None;
    }
    let mut ramp = Ramp::default();
    let mut fields = Fields::new(file, node, &RAMP, problems);
    if let Some(first) = fields.int_within("first", 1, MOST_SUBJECTS) {
        ramp.first = first.unsigned_abs();
    }
    if let Some(every) = fields.elapsed("every") {
        ramp.every = Duration::seconds(every);
    }
    if let Some(Some(grow)) = switched(&mut fields, "grow", "write `10x`, at least `1x`", times) {
        ramp.grow = grow;
    }
    fields.finish().then_some(Some(ramp))
}

/// `off`, or how old the rows of each relation may be.
fn fresh(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Vec<Fresh> {
    if is_off(node) {
        return Vec::new();
    }
    let mut fields = Fields::new(file, node, &FRESH, problems);
    let mut given = Vec::new();
    for source in FreshSource::ALL {
        if let Some(within) = fields.elapsed(source.name()) {
            given.push(Fresh { source, within: Duration::seconds(within) });
        }
    }
    fields.finish();
    given
}

/// `off`, or a mapping whose missing key keeps its default; but without `most`
/// there is none, so that what was written before it existed means the same.
fn hold_above(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<HoldAbove> {
    const HELP: &str = "write `{ count: 25, share: 2%, most: 25% }` or `off`";
    if is_off(node) {
        return Some(HoldAbove::Off);
    }
    if node.as_mapping().is_none() {
        let message = format!("`hold_above` needs `count` and `share`, not {}", node.describe());
        problems.push(Diagnostic::error("KW0103", file, node.place, message).help(HELP));
        return None;
    }
    let (mut count, mut part, mut most) = match HoldAbove::default() {
        HoldAbove::Above { count, share, .. } => (count, share, None),
        HoldAbove::Off => (0, 0.0, None),
    };
    let mut fields = Fields::new(file, node, &HOLD_ABOVE, problems);
    if let Some(given) = fields.int_within("count", 0, MOST_SUBJECTS) {
        count = given.unsigned_abs();
    }
    for (key, is_most) in [("share", false), ("most", true)] {
        let Some(node) = fields.take(key) else { continue };
        match node.as_text().and_then(share) {
            Some(given) if is_most => most = Some(given),
            Some(given) => part = given,
            None if is_most && is_off(node) => most = None,
            None => {
                let message = format!("`{key}` is a percentage from `0%` to `100%`");
                fields.error_with_help("KW0103", node.place, message, HELP);
            }
        }
    }
    let ok = fields.finish();
    ok.then_some(HoldAbove::Above { count, share: part, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_grows_batch_by_batch() {
        let ramp = Ramp::default();
        assert_eq!([0, 1, 2].map(|number| ramp.batch(number)), [10, 100, 1000]);
        assert_eq!([0, 1, 2].map(|number| ramp.so_far(number)), [10, 110, 1110]);
        assert_eq!((ramp.batch(400), ramp.so_far(400)), (u64::MAX, u64::MAX));
        assert_eq!(Ramp { grow: 1.0, ..ramp }.batch(9), 10);
    }

    #[test]
    fn a_playbook_overrides_the_configuration_and_that_the_defaults() {
        let configuration = Guardrails { max_per_day: Some(Some(9)), unusual: Some(None), ..Guardrails::default() };
        let playbook = Guardrails { max_per_day: Some(None), ramp: Some(None), ..Guardrails::default() };
        let limits = playbook.over(&configuration);
        assert_eq!((limits.max_per_day, limits.unusual, limits.ramp), (None, None, None));
        assert_eq!(limits.hold_above, HoldAbove::default());
        assert!(
            limits.hold_unseen
                && limits.first_run == FirstRun::Canary
                && limits.fresh.is_empty()
                && limits.yields_to.is_empty()
        );
        let limits = Guardrails::default().over(&configuration);
        assert_eq!((limits.max_per_day, limits.ramp), (Some(9), Some(Ramp::default())));
    }
}
