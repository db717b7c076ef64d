//! A value report, ready.

use std::sync::Arc;

use super::DocumentCompiler;
use crate::facts::{Subject, Type};
use crate::playbook::SubjectKind;
use crate::playbook::document::Report;
use crate::rule::{WITH_PAST, Wanted, cell_without_past};
use crate::value_report::ReportMaker;

/// A value report whose expressions are compiled.
#[derive(Debug)]
pub struct ReadyReport {
    pub maker: ReportMaker,
}

/// Compiles a report; `None` means that there was an error.
pub(super) fn compile(report: &Report, compiler: &mut DocumentCompiler<'_, '_>) -> Option<ReadyReport> {
    compiler.audience(SubjectKind::Account, &report.statuses);
    let begin = compiler.schema().column(Subject::Account, "signed_up_at");
    let has_begin = begin.is_some_and(|column| column.ty == Type::Time);
    let (id, zone) = (compiler.document().id.clone(), compiler.zone());
    let maker = ReportMaker::compile(&id, &Arc::new(report.clone()), zone, has_begin, |source| {
        compiler.rule(source, Wanted::Measure)
    })?;
    let mut is_fine = true;
    for (figure, value) in maker.values() {
        if figure.worth.is_some() && report.currency.is_none() {
            let message = format!("`{}` is worth money, and without a currency none is shown", figure.id);
            compiler.warn("KW0102", figure.place, message, "name the currency of the rates: `currency: EUR`");
        }
        if let Some(cell) = cell_without_past(value) {
            let message = format!("`{cell}` of {} days ago is not on record, and before is asked there", report.days);
            compiler.refuse("KW0212", &figure.value, message, WITH_PAST);
            is_fine = false;
        } else if value.cells().is_empty() {
            let message =
                format!("`{}` is always the same: nothing in it is about the account", figure.value.text.trim());
            compiler.refuse(
                "KW0209",
                &figure.value,
                message,
                "count what the account does, such as `account.events(\"login\", 90)`",
            );
            is_fine = false;
        }
    }
    compiler.read(maker.cells());
    is_fine.then_some(ReadyReport { maker })
}
