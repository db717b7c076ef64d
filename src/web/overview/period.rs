//! The period of an overview: a month or a quarter of the zone of the pages.

use chrono::{Datelike, Months, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::playbook::local_time;
use crate::store::views::web::Span;
use crate::web::dates::month;
use crate::web::language::{PageLanguage, phrase, say};

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::web) enum PeriodKind {
    Month,
    Quarter,
}

impl PeriodKind {
    pub const ALL: [PeriodKind; 2] = [PeriodKind::Month, PeriodKind::Quarter];

    /// What an address says.
    pub fn word(self) -> &'static str {
        match self {
            PeriodKind::Month => "month",
            PeriodKind::Quarter => "quarter",
        }
    }

    /// What it is called on the page.
    pub fn label(self) -> &'static str {
        match self {
            PeriodKind::Month => phrase!("Month"),
            PeriodKind::Quarter => phrase!("Quarter"),
        }
    }

    pub fn months(self) -> u32 {
        match self {
            PeriodKind::Month => 1,
            PeriodKind::Quarter => 3,
        }
    }

    /// How many periods the course of a figure shows.
    pub fn shown(self) -> u32 {
        match self {
            PeriodKind::Month => 12,
            PeriodKind::Quarter => 8,
        }
    }
}

/// A month or a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::web) struct Period {
    pub kind: PeriodKind,
    /// Its first day.
    pub first: NaiveDate,
}

impl Period {
    /// The one that a day lies in.
    pub fn of_day(kind: PeriodKind, day: NaiveDate) -> Period {
        let month0 = day.month0() - day.month0() % kind.months();
        Period { kind, first: NaiveDate::from_ymd_opt(day.year(), month0 + 1, 1).unwrap_or(day) }
    }

    /// The one that an address names: its kind, else a month, and a month in it such as
    /// `2026-11`, else that of today. `None` where it names none.
    pub fn read(kind: &str, month: &str, today: NaiveDate) -> Option<Period> {
        let kind = match kind {
            "" => PeriodKind::Month,
            word => PeriodKind::ALL.into_iter().find(|kind| kind.word() == word)?,
        };
        let day = match month {
            "" => today,
            month if month.len() == 7 && month.is_ascii() => {
                NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").ok()?
            }
            _ => return None,
        };
        // Charts reach some years further to both sides.
        (1990..=2200).contains(&day.year()).then(|| Period::of_day(kind, day))
    }

    /// The one so many periods later, or earlier.
    pub fn moved(self, by: i32) -> Period {
        let months = Months::new(by.unsigned_abs() * self.kind.months());
        let first = match by < 0 {
            true => self.first.checked_sub_months(months),
            false => self.first.checked_add_months(months),
        };
        Period { first: first.unwrap_or(self.first), ..self }
    }

    /// Its last day.
    pub fn last(self) -> NaiveDate {
        self.moved(1).first.pred_opt().unwrap_or(self.first)
    }

    /// From its first midnight to that of the next, as clocks in the zone show it.
    pub fn span(self, zone: Tz) -> Span {
        let midnight = |day: NaiveDate| local_time::instant(zone, day.and_time(NaiveTime::MIN));
        Span { from: midnight(self.first), until: midnight(self.moved(1).first) }
    }

    /// `November 2026`, or `Q4 2026`.
    pub fn name(self) -> String {
        match self.kind {
            PeriodKind::Month => month(&self.first),
            PeriodKind::Quarter => say!("Q{quarter} {year}", quarter = self.quarter(), year = self.first.year()),
        }
    }

    fn quarter(self) -> u32 {
        self.first.month0() / 3 + 1
    }

    /// The same where there is little room: `Nov`, or `Q4`.
    pub fn short(self) -> String {
        match self.kind {
            PeriodKind::Month => match PageLanguage::current() {
                PageLanguage::English => self.first.format("%b").to_string(),
                other => other.dates().month(&self.first, true),
            },
            PeriodKind::Quarter => format!("Q{}", self.quarter()),
        }
    }

    /// What an address says of its place: its first month.
    pub fn word(self) -> String {
        self.first.format("%Y-%m").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_period_is_named_by_a_month_in_it() {
        let today = day("2026-11-30");
        let read = |kind, month| Period::read(kind, month, today).map(|period| (period.name(), period.last()));
        assert_eq!(read("", ""), Some(("November 2026".to_owned(), today)));
        assert_eq!(read("quarter", ""), Some(("Q4 2026".to_owned(), day("2026-12-31"))));
        assert_eq!(read("quarter", "2026-02"), Some(("Q1 2026".to_owned(), day("2026-03-31"))));
        assert_eq!(read("month", "2028-02"), Some(("February 2028".to_owned(), day("2028-02-29"))));
        for (kind, month) in [("week", ""), ("month", "2026"), ("month", "2026-13"), ("month", "9999-01"), ("", "x")] {
            assert_eq!(read(kind, month), None, "{kind} {month}");
        }
        let quarter = Period::of_day(PeriodKind::Quarter, today);
        assert_eq!((quarter.moved(-4).word(), quarter.moved(1).word()), ("2025-10".to_owned(), "2027-01".to_owned()));
    }

    #[test]
    fn it_begins_at_midnight_of_the_zone() {
        let period = Period::of_day(PeriodKind::Month, day("2026-03-15"));
        let span = period.span(Tz::Europe__Berlin);
        assert_eq!(span.from.to_rfc3339(), "2026-02-28T23:00:00+00:00");
        // Summer time began within it.
        assert_eq!(span.until.to_rfc3339(), "2026-03-31T22:00:00+00:00");
    }
}
