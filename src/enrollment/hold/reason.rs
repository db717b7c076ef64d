//! Why a run is held, and the words for it.

use std::fmt;

use crate::facts::inventory::MissingName;
use crate::playbook::Duration;
use crate::playbook::guardrails::Fresh;

/// Why a run may be held. Each but the last two can hold everybody; of these the
/// first that does is named, in this order. Of a revision that has not run
/// before a canary may enter, where nothing else holds everybody.
#[derive(Clone, Debug, PartialEq)]
pub enum HoldCause {
    /// It may be this other playbook, whose file is gone, under a new name.
    Twin(String),
    /// A relation of the store has stopped growing.
    Stale(Fresh),
    /// The condition reads what the store was never seen to hold.
    Unseen(Vec<MissingName>),
    ReentryChanged,
    ReentryUnreadable,
    /// The revision has not run before.
    FirstRun,
    /// Events call the playbook, so many have entered by the revision, and no person
    /// has approved it.
    Unapproved {
        entered: u64,
    },
    /// The store has many more or fewer subjects than at the run before.
    StoreChanged {
        before: i64,
        now: i64,
    },
    /// More than so many times the median of the last runs.
    Unusual {
        times: f64,
        median: f64,
    },
    /// More than `hold_above`.
    Count,
}

/// How many have entered within 24 hours, and how many may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayUse {
    pub entered: u64,
    pub most: u64,
}

/// Why a run is held; its text is what the person reads who is to approve it.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldReason {
    pub cause: HoldCause,
    pub would_enter: u64,
    /// How many may enter.
    pub most: u64,
    /// Where the limit is about 24 hours, what of it is used up.
    pub day: Option<DayUse>,
}

impl fmt::Display for HoldCause {
    /// Why the run of one who would enter is held, whoever else would.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoldCause::Count => f.write_str("more would enter than may without a person's approval"),
            HoldCause::Unusual { times, median } => {
                write!(f, "more than {times} times {median} would enter, the median of the last runs")
            }
            HoldCause::Twin(twin) => write!(f, "this is the text of `{twin}`, whose file is gone"),
            HoldCause::Stale(fresh) => {
                let within = Duration::Seconds(fresh.within.num_seconds());
                write!(f, "stale: the store has no {} of the last {within}", fresh.source.name())
            }
            HoldCause::Unseen(names) => {
                const SHOWN: usize = 3;
                let shown: Vec<String> = names.iter().take(SHOWN).map(ToString::to_string).collect();
                let more = names.len().saturating_sub(SHOWN);
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                write!(f, "{}{more}", shown.join("; "))
            }
            HoldCause::ReentryChanged => f.write_str("`reentry` has changed"),
            HoldCause::ReentryUnreadable => {
                f.write_str("`reentry` may have changed: the revision before cannot be read")
            }
            HoldCause::FirstRun => f.write_str("first run of this revision"),
            HoldCause::Unapproved { entered } => {
                write!(f, "no person has approved this revision, by which {entered} have entered")
            }
            HoldCause::StoreChanged { before, now } => {
                write!(f, "the store has changed from {before} to {now} since the last run")
            }
        }
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HoldReason { cause, would_enter, most, day } = self;
        match (cause, day) {
            (HoldCause::Count, Some(DayUse { entered: entered @ 1.., most })) => write!(
                f,
                "{would_enter} would enter, and {entered} have within 24 hours; more than {most} wait for a person's \
                 approval"
            ),
            (HoldCause::Count, _) => {
                write!(f, "{would_enter} would enter; more than {most} wait for a person's approval")
            }
            (HoldCause::Unusual { times, median }, day) => {
                let (before, periods) = match day {
                    None => (String::new(), "runs"),
                    Some(DayUse { entered: 0, .. }) => (String::new(), "days"),
                    Some(DayUse { entered, .. }) => (format!(", and {entered} have within 24 hours"), "days"),
                };
                write!(
                    f,
                    "{would_enter} would enter{before}, which is unusual: more than {times} times {median}, the median \
                     of the last {periods}"
                )
            }
            (HoldCause::FirstRun | HoldCause::Unapproved { .. }, _) if *most > 0 => {
                let waiting = would_enter - most;
                write!(
                    f,
                    "{cause}: {would_enter} would enter; {most} enter at once, and {waiting} wait for a person's \
                     approval"
                )
            }
            (HoldCause::Twin(twin), _) => write!(
                f,
                "{cause}: {would_enter} would enter, and wait until it says `was: {twin}`, so that nobody enters twice, \
                 or `was: none` if it is new; an approval says that it is new"
            ),
            _ => write!(f, "{cause}: {would_enter} would enter, and wait for a person's approval"),
        }
    }
}
