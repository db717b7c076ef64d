//! The figure of a KPI.
//!
//! There is none rather than a wrong one: where the past that it looks at is not on
//! record, where an event that it counts was never seen, where nobody has a value,
//! and where it cannot be calculated.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::catalog::documents::{ReadyKpi, Record};
use crate::facts::{Facts, Value};
use crate::rule::{Context, Sandbox};

/// Of so many percent of the accounts that were there something must be on record.
const LEAST_ON_RECORD: f64 = 95.0;

/// What a KPI is at an instant.
#[derive(Clone, Debug, PartialEq)]
pub enum KpiOutcome {
    Figure(f64),
    /// There is none, and why.
    Missing(String),
}

/// Evaluates a KPI as of the instant of the facts, which hold what its functions over
/// all accounts gave.
pub fn evaluate(kpi: &ReadyKpi, sandbox: &Sandbox, facts: &Arc<Facts>, zone: Tz) -> KpiOutcome {
    let context = Context { facts: facts.clone(), progress: None, zone };
    for precondition in &kpi.preconditions {
        let number = precondition.figure.factor(sandbox, &context);
        let lack = match (&precondition.record, number) {
            (_, Err(error)) => Some(format!("it is not known what is on record: {error}")),
            (Record::Past { days, column }, Ok(Some(share))) if share < LEAST_ON_RECORD => Some(format!(
                "the history does not reach back {days} days: of {share:.0} % of the accounts that had signed up by then \
                 `account.ago({days}).{column}` is on record"
            )),
            (Record::Event(name), Ok(Some(0.0) | None)) => {
                Some(format!("no account has ever had the event `{name}`: none is on record"))
            }
            _ => None,
        };
        if let Some(lack) = lack {
            return KpiOutcome::Missing(lack);
        }
    }
    match kpi.value.factor(sandbox, &context) {
        Ok(Some(figure)) => KpiOutcome::Figure(figure),
        Ok(None) => KpiOutcome::Missing(describe_missing(kpi, facts)),
        Err(error) => KpiOutcome::Missing(format!("it cannot be calculated: {error}")),
    }
}

fn describe_missing(kpi: &ReadyKpi, facts: &Facts) -> String {
    let cells = kpi.value.cells().iter();
    let missing = cells.filter(|cell| matches!(facts.get(cell), Some(Value::Null) | None));
    let calls: Vec<String> = missing.map(|cell| format!("`{cell}`")).collect();
    match calls.is_empty() {
        true => "it gives no number".to_owned(),
        false => format!("no account has a value for {}", calls.join(" and ")),
    }
}
