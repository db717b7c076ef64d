//! The type check of `kpi("churn-rate")` and `kpi_change("churn-rate", 7)`: the
//! recorded figures of documents, which are about all accounts together.

use rhai::Position;

use super::checker::Checker;
use super::kind::{Kind, Typed};
use crate::facts::{Cell, CellPath, KpiQuestion, Subject};
use crate::rule::functions::global::KPI_CHANGE;
use crate::rule::scope::View;

/// The most days that a change can be asked for.
const MOST_DAYS: i64 = 3650;

impl Checker<'_> {
    /// A call with its arguments.
    pub(crate) fn kpi(&mut self, name: &str, args: &[Typed], text: String, position: Position) -> Typed {
        if !matches!(self.scope.view, View::Portfolio { .. }) || self.in_script || !self.bound.is_empty() {
            let message = format!("`{name}` is not available here: a recorded figure is about all accounts together");
            let help = "a playbook `for: portfolio` has it in `when`, in `if` and in its texts, outside of `matching` and `{% for %}`";
            self.problem("KW0212", position, message, Some(help.to_owned()));
            return self.unknown(text, position);
        }
        let has_days = name == KPI_CHANGE;
        let (id, days) = match (args, has_days) {
            ([id], false) => (id, None),
            ([id, days], true) => (id, Some(days)),
            _ => {
                let (takes, help) = match has_days {
                    true => ("the id of a KPI in quotes and a number of days", "write `kpi_change(\"churn-rate\", 7)`"),
                    false => ("the id of a KPI in quotes", "write `kpi(\"churn-rate\")`"),
                };
                self.problem("KW0205", position, format!("`{name}` takes {takes}"), Some(help.to_owned()));
                return self.unknown(text, position);
            }
        };
        let known_id = serde_json::from_str::<String>(&id.text).ok().filter(|_| id.kind == Kind::Text);
        let known_days = match days {
            None => Some(None),
            Some(days) => days.text.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days)).map(Some),
        };
        if known_id.is_none() && id.kind != Kind::Unknown {
            let help = "write the id itself, as in `kpi(\"churn-rate\")`";
            self.problem(
                "KW0205",
                id.position,
                format!("`{name}` takes the id of a KPI in quotes"),
                Some(help.to_owned()),
            );
        }
        if let (None, Some(days)) = (&known_days, days)
            && days.kind != Kind::Unknown
        {
            let message = format!("`{name}` needs a number of days from 1 to {MOST_DAYS} behind the id");
            self.problem("KW0205", days.position, message, Some("write `kpi_change(\"churn-rate\", 7)`".to_owned()));
        }
        let (Some(id_text), Some(days)) = (known_id, known_days) else { return self.unknown(text, position) };
        if let Some((message, help)) = self.scope.neighbours.describe_unknown_kpi(&id_text) {
            self.problem("KW0251", id.position, message, Some(help));
        }
        let question = KpiQuestion { id: id_text, days };
        self.findings.cells.insert(Cell { subject: Subject::Account, path: CellPath::Kpi(question) });
        let nullable = !self.known.contains(&text);
        Typed { kind: Kind::Float, nullable, text, position }
    }
}
