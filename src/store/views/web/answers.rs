//! Answers to surveys for their page: a list, and how they went from month to month.

use chrono::NaiveDate;
use chrono_tz::Tz;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::clock::Instant;
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::store::messages::answer_row::AnswerRow;
use crate::store::{Relation, Store};

/// Which answers a page of the list shows; every given part must fit.
#[derive(Clone, Debug, Default)]
pub struct AnswerListFilter {
    pub survey: Option<String>,
    pub tag: Option<String>,
    pub account: Option<String>,
    /// No answer from before.
    pub since: Option<Instant>,
    /// Only answers with words.
    pub in_words: bool,
    /// The answer after which the page begins: its time and its id.
    pub after: Option<(Instant, Uuid)>,
}

/// An answer in the list.
#[derive(Clone, Debug, FromRow)]
pub struct AnswerListRow {
    #[sqlx(flatten)]
    pub answer: AnswerRow,
    /// `None` when the customer store does not have the account.
    pub account_name: Option<String>,
    pub contact_name: Option<String>,
    /// The first mail to the contact that left after the answer.
    pub mail: Option<Uuid>,
    pub mail_subject: Option<String>,
    pub mail_at: Option<Instant>,
}

/// How many answered with a value in a month.
#[derive(Clone, Debug, FromRow)]
pub struct AnswerCount {
    /// The name of the score.
    pub score: String,
    /// The first day of the month.
    pub month: NaiveDate,
    pub value: i32,
    pub count: i64,
}

impl Store {
    /// Answers, the latest first, at most `limit`.
    pub async fn answers_page(&self, filter: &AnswerListFilter, limit: i64) -> sqlx::Result<Vec<AnswerListRow>> {
        let [accounts, contacts] = [Relation::Accounts, Relation::Contacts].map(|relation| self.relation(relation));
        let account = self.key().of_text("a.account_id");
        // Only our own constants are put together here; values are bound.
        let sql = format!(
            "select a.message as id, a.survey, a.account_id as account, a.contact_id as contact, a.score, a.value,
                 a.comment as text, a.answered_at as at, a.tags, nullif(btrim(c.name), '') as account_name,
                 (select nullif(btrim(k.name), '') from {contacts} k
                  where k.account_id = {account} and k.id = a.contact_id) as contact_name,
                 m.id as mail, m.subject as mail_subject, m.sent_at as mail_at
             from (
                 select * from keepwell.answers
                 where ($1::text is null or survey = $1) and ($2::text is null or $2 = any(tags))
                   and ($3::text is null or account_id = $3) and ($4::timestamptz is null or answered_at >= $4)
                   and (not $5 or btrim(comment) <> '')
                   and ($6::timestamptz is null or (answered_at, message) < ($6, $7))
                 order by answered_at desc, message desc limit $8) a
             left join {accounts} c on c.id = {account}
             left join lateral (
                 select m.id, m.subject, m.sent_at from keepwell.messages m
                 where m.account_id = a.account_id and m.contact_id = a.contact_id and a.contact_id <> ''
                   and m.channel = $9 and m.class <> $10 and not m.shadow and m.sent_at >= a.answered_at
                 order by m.sent_at, m.id limit 1) m on true
             order by a.answered_at desc, a.message desc"
        );
        let (at, id) = filter.after.unzip();
        sqlx::query_as(AssertSqlSafe(sql))
            // A plan that knows which parts are given.
            .persistent(false)
            .bind(&filter.survey)
            .bind(&filter.tag)
            .bind(&filter.account)
            .bind(filter.since)
            .bind(filter.in_words)
            .bind(at)
            .bind(id)
            .bind(limit)
            .bind(Channel::Email.name())
            .bind(Class::Internal.name())
            .fetch_all(&mut *self.read().await?)
            .await
    }

    /// The surveys that were answered and the tags that answers have, each in order.
    pub async fn answer_words(&self) -> sqlx::Result<(Vec<String>, Vec<String>)> {
        sqlx::query_as(
            "select array(select distinct survey from keepwell.answers where survey is not null order by 1),
                 array(select distinct t.tag from keepwell.answers a cross join lateral unnest(a.tags) t (tag) order by 1)",
        )
        .fetch_one(self.pool())
        .await
    }

    /// How often each value was answered in each month of a zone since an instant, of one
    /// survey if it is given.
    pub async fn answer_counts(
        &self,
        survey: Option<&str>,
        since: Instant,
        zone: Tz,
    ) -> sqlx::Result<Vec<AnswerCount>> {
        sqlx::query_as(
            "select score, date_trunc('month', answered_at at time zone $3)::date as month, value, count(*) as count
             from keepwell.answers
             where score is not null and value is not null and answered_at >= $2 and ($1::text is null or survey = $1)
             group by 1, 2, 3 order by 1, 2, 3",
        )
        .bind(survey)
        .bind(since)
        .bind(zone.name())
        .fetch_all(self.pool())
        .await
    }
}
