//! PlaybookTurns of playbooks in one look at what is due: each has so much of a
//! processor's time, and what it has not come to waits for its next turn. So one
//! with slow conditions delays no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::Instant;
use crate::store::messages::insert::NoticeText;
use crate::worker::owner_notice::alert;
use crate::worker::revision_cache::Loaded;
use crate::worker::runs::evaluation_budget::EvaluationBudget;
use crate::worker::shared::Shared;

/// The time that the conditions of one playbook have in one look.
const TURN: Duration = Duration::from_secs(5);

/// Who has how much of its turn left.
#[derive(Debug, Default)]
pub(crate) struct PlaybookTurns {
    budgets: HashMap<String, Arc<EvaluationBudget>>,
    over: Vec<String>,
}

impl PlaybookTurns {
    /// The time of one playbook, which what is done for it takes off.
    pub fn of(&mut self, playbook: &str) -> Arc<EvaluationBudget> {
        self.budgets.entry(playbook.to_owned()).or_insert_with(turn).clone()
    }

    /// Ends the turn of a playbook that has not come to all that is due, and tells
    /// its owners, once for a revision.
    pub async fn end(&mut self, shared: &Shared, loaded: &Loaded, now: Instant) -> anyhow::Result<()> {
        let (id, revision) = (&loaded.ready.playbook.id, &loaded.ready.revision);
        self.over.push(id.clone());
        if loaded.is_known_as_slow.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let seconds = TURN.as_secs();
        tracing::warn!(playbook = %id, "its conditions worked for longer than {seconds} s at one look: it goes on in turns");
        let text = format!(
            "The conditions of the steps, goal, exit and tasks of the playbook {id} worked for longer than {seconds} s \
             of a processor's time at one look. Its enrollments go on in turns, later than they would; those of other \
             playbooks do not wait for them.\n\nThis is said once for a revision."
        );
        let text = NoticeText { subject: &format!("Slow: {id}"), text: &text };
        alert(shared, loaded, &["slow steps", id, revision], text, now).await
    }

    /// The playbooks whose turn is over.
    pub fn over(&self) -> &[String] {
        &self.over
    }

    /// Whether the turn of a playbook is over.
    pub fn is_over(&self, playbook: &str) -> bool {
        self.over.iter().any(|over| over == playbook)
    }
}

/// The time of one turn.
pub(crate) fn turn() -> Arc<EvaluationBudget> {
    EvaluationBudget::of(TURN)
}
