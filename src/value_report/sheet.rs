//! A report in one language: the texts that a page, a mail, a PDF and a terminal show.

use super::words::Words;
use super::{Reading, ReportedFigure, ValueReport};
use crate::playbook::document::TextByLanguage;
use crate::playbook::language::{language_tag, primary};
use crate::rule::print;

/// A report for readers of one language.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// The BCP 47 tag of what it is written in.
    pub language: String,
    pub title: String,
    pub account: String,
    /// Which instants are compared.
    pub dates: String,
    pub intro: Option<String>,
    /// What stands above before, after, change and worth.
    pub headings: [String; 4],
    /// In the order of the document.
    pub rows: Vec<SheetRow>,
    /// What all are worth more than before, where there is money.
    pub gain: Option<String>,
    /// Which figures that have a rate are not in that.
    pub not_counted: Option<String>,
    pub goals_heading: String,
    pub goals: Vec<SheetGoal>,
    /// Between a label and what is said of it.
    pub colon: &'static str,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetRow {
    pub label: String,
    /// With their units; in place of a number that is missing, why.
    pub before: String,
    pub after: String,
    /// With its sign; empty where one of them is missing.
    pub change: String,
    /// In money, at the end of the period; `None` where no money is shown.
    pub worth: Option<String>,
    /// By which rate.
    pub rate: Option<String>,
    /// The two numbers as they are; `None` where they are missing.
    pub values: [Option<f64>; 2],
    /// Whether it changed for the better; `None` where it did not change.
    pub is_better: Option<bool>,
}

/// One goal.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetGoal {
    pub label: String,
    /// How it stands, with its progress.
    pub standing: String,
    /// From 0 to 100.
    pub progress: Option<f64>,
}

impl Sheet {
    /// A report for readers of a locale; its `default` texts are in `language`.
    pub fn of(report: &ValueReport, locale: &str, language: &str) -> Sheet {
        let locale = language_tag(locale);
        let written = match report.title.language(&locale) {
            Some(own) => own.to_owned(),
            // A title that is written once is in the language of the configuration.
            None => language_tag(language),
        };
        // Dates and numbers by the reader's region, where the language is theirs.
        let reads_in = if primary(&written) == primary(&locale) { locale } else { written.clone() };
        let (words, currency) = (Words::of(&written), report.currency.as_deref().unwrap_or_default());
        let text = |text: &TextByLanguage| text.text(&written).to_owned();
        let date = |at| print::date(at, report.zone, &reads_in);
        let money = |value| print::money(value, currency, &reads_in).unwrap_or_default();
        let (begin, end) = (date(report.begin()), date(report.at));
        let gain = report.gain();
        let not_counted: Vec<&str> = report
            .figures
            .iter()
            .filter(|figure| figure.rate.is_some() && figure.gain().is_none())
            .map(|figure| figure.label.text(&written))
            .collect();
        let goal = |goal: &super::ReportedGoal| SheetGoal {
            label: goal.about.clone().unwrap_or_else(|| goal.goal.clone()),
            standing: match goal.progress.filter(|_| goal.state == "open") {
                Some(progress) => format!("{} ({})", words.state(&goal.state), percent(progress.floor(), &reads_in)),
                None => words.state(&goal.state).to_owned(),
            },
            progress: goal.progress,
        };
        Sheet {
            title: text(&report.title),
            account: report.account_name.clone(),
            dates: words.dates(&begin, &end, report.days),
            intro: report.intro.as_ref().map(text),
            headings: [words.before, words.after, words.change, words.worth].map(str::to_owned),
            rows: report.figures.iter().map(|figure| row(figure, words, &written, &reads_in, &money)).collect(),
            gain: gain.map(|gain| match money(gain.abs()) {
                shown if shown == money(0.0) => words.gain(0.0, &shown),
                shown => words.gain(gain, &shown),
            }),
            not_counted: (!not_counted.is_empty()).then(|| words.not_counted(&not_counted)),
            goals_heading: words.goals.to_owned(),
            goals: report.goals.iter().map(goal).collect(),
            colon: words.colon(),
            language: written,
        }
    }

    /// Whether any figure is worth money.
    pub fn has_money(&self) -> bool {
        self.rows.iter().any(|row| row.worth.is_some())
    }
}

fn row(
    figure: &ReportedFigure,
    words: &Words,
    language: &str,
    locale: &str,
    money: &impl Fn(f64) -> String,
) -> SheetRow {
    let unit = figure.unit.as_ref().map(|unit| unit.text(language));
    let reading = |reading: &Reading| match reading {
        Reading::Value(value) => with_unit(*value, unit, locale),
        Reading::Missing(lack) => words.lack(lack).to_owned(),
    };
    let change = figure.change();
    let difference = |change: f64| match unit {
        Some("%") => words.points(&number(change, locale)),
        unit => with_unit(change, unit, locale),
    };
    let sign = |change: f64| if rounded(change) > 0.0 { "+" } else { "" };
    SheetRow {
        label: figure.label.text(language).to_owned(),
        before: reading(&figure.before),
        after: reading(&figure.after),
        change: change.map(|change| format!("{}{}", sign(change), difference(change))).unwrap_or_default(),
        // What a figure that shall fall is worth is no value, but a cost.
        worth: figure.worth().filter(|_| !figure.falls).map(money),
        rate: figure.rate.filter(|_| figure.worth().is_some()).map(|rate| words.rate(rate, &money(rate.value))),
        values: [figure.before.value(), figure.after.value()],
        is_better: change.map(rounded).filter(|change| *change != 0.0).map(|change| (change > 0.0) != figure.falls),
    }
}

/// To two decimals at most.
fn rounded(value: f64) -> f64 {
    print::with_decimals(value, 2).and_then(|text| text.parse().ok()).unwrap_or(value)
}

fn with_unit(value: f64, unit: Option<&str>, locale: &str) -> String {
    match unit {
        Some("%") => percent(value, locale),
        Some(unit) => format!("{} {unit}", number(value, locale)),
        None => number(value, locale),
    }
}

fn number(value: f64, locale: &str) -> String {
    print::grouped(&print::number(rounded(value)).unwrap_or_default(), locale)
}

fn percent(value: f64, locale: &str) -> String {
    print::percent(&print::number(rounded(value)).unwrap_or_default(), locale)
}
