//! What the schema says of a message's row: the same words as the program, and
//! only rows whose state, times, claim and marker fit together.

use keepwell::message::channel::Channel;
use keepwell::message::class::Class;
use keepwell::message::outcome::Fact;
use keepwell::message::state::State;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::database;

/// The words in the check of a column that lists them.
async fn words(pool: &PgPool, column: &str) -> Vec<String> {
    let check: String = sqlx::query_scalar(
        "select pg_get_constraintdef(oid) from pg_constraint
         where conrelid = 'keepwell.messages'::regclass and conname = 'messages_' || $1 || '_check'",
    )
    .bind(column)
    .fetch_one(pool)
    .await
    .unwrap();
    let mut words: Vec<String> = check.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
    words.sort();
    words
}

#[tokio::test]
async fn the_schema_knows_the_same_words_as_the_program() {
    let pool = database::fresh().await.pool().await;
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    assert_eq!(words(&pool, "state").await, sorted(State::ALL.map(State::name).to_vec()));
    assert_eq!(words(&pool, "channel").await, sorted(Channel::ALL.map(Channel::name).to_vec()));
    assert_eq!(words(&pool, "class").await, sorted(Class::ALL.map(Class::name).to_vec()));
    assert_eq!(words(&pool, "outcome").await, sorted(Fact::ALL.map(Fact::name).to_vec()));
}

/// The columns that the state decides about.
#[derive(Clone, Copy, Debug)]
struct Row {
    state: &'static str,
    token: bool,
    lease: bool,
    marked: bool,
    outcome: Option<&'static str>,
    sent: bool,
    ended: bool,
}

impl Row {
    const WAITING: Row =
        Row { state: "planned", token: false, lease: false, marked: false, outcome: None, sent: false, ended: false };
    const CLAIMED: Row = Row { state: "sending", token: true, lease: true, ..Row::WAITING };
    const ENDED: Row = Row { state: "cancelled", token: true, ended: true, ..Row::WAITING };
    const LEFT: Row = Row { state: "accepted", marked: true, outcome: Some("accepted"), sent: true, ..Row::ENDED };
    const LOST: Row = Row { state: "unknown", marked: true, outcome: Some("unknown"), ..Row::ENDED };

    /// The check that refuses it; `None` when it fits.
    async fn refused(self, pool: &PgPool) -> Option<String> {
        let at = |is: bool| if is { "'2026-03-02T09:00:00Z'" } else { "null" };
        let insert = format!(
            "insert into keepwell.messages (account_id, id, playbook, step, channel, class, state, priority, valid_until,
                 next_at, message_id, shadow, created_at, token, lease_until, marked_at, outcome, sent_at, ended_at)
             values ('a', gen_random_uuid(), 'p', 's', 'email', 'lifecycle', '{}', 50, '2026-03-05', '2026-03-02',
                 gen_random_uuid()::text, false, '2026-03-02', {}, {}, {}, {}, {}, {})",
            self.state,
            if self.token { "gen_random_uuid()" } else { "null" },
            at(self.lease),
            at(self.marked),
            self.outcome.map_or("null".to_owned(), |outcome| format!("'{outcome}'")),
            at(self.sent),
            at(self.ended),
        );
        match sqlx::query(AssertSqlSafe(insert)).execute(pool).await {
            Ok(_) => None,
            Err(error) => {
                let refused = error.as_database_error().and_then(|error| error.constraint().map(str::to_owned));
                Some(refused.unwrap_or_else(|| panic!("{self:?}: {error}")))
            }
        }
    }
}

#[tokio::test]
async fn the_database_refuses_a_row_that_does_not_fit_its_state() {
    let pool = database::fresh().await.pool().await;
    let waiting = Row { state: "deferred", ..Row::WAITING };
    for fits in [
        Row::WAITING,
        waiting,
        Row::CLAIMED,
        Row { marked: true, ..Row::CLAIMED },
        Row::ENDED,
        Row { token: false, ..Row::ENDED },
        Row { state: "rejected", marked: true, outcome: Some("rejected"), ..Row::ENDED },
        Row { state: "captured", ..Row::ENDED },
        Row::LEFT,
        Row { state: "bounced", ..Row::LEFT },
        // A person says so; the outcome stays unknown.
        Row { outcome: Some("unknown"), ..Row::LEFT },
        Row { state: "failed", ..Row::LOST },
        Row::LOST,
    ] {
        assert_eq!(fits.refused(&pool).await, None, "{fits:?}");
    }
    for (wrong, check) in [
        (Row { token: true, ..waiting }, "messages_waiting"),
        (Row { marked: true, ..waiting }, "messages_waiting"),
        (Row { outcome: Some("deferred"), ..waiting }, "messages_waiting"),
        (Row { sent: true, ..Row::WAITING }, "messages_waiting"),
        (Row { lease: true, ..Row::WAITING }, "messages_claimed"),
        (Row { token: false, ..Row::CLAIMED }, "messages_claimed"),
        (Row { lease: false, ..Row::CLAIMED }, "messages_claimed"),
        (Row { outcome: Some("accepted"), ..Row::CLAIMED }, "messages_claimed"),
        (Row { lease: true, ..Row::ENDED }, "messages_claimed"),
        (Row { ended: true, ..Row::CLAIMED }, "messages_ended"),
        (Row { ended: true, ..Row::WAITING }, "messages_ended"),
        (Row { ended: false, ..Row::ENDED }, "messages_ended"),
        (Row { sent: false, ..Row::LEFT }, "messages_left"),
        (Row { marked: false, ..Row::LEFT }, "messages_left"),
        (Row { marked: false, state: "complained", ..Row::LEFT }, "messages_left"),
        (Row { marked: false, ..Row::LOST }, "messages_lost"),
        (Row { outcome: None, ..Row::LOST }, "messages_lost"),
        (Row { sent: true, ..Row::LOST }, "messages_lost"),
        (Row { outcome: Some("perhaps"), ..Row::ENDED }, "messages_outcome_check"),
        (Row { state: "sent", ..Row::ENDED }, "messages_state_check"),
    ] {
        assert_eq!(wrong.refused(&pool).await.as_deref(), Some(check), "{wrong:?}");
    }
}
