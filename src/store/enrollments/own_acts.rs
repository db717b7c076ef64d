//! What enrollments did themselves at one instant, as far as it is written.

use std::collections::{BTreeSet, HashMap};

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::clock::Instant;
use crate::enrollment::{Enrollment, OpenTasks};
use crate::facts::{OwnAct, OwnActs};
use crate::message::channel::Channel;
use crate::message::state::State;
use crate::store::Store;
use crate::store::messages::transitions::among;

impl Store {
    /// What each enrollment did itself at that very instant, in the order given,
    /// as far as it is asked for: a statement for each kind. Shadows do nothing.
    pub async fn own_acts(
        &self,
        enrollments: &[Enrollment],
        at: Instant,
        asked: &BTreeSet<OwnAct>,
    ) -> sqlx::Result<Vec<OwnActs>> {
        let accounts: Vec<&str> = enrollments.iter().map(|enrollment| enrollment.account.as_str()).collect();
        let ids: Vec<Uuid> = enrollments.iter().map(|enrollment| enrollment.id).collect();
        let mut acts: HashMap<Uuid, OwnActs> = HashMap::new();
        if asked.contains(&OwnAct::Label) {
            let labels: Vec<(Uuid, String, Option<String>)> = sqlx::query_as(
                "select w.id, l.name, l.value
                 from unnest($1::text[], $2::uuid[]) as w (account_id, id)
                 join keepwell.labels l on l.account_id = w.account_id and l.enrollment_id = w.id
                 where l.at = $3 and not l.shadow",
            )
            .persistent(false)
            .bind(&accounts)
            .bind(&ids)
            .bind(at)
            .fetch_all(self.pool())
            .await?;
            for (id, name, value) in labels {
                acts.entry(id).or_default().labels.insert(name, value);
            }
        }
        if asked.contains(&OwnAct::Task) {
            let tasks: Vec<(Uuid, i64)> = sqlx::query_as(
                "select w.id, count(*)
                 from unnest($1::text[], $2::uuid[]) as w (account_id, id)
                 join keepwell.tasks t on t.account_id = w.account_id and t.enrollment_id = w.id
                 where t.created_at = $3 and t.state <> 'shadow' and (t.ended_at is null or t.ended_at >= $3)
                 group by w.id",
            )
            .persistent(false)
            .bind(&accounts)
            .bind(&ids)
            .bind(at)
            .fetch_all(self.pool())
            .await?;
            for (id, opened) in tasks {
                acts.entry(id).or_default().opened_tasks = opened;
            }
        }
        if asked.contains(&OwnAct::Mail) {
            let mailed = format!(
                "select w.id, m.contact_id
                 from unnest($1::text[], $2::uuid[]) as w (account_id, id)
                 cross join lateral (
                     select contact_id from keepwell.messages
                     where account_id = w.account_id and enrollment_id = w.id
                       and channel = '{}' and state in {} and sent_at = $3 and not shadow
                     offset 0) m",
                Channel::OF_CUSTOMERS,
                among(&[State::Accepted, State::Captured])
            );
            let mailed: Vec<(Uuid, String)> = sqlx::query_as(AssertSqlSafe(mailed))
                .persistent(false)
                .bind(&accounts)
                .bind(&ids)
                .bind(at)
                .fetch_all(self.pool())
                .await?;
            let contacts: HashMap<Uuid, &str> =
                enrollments.iter().map(|enrollment| (enrollment.id, enrollment.contact.as_str())).collect();
            for (id, contact) in mailed {
                let act = acts.entry(id).or_default();
                act.mailed = true;
                act.mailed_contact |= contacts.get(&id).is_some_and(|enrolled| *enrolled == contact);
            }
        }
        Ok(ids.iter().map(|id| acts.remove(id).unwrap_or_default()).collect())
    }

    /// Which tasks are open for the subject of each enrollment in its playbook, in
    /// the order given.
    pub async fn open_tasks_beside(&self, enrollments: &[Enrollment]) -> sqlx::Result<Vec<OpenTasks>> {
        let each = || enrollments.iter();
        let rows: Vec<(Uuid, String, i32)> = sqlx::query_as(
            "select w.id, t.step, t.ordinal
             from unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) as w (account_id, contact_id, playbook, id)
             cross join lateral (
                 select step, ordinal from keepwell.tasks
                 where account_id = w.account_id and contact_id = w.contact_id and playbook = w.playbook
                   and state = 'open'
                 offset 0) t",
        )
        .persistent(false)
        .bind(each().map(|one| one.account.as_str()).collect::<Vec<_>>())
        .bind(each().map(|one| one.contact.as_str()).collect::<Vec<_>>())
        .bind(each().map(|one| one.playbook.as_str()).collect::<Vec<_>>())
        .bind(each().map(|one| one.id).collect::<Vec<_>>())
        .fetch_all(self.pool())
        .await?;
        let mut open: HashMap<Uuid, OpenTasks> = HashMap::new();
        for (id, step, ordinal) in rows {
            open.entry(id).or_default().insert((step, ordinal));
        }
        Ok(each().map(|one| open.remove(&one.id).unwrap_or_default()).collect())
    }
}
