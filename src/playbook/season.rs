//! Named parts of the year, as the configuration gives them:
//! `seasons: { summer: [07-15..08-31] }`.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::local_time;
use super::reader::{Fields, short};
use super::yaml::NodeValue;
use crate::clock::Instant;

/// Month and day.
type Day = (u32, u32);

/// The seasons of an installation, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seasons(BTreeMap<String, Season>);

/// Days that come again every year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Season {
    /// First and last day of each part, both included; one whose last day is
    /// before its first goes over the end of the year.
    parts: Vec<(Day, Day)>,
}

impl Seasons {
    /// The season of that exact name.
    pub fn get(&self, name: &str) -> Option<&Season> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Adds a season; `None` when one of its parts is not a range of days.
    pub fn with(mut self, name: &str, parts: &[&str]) -> Option<Seasons> {
        let parts = parts.iter().map(|part| range(part)).collect::<Option<_>>()?;
        self.0.insert(name.to_owned(), Season { parts });
        Some(self)
    }

    /// Reads the key `seasons`; what is wrong is reported and left out.
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Seasons {
        let mut seasons = Seasons::default();
        for entry in fields.mapping("seasons").unwrap_or_default() {
            let single = std::slice::from_ref(&entry.node);
            let mut season = Season::default();
            for node in entry.node.as_sequence().unwrap_or(single) {
                let NodeValue::Text(text) = &node.value else {
                    fields.wrong_type(&entry.key, node, "a list of ranges of days");
                    continue;
                };
                match range(&text.text) {
                    Some(part) => season.parts.push(part),
                    None => {
                        let message = format!("`{}` is not a range of days of the year", short(&text.text));
                        let help = "write `07-15..08-31`, the month first";
                        fields.error_with_help("KW0116", node.place, message, help);
                    }
                }
            }
            seasons.0.insert(entry.key.clone(), season);
        }
        seasons
    }
}

impl Season {
    /// Whether the date in `zone` at `instant` lies in it.
    pub fn contains(&self, instant: Instant, zone: Tz) -> bool {
        let date = local_time::date(zone, instant);
        let day = (date.month(), date.day());
        self.parts.iter().any(
            |(first, last)| {
                if first <= last { *first <= day && day <= *last } else { *first <= day || day <= *last }
            },
        )
    }
}

/// `07-15..08-31`, or a single day.
fn range(text: &str) -> Option<(Day, Day)> {
    match text.split_once("..") {
        Some((first, last)) => day(first).zip(day(last)),
        None => day(text).map(|day| (day, day)),
    }
}

/// `02-29` is a day too.
fn day(text: &str) -> Option<Day> {
    const LEAP_YEAR: i32 = 2024;
    let number = |text: &str| {
        let plain = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
        text.parse().ok().filter(|_| plain)
    };
    let (month, day) = text.trim().split_once('-')?;
    let (month, day) = (number(month)?, number(day)?);
    NaiveDate::from_ymd_opt(LEAP_YEAR, month, day).map(|_| (month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_count_in_the_zone_and_a_year_may_end_in_between() {
        let seasons = Seasons::default()
            .with("summer", &["07-15..08-31"])
            .and_then(|seasons| seasons.with("holidays", &["12-20..01-06", "05-01"]))
            .expect("they can be read");
        let inside = |name: &str, at: &str, zone: Tz| {
            let at = chrono::DateTime::parse_from_rfc3339(at).expect("a fixed instant").to_utc();
            seasons.get(name).expect("it is there").contains(at, zone)
        };
        let berlin = Tz::Europe__Berlin;
        for (name, at, zone, expected) in [
            ("summer", "2026-07-15T00:00:00Z", Tz::UTC, true),
            ("summer", "2026-07-14T23:59:59.999999Z", Tz::UTC, false),
            ("summer", "2026-07-14T23:59:59.999999Z", berlin, true),
            ("summer", "2026-08-31T21:59:59.999999Z", berlin, true),
            ("summer", "2026-08-31T22:00:00Z", berlin, false),
            ("holidays", "2026-12-31T12:00:00Z", Tz::UTC, true),
            ("holidays", "2027-01-06T12:00:00Z", Tz::UTC, true),
            ("holidays", "2027-01-07T12:00:00Z", Tz::UTC, false),
            ("holidays", "2026-05-01T12:00:00Z", Tz::UTC, true),
            ("holidays", "2026-12-19T12:00:00Z", Tz::UTC, false),
        ] {
            assert_eq!(inside(name, at, zone), expected, "{name} {at} {zone}");
        }
        assert!(seasons.get("winter").is_none());
    }

    #[test]
    fn only_days_of_the_year_are_ranges() {
        for text in ["7-15..8-31", "13-01", "02-30", "2026-07-15", "", "..", "07-15..", "+7-15", "07-15...08-31"] {
            assert_eq!(range(text), None, "{text}");
        }
        assert_eq!(range("02-01..02-29"), Some(((2, 1), (2, 29))));
    }
}
