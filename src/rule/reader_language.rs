//! How dates, numbers and amounts read in the languages that mails are written in.
//!
//! Names, orders and signs are those of Unicode's CLDR, through ICU4X. Where a
//! percent sign or a currency stands is not in ICU4X yet: the lists below are
//! from the same source.

use chrono::Datelike;
use icu_calendar::Gregorian;
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::{MDE, YM, YMD, YMDE, enums::DateFieldSet};
use icu_datetime::input::Date;
use icu_datetime::pattern::{DateTimePattern, FixedCalendarDateTimeNames};
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_decimal::options::GroupingStrategy;
use icu_locale_core::{LanguageIdentifier, Locale};
use writeable::TryWriteable;

/// English as most of the world writes it: `5 March 2026`.
const ENGLISH: &str = "en-001";

/// A language, and the region whose habits it follows.
#[derive(Clone, Debug)]
pub(crate) struct Language {
    id: LanguageIdentifier,
    /// Its tag without anything but language, script and region.
    tag: String,
}

/// Where the currency of an amount stands.
enum MoneyOrder {
    /// `€5`, `CHF 5`
    Before,
    /// `€ 5`
    Apart,
    /// `5 €`
    After,
}

impl Language {
    /// The language of a BCP 47 tag, however it is written; English where it is
    /// none, or one that nothing is known of.
    pub(crate) fn of(locale: &str) -> Language {
        let tag = locale.trim().replace('_', "-");
        let primary = tag.split('-').next().unwrap_or_default();
        let id = [tag.as_str(), primary].iter().find_map(|tag| Locale::try_from_str(tag).ok()).map(|locale| locale.id);
        id.and_then(Language::of_cldr).unwrap_or_else(Language::english)
    }

    fn of_cldr(mut id: LanguageIdentifier) -> Option<Language> {
        let _ = id.variants.clear();
        let language = Language { tag: id.to_string(), id };
        if language.tag == "en" {
            return None;
        }
        // What CLDR does not know has numbers in place of names.
        let january = language.name("MMMM", 2026, 1, 1)?;
        (january != "M01").then_some(language)
    }

    fn english() -> Language {
        let id = LanguageIdentifier::try_from_str(ENGLISH).unwrap_or(LanguageIdentifier::UNKNOWN);
        Language { id, tag: ENGLISH.to_owned() }
    }

    /// A date as it stands in a sentence.
    pub(crate) fn date(&self, date: &impl Datelike) -> String {
        let (year, month, day) = (date.year(), date.month(), date.day());
        let formatter =
            FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(Locale::from(self.id.clone()).into(), YMD::long());
        let text = formatter
            .ok()
            .zip(gregorian(year, month, day))
            .map(|(formatter, date)| formatter.format(&date).to_string());
        match text {
            // As it is spoken; CLDR writes the number alone.
            Some(text) if day == 1 && self.is(&["fr"]) => {
                text.strip_prefix("1 ").map_or(text.clone(), |rest| format!("1er {rest}"))
            }
            Some(text) => text,
            None => format!("{year}-{month:02}-{day:02}"),
        }
    }

    /// A day with its weekday, such as `3月5日星期四`.
    pub(crate) fn weekday_date(&self, date: &impl Datelike, with_year: bool) -> String {
        let locale = || Locale::from(self.id.clone()).into();
        let day = gregorian(date.year(), date.month(), date.day());
        let text = match with_year {
            true => FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale(), YMDE::long())
                .ok()
                .zip(day)
                .map(|(formatter, day)| formatter.format(&day).to_string()),
            false => FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale(), MDE::long())
                .ok()
                .zip(day)
                .map(|(formatter, day)| formatter.format(&day).to_string()),
        };
        text.unwrap_or_else(|| format!("{}-{:02}-{:02}", date.year(), date.month(), date.day()))
    }

    /// The month of a date with its year: `March 2026`.
    pub(crate) fn month_of_year(&self, date: &impl Datelike) -> String {
        let locale = Locale::from(self.id.clone());
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale.into(), YM::long()).ok();
        let day = gregorian(date.year(), date.month(), date.day());
        let text = formatter.zip(day).map(|(formatter, day)| formatter.format(&day).to_string());
        text.unwrap_or_else(|| format!("{}-{:02}", date.year(), date.month()))
    }

    pub(crate) fn month(&self, date: &impl Datelike, short: bool) -> String {
        let name = self.name(if short { "MMM" } else { "MMMM" }, date.year(), date.month(), date.day());
        name.unwrap_or_else(|| date.month().to_string())
    }

    pub(crate) fn weekday(&self, date: &impl Datelike, short: bool) -> String {
        let name = self.name(if short { "EEE" } else { "EEEE" }, date.year(), date.month(), date.day());
        name.unwrap_or_else(|| date.weekday().to_string())
    }

    /// One name of a date, by the pattern of CLDR that asks for it.
    fn name(&self, pattern: &str, year: i32, month: u32, day: u32) -> Option<String> {
        let pattern: DateTimePattern = pattern.parse().ok()?;
        let locale = Locale::from(self.id.clone());
        let mut names = FixedCalendarDateTimeNames::<Gregorian, DateFieldSet>::try_new(locale.into()).ok()?;
        let formatter = names.include_for_pattern(&pattern).ok()?;
        let formatted = formatter.format(&gregorian(year, month, day)?);
        let text = formatted.try_write_to_string().ok()?;
        Some(text.into_owned())
    }

    /// A plain number, such as `-1234.5`, as it stands in a sentence: with the
    /// decimal sign of the language, and neither grouped nor in other digits,
    /// because it may be a year or a number to copy.
    pub(crate) fn number(&self, plain: &str) -> String {
        self.decimal(&format!("{}-u-nu-latn", self.tag), plain, GroupingStrategy::Never)
    }

    /// The same with its thousands set apart, and in the language's own digits.
    pub(crate) fn grouped(&self, plain: &str) -> String {
        self.decimal(&self.tag, plain, GroupingStrategy::Auto)
    }

    fn decimal(&self, tag: &str, plain: &str, grouping: GroupingStrategy) -> String {
        let locale = Locale::try_from_str(tag).unwrap_or_else(|_| Locale::from(self.id.clone()));
        let formatter = DecimalFormatter::try_new(locale.into(), grouping.into()).ok();
        let decimal = plain.parse::<Decimal>().ok();
        let text = formatter.zip(decimal).map(|(formatter, decimal)| formatter.format(&decimal).to_string());
        text.unwrap_or_else(|| plain.to_owned())
    }

    /// A number of percent, from a plain number.
    pub(crate) fn percent(&self, plain: &str) -> String {
        let number = self.grouped(plain);
        if self.is(&["tr", "ku"]) {
            format!("%{number}")
        } else if self.is(&["eu"]) {
            format!("%\u{a0}{number}")
        } else if self.is(SPACED_PERCENT) && !self.is(&["de-CH", "de-LI", "fr-CH"]) && !self.is_latin_american() {
            format!("{number}\u{a0}%")
        } else {
            format!("{number}%")
        }
    }

    /// An amount of a currency, from a plain number.
    pub(crate) fn money(&self, plain: &str, currency: &str) -> String {
        let symbol = self.symbol(currency);
        let name = symbol.unwrap_or(currency);
        match self.money_order() {
            MoneyOrder::Apart => format!("{name}\u{a0}{}", self.grouped(plain)),
            MoneyOrder::After => format!("{}\u{a0}{name}", self.grouped(plain)),
            MoneyOrder::Before => {
                let (sign, plain) = plain.strip_prefix('-').map_or(("", plain), |rest| ("-", rest));
                // A code would run into the number.
                let space = if symbol.is_some() { "" } else { "\u{a0}" };
                format!("{sign}{name}{space}{}", self.grouped(plain))
            }
        }
    }

    fn money_order(&self) -> MoneyOrder {
        let region = |region: &str| self.id.region.is_some_and(|own| own.as_str() == region);
        if self.is_latin_american() {
            MoneyOrder::Before
        } else if self.is(APART) && !(self.is(&["pt"]) && self.id.region.is_some() && !region("BR")) {
            MoneyOrder::Apart
        } else if self.is(AFTER) || self.is(&["pt"]) {
            MoneyOrder::After
        } else {
            MoneyOrder::Before
        }
    }

    /// The sign of a currency that this language's readers know by it.
    fn symbol(&self, currency: &str) -> Option<&'static str> {
        Some(match currency {
            "EUR" => "€",
            "USD" => "$",
            "GBP" => "£",
            "JPY" | "CNY" => "¥",
            "INR" => "₹",
            "KRW" => "₩",
            "BRL" => "R$",
            "SEK" if self.is(&["sv"]) => "kr",
            "NOK" if self.is(&["nb", "nn", "no"]) => "kr",
            "DKK" if self.is(&["da"]) => "kr.",
            "PLN" if self.is(&["pl"]) => "zł",
            "CZK" if self.is(&["cs"]) => "Kč",
            "HUF" if self.is(&["hu"]) => "Ft",
            "TRY" if self.is(&["tr"]) => "₺",
            "ILS" if self.is(&["he"]) => "₪",
            "UAH" if self.is(&["uk"]) => "₴",
            _ => return None,
        })
    }

    /// Whether it is one of these: languages, or languages with their region.
    fn is(&self, tags: &[&str]) -> bool {
        let language = self.id.language.as_str();
        let region = self.id.region.map(|region| format!("{language}-{region}"));
        tags.iter().any(|tag| *tag == language || Some(*tag) == region.as_deref())
    }

    fn is_latin_american(&self) -> bool {
        let spain = ["ES", "EA", "IC", "PH", "GQ"];
        self.is(&["es"]) && self.id.region.is_some_and(|region| !spain.contains(&region.as_str()))
    }
}

/// Languages that write `50 %`.
const SPACED_PERCENT: &[&str] = &[
    "be", "ca", "cs", "da", "de", "es", "fi", "fo", "fr", "gl", "hr", "lb", "lt", "mk", "nb", "nn", "no", "ro", "ru",
    "sk", "sl", "sv",
];

/// Languages that write an amount before its currency: `5 €`.
const AFTER: &[&str] = &[
    "ar", "az", "be", "bg", "bs", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fo", "fr", "gl", "he", "hr",
    "hu", "hy", "is", "it", "ka", "kk", "ky", "lb", "lt", "lv", "mk", "my", "nb", "nn", "no", "pl", "ro", "ru", "sk",
    "sl", "sq", "sr", "sv", "uk", "uz", "vi",
];

/// Those that write the currency first, and apart: `€ 5`.
const APART: &[&str] = &["de-AT", "de-CH", "de-LI", "en-CH", "fa", "it-CH", "mn", "ne", "nl", "ps", "pt", "sw", "ta"];

fn gregorian(year: i32, month: u32, day: u32) -> Option<Date<Gregorian>> {
    Date::try_new_gregorian(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_amounts_are_written_as_in_their_language() {
        for (locale, number, percent, money) in [
            ("en", "-1,234.50", "-1,234.50%", "-€1,234.50"),
            ("en-IN", "-1,234.50", "-1,234.50%", "-€1,234.50"),
            ("de", "-1.234,50", "-1.234,50\u{a0}%", "-1.234,50\u{a0}€"),
            ("de_AT", "-1\u{a0}234,50", "-1\u{a0}234,50\u{a0}%", "€\u{a0}-1\u{a0}234,50"),
            ("fr-FR", "-1\u{202f}234,50", "-1\u{202f}234,50\u{a0}%", "-1\u{202f}234,50\u{a0}€"),
            ("es-MX", "-1,234.50", "-1,234.50%", "-€1,234.50"),
            ("nl", "-1.234,50", "-1.234,50%", "€\u{a0}-1.234,50"),
            ("pt-BR", "-1.234,50", "-1.234,50%", "€\u{a0}-1.234,50"),
            ("tr", "-1.234,50", "%-1.234,50", "-€1.234,50"),
            ("ja", "-1,234.50", "-1,234.50%", "-€1,234.50"),
            // What nobody knows reads English.
            ("xx", "-1,234.50", "-1,234.50%", "-€1,234.50"),
            ("german", "-1,234.50", "-1,234.50%", "-€1,234.50"),
            ("", "-1,234.50", "-1,234.50%", "-€1,234.50"),
        ] {
            let language = Language::of(locale);
            assert_eq!(language.grouped("-1234.50"), number, "{locale}");
            assert_eq!(language.percent("-1234.50"), percent, "{locale}");
            assert_eq!(language.money("-1234.50", "EUR"), money, "{locale}");
        }
        assert_eq!(Language::of("en-IN").grouped("1234567.5"), "12,34,567.5");
        assert_eq!(Language::of("de").money("5.00", "CHF"), "5,00\u{a0}CHF");
        assert_eq!(Language::of("sv").money("5.00", "SEK"), "5,00\u{a0}kr");
        assert_eq!(Language::of("pt-PT").money("5.00", "EUR"), "5,00\u{a0}€");
    }

    /// A number to copy keeps the digits that everybody can type.
    #[test]
    fn plain_numbers_have_western_digits() {
        for (locale, plain) in [("fa", "1234.5"), ("ar-EG", "1234.5"), ("de", "1234,5"), ("de-CH", "1234.5")] {
            assert_eq!(Language::of(locale).number("1234.5"), plain, "{locale}");
        }
        assert_eq!(Language::of("fa").grouped("12"), "۱۲");
    }
}
