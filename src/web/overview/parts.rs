//! What an overview is made of. The page and the CSV write the same parts, so that
//! they have the same figures.

use serde::Serialize;

use super::chart::{ChartValue, OverviewChart};
use crate::printable::csv_field;
use crate::web::fact;
use crate::web::language::translated;

/// The columns of an export, in order.
const COLUMNS: [&str; 6] = ["section", "figure", "of", "value", "unit", "missing"];

/// What belongs together under a heading.
#[derive(Debug, Default, Serialize)]
pub(super) struct OverviewSection {
    pub id: &'static str,
    /// A phrase.
    pub title: &'static str,
    /// What counts here, where that is not plain.
    pub note: Option<String>,
    /// Why there is nothing at all.
    pub missing: Option<String>,
    pub figures: Vec<OverviewFigure>,
    pub cards: Vec<OverviewCard>,
    pub tables: Vec<OverviewTable>,
    /// Where more of it is.
    pub link: Option<OverviewLink>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct OverviewLink {
    pub text: String,
    pub href: String,
}

/// One number.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct OverviewFigure {
    pub label: String,
    /// As people read it; `None` where there is none.
    pub text: Option<String>,
    #[serde(skip)]
    pub value: Option<f64>,
    #[serde(skip)]
    pub unit: &'static str,
    /// Against the period before.
    pub change: Option<String>,
    /// Why there is none.
    pub missing: Option<String>,
    /// Where the accounts or tasks behind it are.
    pub href: Option<String>,
}

/// A number with a chart of how it is made up or how it went, and the table behind it.
#[derive(Debug, Serialize)]
pub(super) struct OverviewCard {
    pub figure: OverviewFigure,
    /// What is counted.
    pub about: Option<String>,
    /// The day of the figure, where it is that of one day and not of the period.
    pub as_of: Option<String>,
    pub chart: Option<OverviewChart>,
    pub rows: Vec<ChartValue>,
    /// What the column of the names has, a phrase.
    pub of: &'static str,
    /// What the numbers of the rows are.
    #[serde(skip)]
    pub rows_unit: &'static str,
    pub link: Option<OverviewLink>,
}

#[derive(Debug, Serialize)]
pub(super) struct OverviewTable {
    pub caption: String,
    /// What the rows are, then each column: phrases.
    pub head: Vec<&'static str>,
    pub rows: Vec<OverviewRow>,
    pub link: Option<OverviewLink>,
}

#[derive(Debug, Serialize)]
pub(super) struct OverviewRow {
    pub name: String,
    pub href: Option<String>,
    pub note: Option<String>,
    pub cells: Vec<OverviewCell>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct OverviewCell {
    pub text: String,
    #[serde(skip)]
    pub value: Option<f64>,
    /// Whether it is a word and no number.
    pub is_word: bool,
    pub href: Option<String>,
    /// How far its bar reaches, in percent.
    pub bar: Option<u32>,
    /// Whether it is too much.
    pub over: bool,
}

/// A count as a figure. Its label is a phrase.
pub(super) fn count(label: &str, count: i64, href: Option<String>) -> OverviewFigure {
    number(label, Some(count as f64), "count", href)
}

/// A number as a figure. Its label is a phrase.
pub(super) fn number(label: &str, value: Option<f64>, unit: &'static str, href: Option<String>) -> OverviewFigure {
    OverviewFigure {
        label: translated(label).into_owned(),
        text: value.map(|value| crate::web::kpis::figure(value, unit)),
        value,
        unit,
        href,
        ..OverviewFigure::default()
    }
}

/// A figure that there is not. Its label and why are phrases.
pub(super) fn missing(label: &str, why: &str) -> OverviewFigure {
    let [label, why] = [label, why].map(|text| translated(text).into_owned());
    OverviewFigure { label, missing: Some(why), ..OverviewFigure::default() }
}

impl OverviewCell {
    pub fn count(count: i64) -> OverviewCell {
        OverviewCell::number(Some(count as f64))
    }

    pub fn number(value: Option<f64>) -> OverviewCell {
        let rounded = value.map(|value| (value * 10.0).round() / 10.0);
        OverviewCell { text: rounded.map_or("–".to_owned(), fact::number), value: rounded, ..OverviewCell::default() }
    }

    pub fn percent(part: i64, whole: i64) -> OverviewCell {
        let share = (whole > 0).then(|| (part as f64 * 100.0 / whole as f64).round());
        OverviewCell {
            text: share.map_or("–".to_owned(), |share| format!("{share:.0} %")),
            value: share,
            ..OverviewCell::default()
        }
    }

    pub fn word(text: String) -> OverviewCell {
        OverviewCell { text, is_word: true, ..OverviewCell::default() }
    }

    pub fn linked(self, href: String) -> OverviewCell {
        OverviewCell { href: Some(href), ..self }
    }

    pub fn with_bar(self, part: f64, whole: f64) -> OverviewCell {
        let percent = if whole > 0.0 { (part * 100.0 / whole).clamp(0.0, 100.0).round() as u32 } else { 0 };
        OverviewCell { bar: Some(percent), ..self }
    }
}

/// The parts as a spreadsheet reads them, with a line of names first; before them
/// stand lines that say what they are of.
pub(super) fn csv(head: &[(&str, String)], sections: &[OverviewSection]) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    let mut line = |fields: [&str; 6]| {
        let [section, figure, of, value, unit, missing] = fields;
        // A number is none that a spreadsheet could take for a formula.
        let value = if value.parse::<f64>().is_ok() { value.to_owned() } else { csv_field(value) };
        let [section, figure, of, unit, missing] = [section, figure, of, unit, missing].map(csv_field);
        text.push_str(&[section, figure, of, value, unit, missing].join(","));
        text.push_str("\r\n");
    };
    for (name, value) in head {
        line(["Overview", name, "", value, "", ""]);
    }
    for section in sections {
        if let Some(why) = &section.missing {
            line([section.title, "", "", "", "", why]);
        }
        for figure in section.figures.iter().chain(section.cards.iter().map(|card| &card.figure)) {
            let why = figure.missing.as_deref().unwrap_or_default();
            line([section.title, &figure.label, "", &exact(figure.value), figure.unit, why]);
        }
        for card in &section.cards {
            for row in &card.rows {
                line([section.title, &card.figure.label, &row.name, &exact(row.value), card.rows_unit, ""]);
            }
        }
        for table in &section.tables {
            for row in &table.rows {
                for (column, cell) in table.head.iter().skip(1).zip(&row.cells) {
                    let value = if cell.is_word { cell.text.clone() } else { exact(cell.value) };
                    line([section.title, column, &row.name, &value, "", ""]);
                }
            }
        }
    }
    text
}

/// A number with what a machine needs of it.
fn exact(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| ((value * 10_000.0).round() / 10_000.0).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_has_every_part_and_no_formula() {
        let row = OverviewRow {
            name: "=1+1".to_owned(),
            href: None,
            note: None,
            cells: vec![OverviewCell::count(3), OverviewCell::word("-a".to_owned())],
        };
        let section = OverviewSection {
            title: "Tasks",
            figures: vec![number("Change", Some(-1234.56789), "money", None), missing("Won, all", "no history")],
            tables: vec![OverviewTable {
                caption: String::new(),
                head: vec!["Who", "Open", "Word"],
                rows: vec![row],
                link: None,
            }],
            ..OverviewSection::default()
        };
        let text = csv(&[("period", "November 2026".to_owned())], &[section]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "section,figure,of,value,unit,missing",
                "Overview,period,,November 2026,,",
                "Tasks,Change,,-1234.5679,money,",
                "Tasks,\"Won, all\",,,,no history",
                "Tasks,Open,'=1+1,3,,",
                "Tasks,Word,'=1+1,'-a,,",
            ]
        );
    }
}
