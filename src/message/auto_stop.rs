//! Trips: what must come of a playbook's mail for it to be stopped until a
//! person has looked. Pure: counts in, words out.

use chrono::TimeDelta;

use crate::playbook::trips::{TripLimits, Trouble};

/// How far back what receivers say is counted: it takes days to come in.
pub const SLOW: TimeDelta = TimeDelta::days(7);
/// How far back what the relay says is counted.
pub const FAST: TimeDelta = TimeDelta::hours(1);

/// What came of a playbook's customer mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Left in the last [`SLOW`].
    pub sent: i64,
    /// Of these, came back for good.
    pub bounced: i64,
    /// Of these, their readers complained.
    pub complained: i64,
    /// Recipients who unsubscribed, having had a mail of it last.
    pub unsubscribed: i64,
    /// Offered to the relay in the last [`FAST`], whatever came of it.
    pub offered: i64,
    /// Of these, refused for good.
    pub rejected: i64,
    /// Of these, nobody knows.
    pub unknown: i64,
    /// Could not be made in the last [`FAST`].
    pub failed: i64,
}

/// What the signals of a playbook ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Fine,
    /// Its owners should know.
    Warn(String),
    /// It must not go on by itself.
    Trip(String),
}

/// How many mails it takes before a share of them says anything.
struct Counted {
    trouble: Trouble,
    /// Whether exactly the share is too much already.
    inclusive: bool,
    /// Of fewer nothing is said.
    of_at_least: i64,
    /// Nor when there are fewer than this.
    at_least: i64,
}

const BOUNCED: Counted = Counted { trouble: Trouble::Bounced, inclusive: false, of_at_least: 20, at_least: 1 };
/// One reader's click is no statistic; it is told.
const COMPLAINED: Counted = Counted { trouble: Trouble::Complaints, inclusive: true, of_at_least: 20, at_least: 2 };
const COMPLAINED_A_LITTLE: Counted = Counted { at_least: 1, ..COMPLAINED };
/// Of complaints owners are told before they stop anything.
const A_LITTLE: f64 = 0.001;
const UNSUBSCRIBED: Counted =
    Counted { trouble: Trouble::Unsubscribed, inclusive: false, of_at_least: 50, at_least: 1 };
const REFUSED: Counted = Counted { trouble: Trouble::Refused, inclusive: false, of_at_least: 20, at_least: 1 };
/// A daemon that is killed leaves a few; they are no sign of trouble ahead.
const UNKNOWN: Counted = Counted { trouble: Trouble::Unknown, inclusive: false, of_at_least: 20, at_least: 10 };
/// A value that a few accounts lack is no reason to stop all others.
const UNWRITABLE: Counted = Counted { trouble: Trouble::Unwritable, inclusive: false, of_at_least: 20, at_least: 20 };

impl Counted {
    /// `6 of 100 mails came back, more than 5 %`, if that is more than the
    /// share (0..=1).
    fn describe(&self, share: f64, part: i64, whole: i64, what: &str) -> Option<String> {
        // In millionths, so that a share of a percentage is met exactly.
        let (found, most) = (i128::from(part) * 1_000_000, i128::from(whole) * (share * 1_000_000.0).round() as i128);
        let above = found > most || (self.inclusive && found == most);
        let least = if self.inclusive { "at least" } else { "more than" };
        let percent = (share * 1_000_000.0).round() / 10_000.0;
        (above && part >= self.at_least && whole >= self.of_at_least)
            .then(|| format!("{part} of {whole} {what}, {least} {percent} %"))
    }

    /// The same with the share of these limits, unless it is off.
    fn judge(&self, limits: &TripLimits, part: i64, whole: i64, what: &str) -> Option<String> {
        self.describe(limits.share(self.trouble)?, part, whole, what)
    }
}

impl Signals {
    /// What they ask for, with every reason.
    pub fn judge(&self, limits: &TripLimits) -> Judgement {
        let reasons: Vec<String> = [
            BOUNCED.judge(limits, self.bounced, self.sent, "mails came back"),
            COMPLAINED.judge(limits, self.complained, self.sent, "recipients complained"),
            UNSUBSCRIBED.judge(limits, self.unsubscribed, self.sent, "recipients unsubscribed"),
            REFUSED.judge(limits, self.rejected, self.offered, "mails of the last hour were refused"),
            UNKNOWN.judge(limits, self.unknown, self.offered, "mails of the last hour have an unknown outcome"),
            UNWRITABLE.judge(
                limits,
                self.failed,
                self.failed + self.offered,
                "mails of the last hour could not be made",
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !reasons.is_empty() {
            return Judgement::Trip(reasons.join("; "));
        }
        match COMPLAINED_A_LITTLE.describe(A_LITTLE, self.complained, self.sent, "recipients complained") {
            Some(reason) => Judgement::Warn(reason),
            None => Judgement::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(of: impl FnOnce(&mut Signals)) -> Judgement {
        let mut signals = Signals { sent: 1_000, offered: 1_000, ..Signals::default() };
        of(&mut signals);
        signals.judge(&TripLimits::default())
    }

    fn trips(of: impl FnOnce(&mut Signals)) -> bool {
        matches!(judge(of), Judgement::Trip(_))
    }

    #[test]
    fn each_threshold_is_passed_by_one_more() {
        assert_eq!(judge(|_| {}), Judgement::Fine);
        for (fine, part) in [
            (50, (|s: &mut Signals, n| s.bounced = n) as fn(&mut Signals, i64)),
            (2, |s, n| s.complained = n),
            (20, |s, n| s.unsubscribed = n),
            (100, |s, n| s.rejected = n),
            (200, |s, n| s.unknown = n),
            (250, |s, n| s.failed = n),
        ] {
            assert!(!trips(|signals| part(signals, fine)), "{fine}");
            assert!(trips(|signals| part(signals, fine + 1)), "{fine}");
        }
    }

    #[test]
    fn few_mails_condemn_nothing() {
        let few = |sent, bounced| Signals { sent, bounced, ..Signals::default() }.judge(&TripLimits::default());
        assert_eq!(few(19, 19), Judgement::Fine);
        let complaints =
            |sent, complained| Signals { sent, complained, ..Signals::default() }.judge(&TripLimits::default());
        assert!(matches!(complaints(20, 1), Judgement::Warn(_)));
        assert!(matches!(complaints(20, 2), Judgement::Trip(_)));
        assert_eq!(few(20, 2), Judgement::Trip("2 of 20 mails came back, more than 5 %".to_owned()));
        assert!(!trips(|signals| (signals.offered, signals.unknown) = (20, 9)));
        assert!(trips(|signals| (signals.offered, signals.unknown) = (20, 10)));
        assert!(!trips(|signals| (signals.sent, signals.unsubscribed) = (49, 49)));
        assert!(!trips(|signals| (signals.offered, signals.failed) = (20, 19)));
        assert!(trips(|signals| (signals.offered, signals.failed) = (20, 20)));
    }

    #[test]
    fn a_few_complaints_are_told() {
        let told = "1 of 1000 recipients complained, at least 0.1 %".to_owned();
        assert_eq!(judge(|signals| signals.complained = 1), Judgement::Warn(told));
        assert_eq!(judge(|signals| (signals.sent, signals.complained) = (1_001, 1)), Judgement::Fine);
        let Judgement::Trip(reason) = judge(|signals| (signals.complained, signals.bounced) = (3, 60)) else {
            panic!("it trips")
        };
        assert_eq!(
            reason,
            "60 of 1000 mails came back, more than 5 %; 3 of 1000 recipients complained, at least 0.3 %"
        );
    }
}
