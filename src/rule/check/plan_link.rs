//! The type check of `plan_link("first-success")`.

use rhai::Position;

use super::checker::Checker;
use super::kind::{Kind, Typed};
use crate::facts::{Arg, Cell, Subject};
use crate::rule::functions;

impl Checker<'_> {
    /// The plan exists, and there is an account that may have it: that is read.
    pub(crate) fn plan_argument(&mut self, plan: &Typed, position: Position) {
        let Some(Arg::Text(id)) = self.literal(plan) else {
            let message = "`plan_link` takes the id of a success plan in quotes";
            return self.problem("KW0205", plan.position, message, None);
        };
        if !matches!(self.variable("account", position).kind, Kind::Subject(Subject::Account)) {
            return;
        }
        if let Some((message, help)) = self.scope.neighbours.describe_unknown_plan(&id) {
            self.problem("KW0241", plan.position, message, Some(help));
        }
        self.findings.cells.insert(Cell { subject: Subject::Account, path: functions::has_plan(&id) });
    }
}
