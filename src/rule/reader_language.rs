//! How dates, numbers and amounts read in the languages that mails are written in.

use chrono::Datelike;

/// The names of months and weekdays in one language, its order of a date, and
/// its signs in numbers.
#[derive(Debug)]
pub(crate) struct Language {
    code: &'static str,
    months: [&'static str; 12],
    months_short: [&'static str; 12],
    /// From Monday.
    weekdays: [&'static str; 7],
    weekdays_short: [&'static str; 7],
    order: Order,
    /// What stands before the decimals of a number, and between its thousands.
    decimal: char,
    thousands: char,
    money: MoneyOrder,
}

#[derive(Clone, Copy, Debug)]
enum MoneyOrder {
    /// `€1,234.50`, `CHF 1,234.50`
    Before,
    /// `€ 1.234,50`
    Apart,
    /// `1.234,50 €`
    After,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    /// `5 March 2026`
    Plain,
    /// `5. März 2026`
    Dotted,
    /// `1er mars 2026`, `5 mars 2026`
    French,
    /// `5 de marzo de 2026`
    Of,
    /// `2026年3月5日`
    YearFirst,
}

impl Language {
    /// The language of a BCP 47 tag; English for those not listed.
    pub(crate) fn of(locale: &str) -> &'static Language {
        let primary = locale.split(['-', '_']).next().unwrap_or_default();
        LANGUAGES.iter().find(|language| language.code.eq_ignore_ascii_case(primary)).unwrap_or(&ENGLISH)
    }

    /// A date as it stands in a sentence.
    pub(crate) fn date(&self, date: &impl Datelike) -> String {
        let (year, month, day) = (date.year(), self.month(date, false), date.day());
        match self.order {
            Order::Plain => format!("{day} {month} {year}"),
            Order::Dotted => format!("{day}. {month} {year}"),
            Order::French if day == 1 => format!("1er {month} {year}"),
            Order::French => format!("{day} {month} {year}"),
            Order::Of => format!("{day} de {month} de {year}"),
            Order::YearFirst => format!("{year}年{}月{day}日", date.month()),
        }
    }

    /// A plain number, such as `-1234.5`, as it stands in a sentence.
    pub(crate) fn number(&self, plain: &str) -> String {
        plain.replace('.', self.decimal.encode_utf8(&mut [0; 4]))
    }

    /// An amount of a currency, from a plain number.
    pub(crate) fn money(&self, plain: &str, currency: &str) -> String {
        let (sign, plain) = plain.strip_prefix('-').map_or(("", plain), |rest| ("-", rest));
        let (whole, decimals) = plain.split_once('.').map_or((plain, None), |(whole, rest)| (whole, Some(rest)));
        let mut amount = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                amount.push(self.thousands);
            }
            amount.push(digit);
        }
        if let Some(decimals) = decimals {
            amount.push(self.decimal);
            amount.push_str(decimals);
        }
        let symbol = symbol(currency);
        match self.money {
            MoneyOrder::Before if symbol.is_some() => format!("{sign}{}{amount}", symbol.unwrap_or(currency)),
            MoneyOrder::Before => format!("{sign}{currency}\u{a0}{amount}"),
            MoneyOrder::Apart => format!("{}\u{a0}{sign}{amount}", symbol.unwrap_or(currency)),
            MoneyOrder::After => format!("{sign}{amount}\u{a0}{}", symbol.unwrap_or(currency)),
        }
    }

    pub(crate) fn month(&self, date: &impl Datelike, short: bool) -> &'static str {
        let names = if short { &self.months_short } else { &self.months };
        names[date.month0() as usize % 12]
    }

    pub(crate) fn weekday(&self, date: &impl Datelike, short: bool) -> &'static str {
        let names = if short { &self.weekdays_short } else { &self.weekdays };
        names[date.weekday().num_days_from_monday() as usize % 7]
    }
}

/// The sign of a currency that everybody knows by it.
fn symbol(currency: &str) -> Option<&'static str> {
    Some(match currency {
        "EUR" => "€",
        "USD" => "$",
        "GBP" => "£",
        "JPY" | "CNY" => "¥",
        "INR" => "₹",
        "KRW" => "₩",
        "BRL" => "R$",
        _ => return None,
    })
}

const NUMBERED: [&str; 12] = ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"];

static ENGLISH: Language = Language {
    code: "en",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    months_short: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    weekdays_short: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    order: Order::Plain,
    decimal: '.',
    thousands: ',',
    money: MoneyOrder::Before,
};

static LANGUAGES: [Language; 8] = [
    Language {
        code: "de",
        months: [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ],
        months_short: ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."],
        weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        weekdays_short: ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"],
        order: Order::Dotted,
        decimal: ',',
        thousands: '.',
        money: MoneyOrder::After,
    },
    Language {
        code: "fr",
        months: [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        months_short: [
            "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
        ],
        weekdays: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        weekdays_short: ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
        order: Order::French,
        decimal: ',',
        thousands: '\u{202f}',
        money: MoneyOrder::After,
    },
    Language {
        code: "es",
        months: [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        months_short: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
        weekdays: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        weekdays_short: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
        order: Order::Of,
        decimal: ',',
        thousands: '.',
        money: MoneyOrder::After,
    },
    Language {
        code: "it",
        months: [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        months_short: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
        weekdays: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
        weekdays_short: ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
        order: Order::Plain,
        decimal: ',',
        thousands: '.',
        money: MoneyOrder::After,
    },
    Language {
        code: "nl",
        months: [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        months_short: ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
        weekdays: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
        weekdays_short: ["ma", "di", "wo", "do", "vr", "za", "zo"],
        order: Order::Plain,
        decimal: ',',
        thousands: '.',
        money: MoneyOrder::Apart,
    },
    Language {
        code: "pt",
        months: [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
        months_short: ["jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."],
        weekdays: ["segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"],
        weekdays_short: ["seg.", "ter.", "qua.", "qui.", "sex.", "sáb.", "dom."],
        order: Order::Of,
        decimal: ',',
        thousands: '.',
        money: MoneyOrder::After,
    },
    Language {
        code: "zh",
        months: NUMBERED,
        months_short: NUMBERED,
        weekdays: ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"],
        weekdays_short: ["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
        order: Order::YearFirst,
        decimal: '.',
        thousands: ',',
        money: MoneyOrder::Before,
    },
    Language {
        code: "ja",
        months: NUMBERED,
        months_short: NUMBERED,
        weekdays: ["月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"],
        weekdays_short: ["月", "火", "水", "木", "金", "土", "日"],
        order: Order::YearFirst,
        decimal: '.',
        thousands: ',',
        money: MoneyOrder::Before,
    },
];
