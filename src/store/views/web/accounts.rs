//! Accounts for their list, and what the page of one says besides its timeline.

use std::time::Duration;

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::clock::Instant;
use crate::facts::{Standing, Subject, Type};
use crate::store::customers::facts::or_found;
use crate::store::customers::reader_role::limit_statements;
use crate::store::sql::errors::has_run_out;
use crate::store::views::recorded::recorded_time;
use crate::store::{Relation, Store};

/// Whose accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AccountOwner {
    #[default]
    Anybody,
    /// Accounts without a CSM.
    Nobody,
    /// A CSM's id.
    Csm(String),
}

/// A date of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountDate {
    Renewal,
    SignUp,
    Churn,
    Activation,
}

impl AccountDate {
    pub const ALL: [AccountDate; 4] =
        [AccountDate::Renewal, AccountDate::SignUp, AccountDate::Churn, AccountDate::Activation];

    /// What an address says.
    pub fn word(self) -> &'static str {
        match self {
            AccountDate::Renewal => "renewal",
            AccountDate::SignUp => "sign-up",
            AccountDate::Churn => "churn",
            AccountDate::Activation => "activation",
        }
    }

    /// The column of accounts that has it.
    pub fn column(self) -> &'static str {
        match self {
            AccountDate::Renewal => "renewal_at",
            AccountDate::SignUp => "signed_up_at",
            AccountDate::Churn => "churned_at",
            AccountDate::Activation => "activated_at",
        }
    }
}

/// From an instant on, until before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Instant,
    pub until: Instant,
}

/// Which accounts a page of the list shows; every given part must fit.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    pub owner: AccountOwner,
    pub tier: Option<String>,
    /// The stage, or empty: in none.
    pub stage: Option<String>,
    /// Whether only those that have left, or only those that have not.
    pub left: Option<bool>,
    /// Only those that are activated.
    pub activated: bool,
    /// Those of whom this date lies in a span.
    pub date: Option<(AccountDate, Span)>,
    /// Those whose renewal was in that span and moved on to a later date.
    pub renewed: bool,
    /// What the account's name or id has in it, or the name or address of one of
    /// its contacts, in any case of letters: in large stores at the beginning of a word.
    pub words: Option<String>,
    /// The account after which the page begins: its `sort_key` and its id.
    pub after: Option<(String, String)>,
}

/// A part of the list.
#[derive(Clone, Debug, Default)]
pub struct AccountPart {
    pub rows: Vec<AccountRow>,
    /// Whether words were looked for within others for too long, so that there may be more.
    pub is_cut_off: bool,
}

/// How words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WordSearch {
    /// By the indexes on the beginnings of words.
    Beginnings,
    /// In each name and address.
    Within,
}

/// How long words are looked for within others.
const SEARCH_PATIENCE: Duration = Duration::from_millis(1_500);

/// So many accounts are listed that have the words in their names, and of so many contacts
/// that have them.
const NAMED: u32 = 10_000;
const CONTACTS: u32 = 1_000;

/// An account in the list.
#[derive(Clone, Debug, FromRow)]
pub struct AccountRow {
    pub id: String,
    pub name: Option<String>,
    /// A JSON value as text, like every column that may be of any type.
    pub tier: Option<String>,
    pub status: Option<String>,
    pub csm_id: Option<String>,
    /// `None` when there is no such CSM.
    pub csm_name: Option<String>,
    pub mrr: Option<String>,
    pub renewal_at: Option<String>,
    pub open_tasks: i64,
    /// What the list is in order of, before the id.
    pub sort_key: String,
    /// A contact that has the words in its name or address.
    pub contact_name: Option<String>,
    pub contact_email: Option<String>,
}

/// What stands at the top of an account's page.
#[derive(Clone, Debug, FromRow)]
pub struct AccountHeader {
    pub name: Option<String>,
    /// A JSON value as text, like every column that may be of any type.
    pub tier: Option<String>,
    pub status: Option<String>,
    pub stage: Option<String>,
    pub csm_id: Option<String>,
    pub csm_name: Option<String>,
    pub mrr: Option<String>,
    pub seats: Option<String>,
    pub seats_used: Option<String>,
    pub signed_up_at: Option<String>,
    pub renewal_at: Option<String>,
}

/// One way of an account, or of one of its contacts, through a playbook.
#[derive(Clone, Debug, FromRow)]
pub struct AccountEnrollmentRow {
    pub id: Uuid,
    pub playbook: String,
    /// Empty for account playbooks.
    pub contact_id: String,
    pub state: String,
    pub reason: Option<String>,
    pub step: Option<String>,
    pub due_at: Option<Instant>,
    pub started_at: Instant,
    /// `None` while it is on its way or waits.
    pub ended_at: Option<Instant>,
    pub shadow: bool,
}

/// How long before and after a period a renewal date of it may be moved on and still
/// counts as won.
const MOVED_WITHIN: &str = "interval '120 days'";

/// The list is in order of names as people look them up.
/// The expression of the index `accounts_by_name`: of long names the beginning, which fits into an index.
const SORT_KEY: &str = "lower(left(coalesce(btrim(a.name), ''), 200))";

/// The accounts whose renewal date lay between two parameters and moved on to a later one,
/// as a select of ids; of none where the store keeps no history.
pub(super) fn renewed_accounts(store: &Store, from: &str, until: &str) -> String {
    format!(
        "select r.account_id
         from (select h.account_id, {} as due, {} as next, h.became ->> 'status' as status
               from {} h
               where h.at >= {from} - {MOVED_WITHIN} and h.at < {until} + {MOVED_WITHIN}
                 and h.was ? 'renewal_at' and h.became is not null) r
         where r.due >= {from} and r.due < {until} and r.next > r.due and r.status is distinct from 'churned'",
        recorded_time("h.was", "renewal_at"),
        recorded_time("h.became", "renewal_at"),
        store.relation(Relation::Changes)
    )
}

impl Store {
    /// Whether the customer store has this column of accounts as a time.
    pub fn has_account_date(&self, date: AccountDate) -> bool {
        let column = self.schema().column(Subject::Account, date.column());
        column.is_some_and(|column| column.ty == Type::Time)
    }

    /// Accounts in order of their names, at most `limit`. Words are looked for at the beginning of
    /// words, which the indexes of Keepwell's own tables find. Where that finds nothing, and in
    /// tables of others, each name and address is looked at, for a while.
    pub async fn accounts_page(&self, filter: &AccountFilter, limit: i64) -> sqlx::Result<AccountPart> {
        let is_own =
            [Relation::Accounts, Relation::Contacts].iter().all(|one| self.relation(*one) == one.default_table());
        if filter.words.is_some() && is_own {
            let rows = self.accounts_with(filter, WordSearch::Beginnings, limit).await?;
            if !rows.is_empty() {
                return Ok(AccountPart { rows, is_cut_off: false });
            }
        }
        match self.accounts_with(filter, WordSearch::Within, limit).await {
            Ok(rows) => Ok(AccountPart { rows, is_cut_off: false }),
            Err(error) if filter.words.is_some() && has_run_out(&error) => {
                Ok(AccountPart { rows: Vec::new(), is_cut_off: true })
            }
            Err(error) => Err(error),
        }
    }

    async fn accounts_with(
        &self,
        filter: &AccountFilter,
        search: WordSearch,
        limit: i64,
    ) -> sqlx::Result<Vec<AccountRow>> {
        let [accounts, contacts, csms] =
            [Relation::Accounts, Relation::Contacts, Relation::Csms].map(|relation| self.relation(relation));
        let key = self.key();
        let (owned, csm) = match &filter.owner {
            AccountOwner::Anybody => ("$1::text is null", None),
            AccountOwner::Nobody => ("a.csm_id is null and $1::text is null", None),
            AccountOwner::Csm(id) => ("a.csm_id = $1", Some(id)),
        };
        let has = |column: &str| format!("strpos(lower({column}), lower($2)) > 0");
        let tier = self.standing_now(Standing::Tier);
        let of_tier = match filter.tier {
            Some(_) => format!("to_jsonb({tier}) #>> '{{}}' = $6"),
            None => "$6::text is null".to_owned(),
        };
        let of_stage = match filter.stage {
            Some(_) => format!("coalesce({}, '') = $7", self.standing_now(Standing::Stage)),
            None => "$7::text is null".to_owned(),
        };
        let has_left = match filter.left {
            Some(true) => "a.status = 'churned'",
            Some(false) => "a.status <> 'churned'",
            None => "true",
        };
        let is_activated = if filter.activated { "a.activated_at is not null" } else { "true" };
        let in_span = match filter.date {
            Some(_) if filter.renewed => format!("a.id in ({})", renewed_accounts(self, "$8", "$9")),
            Some((date, _)) if self.has_account_date(date) => {
                format!("a.{0} >= $8 and a.{0} < $9", date.column())
            }
            // What the store does not say, or nothing is asked for.
            _ => "$8::timestamptz is null and $9::timestamptz is null".to_owned(),
        };
        let contact_has = format!("({} or {})", has("k.name"), has("k.email"));
        let id_is = format!("a.id = {}", key.of_text("$2::text"));
        let named_within = format!(
            "({} or {} or a.id in (select k.account_id from {contacts} k where {contact_has}))",
            has("a.name"),
            has(&key.to_text("a.id"))
        );
        // The expressions of the indexes `accounts_words` and `contacts_words`.
        // As a set of its own: in the order of names all accounts would be read for a word that few have.
        let named = format!(
            "a.id in (select n.id from {accounts} n
                      where customers.search_words(n.name) @@ customers.search_query($2) and {} limit {NAMED})",
            has("n.name")
        );
        let of_contact = format!(
            "a.id in (select k.account_id from {contacts} k
                      where customers.search_words(k.name || ' ' || coalesce(k.email, '')) @@ customers.search_query($2)
                        and {contact_has} limit {CONTACTS})"
        );
        let searches: &[&str] = match (&filter.words, search) {
            (None, _) => &["$2::text is null"],
            (Some(_), WordSearch::Within) => &[&named_within],
            (Some(_), WordSearch::Beginnings) => &[&named, &of_contact, &id_is],
        };
        let after = key.of_text("$4::text");
        let found = searches.iter().map(|search| {
            format!(
                "(select a.id, nullif(btrim(a.name), '') as name, to_jsonb({tier})::text as tier, a.status, a.csm_id,
                     to_jsonb(a.mrr)::text as mrr, to_jsonb(a.renewal_at)::text as renewal_at, {SORT_KEY} as sort_key
                 from {accounts} a
                 where {owned} and {search}
                   and ($3::text is null or ({SORT_KEY}, a.id) > ($3, {after}))
                   and {of_tier} and {of_stage} and {has_left} and {is_activated} and {in_span}
                 order by {SORT_KEY}, a.id limit $5)"
            )
        });
        // Each has its own index, and an account stands there once.
        let found = found.collect::<Vec<_>>().join(" union ");
        // Only our own constants are put together here; values are bound.
        let sql = format!(
            "select {page_id} as id, p.name, p.tier, p.status, p.csm_id, c.name as csm_name, p.mrr, p.renewal_at,
                 p.sort_key, k.name as contact_name, k.email as contact_email,
                 (select count(*) from keepwell.tasks t
                  where t.account_id = {page_id} and t.state = 'open') as open_tasks
             from (select * from ({found}) f order by f.sort_key, f.id limit $5) p
             left join {csms} c on c.id = p.csm_id
             left join lateral (
                 select k.name, k.email from {contacts} k
                 where $2::text is not null and k.account_id = p.id and {contact_has} order by k.id limit 1) k on true
             order by p.sort_key, p.id",
            page_id = key.to_text("p.id"),
        );
        let (sort_key, id) = filter.after.as_ref().map_or((None, None), |(sort_key, id)| (Some(sort_key), Some(id)));
        let mut transaction = self.read().await?;
        if filter.words.is_some() && search == WordSearch::Within {
            limit_statements(&mut transaction, SEARCH_PATIENCE).await?;
        }
        sqlx::query_as(AssertSqlSafe(sql))
            // A plan that knows which parts are given.
            .persistent(false)
            .bind(csm)
            .bind(&filter.words)
            .bind(sort_key)
            .bind(id)
            .bind(limit)
            .bind(&filter.tier)
            .bind(&filter.stage)
            .bind(filter.date.map(|(_, span)| span.from))
            .bind(filter.date.map(|(_, span)| span.until))
            .fetch_all(&mut *transaction)
            .await
    }

    /// Every CSM's id and name, by name.
    pub async fn csm_names(&self) -> sqlx::Result<Vec<(String, String)>> {
        let csms = self.relation(Relation::Csms);
        let sql = format!("select c.id, coalesce(nullif(btrim(c.name), ''), c.id) from {csms} c order by 2, 1");
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *self.read().await?).await
    }

    /// An account as the customer store has it; `None` where it has none of that id.
    pub async fn account_header(&self, account: &str) -> sqlx::Result<Option<AccountHeader>> {
        let [accounts, csms] = [Relation::Accounts, Relation::Csms].map(|relation| self.relation(relation));
        let sql = format!(
            "select nullif(btrim(a.name), '') as name, to_jsonb({})::text as tier, a.status, {} as stage, a.csm_id,
                 c.name as csm_name, to_jsonb(a.mrr)::text as mrr, to_jsonb(a.seats)::text as seats,
                 to_jsonb(a.seats_used)::text as seats_used, to_jsonb(a.signed_up_at)::text as signed_up_at,
                 to_jsonb(a.renewal_at)::text as renewal_at
             from {accounts} a left join {csms} c on c.id = a.csm_id
             where a.id = {}",
            self.standing_now(Standing::Tier),
            self.standing_now(Standing::Stage),
            self.key().of_text("$1::text")
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(account).fetch_optional(&mut *self.read().await?).await
    }

    /// Where an account `a` stands as far as is known: the column, else what a document found last.
    pub(super) fn standing_now(&self, standing: Standing) -> String {
        let account = self.key().to_text("a.id");
        or_found(format!("a.{}", standing.name()), standing, self.schema(), &account, "'infinity'")
    }

    /// Enrollments of an account and its contacts: first those that have not
    /// ended, then the latest; at most `limit`.
    pub async fn enrollments_of_account(&self, account: &str, limit: i64) -> sqlx::Result<Vec<AccountEnrollmentRow>> {
        sqlx::query_as(
            "select e.id, e.playbook, e.contact_id, e.state, e.reason, e.step, e.due_at, e.started_at, e.ended_at, e.shadow
             from keepwell.enrollments e
             where e.account_id = $1
             order by (e.ended_at is null) desc, e.started_at desc, e.playbook, e.contact_id, e.id limit $2",
        )
        .bind(account)
        .bind(limit)
        .fetch_all(&mut *self.read().await?)
        .await
    }
}

/// A JSON value that a statement gave as text; null where it cannot be read.
pub fn read_json(text: Option<&str>) -> Json {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
