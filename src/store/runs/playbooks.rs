//! Published playbooks: what all daemons run, whoever has the files.

use std::collections::{BTreeMap, HashSet};

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use super::publications::{Cause, Origin, record_publication};
use super::renames::{NewName, Renamed, rename};
use crate::clock::Instant;
use crate::diagnostic::Diagnostic;
use crate::message::channel::Channel;
use crate::store::Store;
use crate::store::messages::transitions::WAITING;

const COLUMNS: &str = "id, kind, revision, file, present, slots_after, problems, pinned, on_event, on_after, \
    events_since, events_after";

/// The current publication of a playbook.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Published {
    pub id: String,
    /// The first key of its file: `playbook`, or that of a document.
    pub kind: String,
    pub revision: String,
    pub file: String,
    /// Whether its file is still there; without it the playbook is paused.
    pub present: bool,
    /// Up to when its slots are settled.
    pub slots_after: Instant,
    /// Diagnostics of a broken file, whose previous revision stays in force.
    pub problems: serde_json::Value,
    /// The file's revision that a rollback left out, until the file changes.
    pub pinned: Option<String>,
    /// The event that the next two are about.
    pub on_event: Option<String>,
    /// How long after it they are due, in seconds; `None` before that was kept.
    pub on_after: Option<i64>,
    /// Events that were due by then are its past.
    pub events_since: Option<Instant>,
    /// Up to when its events were looked at.
    pub events_after: Option<Instant>,
}

/// A revision's own text.
#[derive(Clone, Debug, FromRow)]
pub struct RevisionText {
    pub playbook: String,
    pub revision: String,
    pub file: String,
    pub text: String,
    pub scripts: serde_json::Value,
    pub surveys: serde_json::Value,
}

impl RevisionText {
    /// Its script modules by name.
    pub fn modules(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.scripts.clone()).unwrap_or_default()
    }

    /// The surveys and reports that its steps name, by id.
    pub fn surveys(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.surveys.clone()).unwrap_or_default()
    }
}

/// One playbook to publish.
#[derive(Clone, Debug)]
pub struct Publication<'a> {
    pub id: &'a str,
    /// The first key of its file.
    pub kind: &'static str,
    /// The names that it had before, whose history it carries on.
    pub was: Vec<&'a str>,
    pub revision: &'a str,
    pub file: &'a str,
    pub text: &'a str,
    pub scripts: &'a BTreeMap<String, String>,
    /// The texts of the surveys and reports that its steps name, by id.
    pub surveys: &'a BTreeMap<String, String>,
    /// Of this revision, whichever its waiting mail came from.
    pub mail_priority: u8,
}

/// A file that cannot be used as it stands.
#[derive(Clone, Debug)]
pub struct Broken<'a> {
    /// The playbook it claims to be, where that can be read.
    pub id: Option<String>,
    /// The names of before that it claims: until it can be used, the playbook goes
    /// on under the old one.
    pub was: Vec<String>,
    pub file: &'a str,
    pub problems: Vec<&'a Diagnostic>,
}

impl Broken<'_> {
    /// Whether it stands for this playbook. The id counts: the same file may
    /// have been named by another path. A folder that is not read, as a link
    /// that leads elsewhere is, stands for all files below it.
    fn is_of(&self, known: &Published) -> bool {
        let below = || known.file.strip_prefix(self.file).is_some_and(|rest| rest.starts_with('/'));
        self.was.contains(&known.id)
            || self.id.as_ref().map_or_else(|| *self.file == known.file || below(), |id| *id == known.id)
    }
}

/// Whose files are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A few are paused; so many that it will be the wrong folder, none at all.
    Doubted,
    /// All are paused: somebody said so.
    Meant,
}

/// What a publication changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Ids whose revision is new, and those that came back.
    pub published: Vec<String>,
    /// Ids that are paused from now on because their file is gone.
    pub paused: Vec<String>,
    /// Those that go on under another name.
    pub renamed: Vec<Renamed>,
    /// Those whose file does not count, since a person went back to an earlier
    /// revision and it has not changed since.
    pub pinned: Vec<String>,
}

/// Nothing was published: for the files of these playbooks in force one looked
/// in the wrong place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{} of the {of} playbooks in force have no file any more: {}", .gone.len(), .gone.join(", "))]
pub struct Refused {
    pub gone: Vec<String>,
    /// How many are in force.
    pub of: usize,
}

/// The playbooks in force whose file is neither among these nor broken.
pub fn gone<'a>(
    known: &'a [Published],
    ids: &HashSet<&str>,
    broken: &[Broken<'_>],
) -> impl Iterator<Item = &'a Published> {
    let is_there = move |known: &Published| ids.contains(&*known.id) || broken.iter().any(|file| file.is_of(known));
    known.iter().filter(move |known| known.present && !is_there(known))
}

/// All at once, or most of at least three.
fn is_doubtful(gone: usize, of: usize) -> bool {
    gone > 0 && (gone == of || (gone >= 3 && gone * 2 > of))
}

/// Carries over the history of every playbook that has another name now. Whoever
/// comes second finds nothing to do.
async fn carry_over(tx: &mut PgConnection, playbooks: &[Publication<'_>], now: Instant) -> sqlx::Result<Vec<Renamed>> {
    let known = all(tx).await?;
    let mut renamed = Vec::new();
    for playbook in playbooks {
        for before in known.iter().filter(|known| playbook.was.contains(&known.id.as_str())) {
            let name = NewName {
                was: &before.id,
                was_revision: &before.revision,
                playbook: playbook.id,
                revision: playbook.revision,
                text: playbook.text,
                scripts: playbook.scripts,
                surveys: playbook.surveys,
            };
            renamed.push(rename(tx, &name, now).await?);
        }
    }
    Ok(renamed)
}

async fn all(tx: &mut PgConnection) -> sqlx::Result<Vec<Published>> {
    sqlx::query_as(AssertSqlSafe(format!("select {COLUMNS} from keepwell.playbooks"))).fetch_all(tx).await
}

impl Store {
    /// Publishes a set of playbooks as the files now stand, in one
    /// transaction. A playbook of a file in `broken` keeps its revision and
    /// shows the problems; one whose file is gone is paused, unless that is to
    /// be doubted. One that says `was` goes on with the history of that name, its
    /// slots included. A new playbook's slots begin after `now`, and so do those of
    /// one that comes back: the past is never replayed. One that was rolled back
    /// stays so while its file is the same, unless a plan is applied.
    pub async fn publish(
        &self,
        playbooks: &[Publication<'_>],
        broken: &[Broken<'_>],
        missing: Missing,
        origin: Origin<'_>,
        now: Instant,
    ) -> sqlx::Result<Result<Change, Refused>> {
        let mut tx = self.pool().begin().await?;
        // Two daemons that start at once publish one after the other.
        sqlx::query("lock table keepwell.playbooks in share row exclusive mode").execute(&mut *tx).await?;
        let renamed = carry_over(&mut tx, playbooks, now).await?;
        let before = all(&mut tx).await?;
        let ids: HashSet<&str> = playbooks.iter().map(|playbook| playbook.id).collect();
        let paused: Vec<String> = gone(&before, &ids, broken).map(|known| known.id.clone()).collect();
        let of = before.iter().filter(|known| known.present).count();
        if missing == Missing::Doubted && is_doubtful(paused.len(), of) {
            return Ok(Err(Refused { gone: paused, of }));
        }
        let (mut published, mut pinned) = (Vec::new(), Vec::new());
        for playbook in playbooks {
            sqlx::query(
                "insert into keepwell.revisions (playbook, revision, file, text, scripts, published_at, surveys)
                 values ($1, $2, $3, $4, $5, $6, $7) on conflict (playbook, revision) do nothing",
            )
            .bind(playbook.id)
            .bind(playbook.revision)
            .bind(playbook.file)
            .bind(playbook.text)
            .bind(serde_json::json!(playbook.scripts))
            .bind(now)
            .bind(serde_json::json!(playbook.surveys))
            .execute(&mut *tx)
            .await?;
            let known = before.iter().find(|known| known.id == playbook.id);
            let is_pinned = origin.cause == Cause::Files
                && known.is_some_and(|known| known.pinned.as_deref() == Some(playbook.revision));
            let revision = known.filter(|_| is_pinned).map_or(playbook.revision, |known| &known.revision);
            if is_pinned {
                pinned.push(playbook.id.to_owned());
            }
            if known.is_none_or(|known| known.revision != revision || !known.present) {
                published.push(playbook.id.to_owned());
                record_publication(&mut tx, playbook.id, revision, origin, now).await?;
            }
            let resumes = known.is_some_and(|known| !known.present);
            sqlx::query(
                "insert into keepwell.playbooks as p (id, kind, revision, file, present, slots_after, published_at)
                 values ($1, $6, $2, $3, true, $4, $4)
                 on conflict (id) do update set kind = excluded.kind, revision = excluded.revision, file = excluded.file, present = true,
                     problems = '[]', published_at = excluded.published_at,
                     pinned = case when $5 then p.pinned end",
            )
            .bind(playbook.id)
            .bind(revision)
            .bind(playbook.file)
            .bind(now)
            .bind(is_pinned)
            .bind(playbook.kind)
            .execute(&mut *tx)
            .await?;
            if resumes {
                let resume = "update keepwell.playbooks set slots_after = greatest(slots_after, $2),
                        events_since = case when on_event is not null then $2 end,
                        events_after = case when on_event is not null then $2 end where id = $1";
                sqlx::query(resume).bind(playbook.id).bind(now).execute(&mut *tx).await?;
            }
        }
        for known in before.iter().filter(|known| !ids.contains(&*known.id)) {
            if let Some(Broken { problems, .. }) = broken.iter().find(|file| file.is_of(known)) {
                sqlx::query("update keepwell.playbooks set problems = $2 where id = $1")
                    .bind(&known.id)
                    .bind(serde_json::json!(problems))
                    .execute(&mut *tx)
                    .await?;
            }
        }
        sqlx::query("update keepwell.playbooks set present = false where id = any($1)")
            .bind(&paused)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Ok(Change { published, paused, renamed, pinned }))
    }

    /// Gives waiting mail the priority of its playbook's current revision, some
    /// at a time; what is in somebody's hands keeps the one it has. Whoever
    /// publishes next makes good what was left.
    pub(crate) async fn rank_waiting_mail(&self, playbooks: &[Publication<'_>]) -> sqlx::Result<()> {
        const BATCH: i64 = 1_000;
        let ids: Vec<&str> = playbooks.iter().map(|playbook| playbook.id).collect();
        let priorities: Vec<i32> = playbooks.iter().map(|playbook| i32::from(playbook.mail_priority)).collect();
        loop {
            let rank = format!(
                "update keepwell.messages m set priority = n.now
                 from (select w.account_id, w.id, p.now from keepwell.messages w
                       join unnest($1::text[], $2::int4[]) as p (playbook, now) on p.playbook = w.playbook
                       where w.state in {} and w.channel = '{}' and w.priority <> p.now
                       order by w.account_id, w.id limit $3 for update of w skip locked) n
                 where m.account_id = n.account_id and m.id = n.id",
                *WAITING,
                Channel::OF_CUSTOMERS
            );
            let ranked =
                sqlx::query(AssertSqlSafe(rank)).bind(&ids).bind(&priorities).bind(BATCH).execute(self.pool()).await?;
            if ranked.rows_affected() < BATCH as u64 {
                return Ok(());
            }
        }
    }

    /// Every playbook ever published, by id, those included that ask a survey.
    pub async fn published(&self) -> sqlx::Result<Vec<Published>> {
        sqlx::query_as(AssertSqlSafe(format!(
            "select {COLUMNS} from keepwell.playbooks where kind in ('playbook', 'survey') order by id"
        )))
        .fetch_all(self.pool())
        .await
    }

    /// Whether a playbook or document of that id was ever published.
    pub async fn is_published(&self, id: &str) -> sqlx::Result<bool> {
        sqlx::query_scalar("select exists (select from keepwell.playbooks where id = $1)")
            .bind(id)
            .fetch_one(self.pool())
            .await
    }

    /// Every document beside playbooks that was ever published, by id.
    pub async fn published_documents(&self) -> sqlx::Result<Vec<Published>> {
        sqlx::query_as(AssertSqlSafe(format!(
            "select {COLUMNS} from keepwell.playbooks where kind not in ('playbook', 'survey') order by id"
        )))
        .fetch_all(self.pool())
        .await
    }

    /// The first slot at which a playbook looked who enters, whatever became of its run;
    /// `None` where it never did.
    pub async fn first_look(&self, playbook: &str) -> sqlx::Result<Option<Instant>> {
        sqlx::query_scalar(
            "select min(slot) from keepwell.runs
             where playbook = $1 and (state <> 'skipped' or reason in ('superseded', 'discarded'))",
        )
        .bind(playbook)
        .fetch_one(self.pool())
        .await
    }

    /// Every revision that was ever published, with its playbook before it.
    pub async fn revisions(&self) -> sqlx::Result<HashSet<(String, String)>> {
        let all: Vec<(String, String)> =
            sqlx::query_as("select playbook, revision from keepwell.revisions").fetch_all(self.pool()).await?;
        Ok(all.into_iter().collect())
    }

    /// The text of a revision.
    pub async fn revision_text(&self, playbook: &str, revision: &str) -> sqlx::Result<Option<RevisionText>> {
        sqlx::query_as(
            "select playbook, revision, file, text, scripts, surveys from keepwell.revisions where playbook = $1 and revision = $2",
        )
        .bind(playbook)
        .bind(revision)
        .fetch_optional(self.pool())
        .await
    }

    /// The texts of playbooks that were in force and were gone before this one was
    /// first published: their file was taken away, or is not among `files`.
    pub async fn gone_before(&self, playbook: &str, files: Option<&[String]>) -> sqlx::Result<Vec<RevisionText>> {
        sqlx::query_as(
            "select r.playbook, r.revision, r.file, r.text, r.scripts, r.surveys
             from keepwell.playbooks p join keepwell.revisions r on r.playbook = p.id and r.revision = p.revision
             where p.id <> $1 and (not p.present or p.id <> all($2))
               and p.published_at < coalesce(
                   (select min(f.published_at) from keepwell.revisions f where f.playbook = $1), 'infinity')
             order by p.id",
        )
        .bind(playbook)
        .bind(files)
        .fetch_all(self.pool())
        .await
    }

    /// Settles a playbook's slots up to an instant; it never goes back.
    pub async fn settle_slots(&self, playbook: &str, until: Instant) -> sqlx::Result<()> {
        sqlx::query("update keepwell.playbooks set slots_after = $2 where id = $1 and slots_after < $2")
            .bind(playbook)
            .bind(until)
            .execute(self.pool())
            .await?;
        Ok(())
    }
}

impl Store {
    /// The instant the sample company was made for, if there is one.
    pub async fn sample_anchor(&self) -> sqlx::Result<Option<Instant>> {
        sqlx::query_scalar("select anchor from keepwell.sample").fetch_optional(self.pool()).await
    }

    /// Remembers the sample company's instant; the first one stays.
    pub async fn keep_sample_anchor(&self, anchor: Instant) -> sqlx::Result<()> {
        sqlx::query("insert into keepwell.sample (anchor) values ($1) on conflict do nothing")
            .bind(anchor)
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
