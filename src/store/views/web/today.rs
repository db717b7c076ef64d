//! The open tasks of a day, account by account, and what stands beside one of them.

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::tasks::Inbox;
use crate::clock::Instant;
use crate::facts::Standing;
use crate::message::channel::Channel;
use crate::store::{Relation, Store};

/// Of more tasks than this only those that are due first are put in order: a list
/// is for one person's days, and no order of all work may take long.
pub const IN_ORDER: i64 = 2_000;

/// Which open tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TodayFilter {
    pub inbox: Inbox,
    /// Those that are overdue alone.
    pub overdue: bool,
    /// Those that are put off; else those that are not.
    pub snoozed: bool,
    pub playbook: Option<String>,
    pub tier: Option<String>,
}

/// An open task in the list, with what its account is worth.
#[derive(Clone, Debug, FromRow)]
pub struct TodayRow {
    pub id: Uuid,
    pub account_id: String,
    /// `None` when the account is gone.
    pub account_name: Option<String>,
    /// A JSON value as text, like every column that may be of any type.
    pub tier: Option<String>,
    pub mrr: Option<String>,
    pub renewal_at: Option<String>,
    pub contact_name: Option<String>,
    pub playbook: String,
    pub title: String,
    pub assignee: Option<String>,
    /// The CSM's name, when the assignee is one.
    pub assignee_name: Option<String>,
    /// The zone of that CSM.
    pub timezone: Option<String>,
    pub due_at: Option<Instant>,
    pub priority: String,
    pub snoozed_until: Option<Instant>,
    /// Whether a checklist is begun, and how long it is.
    pub ticked: i64,
    pub items: i64,
}

/// The open tasks of one playbook in an inbox.
#[derive(Clone, Debug, FromRow)]
pub struct TodayCount {
    pub playbook: String,
    /// Not put off.
    pub open: i64,
    /// Of these, overdue.
    pub overdue: i64,
    pub snoozed: i64,
}

/// A mail that an account got lately.
#[derive(Clone, Debug, FromRow)]
pub struct ReceivedMail {
    pub id: Uuid,
    pub playbook: String,
    pub step: String,
    pub subject: Option<String>,
    pub to_address: Option<String>,
    pub contact_name: Option<String>,
    pub state: String,
    pub sent_at: Instant,
}

/// Something of ours that a person named by its id.
#[derive(Clone, Debug, FromRow)]
pub struct FoundById {
    /// `/tasks`, `/messages`, or `/accounts` of an enrollment: above the page about it.
    pub path: String,
    /// What names it there.
    pub id: String,
    /// Its title, subject or playbook.
    pub words: String,
    /// Empty for what belongs to no account.
    pub account_id: String,
}

fn of(inbox: &Inbox) -> (&'static str, Option<&String>) {
    match inbox {
        Inbox::Everybody => ("$1::text is null", None),
        Inbox::Unassigned => ("t.assignee is null and $1::text is null", None),
        Inbox::Of(who) => ("t.assignee = $1", Some(who)),
    }
}

impl Store {
    /// Open tasks account by account: first the accounts that have an overdue one,
    /// then by the highest priority, by MRR, and by renewal; within an account in the
    /// same order, then by the day. At most `limit` behind the first `offset`.
    pub async fn today(
        &self,
        filter: &TodayFilter,
        now: Instant,
        offset: i64,
        limit: i64,
    ) -> sqlx::Result<Vec<TodayRow>> {
        let [accounts, contacts, csms] =
            [Relation::Accounts, Relation::Contacts, Relation::Csms].map(|relation| self.relation(relation));
        let account = self.key().of_text("t.account_id");
        let tier = self.standing_now(Standing::Tier);
        let (of, who) = of(&filter.inbox);
        let snoozed = if filter.snoozed { "t.snoozed_until > $2" } else { "coalesce(t.snoozed_until <= $2, true)" };
        let overdue = if filter.overdue { "t.due_at < $2" } else { "true" };
        let of_tier = match filter.tier {
            Some(_) => {
                format!("exists (select from {accounts} a where a.id = {account} and to_jsonb({tier}) #>> '{{}}' = $4)")
            }
            None => "$4::text is null".to_owned(),
        };
        // Only our own constants are put together here; values are bound.
        let sql = format!(
            "select o.id, o.account_id, o.account_name, o.tier, o.mrr, o.renewal_at, k.name as contact_name, o.playbook,
                 o.title, o.assignee, c.name as assignee_name, c.timezone, o.due_at, o.priority, o.snoozed_until,
                 o.ticked, o.items
             from (
                 select t.*, a.name as account_name, to_jsonb({tier})::text as tier, to_jsonb(a.mrr)::text as mrr,
                     to_jsonb(a.renewal_at)::text as renewal_at,
                     case when jsonb_typeof(to_jsonb(a.mrr)) = 'number' then (to_jsonb(a.mrr) #>> '{{}}')::float8 end as worth,
                     min(t.late) over w as account_late, min(t.rank) over w as account_rank
                 from (
                     select t.id, t.account_id, t.contact_id, t.playbook, t.title, t.assignee, t.due_at, t.priority,
                         t.snoozed_until, t.created_at, jsonb_array_length(t.ticked)::bigint as ticked,
                         jsonb_array_length(t.checklist)::bigint as items,
                         case when t.due_at < $2 then 0 else 1 end as late,
                         array_position(array['urgent', 'high', 'normal', 'low'], t.priority) as rank
                     from keepwell.tasks t
                     where t.state = 'open' and {of} and {snoozed} and {overdue}
                       and ($3::text is null or t.playbook = $3) and {of_tier}
                     order by t.due_at, t.account_id, t.id limit $5) t
                 -- By their keys, and never all accounts for the sake of these.
                 left join lateral (select * from {accounts} a where a.id = {account} offset 0) a on true
                 window w as (partition by t.account_id)) o
             left join {contacts} k on k.account_id = {of_contact} and k.id = o.contact_id
             left join {csms} c on c.id = o.assignee
             order by o.account_late, o.account_rank, o.worth desc nulls last, o.renewal_at nulls last, o.account_id,
                 o.late, o.rank, o.due_at nulls last, o.created_at, o.id
             limit $6 offset $7",
            of_contact = self.key().of_text("o.account_id"),
        );
        sqlx::query_as(AssertSqlSafe(sql))
            // A plan that knows which parts are given.
            .persistent(false)
            .bind(who)
            .bind(now)
            .bind(&filter.playbook)
            .bind(&filter.tier)
            .bind(IN_ORDER)
            .bind(limit)
            .bind(offset)
            .fetch_all(&mut *self.read().await?)
            .await
    }

    /// What is open in an inbox, by playbook.
    pub async fn today_counts(&self, inbox: &Inbox, now: Instant) -> sqlx::Result<Vec<TodayCount>> {
        let (of, who) = of(inbox);
        let sql = format!(
            "select t.playbook, count(*) filter (where not s.snoozed) as open,
                 count(*) filter (where not s.snoozed and t.due_at < $2) as overdue,
                 count(*) filter (where s.snoozed) as snoozed
             from keepwell.tasks t
             cross join lateral (select coalesce(t.snoozed_until > $2, false) as snoozed) s
             where t.state = 'open' and {of}
             group by t.playbook order by t.playbook"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(who).bind(now).fetch_all(self.pool()).await
    }

    /// The customer mail that left for an account since then, or would have left where
    /// nothing does; the latest first, at most `limit`.
    pub async fn received_since(&self, account: &str, since: Instant, limit: i64) -> sqlx::Result<Vec<ReceivedMail>> {
        let contacts = self.relation(Relation::Contacts);
        let sql = format!(
            "select m.id, m.playbook, m.step, m.subject, m.to_address, k.name as contact_name, m.state, m.sent_at
             from keepwell.messages m
             left join {contacts} k on k.account_id = {} and k.id = m.contact_id
             where m.account_id = $1 and m.channel = '{}' and m.sent_at > $2 and not m.shadow
             order by m.sent_at desc, m.id limit $3",
            self.key().of_text("m.account_id"),
            Channel::OF_CUSTOMERS
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(account)
            .bind(since)
            .bind(limit)
            .fetch_all(&mut *self.read().await?)
            .await
    }

    /// What has this id: a task's or message's page, or the account of an enrollment.
    pub async fn find_by_id(&self, id: Uuid) -> sqlx::Result<Vec<FoundById>> {
        sqlx::query_as(
            "select '/tasks' as path, id::text as id, title as words, account_id from keepwell.tasks where id = $1
             union all
             select '/messages', id::text, coalesce(subject, step), account_id from keepwell.messages where id = $1
             union all
             select '/accounts', account_id, playbook, account_id from keepwell.enrollments where id = $1",
        )
        .bind(id)
        .fetch_all(self.pool())
        .await
    }

    /// How many events an account had in each of the last weeks, the latest last.
    pub async fn events_by_week(&self, account: &str, weeks: i32, now: Instant) -> sqlx::Result<Vec<i64>> {
        let (events, id) = (self.relation(Relation::Events), self.key().of_text("$1::text"));
        let sql = format!(
            "select coalesce(e.count, 0) from generate_series($2 - 1, 0, -1) as w (ago)
             left join (
                 select floor(extract(epoch from $3 - e.at) / 604800)::int as ago, count(*) as count
                 from {events} e
                 where e.account_id = {id} and e.at > $3 - make_interval(days => 7 * $2) and e.at <= $3
                 group by 1) e on e.ago = w.ago
             order by w.ago desc"
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(account)
            .bind(weeks)
            .bind(now)
            .fetch_all(&mut *self.read().await?)
            .await
    }
}
