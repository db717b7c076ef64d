//! What the overview counts of a period and a segment: renewals, new accounts, tasks
//! and mails. One statement each, bounded by the period.

use chrono::NaiveDate;
use chrono_tz::Tz;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, Postgres};
use uuid::Uuid;

use super::accounts::{AccountDate, AccountOwner, Span, renewed_accounts};
use crate::clock::Instant;
use crate::facts::{Standing, Subject, Type};
use crate::store::{Relation, Store};

/// Among how many accounts the tiers that can be chosen are looked for.
const LOOKED_AT_FOR_TIERS: i64 = 5_000;

/// The mails `m` to customers that left or ended between `$3` and `$4`, as the index on
/// them has it.
const MAILS: &str = "m.channel = 'email' and m.class <> 'internal' and not m.shadow and m.ended_at is not null
    and coalesce(m.sent_at, m.ended_at) >= $3 and coalesce(m.sent_at, m.ended_at) < $4";

/// Which accounts count; every given part must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Segment {
    pub tier: Option<String>,
    pub owner: AccountOwner,
}

/// The accounts whose renewal is due in a month, without those that have left.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct RenewalMonth {
    /// The first day of the month.
    pub month: NaiveDate,
    pub accounts: i64,
    /// Of these, those whose date has passed.
    pub passed: i64,
    /// What they pay together; `None` where the store does not say it in numbers.
    pub mrr: Option<f64>,
}

/// An account whose renewal is due.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct RenewalRow {
    pub id: String,
    pub name: Option<String>,
    /// A JSON value as text.
    pub tier: Option<String>,
    pub csm_name: Option<String>,
    pub mrr: Option<f64>,
    pub renewal_at: Instant,
}

/// What became of contracts that were due in a period, apart from those that are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct RenewalEnds {
    /// Accounts whose date moved on from the period to a later one; `None` where the
    /// store keeps no history.
    pub won: Option<i64>,
    /// Accounts that have left and whose date lies in the period.
    pub lost: i64,
}

/// New accounts of a period that stand in one stage now.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct OnboardingStage {
    /// `None`: in none.
    pub stage: Option<String>,
    pub accounts: i64,
    /// Of these, those that are activated.
    pub activated: i64,
    /// Of these, those that have left.
    pub left_again: i64,
}

/// What became of tasks that ended in a period.
#[derive(Clone, Debug, Default, PartialEq, FromRow)]
pub struct EndedTasks {
    /// Whether it is about all assignees together.
    pub is_whole: bool,
    /// A CSM's id or an address; `None` is unassigned.
    pub assignee: Option<String>,
    pub done: i64,
    pub dismissed: i64,
    /// Closed by themselves.
    pub closed: i64,
    /// From its making to its end, of the middle one of those done or dismissed.
    pub median_hours: Option<f64>,
}

/// The open tasks of now by their age.
#[derive(Clone, Debug, Default, PartialEq, FromRow)]
pub struct OpenTasks {
    pub is_whole: bool,
    pub assignee: Option<String>,
    /// Not put off.
    pub open: i64,
    /// Of these, overdue.
    pub overdue: i64,
    pub snoozed: i64,
    /// The age of the middle one, put off or not.
    pub median_hours: Option<f64>,
    /// Younger than 3 days, 7 days, 30 days, and older; put off or not.
    pub days_3: i64,
    pub days_7: i64,
    pub days_30: i64,
    pub older: i64,
}

/// Mails to customers of a class that ended in a state.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct MailCount {
    pub class: String,
    pub state: String,
    pub count: i64,
}

/// Something that ended in a period, with its account: a task or a mail.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct EndedRow {
    pub id: Uuid,
    pub account_id: String,
    pub account_name: Option<String>,
    /// The title or the subject.
    pub words: Option<String>,
    pub playbook: String,
    pub step: String,
    pub state: String,
    /// The outcome of a task, or why it ended so.
    pub reason: Option<String>,
    /// Whose task it was, or where a mail went.
    pub who: Option<String>,
    pub at: Instant,
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ListPart {
    pub offset: i64,
    pub limit: i64,
}

/// The condition that an account `a` is of the segment; `$1` is its tier and `$2` its CSM.
fn account_condition(store: &Store, segment: &Segment) -> String {
    let tier = match segment.tier {
        Some(_) => format!("to_jsonb({}) #>> '{{}}' = $1", store.standing_now(Standing::Tier)),
        None => "$1::text is null".to_owned(),
    };
    format!("{tier} and {}", owner_condition(&segment.owner, "a.csm_id"))
}

/// The condition that a column names the CSM of `$2`.
fn owner_condition(owner: &AccountOwner, column: &str) -> String {
    match owner {
        AccountOwner::Anybody => "$2::text is null".to_owned(),
        AccountOwner::Nobody => format!("{column} is null and $2::text is null"),
        AccountOwner::Csm(_) => format!("{column} = $2"),
    }
}

/// The condition that a task `t` is of the segment: its account's tier, and whose it is.
fn task_condition(store: &Store, segment: &Segment) -> String {
    let of_tier = Segment { tier: segment.tier.clone(), owner: AccountOwner::Anybody };
    let tier = match segment.tier {
        Some(_) => format!(
            "exists (select from {} a where a.id = {} and {})",
            store.relation(Relation::Accounts),
            store.key().of_text("t.account_id"),
            account_condition(store, &of_tier).replace("$2::text is null", "true")
        ),
        None => "$1::text is null".to_owned(),
    };
    format!("{tier} and {}", owner_condition(&segment.owner, "t.assignee"))
}

impl Segment {
    /// Whether all accounts count.
    pub fn is_everything(&self) -> bool {
        self.tier.is_none() && self.owner == AccountOwner::Anybody
    }

    fn csm(&self) -> Option<&str> {
        match &self.owner {
            AccountOwner::Csm(id) => Some(id),
            AccountOwner::Anybody | AccountOwner::Nobody => None,
        }
    }

    /// A statement with `$1` and `$2`; its plan knows which parts are given.
    fn rows<'q, R: for<'r> FromRow<'r, sqlx::postgres::PgRow>>(
        &'q self,
        sql: String,
    ) -> QueryAs<'q, Postgres, R, PgArguments> {
        sqlx::query_as(AssertSqlSafe(sql)).persistent(false).bind(self.tier.as_deref()).bind(self.csm())
    }
}

impl Store {
    /// What an account `a` pays as a float; null where the store does not say it in numbers.
    fn mrr(&self) -> &'static str {
        match self.schema().column(Subject::Account, "mrr").map(|column| column.ty) {
            Some(Type::Int | Type::Float) => "a.mrr::float8",
            _ => "null::float8",
        }
    }

    /// Renewals by month of a zone; months without any are left out.
    pub async fn renewal_months(
        &self,
        span: Span,
        zone: Tz,
        segment: &Segment,
        now: Instant,
    ) -> sqlx::Result<Vec<RenewalMonth>> {
        if !self.has_account_date(AccountDate::Renewal) {
            return Ok(Vec::new());
        }
        let sql = format!(
            "select date_trunc('month', a.renewal_at at time zone $6)::date as month, count(*) as accounts,
                 count(*) filter (where a.renewal_at < $5) as passed, sum({}) as mrr
             from {} a
             where a.renewal_at >= $3 and a.renewal_at < $4 and a.status <> 'churned' and {}
             group by 1 order by 1",
            self.mrr(),
            self.relation(Relation::Accounts),
            account_condition(self, segment)
        );
        let query = segment.rows(sql).bind(span.from).bind(span.until).bind(now).bind(zone.name());
        query.fetch_all(&mut *self.read().await?).await
    }

    /// The accounts whose renewal is due in a period, those that pay most first, without
    /// those that have left; at most `limit`.
    pub async fn renewals_due(&self, span: Span, segment: &Segment, limit: i64) -> sqlx::Result<Vec<RenewalRow>> {
        if !self.has_account_date(AccountDate::Renewal) {
            return Ok(Vec::new());
        }
        let sql = format!(
            "select {} as id, nullif(btrim(a.name), '') as name, to_jsonb({})::text as tier,
                 coalesce(c.name, a.csm_id) as csm_name, {} as mrr, a.renewal_at
             from {} a left join {} c on c.id = a.csm_id
             where a.renewal_at >= $3 and a.renewal_at < $4 and a.status <> 'churned' and {}
             order by mrr desc nulls last, a.renewal_at, a.id limit $5",
            self.key().to_text("a.id"),
            self.standing_now(Standing::Tier),
            self.mrr(),
            self.relation(Relation::Accounts),
            self.relation(Relation::Csms),
            account_condition(self, segment)
        );
        let query = segment.rows(sql).bind(span.from).bind(span.until).bind(limit);
        query.fetch_all(&mut *self.read().await?).await
    }

    /// The renewals of a period that were won, and those that were lost.
    pub async fn renewal_ends(&self, span: Span, segment: &Segment) -> sqlx::Result<RenewalEnds> {
        if !self.has_account_date(AccountDate::Renewal) {
            return Ok(RenewalEnds::default());
        }
        let accounts = self.relation(Relation::Accounts);
        let condition = account_condition(self, segment);
        let won = match self.schema().absent.contains(Relation::Changes.name()) {
            true => "null::int8".to_owned(),
            false => format!(
                "(select case when exists (select from {} h)
                      then (select count(*) from {accounts} a where a.id in ({}) and {condition}) end)",
                self.relation(Relation::Changes),
                renewed_accounts(self, "$3", "$4")
            ),
        };
        let sql = format!(
            "select {won} as won,
                 (select count(*) from {accounts} a
                  where a.renewal_at >= $3 and a.renewal_at < $4 and a.status = 'churned' and {condition}) as lost"
        );
        let query = segment.rows(sql).bind(span.from).bind(span.until);
        query.fetch_one(&mut *self.read().await?).await
    }

    /// The accounts that signed up in a period, by the stage they are in now; the most first.
    pub async fn onboarding(&self, span: Span, segment: &Segment) -> sqlx::Result<Vec<OnboardingStage>> {
        if !self.has_account_date(AccountDate::SignUp) {
            return Ok(Vec::new());
        }
        let sql = format!(
            "select {} as stage, count(*) as accounts, count(*) filter (where a.activated_at is not null) as activated,
                 count(*) filter (where a.status = 'churned') as left_again
             from {} a where a.signed_up_at >= $3 and a.signed_up_at < $4 and {}
             group by 1 order by 2 desc, 1",
            self.standing_now(Standing::Stage),
            self.relation(Relation::Accounts),
            account_condition(self, segment)
        );
        segment.rows(sql).bind(span.from).bind(span.until).fetch_all(&mut *self.read().await?).await
    }

    /// How many accounts have left in a period by their own date.
    pub async fn accounts_left(&self, span: Span, segment: &Segment) -> sqlx::Result<Option<i64>> {
        if !self.has_account_date(AccountDate::Churn) {
            return Ok(None);
        }
        let sql = format!(
            "select count(*) from {} a
             where a.churned_at >= $3 and a.churned_at < $4 and a.status = 'churned' and {}",
            self.relation(Relation::Accounts),
            account_condition(self, segment)
        );
        let query = segment.rows::<(i64,)>(sql).bind(span.from).bind(span.until);
        Ok(Some(query.fetch_one(&mut *self.read().await?).await?.0))
    }

    /// What became of the tasks that ended in a period, by assignee and as a whole.
    pub async fn ended_tasks(&self, span: Span, segment: &Segment) -> sqlx::Result<Vec<EndedTasks>> {
        // The index begins with the playbook, and of playbooks there are few.
        let sql = format!(
            "select grouping(t.assignee) = 1 as is_whole, t.assignee,
                 count(*) filter (where t.state = 'done') as done,
                 count(*) filter (where t.state = 'dismissed') as dismissed,
                 count(*) filter (where t.state = 'closed') as closed,
                 (percentile_cont(0.5) within group (order by extract(epoch from t.ended_at - t.created_at) / 3600)
                     filter (where t.state in ('done', 'dismissed')))::float8 as median_hours
             from keepwell.playbooks p
             cross join lateral (
                 select t.assignee, t.state, t.account_id, t.created_at, t.ended_at from keepwell.tasks t
                 where t.playbook = p.id and t.state in ('done', 'dismissed', 'closed')
                   and t.ended_at >= $3 and t.ended_at < $4) t
             where {}
             group by grouping sets ((t.assignee), ())",
            task_condition(self, segment)
        );
        segment.rows(sql).bind(span.from).bind(span.until).fetch_all(&mut *self.read().await?).await
    }

    /// The tasks that are open now, by assignee and as a whole.
    pub async fn open_tasks(&self, segment: &Segment, now: Instant) -> sqlx::Result<Vec<OpenTasks>> {
        let age = |days: u32| format!("t.created_at > $3 - interval '{days} days'");
        let sql = format!(
            "select grouping(t.assignee) = 1 as is_whole, t.assignee,
                 count(*) filter (where not s.snoozed) as open,
                 count(*) filter (where not s.snoozed and t.due_at < $3) as overdue,
                 count(*) filter (where s.snoozed) as snoozed,
                 (percentile_cont(0.5) within group (order by extract(epoch from $3 - t.created_at) / 3600))::float8
                     as median_hours,
                 count(*) filter (where {three}) as days_3,
                 count(*) filter (where {seven} and not {three}) as days_7,
                 count(*) filter (where {thirty} and not {seven}) as days_30,
                 count(*) filter (where not {thirty}) as older
             from keepwell.tasks t
             cross join lateral (select coalesce(t.snoozed_until > $3, false) as snoozed) s
             where t.state = 'open' and {condition}
             group by grouping sets ((t.assignee), ())",
            three = age(3),
            seven = age(7),
            thirty = age(30),
            condition = task_condition(self, segment)
        );
        segment.rows(sql).bind(now).fetch_all(&mut *self.read().await?).await
    }

    /// The mails to customers that left or ended in a period, by class and state.
    pub async fn mail_counts(&self, span: Span, segment: &Segment) -> sqlx::Result<Vec<MailCount>> {
        let sql = format!(
            "select m.class, m.state, count(*) as count
             from keepwell.playbooks p
             cross join lateral (
                 select m.class, m.state, m.account_id from keepwell.messages m where m.playbook = p.id and {MAILS}) m
             where {}
             group by 1, 2 order by 1, 2",
            self.mail_condition(segment)
        );
        segment.rows(sql).bind(span.from).bind(span.until).fetch_all(&mut *self.read().await?).await
    }

    /// The condition that a mail `m` is of the segment: that its account is.
    fn mail_condition(&self, segment: &Segment) -> String {
        match segment.is_everything() {
            true => account_condition(self, segment),
            false => format!(
                "exists (select from {} a where a.id = {} and {})",
                self.relation(Relation::Accounts),
                self.key().of_text("m.account_id"),
                account_condition(self, segment)
            ),
        }
    }

    /// The tasks that ended in a period in a state, the latest first.
    pub async fn ended_task_rows(
        &self,
        span: Span,
        segment: &Segment,
        state: &str,
        part: ListPart,
    ) -> sqlx::Result<Vec<EndedRow>> {
        let sql = format!(
            "select t.id, t.account_id, nullif(btrim(n.name), '') as account_name, t.title as words, t.playbook, t.step,
                 t.state, coalesce(t.outcome, t.reason) as reason, coalesce(c.name, t.assignee) as who, t.ended_at as at
             from (
                 select t.* from keepwell.playbooks p
                 cross join lateral (
                     select t.* from keepwell.tasks t
                     where t.playbook = p.id and t.state in ('done', 'dismissed', 'closed') and t.state = $5
                       and t.ended_at >= $3 and t.ended_at < $4) t
                 where {}
                 order by t.ended_at desc, t.id limit $6 offset $7) t
             left join {} n on n.id = {} left join {} c on c.id = t.assignee
             order by t.ended_at desc, t.id",
            task_condition(self, segment),
            self.relation(Relation::Accounts),
            self.key().of_text("t.account_id"),
            self.relation(Relation::Csms)
        );
        let query = segment.rows(sql).bind(span.from).bind(span.until).bind(state).bind(part.limit).bind(part.offset);
        query.fetch_all(&mut *self.read().await?).await
    }

    /// The mails of a class that left or ended in a period, the latest first.
    pub async fn ended_mail_rows(
        &self,
        span: Span,
        segment: &Segment,
        class: &str,
        part: ListPart,
    ) -> sqlx::Result<Vec<EndedRow>> {
        let sql = format!(
            "select m.id, m.account_id, nullif(btrim(n.name), '') as account_name, m.subject as words, m.playbook, m.step,
                 m.state, m.reason, m.to_address as who, coalesce(m.sent_at, m.ended_at) as at
             from (
                 select m.* from keepwell.playbooks p
                 cross join lateral (
                     select m.id, m.account_id, m.subject, m.playbook, m.step, m.state, m.reason, m.to_address, m.sent_at,
                         m.ended_at
                     from keepwell.messages m where m.playbook = p.id and {MAILS} and m.class = $5) m
                 where {}
                 order by coalesce(m.sent_at, m.ended_at) desc, m.id limit $6 offset $7) m
             left join {} n on n.id = {}
             order by at desc, m.id",
            self.mail_condition(segment),
            self.relation(Relation::Accounts),
            self.key().of_text("m.account_id")
        );
        let query = segment.rows(sql).bind(span.from).bind(span.until).bind(class).bind(part.limit).bind(part.offset);
        query.fetch_all(&mut *self.read().await?).await
    }

    /// Tiers that accounts have, of the first of them: what can be chosen, and not all there is.
    pub async fn some_tiers(&self) -> sqlx::Result<Vec<String>> {
        let sql = format!(
            "select distinct to_jsonb(l.tier) #>> '{{}}' from (select {} as tier from {} a limit $1) l
             where l.tier is not null order by 1",
            self.standing_now(Standing::Tier),
            self.relation(Relation::Accounts)
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(LOOKED_AT_FOR_TIERS);
        query.fetch_all(&mut *self.read().await?).await
    }

    /// Whether the customer store has an account at all.
    pub async fn has_accounts(&self) -> sqlx::Result<bool> {
        let sql = format!("select exists (select from {} a)", self.relation(Relation::Accounts));
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *self.read().await?).await
    }
}
