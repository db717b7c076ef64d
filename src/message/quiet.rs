//! The quiet hours around one mail, where its recipient is.

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::clock::Instant;
use crate::ids;
use crate::message::class::Class;
use crate::playbook::calendar::Calendar;
use crate::playbook::quiet_hours::{QuietHours, SPREAD};

/// The quiet hours around one mail.
#[derive(Clone, Copy, Debug)]
pub struct Quiet<'a> {
    hours: &'a QuietHours,
    calendar: &'a Calendar,
    zone: Tz,
    spread: TimeDelta,
}

/// What holds a mail now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// When the quiet hours end; `None` when they never do.
    pub ends: Option<Instant>,
    /// When the mail has its turn, some minutes later; `None` likewise.
    pub turn: Option<Instant>,
}

impl<'a> Quiet<'a> {
    /// Those that mail of a class keeps to; `None` when there are none. Only
    /// transactional mail may ignore them.
    pub fn around(
        hours: Option<&'a QuietHours>,
        calendar: &'a Calendar,
        zone: Tz,
        class: Class,
        ignores: bool,
    ) -> Option<Quiet<'a>> {
        let hours = hours.filter(|_| class != Class::Transactional || !ignores)?;
        Some(Quiet { hours, calendar, zone, spread: TimeDelta::zero() })
    }

    /// The same with mail leaving so long after their end, as [`spread`] says.
    pub fn spread_by(self, spread: TimeDelta) -> Quiet<'a> {
        Quiet { spread, ..self }
    }

    /// What holds a mail at an instant; `None` outside of quiet hours.
    pub fn holds(&self, at: Instant) -> Option<Held> {
        let Some(ends) = self.next_allowed(at) else { return Some(Held { ends: None, turn: None }) };
        if ends <= at {
            return None;
        }
        let turn = ends + self.spread;
        // Never into the next quiet stretch.
        let turn = if self.next_allowed(turn) == Some(turn) { turn } else { ends };
        Some(Held { ends: Some(ends), turn: Some(turn) })
    }

    /// The zone of its recipient.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    fn next_allowed(&self, at: Instant) -> Option<Instant> {
        self.hours.next_allowed(self.calendar, at, self.zone)
    }
}

/// How long after quiet hours mail to a recipient leaves: stable, so that several
/// mails that were held for one meet again, and spread evenly over recipients.
pub fn spread(account: &str, contact: &str, address: &str) -> TimeDelta {
    let address = address.to_lowercase();
    let who = if contact.is_empty() { &address } else { contact };
    let seconds = ids::share(&["quiet", account, who], SPREAD.num_seconds().unsigned_abs());
    TimeDelta::seconds(i64::try_from(seconds).unwrap_or_default())
}
