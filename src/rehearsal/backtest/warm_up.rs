//! What a replay has to know before its first slot.

use chrono::TimeDelta;

use crate::catalog::{ReadyPlaybook, ReadyReentry};
use crate::facts::{Arg, CellPath};
use crate::playbook::Duration;

/// How long before a period the replay of a playbook begins, so that it knows at
/// the first slot what it would have known: for how long its condition has held,
/// and when somebody entered last.
pub(super) fn warm_up(playbook: &ReadyPlaybook) -> TimeDelta {
    let span = |duration: Option<Duration>| match duration {
        Some(Duration::Seconds(seconds)) => TimeDelta::try_seconds(seconds).unwrap_or_default(),
        // At most so many calendar days, with a week of holidays in each month.
        Some(Duration::BusinessDays(days)) => TimeDelta::try_days(i64::from(days) * 2 + 14).unwrap_or_default(),
        None => TimeDelta::zero(),
    };
    let holds_for = span(playbook.playbook.holds_for);
    let (gap, follows) = match &playbook.reentry {
        ReadyReentry::Never => (None, false),
        ReadyReentry::OnRematch { gap } => (*gap, true),
        ReadyReentry::Again { gap, .. } => (*gap, false),
    };
    let windows = playbook.when.cells().iter().filter_map(|cell| match cell.path.whenever() {
        CellPath::Call { args, .. } => args.iter().find_map(|arg| match arg {
            Arg::Int(days) => TimeDelta::try_days(*days),
            _ => None,
        }),
        _ => None,
    });
    let window = windows.max().filter(|_| follows || playbook.playbook.holds_for.is_some());
    let longest = [holds_for, span(gap), window.unwrap_or_default()].into_iter().max().unwrap_or_default();
    // The first slot of all knows nothing before it.
    if follows { longest.max(TimeDelta::days(1)) } else { longest }
}
