//! A call that is dropped half-way must not leave its transaction to the next
//! borrower of the connection, whose writes would report success and vanish.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use keepwell::store::Store;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres, Transaction};

use crate::support::database::{self, TestDatabase};

const ROUNDS: i32 = 30;

/// Begins a transaction and loses interest after so many looks at it.
async fn begin_and_drop(pool: &PgPool, looks: usize, pause: Duration) {
    let mut beginning = pin!(pool.begin());
    for _ in 0..looks {
        let begun: Poll<sqlx::Result<Transaction<'_, Postgres>>> =
            poll_fn(|context| Poll::Ready(beginning.as_mut().poll(context))).await;
        if begun.is_ready() {
            return;
        }
        // The server answers meanwhile.
        tokio::time::sleep(pause).await;
    }
}

/// How many rows are gone that were written, one by one, between such calls.
async fn lost(database: &TestDatabase, pool: PgPool, pause: Duration) -> i64 {
    for statement in ["create table if not exists written (n int)", "truncate written"] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    for n in 0..ROUNDS {
        begin_and_drop(&pool, 1 + n as usize % 4, pause).await;
        let written = sqlx::query("insert into written values ($1)").bind(n).execute(&pool).await.unwrap();
        assert_eq!(written.rows_affected(), 1, "it was said to be written");
    }
    pool.close().await;
    let kept: i64 = sqlx::query_scalar("select count(*) from written").fetch_one(&database.pool().await).await.unwrap();
    i64::from(ROUNDS) - kept
}

#[tokio::test]
async fn a_dropped_begin_loses_no_rows_of_others() {
    let database = database::fresh().await;
    let store = Store::connect(database.options.clone(), 1);
    assert_eq!(lost(&database, store.pool().clone(), Duration::from_millis(2)).await, 0);
}

/// Else the hook of the pool is not needed any more, or the test shows nothing.
#[tokio::test]
async fn without_the_pools_hook_they_are_lost() {
    let database = database::fresh().await;
    // A busy server answers later.
    for pause in [2, 5, 10, 20, 40].map(Duration::from_millis) {
        let bare = PgPoolOptions::new().max_connections(1).connect_with(database.options.clone()).await.unwrap();
        if lost(&database, bare, pause).await > 0 {
            return;
        }
    }
    panic!("nothing was lost");
}
