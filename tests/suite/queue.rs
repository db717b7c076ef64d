//! What the outbox is to the database: how often a mail touches its indexes, and
//! when what is left of it is swept away.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use crate::support::database;
use crate::support::world::{World, lines, playbook};

const MAIL: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";

#[tokio::test]
async fn only_the_claim_and_the_end_of_a_mail_touch_its_indexes() {
    let world = World::with("budget: { contact: [1 per 1d], account: off }\n").await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0", MAIL));
    world.customer("a1").await.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["captured"]);
    // Sessions tell what they did when they end.
    let options = world.store().pool().connect_options();
    world.store().close().await;
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let sql = "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = 'keepwell.messages'::regclass";
    let mut updates = (0_i64, 0_i64);
    for _ in 0..500 {
        updates = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
        if updates.0 >= 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Claimed, given its place, its words and its marker, ended.
    assert_eq!(updates, (5, 3));
}

#[tokio::test]
async fn what_is_dead_is_swept_away_by_its_number_and_a_small_table_is_analyzed_too() {
    let database = database::fresh().await;
    let settings: Vec<(String, String, String)> = sqlx::query_as(
        "select c.relname::text, o.option_name, o.option_value
         from pg_class c cross join pg_options_to_table(c.reloptions) o
         where c.relnamespace = 'keepwell'::regnamespace and o.option_name like 'autovacuum%scale_factor'",
    )
    .fetch_all(&database.pool().await)
    .await
    .unwrap();
    for table in ["messages", "enrollments", "attempts", "runs"] {
        for (kind, share) in [("vacuum", "0"), ("vacuum_insert", "0"), ("analyze", "0.02")] {
            let wanted = (table.to_owned(), format!("autovacuum_{kind}_scale_factor"), share.to_owned());
            assert!(settings.contains(&wanted), "{wanted:?}");
        }
    }
}
