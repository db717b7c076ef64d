//! Who stands at which step of a playbook, who has left there and why.

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::runs::EnrollmentRow;
use crate::clock::Instant;
use crate::store::{Relation, Store};

/// How many are in a state at a step: where they stand, or stood before they
/// ended; empty of those who ended at their first look.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StepCount {
    pub state: String,
    pub place: String,
    pub count: i64,
}

/// Why some who ended in a state at a step did.
#[derive(Clone, Debug, FromRow)]
pub struct StepReason {
    pub state: String,
    pub place: String,
    pub reason: Option<String>,
    pub count: i64,
}

/// Those in a state at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepGroup {
    pub state: String,
    pub place: String,
}

/// One who is or was in a playbook.
#[derive(Clone, Debug, FromRow)]
pub struct EnrolledRow {
    pub id: Uuid,
    #[sqlx(flatten)]
    pub enrollment: EnrollmentRow,
    pub left_step: Option<String>,
    pub ended_at: Option<Instant>,
}

/// The place of an enrollment as the index `enrollments_by_step` has it.
const PLACE: &str = "coalesce(step, left_step, '')";

fn columns(groups: &[StepGroup]) -> (Vec<&str>, Vec<&str>) {
    groups.iter().map(|group| (group.state.as_str(), group.place.as_str())).unzip()
}

impl Store {
    /// How many of a playbook are in each state at each step; counted from the
    /// index alone.
    pub async fn step_counts(&self, playbook: &str) -> sqlx::Result<Vec<StepCount>> {
        let sql = format!(
            "select state, {PLACE} as place, count(*) as count from keepwell.enrollments
             where playbook = $1 group by 1, 2 order by 1, 2"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(playbook).fetch_all(self.pool()).await
    }

    /// Why they did, of at most `limit` of each group. Of those whom people ended who did
    /// it, and not their own words.
    pub async fn step_reasons(
        &self,
        playbook: &str,
        groups: &[StepGroup],
        limit: i64,
    ) -> sqlx::Result<Vec<StepReason>> {
        let (states, places) = columns(groups);
        let sql = format!(
            "select w.state, w.place,
                 case w.state when 'cancelled' then split_part(e.reason, ':', 1) else e.reason end as reason,
                 count(*) as count
             from unnest($2::text[], $3::text[]) w (state, place)
             cross join lateral (
                 select reason from keepwell.enrollments
                 where playbook = $1 and state = w.state and {PLACE} = w.place limit $4) e
             group by 1, 2, 3 order by 4 desc, 3"
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(playbook)
            .bind(states)
            .bind(places)
            .bind(limit)
            .fetch_all(self.pool())
            .await
    }

    /// Those of these groups, in the order of account and id, after the given one.
    pub async fn enrolled_page(
        &self,
        playbook: &str,
        groups: &[StepGroup],
        after: Option<(&str, Uuid)>,
        limit: i64,
    ) -> sqlx::Result<Vec<EnrolledRow>> {
        let (accounts, contacts) = (self.relation(Relation::Accounts), self.relation(Relation::Contacts));
        let account = self.key().of_text("e.account_id");
        let (states, places) = columns(groups);
        let sql = format!(
            "select e.id, e.account_id, a.name as account_name, k.name as contact_name, e.state, e.reason, e.step,
                 e.due_at, e.started_at, e.shadow, e.left_step, e.ended_at
             from (
                 select one.* from unnest($2::text[], $3::text[]) w (state, place)
                 cross join lateral (
                     select * from keepwell.enrollments
                     where playbook = $1 and state = w.state and {PLACE} = w.place
                       and ($4::text is null or account_id >= $4 and (account_id > $4 or id > $5))
                     order by account_id, id limit $6) one
                 order by one.account_id, one.id limit $6) e
             left join {accounts} a on a.id = {account}
             left join {contacts} k on k.account_id = {account} and k.id = e.contact_id
             order by e.account_id, e.id"
        );
        let (after_account, after_id) = after.unzip();
        sqlx::query_as(AssertSqlSafe(sql))
            // A plan that knows whether this is the first page.
            .persistent(false)
            .bind(playbook)
            .bind(states)
            .bind(places)
            .bind(after_account)
            .bind(after_id)
            .bind(limit)
            .fetch_all(&mut *self.read().await?)
            .await
    }
}
