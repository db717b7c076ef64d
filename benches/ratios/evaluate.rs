//! One playbook over all accounts, against SQL that a person would write.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor};

use crate::Options;
use crate::engine::{evaluate, playbooks};
use crate::pairs::{Goal, heading, in_turns};
use crate::store::{NOW, Store};

/// A condition, and the same by hand. `NOW` is the instant.
pub const CONDITIONS: [(&str, &str, &str); 3] = [
    (
        "not activated after 30 days",
        "account.activated_at == none && days_since(account.signed_up_at) >= 30",
        "select id, signed_up_at from customers.accounts
         where activated_at is null and signed_up_at <= NOW - interval '30 days'",
    ),
    (
        "NPS at least 3 lower",
        "account.score_change(\"nps\") != none && account.score_change(\"nps\") <= -3",
        "select account_id, change from (
             select distinct on (account_id) account_id, change from (
                 select account_id, at, value - lag(value) over (partition by account_id, contact_id order by at) as change
                 from customers.scores where name = 'nps' and at < NOW) as answers
             order by account_id, at desc) as latest
         where change <= -3",
    ),
    (
        "renewal in 90 days, logins down 40 %",
        "account.renewal_at != none && days_until(account.renewal_at) >= 0 && days_until(account.renewal_at) <= 90 \
         && account.event_change(\"login\", 30) != none && account.event_change(\"login\", 30) <= -40",
        "select a.id, a.renewal_at, e.later, e.earlier from customers.accounts a
         join (select account_id, count(*) filter (where at >= NOW - interval '30 days') as later,
                      count(*) filter (where at < NOW - interval '30 days') as earlier
               from customers.events
               where name = 'login' and at >= NOW - interval '60 days' and at < NOW
               group by account_id) as e on e.account_id = a.id
         where a.renewal_at >= NOW and a.renewal_at < NOW + interval '91 days'
           and e.earlier > 0 and e.later - e.earlier <= -0.4 * e.earlier",
    ),
];

/// The indexes besides the keys: those of Keepwell's own schema, and two on
/// accounts that help these conditions.
const INDEXES: [(&str, &str); 4] = [
    ("customers.events_by_name", "customers.events (account_id, name, at)"),
    ("customers.scores_latest", "customers.scores (account_id, name, at desc)"),
    ("customers.accounts_not_activated", "customers.accounts (signed_up_at) where activated_at is null"),
    ("customers.accounts_renewal", "customers.accounts (renewal_at)"),
];

pub async fn measure(store: &Store, options: &Options) -> anyhow::Result<()> {
    create_indexes(store).await?;
    heading("keepwell", "by hand");
    pairs(store, options, "indexed").await?;
    for (name, _) in INDEXES {
        store.change(&format!("drop index {name}")).await?;
    }
    pairs(store, options, "no index").await?;
    create_indexes(store).await
}

async fn create_indexes(store: &Store) -> anyhow::Result<()> {
    for (name, on) in INDEXES {
        let name = name.trim_start_matches("customers.");
        store.change(&format!("create index if not exists {name} on {on}")).await?;
    }
    Ok(())
}

async fn pairs(store: &Store, options: &Options, indexes: &str) -> anyhow::Result<()> {
    for (name, condition, by_hand) in CONDITIONS {
        let playbook = playbooks(&[condition.to_owned()])?.remove(0);
        let mut connection = store.connection().await?;
        let sql = by_hand.replace("NOW", &format!("'{NOW}'::timestamptz"));
        let outcome = in_turns(
            name,
            options.rounds,
            async || evaluate(store, &playbook).await,
            async || Ok(connection.fetch_all(AssertSqlSafe(sql.clone())).await?.len() as u64),
        )
        .await?;
        outcome.print(&format!("{name}, {indexes}"), Goal::AtMost(1.3, Duration::from_millis(10)));
    }
    Ok(())
}
