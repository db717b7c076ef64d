//! The recorded figures of documents `kpi:`, as conditions and texts ask for them.

use std::fmt;

use super::value::Value;
use crate::clock::Instant;

/// What is asked of the recorded figures of one KPI.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KpiQuestion {
    /// The document's id.
    pub id: String,
    /// `None` asks for the figure; else for its change against the figure of so
    /// many times 24 hours before.
    pub days: Option<i64>,
}

/// A figure that was recorded, in a case.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiRecord {
    pub id: String,
    /// It counts from then on, itself included.
    pub at: Instant,
    /// `None`: there was none.
    pub value: Option<f64>,
}

impl KpiQuestion {
    /// After which instant, and until which, itself included, the figure was made
    /// that a change is counted from; `None` where it would leave the calendar, and
    /// where no change is asked for.
    pub fn earlier_window(&self, as_of: Instant) -> Option<(Instant, Instant)> {
        let span = chrono::TimeDelta::try_days(self.days?)?;
        let until = as_of.checked_sub_signed(span)?;
        Some((until.checked_sub_signed(span)?, until))
    }

    /// The answer as of an instant from records in any order, as the store gives it.
    pub fn answer(&self, records: &[KpiRecord], as_of: Instant) -> Value {
        let own = || records.iter().filter(|record| record.id == self.id);
        let latest = own().filter(|record| record.at <= as_of).max_by_key(|record| record.at);
        let Some(now) = latest.and_then(|record| record.value) else { return Value::Null };
        if self.days.is_none() {
            return Value::Float(now);
        }
        let Some((after, until)) = self.earlier_window(as_of) else { return Value::Null };
        let there = own().filter(|record| record.value.is_some() && record.at > after && record.at <= until);
        let before = there.max_by_key(|record| record.at).and_then(|record| record.value);
        before.map_or(Value::Null, |before| Value::Float(now - before))
    }
}

impl fmt::Display for KpiQuestion {
    /// As an author would write it: `kpi_change("churn-rate", 7)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.days {
            None => write!(f, "kpi({:?})", self.id),
            Some(days) => write!(f, "kpi_change({:?}, {days})", self.id),
        }
    }
}
