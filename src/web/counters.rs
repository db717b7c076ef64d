//! What waits for the reader of a page: the numbers in the navigation, which the script
//! asks for each minute.

use serde::Serialize;

use super::WebState;
use super::visitor::Visitor;
use crate::store::views::web::Waiting;

/// Where the script asks. Whoever is only asked for by it does not use their session.
pub(super) const PATH: &str = "/counters";

/// Up to how many are counted.
const MOST: i64 = 999;

/// Each as a page shows it; empty where there is nothing.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counters {
    /// The reader's own open tasks that are not put off.
    pub today: String,
    /// The runs that wait for a person.
    pub approvals: String,
}

impl Counters {
    /// Those of whoever reads.
    pub async fn read(web: &WebState) -> anyhow::Result<Counters> {
        let csm = Visitor::current().and_then(|visitor| visitor.csm_id);
        let Waiting { tasks, held_runs } = web.store.waiting(csm.as_deref(), web.clock.now(), MOST + 1).await?;
        Ok(Counters { today: shown(tasks), approvals: shown(held_runs) })
    }
}

fn shown(count: i64) -> String {
    match count {
        0 => String::new(),
        many if many > MOST => format!("{MOST}+"),
        some => some.to_string(),
    }
}
