//! Recorded figures, as a case gives them.

use super::{World, just_before};
use crate::clock::Instant;
use crate::facts::KpiRecord;
use crate::playbook::reader::{inline, short};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::rehearsal::fixture::Reader;

impl World {
    /// Records figures: each by its time, or in force just before `moment`.
    pub fn apply_kpis(&mut self, given: &[Entry], moment: Instant, reader: &mut Reader) {
        for Entry { key: id, node, .. } in given {
            let Some(by_time) = node.as_mapping() else {
                self.record_kpi(id, just_before(moment), node, reader);
                continue;
            };
            for Entry { key, key_place, node } in by_time {
                let time = NodeValue::Text(inline(reader.file, *key_place, key));
                let at = reader.time(id, &Node { place: *key_place, value: time });
                at.into_iter().for_each(|at| self.record_kpi(id, at, node, reader));
            }
        }
    }

    fn record_kpi(&mut self, id: &str, at: Instant, node: &Node, reader: &mut Reader) {
        let value = match (&node.value, node.as_text()) {
            (NodeValue::Int(whole), _) => Some(*whole as f64),
            (NodeValue::Float(number), _) => Some(number.value),
            (NodeValue::Null, _) | (_, Some("none")) => None,
            _ => {
                let message = format!("the KPI `{}` is a number, or `none`, not {}", short(id), node.describe());
                let help =
                    "write `{ churn-rate: 2.5 }`, or several by their times: `{ churn-rate: { -7d: 2, 0d: 2.5 } }`";
                return reader.error("KW0501", node.place, message, help);
            }
        };
        // One of the same instant takes the place of another.
        self.kpis.retain(|known| known.id != id || known.at != at);
        self.kpis.push(KpiRecord { id: id.to_owned(), at, value });
    }
}
