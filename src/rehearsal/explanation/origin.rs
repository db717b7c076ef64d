//! Where a message or a task comes from: its enrollment and its step, by the
//! rows that the lists show.

use chrono_tz::Tz;
use serde_json::Value as Json;

use super::words::stored_moment;

/// Why it exists, in times of a zone: `row` is its own, `enrollment` that of its
/// enrollment.
pub(super) fn origin_lines(row: &Json, enrollment: Option<&Json>, zone: Tz) -> Vec<String> {
    let text = |row: &Json, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let (step, playbook, created) = (text(row, "step"), text(row, "playbook"), stored_moment(row, "created_at", zone));
    let mut lines = vec![format!("the step {step} of {playbook} made it on {created}")];
    let Some(enrollment) = enrollment else {
        lines.push("for no enrollment: Keepwell itself wrote it".to_owned());
        return lines;
    };
    let (id, state) = (text(enrollment, "id"), text(enrollment, "state"));
    let since = stored_moment(enrollment, "started_at", zone);
    lines.push(format!("enrollment {id} began on {since}, with revision {}", text(enrollment, "revision")));
    let read = enrollment["evidence"].as_object().into_iter().flatten();
    let read: Vec<String> = read.map(|(fact, value)| format!("{fact} = {value}")).collect();
    if !read.is_empty() {
        lines.push(format!("the condition read then: {}", read.join(", ")));
    }
    let step = enrollment["step"].as_str().map(|step| format!(", at the step {step}")).unwrap_or_default();
    let why = enrollment["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    lines.push(format!("the enrollment is {state}{step}{why}"));
    lines
}
