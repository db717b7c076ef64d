//! A date or an instant that stands in a text.
//!
//! The one reader of such texts: files to import, attributes of the store and
//! cases. It takes every spelling that ISO 8601 and Postgres' own output have,
//! and none whose order of day and month would have to be guessed.

use std::fmt;

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use crate::clock::Instant;

/// What a text says of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// A day. Its midnight, without a zone or in UTC, is the same.
    Date(NaiveDate),
    /// A time of day without a zone.
    Local(NaiveDateTime),
    /// An instant between the years 1 and 9999 in UTC.
    Instant(Instant),
}

/// Why a text is no date and no instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnreadableTimestamp {
    /// It is in no spelling that is known.
    Spelling,
    /// It is not between the years 1 and 9999.
    Years,
    /// Its day or its month comes first, or its signs are not those of ISO 8601:
    /// the dates that may be meant.
    Order(Vec<NaiveDate>),
}

impl Timestamp {
    /// Reads a text: `2027-04-20`, `20270420`, `2027-110`, `2027-W16-2`, with a
    /// time of day behind `T` or a blank, with or without a zone such as `Z`,
    /// `+02`, `+0200`, `+02:00` or `UTC`. Blanks around it do not count.
    ///
    /// # Errors
    /// When it is none of these or does not exist, such as 30 February.
    pub fn parse(text: &str) -> Result<Timestamp, UnreadableTimestamp> {
        let text = text.trim();
        let Some(found) = read(text) else {
            let meant = meant(text);
            return Err(if meant.is_empty() {
                UnreadableTimestamp::Spelling
            } else {
                UnreadableTimestamp::Order(meant)
            });
        };
        let year = match found {
            Timestamp::Date(date) => date.year(),
            Timestamp::Local(local) => local.year(),
            Timestamp::Instant(at) => at.year(),
        };
        if (1..=9999).contains(&year) { Ok(found) } else { Err(UnreadableTimestamp::Years) }
    }

    /// The instant, where what has no zone is in UTC; of a date its midnight.
    pub fn in_utc(self) -> Instant {
        match self {
            Timestamp::Date(date) => date.and_time(NaiveTime::MIN).and_utc(),
            Timestamp::Local(local) => local.and_utc(),
            Timestamp::Instant(at) => at,
        }
    }
}

impl fmt::Display for UnreadableTimestamp {
    /// Follows the text itself: `is not a date that can be read: write 2026-04-03`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnreadableTimestamp::Spelling => {
                f.write_str("is not a date that can be read: write it as 2026-03-01 or 2026-03-01T09:00:00Z")
            }
            UnreadableTimestamp::Years => f.write_str("is not between the years 1 and 9999"),
            UnreadableTimestamp::Order(meant) => {
                let meant: Vec<String> = meant.iter().map(ToString::to_string).collect();
                write!(f, "is not a date that can be read: write {}", meant.join(" or "))
            }
        }
    }
}

fn read(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    let Some(end) = text.find(['T', 't', ' ']) else { return date(text).map(Timestamp::Date) };
    let date = date(&text[..end])?;
    let rest = text[end + 1..].trim_start();
    let of_zone = rest.find(|c: char| !c.is_ascii_digit() && !":.,".contains(c)).unwrap_or(rest.len());
    let local = date.and_time(NaiveTime::MIN).checked_add_signed(time_of_day(&rest[..of_zone])?)?;
    let is_midnight = local.time() == NaiveTime::MIN;
    match offset(rest[of_zone..].trim_start()) {
        Some(None) if is_midnight => Some(Timestamp::Date(local.date())),
        Some(None) => Some(Timestamp::Local(local)),
        Some(Some(offset)) if offset.is_zero() && is_midnight => Some(Timestamp::Date(local.date())),
        Some(Some(offset)) => Some(Timestamp::Instant(DateTime::from_naive_utc_and_offset(
            local.checked_sub_signed(offset)?,
            chrono::Utc,
        ))),
        None => None,
    }
}

/// `2027-04-20`, `20270420`, `2027-110`, `2027-W16-2` or `2027W162`.
fn date(text: &str) -> Option<NaiveDate> {
    let year = digits(text.get(..4)?)? as i32;
    let rest = &text[4..];
    match (rest.len(), rest.as_bytes()) {
        (6, [b'-', _, _, b'-', _, _]) => NaiveDate::from_ymd_opt(year, digits(&rest[1..3])?, digits(&rest[4..])?),
        (6, [b'-', b'W', _, _, b'-', _]) => week(year, &rest[2..4], &rest[5..]),
        (4, [b'-', _, _, _]) => NaiveDate::from_yo_opt(year, digits(&rest[1..])?),
        (4, [b'W', _, _, _]) => week(year, &rest[1..3], &rest[3..]),
        (4, _) => NaiveDate::from_ymd_opt(year, digits(&rest[..2])?, digits(&rest[2..])?),
        _ => None,
    }
}

fn week(year: i32, week: &str, day: &str) -> Option<NaiveDate> {
    let day = match digits(day)? {
        day @ 1..=7 => Weekday::try_from(day as u8 - 1).ok()?,
        _ => return None,
    };
    NaiveDate::from_isoywd_opt(year, digits(week)?, day)
}

/// The span since midnight of `10`, `10:00`, `10:00:00.5`, `1000` or `100000`;
/// `24:00` is the next midnight.
fn time_of_day(text: &str) -> Option<Duration> {
    let (clock, fraction) = match text.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let parts: Vec<&str> = match clock.contains(':') {
        true => clock.split(':').collect(),
        false => (0..clock.len()).step_by(2).map(|at| clock.get(at..at + 2)).collect::<Option<_>>()?,
    };
    if parts.is_empty() || parts.len() > 3 || parts.iter().any(|part| part.len() != 2) {
        return None;
    }
    let parts: Vec<u32> = parts.into_iter().map(digits).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = (parts[0], parts.get(1).copied().unwrap_or(0), parts.get(2).copied().unwrap_or(0));
    let nanos = match fraction {
        None => 0,
        Some(fraction) if parts.len() == 3 && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) => {
            let kept = &fraction[..fraction.len().min(9)];
            kept.parse::<u32>().ok()? * 10_u32.pow(9 - kept.len() as u32)
        }
        Some(_) => return None,
    };
    let is_end_of_day = hours == 24 && minutes == 0 && seconds == 0 && nanos == 0;
    if hours > 23 && !is_end_of_day || minutes > 59 || seconds > 60 {
        return None;
    }
    let seconds = i64::from(hours) * 3_600 + i64::from(minutes) * 60 + i64::from(seconds);
    Some(Duration::seconds(seconds) + Duration::nanoseconds(i64::from(nanos)))
}

/// How far a zone is ahead of UTC; `Some(None)` where none is written.
fn offset(text: &str) -> Option<Option<Duration>> {
    match text {
        "" => return Some(None),
        "Z" | "z" | "UTC" | "GMT" => return Some(Some(Duration::zero())),
        _ => {}
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let rest = &text[1..];
    let plain = match rest.len() {
        5 | 8 => rest.replace(':', ""),
        2 | 4 => rest.to_owned(),
        _ => return None,
    };
    let well_formed = match rest.len() {
        5 => rest.as_bytes()[2] == b':' && plain.len() == 4,
        8 => rest.as_bytes()[2] == b':' && rest.as_bytes()[5] == b':' && plain.len() == 6,
        _ => true,
    };
    let part = |at: usize| plain.get(at..at + 2).map_or(Some(0), digits);
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    let exists = well_formed && hours <= 15 && minutes <= 59 && seconds <= 59;
    let span = i64::from(hours) * 3_600 + i64::from(minutes) * 60 + i64::from(seconds);
    exists.then(|| Some(Duration::seconds(sign * span)))
}

/// A number of digits alone.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The dates that a text may mean whose parts stand in another order, or behind
/// other signs, than in ISO 8601.
fn meant(text: &str) -> Vec<NaiveDate> {
    let text = text.split([' ', 'T', 't', ',']).next().unwrap_or_default();
    let Some(sign) = ['/', '.', '-'].into_iter().find(|sign| text.matches(*sign).count() == 2) else {
        return Vec::new();
    };
    let parts: Vec<&str> = text.split(sign).collect();
    let short = |part: &str| (1..=2).contains(&part.len());
    let orders: &[[usize; 3]] = match parts.as_slice() {
        [year, month, day] if year.len() == 4 && short(month) && short(day) => &[[0, 1, 2]],
        // A date with dots begins with its day.
        [day, month, year] if year.len() == 4 && short(month) && short(day) && sign == '.' => &[[2, 1, 0]],
        [day, month, year] if year.len() == 4 && short(month) && short(day) => &[[2, 1, 0], [2, 0, 1]],
        _ => &[],
    };
    let Some(numbers) = parts.into_iter().map(digits).collect::<Option<Vec<u32>>>() else { return Vec::new() };
    let mut dates: Vec<NaiveDate> = orders
        .iter()
        .filter_map(|[year, month, day]| NaiveDate::from_ymd_opt(numbers[*year] as i32, numbers[*month], numbers[*day]))
        .filter(|date| date.year() > 0)
        .collect();
    dates.dedup();
    dates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        match Timestamp::parse(text) {
            Ok(Timestamp::Date(date)) => format!("date {date}"),
            Ok(Timestamp::Local(local)) => format!("local {local}"),
            Ok(Timestamp::Instant(at)) => format!("at {}", at.to_rfc3339()),
            Err(why) => format!("{text} {why}"),
        }
    }

    #[test]
    fn every_spelling_of_iso_8601_and_postgres_is_read() {
        for (text, expected) in [
            ("2027-04-20", "date 2027-04-20"),
            (" 2027-04-20\n", "date 2027-04-20"),
            ("20270420", "date 2027-04-20"),
            ("2027-110", "date 2027-04-20"),
            ("2027-W16-2", "date 2027-04-20"),
            ("2027W162", "date 2027-04-20"),
            ("2028-02-29", "date 2028-02-29"),
            ("2027-04-20T00:00:00", "date 2027-04-20"),
            ("2027-04-20 00:00:00+00", "date 2027-04-20"),
            ("2027-04-19T24:00", "date 2027-04-20"),
            ("2027-04-20T10", "local 2027-04-20 10:00:00"),
            ("2027-04-20 10:00", "local 2027-04-20 10:00:00"),
            ("2027-04-20T10:00:01", "local 2027-04-20 10:00:01"),
            ("2027-04-20T10:00:01,25", "local 2027-04-20 10:00:01.250"),
            ("2027-04-20T10:00:00Z", "at 2027-04-20T10:00:00+00:00"),
            ("2027-04-20t10:00:00z", "at 2027-04-20T10:00:00+00:00"),
            ("2027-04-20 10:00:00+00", "at 2027-04-20T10:00:00+00:00"),
            ("2027-04-20 10:00:00.123456+02", "at 2027-04-20T08:00:00.123456+00:00"),
            ("2027-04-20 10:00:00.1234567891+02", "at 2027-04-20T08:00:00.123456789+00:00"),
            ("2027-04-20 10:00:00+05:30", "at 2027-04-20T04:30:00+00:00"),
            ("2027-04-20 10:00:00-03:30:15", "at 2027-04-20T13:30:15+00:00"),
            ("2027-04-20T10:00:00.000+0000", "at 2027-04-20T10:00:00+00:00"),
            ("2027-04-20T10:00:00 +0200", "at 2027-04-20T08:00:00+00:00"),
            ("2027-04-20 10:00:00 UTC", "at 2027-04-20T10:00:00+00:00"),
            ("20270420T100000Z", "at 2027-04-20T10:00:00+00:00"),
            ("2027-04-20T00:00:00+02:00", "at 2027-04-19T22:00:00+00:00"),
            ("2027-04-20T02:00:00+02:00", "at 2027-04-20T00:00:00+00:00"),
            ("2016-12-31T23:59:60Z", "date 2017-01-01"),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }

    #[test]
    fn what_would_have_to_be_guessed_is_not_read_and_says_what_to_write() {
        for (text, expected) in [
            ("03/04/2026", "03/04/2026 is not a date that can be read: write 2026-04-03 or 2026-03-04"),
            ("20.04.2027", "20.04.2027 is not a date that can be read: write 2027-04-20"),
            ("20/04/2027 10:00", "20/04/2027 10:00 is not a date that can be read: write 2027-04-20"),
            ("4-20-2027", "4-20-2027 is not a date that can be read: write 2027-04-20"),
            ("2027/04/20", "2027/04/20 is not a date that can be read: write 2027-04-20"),
            ("2027-4-20", "2027-4-20 is not a date that can be read: write 2027-04-20"),
            ("05.05.2027", "05.05.2027 is not a date that can be read: write 2027-05-05"),
            ("0000-12-31", "0000-12-31 is not between the years 1 and 9999"),
            ("9999-12-31T23:00:00-02:00", "9999-12-31T23:00:00-02:00 is not between the years 1 and 9999"),
        ] {
            assert_eq!(written(text), expected);
        }
        for text in [
            "",
            "soon",
            "12",
            "1798675200000",
            "1772355600",
            "2027-110x",
            "2027-W54-1",
            "2027-W10-8",
            "2027-366",
            "2027-04",
            "20.04.27",
            "2027-02-30",
            "2027-04-20T",
            "2027-04-20T25:00",
            "2027-04-20T10:60",
            "2027-04-20T10:00:00+1",
            "2027-04-20T10:00:00+16:00",
            "2027-04-20T1:00",
            "2027-04-20T10:00.5",
            "2027-04-20T10:00:00.",
            "infinity",
            "2027-04-20T10:00:00 Europe/Berlin",
            "10000-01-01",
            "２０２７-04-20",
            "2027-+4-20",
            "2027-04-20T24:01",
            "2027-04-20T10:00:00+0:200",
            "Tue Apr 20 2027",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}: {}", written(text));
        }
    }
}
