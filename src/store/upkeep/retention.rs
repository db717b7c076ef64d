//! What is forgotten after its time, some rows at a time.

use crate::clock::Instant;
use crate::store::Store;

/// Rows of one look.
const BATCH: i64 = 500;

impl Store {
    /// Forgets the words of messages that ended before this; returns how many.
    pub async fn forget_bodies(&self, before: Instant) -> sqlx::Result<u64> {
        self.forget(
            "update keepwell.messages m set words = null, body_text = null, body_html = null, forgotten = true
             from (select account_id, id from keepwell.messages
                   where ended_at < $1 and not forgotten order by ended_at limit $2) old
             where m.account_id = old.account_id and m.id = old.id",
            before,
        )
        .await
    }

    /// Forgets what was read for decisions that ended before this, the scores,
    /// moves, goals and figures that documents found before it, what people did with tasks, and what came back about mail; returns how many rows.
    pub async fn forget_evidence(&self, before: Instant) -> sqlx::Result<u64> {
        let mut forgotten = 0;
        for statement in [
            "update keepwell.enrollments e set entry = '{}', evidence = '{}'
             from (select account_id, id from keepwell.enrollments
                   where ended_at < $1 and (entry <> '{}' or evidence <> '{}') order by ended_at limit $2) old
             where e.account_id = old.account_id and e.id = old.id",
            "update keepwell.tasks t set evidence = '{}'
             from (select account_id, id from keepwell.tasks
                   where ended_at < $1 and evidence <> '{}' order by ended_at limit $2) old
             where t.account_id = old.account_id and t.id = old.id",
            "update keepwell.runs r set details = '[]'
             from (select playbook, slot from keepwell.runs
                   where started_at < $1 and details <> '[]' and ended_at is not null order by started_at limit $2) old
             where r.playbook = old.playbook and r.slot = old.slot",
            "update keepwell.evaluations e set details = '[]'
             from (select document, slot from keepwell.evaluations
                   where started_at < $1 and details <> '[]' and ended_at is not null order by started_at limit $2) old
             where e.document = old.document and e.slot = old.slot",
            "delete from keepwell.scores s
             using (select account_id, name, contact_id, at from keepwell.scores where at < $1 order by at limit $2) old
             where s.account_id = old.account_id and s.name = old.name and s.contact_id = old.contact_id
                 and s.at = old.at",
            // Where an account stands is not forgotten, nor since when.
            "delete from keepwell.standings f
             using (select o.account_id, o.standing, o.at from keepwell.standings o
                    where o.at < $1 and exists (
                        select 1 from keepwell.standings l
                        where l.account_id = o.account_id and l.standing = o.standing and l.at > o.at)
                    order by o.at limit $2) old
             where f.account_id = old.account_id and f.standing = old.standing and f.at = old.at",
            // How far a goal is is not forgotten, nor when it was reached.
            "delete from keepwell.goals g
             using (select o.account_id, o.plan, o.goal, o.at from keepwell.goals o
                    where o.at < $1 and exists (
                        select 1 from keepwell.goals l
                        where l.account_id = o.account_id and l.plan = o.plan and l.goal = o.goal and l.at > o.at)
                    order by o.at limit $2) old
             where g.account_id = old.account_id and g.plan = old.plan and g.goal = old.goal and g.at = old.at",
            "delete from keepwell.reports r
             using (select account_id, report, at from keepwell.reports where at < $1 order by at limit $2) old
             where r.account_id = old.account_id and r.report = old.report and r.at = old.at",
            "delete from keepwell.kpis k
             using (select id, at from keepwell.kpis where at < $1 order by at limit $2) old
             where k.id = old.id and k.at = old.at",
            "delete from keepwell.task_acts a
             using (select account_id, task_id, act from keepwell.task_acts where at < $1 order by at limit $2) old
             where a.account_id = old.account_id and a.task_id = old.task_id and a.act = old.act",
            "delete from keepwell.bounces b
             using (select name from keepwell.bounces where at < $1 order by at limit $2) old where b.name = old.name",
        ] {
            forgotten += self.forget(statement, before).await?;
        }
        Ok(forgotten)
    }

    /// Forgets the words of answers from before this, and what was posted of them; an answer
    /// that was nothing but words goes, unless its enrollment is on its way and may read it.
    /// Scores stay as numbers; returns how many rows.
    pub async fn forget_answers(&self, before: Instant) -> sqlx::Result<u64> {
        let mut forgotten = 0;
        for statement in [
            "delete from keepwell.answers a
             using (select o.account_id, o.message from keepwell.answers o
                    where o.answered_at < $1 and (o.value is null or o.comment is not null or o.tags <> '{}')
                      and o.value is null and not exists (
                        select from keepwell.enrollments e
                        where e.account_id = o.account_id and e.id = o.enrollment_id and e.ended_at is null)
                    order by o.answered_at limit $2) old
             where a.account_id = old.account_id and a.message = old.message",
            "update keepwell.answers a set comment = null, tags = '{}'
             from (select account_id, message from keepwell.answers
                   where answered_at < $1 and (value is null or comment is not null or tags <> '{}')
                     and value is not null
                   order by answered_at limit $2) old
             where a.account_id = old.account_id and a.message = old.message",
            "update keepwell.messages m set words = null, body_text = null, body_html = null, forgotten = true
             from (select account_id, id from keepwell.messages
                   where ended_at < $1 and answer is not null and not forgotten order by ended_at limit $2) old
             where m.account_id = old.account_id and m.id = old.id",
        ] {
            forgotten += self.forget(statement, before).await?;
        }
        Ok(forgotten)
    }

    /// Forgets what steps said to addresses before this; returns how many rows.
    pub async fn forget_said(&self, before: Instant) -> sqlx::Result<u64> {
        self.forget(
            "delete from keepwell.mail_guard
             where ctid = any (array(select ctid from keepwell.mail_guard where at < $1 limit $2))",
            before,
        )
        .await
    }

    async fn forget(&self, statement: &'static str, before: Instant) -> sqlx::Result<u64> {
        let done = sqlx::query(statement).bind(before).bind(BATCH).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }
}
