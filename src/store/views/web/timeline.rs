//! What happened to one account and what Keepwell did, as one list.

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, FromRow, Postgres, Transaction};
use uuid::Uuid;

use super::accounts::read_json;
use crate::clock::Instant;
use crate::store::customers::facts::{END, FIRST};
use crate::store::{Relation, Store};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineEntry {
    pub at: Instant,
    pub event: TimelineEvent,
}

/// What happened. Contacts are named by their ids.
#[derive(Clone, Debug, PartialEq)]
pub enum TimelineEvent {
    EnrollmentStart(EnrollmentTurn),
    EnrollmentEnd(EnrollmentTurn),
    Message(MessageEvent),
    TaskStart(TaskTurn),
    TaskEnd(TaskTurn),
    Answer(AnswerEvent),
    Score(ScoreEvent),
    TicketOpening(TicketTurn),
    TicketClosing(TicketTurn),
    /// Columns of the account: the earlier values of those that changed, and
    /// the row as it became; null where there was none or it is gone.
    Change {
        was: Json,
        became: Json,
    },
    /// How often each event came on one day, the most frequent first.
    EventDay(Vec<(String, i64)>),
    /// What a person noted on one of its tasks.
    Note(NoteEvent),
    /// A step wanted it in another playbook, and it did not enter.
    Refusal(RefusalEvent),
}

/// The beginning or the end of an enrollment.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct EnrollmentTurn {
    at: Instant,
    is_end: bool,
    pub playbook: String,
    /// Empty for account playbooks.
    pub contact_id: String,
    pub state: String,
    pub reason: Option<String>,
    pub shadow: bool,
}

/// A message, at the time when it left, or else ended, or else was planned.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct MessageEvent {
    at: Instant,
    pub id: Uuid,
    pub playbook: String,
    pub step: String,
    pub channel: String,
    pub to_address: Option<String>,
    pub subject: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    /// How its text begins, once it has one.
    pub beginning: Option<String>,
}

/// A note on a task.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct NoteEvent {
    at: Instant,
    pub task: Uuid,
    pub title: String,
    pub by: String,
    pub note: String,
}

/// A decision not to enroll somebody whom a step named.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct RefusalEvent {
    at: Instant,
    /// The playbook that it did not enter.
    pub target: String,
    /// The one that asked, with its step.
    pub playbook: String,
    pub step: String,
    pub contact_id: String,
    pub reason: Option<String>,
}

/// The beginning or the end of a task.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct TaskTurn {
    at: Instant,
    is_end: bool,
    pub id: Uuid,
    pub playbook: String,
    pub title: String,
    /// The CSM's name, or an address; `None` is unassigned.
    pub assignee: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub outcome: Option<String>,
}

/// The latest answer to a survey mail.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct AnswerEvent {
    at: Instant,
    pub message: Uuid,
    pub contact_id: String,
    pub score: Option<String>,
    pub value: Option<i32>,
    pub comment: Option<String>,
}

/// A measurement such as nps.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct ScoreEvent {
    at: Instant,
    /// `None` of the account as a whole.
    pub contact_id: Option<String>,
    pub name: String,
    pub value: f64,
}

/// The opening or the closing of a ticket.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct TicketTurn {
    at: Instant,
    is_end: bool,
    pub id: String,
    pub contact_id: Option<String>,
    pub severity: Option<String>,
}

#[derive(FromRow)]
struct ChangeEvent {
    at: Instant,
    was: Option<String>,
    became: Option<String>,
}

#[derive(FromRow)]
struct EventDay {
    at: Instant,
    names: Vec<String>,
    counts: Vec<i64>,
}

/// Which part of a timeline.
#[derive(Clone, Debug)]
pub struct TimelineSpan<'a> {
    /// Only what happened before.
    pub before: Option<Instant>,
    /// When each of the days begins on which events are counted, in order. What
    /// came before the first is not counted.
    pub days: &'a [Instant],
    /// How many entries at most, but for those of one and the same instant.
    pub limit: usize,
}

/// A part of a timeline, newest first.
#[derive(Clone, Debug)]
pub struct Timeline {
    pub entries: Vec<TimelineEntry>,
    /// Whether there is more before the last.
    pub more: bool,
}

impl Store {
    /// The timeline of an account.
    pub async fn timeline(&self, account: &str, span: &TimelineSpan<'_>) -> sqlx::Result<Timeline> {
        let mut source = TimelineSource {
            store: self,
            reading: self.read().await?,
            account,
            before: span.before,
            // More than are shown, so that those of one instant stay together.
            limit: i64::try_from(span.limit).unwrap_or(i64::MAX / 2).saturating_mul(2),
        };
        let mut entries = source.enrollments().await?;
        entries.extend(source.messages().await?);
        entries.extend(source.tasks().await?);
        entries.extend(source.answers().await?);
        entries.extend(source.scores().await?);
        entries.extend(source.tickets().await?);
        entries.extend(source.changes().await?);
        entries.extend(source.event_days(span.days).await?);
        entries.extend(source.notes().await?);
        entries.extend(source.refusals().await?);
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.event.rank())));
        let mut shown = span.limit.min(entries.len());
        while shown > 0 && shown < entries.len() && entries[shown].at == entries[shown - 1].at {
            shown += 1;
        }
        let more = shown < entries.len();
        entries.truncate(shown);
        Ok(Timeline { entries, more })
    }
}

impl TimelineEvent {
    /// What is the later one of two at the same instant.
    fn rank(&self) -> u8 {
        match self {
            TimelineEvent::EnrollmentEnd(_) => 5,
            TimelineEvent::TaskEnd(_) => 4,
            TimelineEvent::Answer(_) | TimelineEvent::Note(_) | TimelineEvent::Refusal(_) => 3,
            TimelineEvent::Message(_) | TimelineEvent::TaskStart(_) => 2,
            TimelineEvent::EnrollmentStart(_) => 1,
            TimelineEvent::Score(_)
            | TimelineEvent::TicketOpening(_)
            | TimelineEvent::TicketClosing(_)
            | TimelineEvent::Change { .. }
            | TimelineEvent::EventDay(_) => 0,
        }
    }
}

/// A statement over the rows of another one that are in the span `$2`, of many the latest
/// `$3`. Infinity and years beyond four digits cannot be read. Only our own constants are
/// put together here; values are bound.
fn within_span(rows: &str) -> String {
    format!(
        "select * from ({rows}) turns
         where at >= timestamptz {FIRST} and at < coalesce($2::timestamptz, timestamptz {END})
         order by at desc limit $3"
    )
}

/// From where the entries come: one statement for each kind, about one account.
struct TimelineSource<'a> {
    store: &'a Store,
    reading: Transaction<'static, Postgres>,
    account: &'a str,
    before: Option<Instant>,
    limit: i64,
}

impl TimelineSource<'_> {
    /// The rows of a statement with `$1` for the account, bounded in time and number.
    async fn fetch<T>(&mut self, rows: &str) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        self.fetch_whole(within_span(rows)).await
    }

    /// The rows of a statement that bounds itself.
    async fn fetch_whole<T>(&mut self, sql: String) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(self.account)
            .bind(self.before)
            .bind(self.limit)
            .fetch_all(&mut *self.reading)
            .await
    }

    async fn enrollments(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        let rows: Vec<EnrollmentTurn> = self
            .fetch(
                "select turn.at, turn.is_end, e.playbook, e.contact_id, e.state, e.reason, e.shadow
                 from keepwell.enrollments e
                 cross join lateral (values (e.started_at, false), (e.ended_at, true)) as turn (at, is_end)
                 where e.account_id = $1",
            )
            .await?;
        let entry = |turn: EnrollmentTurn| TimelineEntry {
            at: turn.at,
            event: match turn.is_end {
                false => TimelineEvent::EnrollmentStart(turn),
                true => TimelineEvent::EnrollmentEnd(turn),
            },
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    async fn messages(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        // Bodies are read of those that are shown alone.
        let shown = within_span(
            "select coalesce(m.sent_at, m.ended_at, m.created_at) as at, m.id
             from keepwell.messages m where m.account_id = $1",
        );
        let statement = format!(
            "select t.at, m.id, m.playbook, m.step, m.channel, m.to_address, m.subject, m.state, m.reason,
                 left(m.body_text, 400) as beginning
             from ({shown}) t join keepwell.messages m on m.account_id = $1 and m.id = t.id"
        );
        let rows: Vec<MessageEvent> = self.fetch_whole(statement).await?;
        Ok(rows.into_iter().map(|row| TimelineEntry { at: row.at, event: TimelineEvent::Message(row) }).collect())
    }

    async fn tasks(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        let statement = format!(
            "select turn.at, turn.is_end, t.id, t.playbook, t.title, coalesce(c.name, t.assignee) as assignee, t.state,
                 t.reason, t.outcome
             from keepwell.tasks t
             cross join lateral (values (t.created_at, false), (t.ended_at, true)) as turn (at, is_end)
             left join {} c on c.id = t.assignee
             where t.account_id = $1",
            self.store.relation(Relation::Csms)
        );
        let rows: Vec<TaskTurn> = self.fetch(&statement).await?;
        let entry = |turn: TaskTurn| TimelineEntry {
            at: turn.at,
            event: if turn.is_end { TimelineEvent::TaskEnd(turn) } else { TimelineEvent::TaskStart(turn) },
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    async fn answers(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        let rows: Vec<AnswerEvent> = self
            .fetch(
                "select w.answered_at as at, w.message, w.contact_id, w.score, w.value, w.comment
                 from keepwell.answers w where w.account_id = $1",
            )
            .await?;
        Ok(rows.into_iter().map(|row| TimelineEntry { at: row.at, event: TimelineEvent::Answer(row) }).collect())
    }

    async fn notes(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        let rows: Vec<NoteEvent> = self
            .fetch(
                "select n.at, n.task_id as task, t.title, n.by, n.note
                 from keepwell.task_notes n
                 join keepwell.tasks t on t.account_id = n.account_id and t.id = n.task_id
                 where n.account_id = $1",
            )
            .await?;
        Ok(rows.into_iter().map(|row| TimelineEntry { at: row.at, event: TimelineEvent::Note(row) }).collect())
    }

    async fn refusals(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        let rows: Vec<RefusalEvent> = self
            .fetch(
                "select coalesce(r.decided_at, r.at) as at, r.target, r.playbook, r.step, r.contact_id, r.reason
                 from keepwell.referrals r where r.account_id = $1 and r.state = 'skipped'",
            )
            .await?;
        Ok(rows.into_iter().map(|row| TimelineEntry { at: row.at, event: TimelineEvent::Refusal(row) }).collect())
    }

    async fn scores(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        let statement = format!(
            "select s.at, s.contact_id, s.name, s.value from {} s where s.account_id = {}",
            self.store.relation(Relation::Scores),
            self.store.key().of_text("$1::text")
        );
        let rows: Vec<ScoreEvent> = self.fetch(&statement).await?;
        Ok(rows.into_iter().map(|row| TimelineEntry { at: row.at, event: TimelineEvent::Score(row) }).collect())
    }

    async fn tickets(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        let statement = format!(
            "select turn.at, turn.is_end, k.id, k.contact_id, k.severity
             from {} k
             cross join lateral (values (k.opened_at, false), (k.closed_at, true)) as turn (at, is_end)
             where k.account_id = {}",
            self.store.relation(Relation::Tickets),
            self.store.key().of_text("$1::text")
        );
        let rows: Vec<TicketTurn> = self.fetch(&statement).await?;
        let entry = |turn: TicketTurn| TimelineEntry {
            at: turn.at,
            event: if turn.is_end { TimelineEvent::TicketClosing(turn) } else { TimelineEvent::TicketOpening(turn) },
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    async fn changes(&mut self) -> sqlx::Result<Vec<TimelineEntry>> {
        let statement = format!(
            "select h.at, h.was::text as was, h.became::text as became from {} h where h.account_id = {}",
            self.store.relation(Relation::Changes),
            self.store.key().of_text("$1::text")
        );
        let rows: Vec<ChangeEvent> = self.fetch(&statement).await?;
        let event = |row: &ChangeEvent| TimelineEvent::Change {
            was: read_json(row.was.as_deref()),
            became: read_json(row.became.as_deref()),
        };
        Ok(rows.into_iter().map(|row| TimelineEntry { event: event(&row), at: row.at }).collect())
    }

    /// A day has one entry, at its last event.
    async fn event_days(&mut self, days: &[Instant]) -> sqlx::Result<Vec<TimelineEntry>> {
        let sql = format!(
            "select max(last) as at, array_agg(name order by number desc, name) as names,
                 array_agg(number order by number desc, name) as counts
             from (
                 select width_bucket(e.at, $4::timestamptz[]) as day, e.name, count(*) as number, max(e.at) as last
                 from {} e
                 where e.account_id = {} and e.at >= $5 and e.at < timestamptz {END}
                 group by 1, 2) of_a_name
             group by day having max(last) < coalesce($2::timestamptz, timestamptz {END})
             order by 1 desc limit $3",
            self.store.relation(Relation::Events),
            self.store.key().of_text("$1::text")
        );
        let Some(first) = days.first() else { return Ok(Vec::new()) };
        let rows: Vec<EventDay> = sqlx::query_as(AssertSqlSafe(sql))
            // A plan that knows how far back it goes.
            .persistent(false)
            .bind(self.account)
            .bind(self.before)
            .bind(self.limit)
            .bind(days)
            .bind(first)
            .fetch_all(&mut *self.reading)
            .await?;
        let event = |row: EventDay| TimelineEntry {
            at: row.at,
            event: TimelineEvent::EventDay(row.names.into_iter().zip(row.counts).collect()),
        };
        Ok(rows.into_iter().map(event).collect())
    }
}
