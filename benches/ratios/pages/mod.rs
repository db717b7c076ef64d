//! The pages of colleagues on a store of its full size, over HTTP as a browser asks for them: how long each takes, and
//! how that compares with the statements that it sends.
//!
//! The other side of the ratio is recorded and not written by hand, so that it cannot drift from the page: sqlx says of
//! each statement how long it took from its sending to its last row. What pages add are the transactions
//! around their reads, waiting for a connection, the work on the rows, the template, compression and HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use keepwell::clock::Clock;
use keepwell::config::Config;
use keepwell::store::runs::run_id;
use keepwell::web::{Audience, WebState, serve};
use keepwell::worker::Shared;
use sqlx::PgPool;
use tokio::net::TcpListener;

use crate::Options;
use crate::store::{NOW, Store};

mod browser;
mod rows;
mod statements;

use browser::Browser;
use statements::Statements;

/// What is promised: p95 below this, and at most so many times the statements.
const LIMIT: Duration = Duration::from_millis(50);
const TIMES: f64 = 2.0;

/// How often each page is asked for, by turns with all others, unless it takes too long.
const REQUESTS: usize = 100;

/// A page that takes longer than this altogether is asked for no more, once it was asked for some times.
const ENOUGH: Duration = Duration::from_secs(10);
const SOME: usize = 10;

/// As many connections as the daemon has for its pages.
const CONNECTIONS: u32 = 10;

/// A page, and how long its requests took.
struct Page {
    name: &'static str,
    path: String,
    took: Vec<Duration>,
    ratios: Vec<f64>,
    /// Of the last request.
    bytes: usize,
    statements: usize,
}

pub async fn measure(store: &Store, options: &Options) -> anyhow::Result<()> {
    let pool = PgPool::connect(&store.url).await?;
    rows::fill(store, &pool, options.scale).await?;
    let own = keepwell::store::Store::connect_url(&store.url, CONNECTIONS)?;
    let statements = Statements::listen()?;
    let shared = Arc::new(Shared::for_pages(own.clone(), Config::default())?);
    let web = WebState::new(shared, Clock::Fixed(NOW.parse()?));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, Audience::Colleagues, web, async {
        let _ = stopped.await;
    }));
    let mut browser = Browser::connect(address).await?;
    let mut pages = pages(&pool).await?;
    for page in &mut pages {
        browser.get(&page.path).await.with_context(|| format!("{} ({})", page.name, page.path))?;
    }
    for round in 0..REQUESTS {
        // In another order each time: what else the machine does falls on all of them.
        let count = pages.len();
        for index in 0..count {
            let page = &mut pages[(index * 5 + round) % count];
            if page.took.len() >= SOME && page.took.iter().sum::<Duration>() > ENOUGH {
                continue;
            }
            settle().await;
            statements.forget();
            let start = Instant::now();
            page.bytes = browser.get(&page.path).await?;
            let took = start.elapsed();
            let (count, alone) = statements.so_far();
            page.statements = count;
            page.ratios.push(took.as_secs_f64() / alone.as_secs_f64());
            page.took.push(took);
        }
    }
    println!("  {:<28} {:>9} {:>9} {:>6} {:>11} {:>8}  goal", "page", "p50", "p95", "ratio", "statements", "bytes");
    for page in &mut pages {
        page.print();
    }
    if options.slowest {
        statements.print_slowest(&mut browser, pages.iter().map(|page| page.path.as_str())).await?;
    }
    let _ = stop.send(());
    drop(browser);
    server.await?;
    own.close().await;
    pool.close().await;
    Ok(())
}

/// Lets what a request leaves behind come to its end, such as a connection that goes back to its pool.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The pages by their paths in the store as it is filled.
async fn pages(pool: &PgPool) -> anyhow::Result<Vec<Page>> {
    let held: (String, keepwell::clock::Instant) =
        sqlx::query_as("select playbook, slot from keepwell.runs where state = 'held'").fetch_one(pool).await?;
    let run = run_id(&held.0, held.1);
    let page = |name, path: String| Page { name, path, took: Vec::new(), ratios: Vec::new(), bytes: 0, statements: 0 };
    Ok(vec![
        page("/?csm=ID", "/?csm=csm7".to_owned()),
        page("/ of everybody", "/?csm=everybody".to_owned()),
        page("/accounts", "/accounts".to_owned()),
        page("/accounts/ID", "/accounts/a00012345".to_owned()),
        page("/accounts/ID, the busiest", "/accounts/a00000001".to_owned()),
        page("/approvals", "/approvals".to_owned()),
        page("/approvals/RUN", format!("/approvals/{run}")),
        page("/playbooks", "/playbooks".to_owned()),
        page("/playbooks/ID", format!("/playbooks/{}", rows::PLAYBOOK)),
        page("/messages", "/messages".to_owned()),
        page("/messages of a name", "/messages?customer=Account%204711".to_owned()),
        page("/overview", "/overview".to_owned()),
        page("/overview of a quarter", "/overview?period=quarter&at=2026-10".to_owned()),
        page("/search of a word", "/search?q=account".to_owned()),
        page("/search of a name", "/search?q=Account%204711".to_owned()),
        page("/search of an address", "/search?q=person4711%40".to_owned()),
        page("/search of nothing", "/search?q=nobody-is-called-so".to_owned()),
        page("/audit", "/audit".to_owned()),
    ])
}

impl Page {
    fn print(&mut self) {
        self.took.sort_unstable();
        self.ratios.sort_unstable_by(f64::total_cmp);
        let p95 = self.took[self.took.len() * 95 / 100];
        let ratio = self.ratios[self.ratios.len() / 2];
        let mut missed = Vec::new();
        if p95 >= LIMIT {
            missed.push("p95");
        }
        if ratio > TIMES {
            missed.push("ratio");
        }
        let verdict =
            if missed.is_empty() { "reached".to_owned() } else { format!("NOT reached: {}", missed.join(", ")) };
        println!(
            "  {:<28} {:>9} {:>9} {ratio:>6.2} {:>11} {:>8}  {verdict}",
            self.name,
            millis(self.took[self.took.len() / 2]),
            millis(p95),
            self.statements,
            self.bytes
        );
    }
}

fn millis(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1000.0)
}
