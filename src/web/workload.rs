//! How many open tasks a colleague has, and would have.

use serde::Serialize;

use crate::worker::runs::plan::Workload;

#[derive(Serialize)]
pub(super) struct WorkloadView {
    name: String,
    before: u64,
    after: u64,
}

impl WorkloadView {
    pub fn of(workload: &Workload) -> WorkloadView {
        WorkloadView {
            name: workload.name.clone().unwrap_or_else(|| workload.csm.clone()),
            before: workload.before,
            after: workload.after,
        }
    }
}
