//! The quiet hours around one mail, where its recipient is.

use chrono::SecondsFormat;
use chrono_tz::Tz;

use crate::action::email::recipient_zone;
use crate::clock::Instant;
use crate::effect::Written;
use crate::facts::Contact;
use crate::playbook::calendar::Calendar;
use crate::playbook::quiet_hours::QuietHours;
use crate::worker::enrollments::snapshot::Sight;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// The quiet hours around one mail.
pub(crate) struct Quiet<'a> {
    hours: &'a QuietHours,
    calendar: &'a Calendar,
    zone: Tz,
}

impl<'a> Quiet<'a> {
    /// `None` when there are none, or the mail does not keep them.
    pub fn around(
        shared: &'a Shared,
        loaded: &Loaded,
        sight: &Sight,
        step: &str,
        written: Option<&Written>,
        contact: Option<&Contact>,
        class: &str,
    ) -> Option<Quiet<'a>> {
        let hours = shared.config.quiet_hours.as_ref()?;
        let email = loaded.ready.action(step).and_then(|action| action.email());
        let ignores = match written {
            Some(written) => written.ignores_quiet,
            None => email.is_some_and(|email| email.ignores_quiet),
        };
        let zone = recipient_zone(contact, sight.context.facts.account_zone(), loaded.ready.zone);
        (class != "transactional" || !ignores).then_some(Quiet { hours, calendar: &shared.calendar, zone })
    }

    /// From when on it is not quiet; `None` when it never ends.
    pub fn over(&self, at: Instant) -> Option<Instant> {
        self.hours.next_allowed(self.calendar, at, self.zone)
    }

    pub fn told(&self, until: Option<Instant>) -> String {
        match until {
            None => "quiet hours without an end".to_owned(),
            Some(until) => {
                let until = until.with_timezone(&self.zone).to_rfc3339_opts(SecondsFormat::Secs, true);
                format!("quiet hours until {until}")
            }
        }
    }
}
