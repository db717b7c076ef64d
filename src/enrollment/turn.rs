//! The turns of a survey: the first questions of one that asks everybody again and
//! again are spread over its period, so that not all are asked on one day.

use chrono::{Datelike, Days, NaiveTime};

use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::ids;
use crate::playbook::local_time;

/// When the first turn of a contact begins, of a survey that began to ask at an instant,
/// which is the first slot at which it looked; `None` where it has come by `now`. The day
/// is the contact's own, drawn by a hash that the survey's id salts.
pub(super) fn first_turn(
    playbook: &ReadyPlaybook,
    subject: &SubjectId,
    began: Instant,
    now: Instant,
) -> Option<Instant> {
    let survey = playbook.playbook.survey.as_ref()?;
    let days = survey.every?;
    let first = local_time::date(playbook.zone, began.min(now));
    let own = ids::share(&["turn", &survey.id, &subject.account, &subject.contact], days.unsigned_abs());
    let wait = (i64::try_from(own).unwrap_or_default() - i64::from(first.num_days_from_ce())).rem_euclid(days.max(1));
    let day = first.checked_add_days(Days::new(wait.unsigned_abs()))?;
    let turn = local_time::instant(playbook.zone, day.and_time(NaiveTime::MIN));
    Some(turn).filter(|turn| *turn > now)
}
