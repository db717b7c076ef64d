//! The queue alone: everything is claimed and settled, by Keepwell or by two
//! statements; and claimed beside a history of mail that has ended.

use std::time::Duration;

use keepwell::clock::Instant;
use keepwell::message::outcome::{Fact, Settled};
use keepwell::message::state::State;
use keepwell::postgres::PrivatePostgres;
use keepwell::store::Store;
use keepwell::store::messages::budget::UnderWay;
use keepwell::store::messages::ending::Ending;
use keepwell::store::upkeep::stopped::Halted;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool};

use crate::Options;
use crate::enroll::{FIRST, run};
use crate::pairs::{Goal, Side, heading, prepared_in_turns};

/// Claimed and settled at once.
const BATCH: i64 = 500;

/// Claims and settles everything; how many.
pub async fn all(store: &Store) -> anyhow::Result<u64> {
    let now: Instant = FIRST.parse()?;
    let mut handled = 0;
    loop {
        let claimed = store.claim_messages(now, &Halted::default(), &UnderWay::default(), BATCH).await?;
        if claimed.is_empty() {
            return Ok(handled);
        }
        let ending = |message| Ending {
            reply: Some("250 2.0.0 queued".to_owned()),
            // What is captured needs no marker, which is measured by itself.
            ..Ending::at(
                message,
                Settled::Ended { state: State::Captured, reason: None, fact: Some(Fact::Accepted) },
                now,
            )
        };
        let endings: Vec<Ending> = claimed.into_iter().map(ending).collect();
        handled += store.settle_all(&endings).await?.into_iter().filter(|taken| *taken).count() as u64;
    }
}

/// The same rows and columns, as one would write it without the rest.
pub async fn by_hand(pool: &PgPool) -> anyhow::Result<u64> {
    let mut handled = 0;
    loop {
        let claimed: Vec<(String, uuid::Uuid)> = sqlx::query_as(
            "update keepwell.messages m set state = 'sending', token = gen_random_uuid(), attempts = attempts + 1,
                 lease_until = clock_timestamp() + interval '1 minute'
             from (select account_id, id from keepwell.messages where state in ('planned', 'deferred') and next_at <= $2
                   order by priority desc, valid_until, account_id, id limit $1 for update skip locked) due
             where m.account_id = due.account_id and m.id = due.id returning m.account_id, m.id",
        )
        .bind(BATCH)
        .bind(FIRST.parse::<Instant>()?)
        .fetch_all(pool)
        .await?;
        if claimed.is_empty() {
            return Ok(handled);
        }
        let (accounts, ids): (Vec<String>, Vec<uuid::Uuid>) = claimed.into_iter().unzip();
        let done = sqlx::query(
            "update keepwell.messages m set state = 'captured', outcome = 'accepted', sent_at = now(), ended_at = now(),
                 lease_until = null
             from unnest($1::text[], $2::uuid[]) n (account_id, id) where m.account_id = n.account_id and m.id = n.id",
        )
        .bind(accounts)
        .bind(ids)
        .execute(pool)
        .await?;
        handled += done.rows_affected();
    }
}

/// Mail in one state, spread over the year before or due now.
const MAIL: &str = "
    insert into keepwell.messages (account_id, contact_id, id, enrollment_id, playbook, revision, step, channel, class,
        to_address, state, priority, valid_until, next_at, message_id, shadow, created_at, marked_at, sent_at, ended_at, outcome)
    select 'a' || n % 200000, 'c', md5('STATE' || n)::uuid, md5('e' || n)::uuid, 'one', 'r', 'mail', 'email', 'lifecycle',
        'person' || n || '@customer.example', 'STATE', 50, at + interval '7 days', at, '<STATE' || n || '@x>', false, at,
        case when 'STATE' = 'accepted' then at end, case when 'STATE' = 'accepted' then at end,
        case when 'STATE' = 'accepted' then at end,
        case when 'STATE' = 'accepted' then 'accepted' end
    from (select n, 'FIRST'::timestamptz - case when 'STATE' = 'accepted' then interval '1 day' + interval '1 year' * n / COUNT
                                                else interval '0' end as at
          from generate_series(1, COUNT) as n) as mail";

fn mail(state: &str, count: i64) -> String {
    MAIL.replace("STATE", state).replace("FIRST", FIRST).replace("COUNT", &count.to_string())
}

/// A claim of everything that is due, with as many ended messages beside it as
/// the store has accounts, against one with none.
pub async fn beside_history(server: &PrivatePostgres, options: &Options) -> anyhow::Result<()> {
    let history = Database::create(server, "history").await?;
    let empty = Database::create(server, "empty").await?;
    run(&history.plain, &mail("accepted", options.scale.accounts)).await?;
    run(&history.plain, "vacuum analyze").await?;
    let due = format!(
        "delete from keepwell.messages where state in ('planned', 'sending'); {}; vacuum analyze keepwell.messages; checkpoint",
        mail("planned", options.messages)
    );
    let due = async |side: Side| match side {
        Side::Ours => run(&history.plain, &due).await,
        Side::Theirs => run(&empty.plain, &due).await,
    };
    let outcome = prepared_in_turns(
        "history",
        options.rounds,
        due,
        async || claim(&history.store).await,
        async || claim(&empty.store).await,
    )
    .await?;
    heading("history", "none");
    let name = format!("claim beside {} ended", options.scale.accounts);
    outcome.print(&name, Goal::AtMost(1.25, Duration::ZERO));
    history.drop(server).await?;
    empty.drop(server).await
}

/// Claims everything; how many.
async fn claim(store: &Store) -> anyhow::Result<u64> {
    let now: Instant = FIRST.parse()?;
    let mut claimed = 0;
    loop {
        let batch = store.claim_messages(now, &Halted::default(), &UnderWay::default(), BATCH).await?.len();
        if batch == 0 {
            return Ok(claimed);
        }
        claimed += batch as u64;
    }
}

/// A database of its own.
struct Database {
    name: &'static str,
    store: Store,
    /// Without the limits that the store has for its statements.
    plain: PgPool,
}

impl Database {
    async fn create(server: &PrivatePostgres, name: &'static str) -> anyhow::Result<Database> {
        let mut connection = PgConnection::connect_with(&server.options("postgres")).await?;
        connection.execute(AssertSqlSafe(format!("drop database if exists {name}"))).await?;
        connection.execute(AssertSqlSafe(format!("create database {name}"))).await?;
        connection.close().await?;
        let store = Store::connect(server.options(name), 2);
        store.migrate().await?;
        Ok(Database { name, store, plain: PgPool::connect_with(server.options(name)).await? })
    }

    async fn drop(self, server: &PrivatePostgres) -> anyhow::Result<()> {
        self.store.close().await;
        self.plain.close().await;
        let mut connection = PgConnection::connect_with(&server.options("postgres")).await?;
        connection.execute(AssertSqlSafe(format!("drop database {}", self.name))).await?;
        Ok(connection.close().await?)
    }
}
