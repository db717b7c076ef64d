//! `report:` a value report: what an account got, in its own numbers, before and
//! after, and in money by its own rates.

use std::collections::HashSet;
use std::sync::Arc;

use super::kind::{DocumentKind, Stage};
use super::report_case::{REPORT_CASE, expectation};
use super::text_by_language::{self, TextByLanguage};
use super::{DocumentBody, Figure, HEAD, ReportExpectation, figure, head};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::case::{DocumentCase, read_document_cases};
use crate::playbook::form::STATUSES;
use crate::playbook::reader::form::ID;
use crate::playbook::reader::{Fields, Form, Key, Shape, short};
use crate::playbook::yaml::Node;

/// The first key of a report's file.
pub const REPORT_WORD: &str = "report";

const DAY: i64 = 86_400;
/// The period of a report that does not say it.
const QUARTER: i64 = 90;
/// The longest period, in days.
const LONGEST: i64 = 730;
/// When a report is made for all accounts that does not say it.
const MONTHLY: &str = "@monthly";

/// A value report as its author wrote it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Account statuses it is made for on its schedule, each with its place where it was
    /// written.
    pub statuses: Vec<(String, Option<Position>)>,
    pub title: TextByLanguage,
    /// What stands below the title.
    pub intro: Option<TextByLanguage>,
    /// How many days lie between before and after.
    pub days: i64,
    /// The ISO code of what rates are in.
    pub currency: Option<String>,
    /// At least one, unless there was an error. In the order of the text.
    pub figures: Vec<Figure>,
    pub tests: Vec<DocumentCase<ReportExpectation>>,
}

pub(super) static KIND: DocumentKind =
    DocumentKind { word: REPORT_WORD, noun: "a report", form: &REPORT, stage: Stage::Reports, schedule: MONTHLY, read };

static REPORT: Form = Form::new(
    "a report",
    &[
        &[Key::required(REPORT_WORD, ID, "The id: lower-case letters, digits and `-`. Steps send it as `report: ID`.")],
        HEAD,
        &[
            STATUSES,
            Key::required(
                "title",
                Shape::Localized,
                "What stands above it, and the subject of its mail: a text, or one for each language. The account's name and the dates are added.",
            ),
            Key::new("intro", Shape::Localized, "What stands below the title: a text, or one for each language."),
            Key::new(
                "period",
                Shape::Elapsed,
                "How long before its end the period begins: before and after are that far apart. Default: `90d`.",
            ),
            Key::new(
                "currency",
                Shape::text_like("^[A-Z]{3}$", "three capital letters, such as `EUR`"),
                "The currency of all rates: `EUR`.",
            ),
            Key::required("figures", Shape::list(&Shape::Form(&figure::FIGURE), 1), "What is shown, before and after."),
            Key::new(
                "tests",
                Shape::list(&Shape::Form(&REPORT_CASE), 0),
                "Cases that `keepwell test` plays: a world, and the figures in it.",
            ),
        ],
    ],
);

fn read(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> DocumentBody {
    let statuses = head::statuses(fields);
    let title = text_by_language::required("title", fields);
    let intro = text_by_language::read("intro", fields);
    let days = days(fields);
    let currency = currency(fields);
    if !fields.has("figures") {
        fields.missing("figures");
    }
    let before = fields.problems().len();
    let nodes = fields.list("figures").unwrap_or_default();
    let figures: Vec<Figure> = nodes.iter().filter_map(|node| figure::read(file, node, fields)).collect();
    if nodes.is_empty() && fields.has("figures") && fields.problems().len() == before {
        let at = fields.value_place("figures");
        fields.error("KW0103", at, "a report needs at least one figure");
    }
    let mut known = HashSet::new();
    for figure in &figures {
        if !known.insert(figure.id.as_str()) {
            fields.error("KW0105", figure.place, format!("two figures are called `{}`", figure.id));
        }
    }
    let cases = fields.take("tests");
    let expect = |node: &Node, problems: &mut Vec<Diagnostic>| expectation(file, node, &figures, problems);
    let tests =
        cases.map(|node| read_document_cases(file, node, &REPORT_CASE, expect, fields.problems())).unwrap_or_default();
    let title = title.unwrap_or_else(|| TextByLanguage { default: "?".to_owned(), languages: Default::default() });
    DocumentBody::Report(Report { statuses, title, intro, days, currency, figures, tests })
}

fn days(fields: &mut Fields<'_, '_>) -> i64 {
    let Some(seconds) = fields.elapsed("period") else { return QUARTER };
    let days = seconds / DAY;
    if seconds % DAY != 0 || !(1..=LONGEST).contains(&days) {
        let at = fields.value_place("period");
        let message = format!("`period` is whole days, from `1d` to `{LONGEST}d`");
        fields.error_with_help("KW0110", at, message, "write days, such as `90d`");
        return QUARTER;
    }
    days
}

fn currency(fields: &mut Fields<'_, '_>) -> Option<String> {
    let source = fields.text("currency")?;
    if source.text.len() == 3 && source.text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(source.text.to_string());
    }
    let message = format!("`{}` is no currency", short(&source.text));
    let at = fields.value_place("currency");
    fields.error_with_help("KW0104", at, message, "write its three capital letters, such as `EUR`");
    None
}
