//! The database goes away under a daemon: pages say so soon, and a stop does
//! not wait for it. The bounds are wide; what they tell apart is half a minute.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sqlx::Executor;

use crate::support::database::{self, TestDatabase};
use crate::support::program::{Daemon, Home, until};
use crate::support::proxy::{Fault, Proxy};
use crate::support::smtp::{At, Hook, Moment, Script, Server};
use crate::support::wire::behind;

const PLAYBOOK: &str = "playbook: hello\nabout: A.\nalerts_to: a@b.example\nschedule: '0 9 * * *'\nwhen: account.mrr >= 0\n\
    steps:\n  - email: { id: hello, to: champion, subject: Hi, body: Hello }\n  - wait: 1d\n";

/// How the database is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Away {
    /// Nobody listens any more.
    Gone,
    /// Nothing passes, and nobody is told.
    Silent,
}

/// A database behind a network that can fail.
struct RemoteDatabase {
    database: TestDatabase,
    proxy: Option<Proxy>,
    address: SocketAddr,
}

impl RemoteDatabase {
    async fn new() -> RemoteDatabase {
        let database = database::fresh().await;
        let proxy = Proxy::before(behind(&database.options));
        RemoteDatabase { database, address: proxy.address, proxy: Some(proxy) }
    }

    fn url(&self) -> String {
        format!("postgres://keepwell@{}/{}?sslmode=disable", self.address, self.database.name)
    }

    fn goes_away(&mut self, away: Away) {
        match away {
            Away::Gone => drop(self.proxy.take()),
            Away::Silent => self.proxy.as_ref().unwrap().set(Fault::Stall),
        }
    }
}

fn home(name: &str, behind: &RemoteDatabase) -> Home {
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &behind.url());
    home.write("playbooks/hello.yaml", PLAYBOOK);
    home.write("keepwell.yaml", "web: { listen: \"127.0.0.1:0\" }\n");
    home
}

async fn running(home: &Home, log: &str) -> Daemon {
    let daemon = home.start(&["run", "--port", "0"], log);
    until("it runs", async || daemon.log().contains("running")).await;
    daemon
}

/// The status of a page, and how long it took.
fn status(address: &str, path: &str) -> (u16, Duration) {
    let asked = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{answer}")), asked.elapsed())
}

#[tokio::test]
async fn pages_say_soon_that_the_database_is_away_and_a_stop_is_heard() {
    for away in [Away::Gone, Away::Silent] {
        let mut behind = RemoteDatabase::new().await;
        let home = home(&format!("outage-{away:?}"), &behind);
        let daemon = running(&home, "log").await;
        let log = daemon.log();
        let address = log.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
        assert_eq!(status(address, "/").0, 200);
        behind.goes_away(away);
        // Longer than a connection may be silent without being asked whether it lives.
        tokio::time::sleep(Duration::from_secs(2)).await;
        for path in ["/", "/playbooks"] {
            let (status, took) = status(address, path);
            assert_eq!(status, 503, "{away:?} {path}");
            assert!(took < Duration::from_secs(10), "{away:?} {path}: {took:?}");
        }
        let said = daemon.log();
        let lines = said.lines().filter(|line| line.contains("the database did not answer pages")).count();
        assert_eq!(lines, 1, "one line for both pages: {said}");
        let (code, took) = daemon.stop();
        assert_eq!(code.code(), Some(0), "{away:?}: {said}");
        assert!(took < Duration::from_secs(12), "{away:?}: {took:?}");
    }
}

#[tokio::test]
async fn a_stop_is_heard_while_starting_without_a_database() {
    let mut behind = RemoteDatabase::new().await;
    let home = home("outage-start", &behind);
    behind.goes_away(Away::Silent);
    for (words, code) in [(&["run"][..], 0), (&["run", "--once"], 1)] {
        let mut starting = home.start(words, "log");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(starting.is_running());
        let (status, took) = starting.stop();
        assert_eq!(status.code(), Some(code), "{words:?}");
        assert!(took < Duration::from_secs(6), "{words:?}: {took:?}");
    }
}

/// The relay has taken a mail, and there is nowhere to write that.
#[tokio::test]
async fn an_outcome_that_cannot_be_written_does_not_keep_the_process() {
    let mut behind = RemoteDatabase::new().await;
    let pool = behind.database.pool().await;
    pool.execute(
        "insert into customers.accounts (id, name, signed_up_at) values ('a', 'Acme', '2026-01-01');
         insert into customers.contacts (account_id, id, name, email, role)
             values ('a', 'c', 'Kim', 'kim@acme.example', 'champion')",
    )
    .await
    .unwrap();
    let (reached, at_the_dot) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = std::sync::Mutex::new(may_go_on);
    let hook = Hook(Arc::new(move |at, moment| {
        if (at, moment) == (At::Dot, Moment::Before) {
            let _ = reached.send(());
            let _ = may_go_on.lock().unwrap().recv_timeout(Duration::from_secs(60));
        }
    }));
    let server = Server::start(Script { hook: Some(hook), ..Script::default() });
    let mut home = home("outage-outcome", &behind);
    home.done(&["stop", "--channel", "email"]);
    home.done(&["run", "--once", "--at", "2026-03-02T09:00:00Z"]);
    pool.execute("update keepwell.messages set valid_until = now() + interval '1 day'").await.unwrap();
    home.set("KEEPWELL_SMTP_URL", &server.url());
    home.done(&["resume", "--channel", "email"]);
    let daemon = running(&home, "log").await;
    tokio::task::spawn_blocking(move || at_the_dot.recv_timeout(Duration::from_secs(60))).await.unwrap().unwrap();
    behind.goes_away(Away::Gone);
    go_on.send(()).unwrap();
    until("it tries to write", async || daemon.log().contains("could not be written yet")).await;
    let (status, took) = daemon.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert_eq!(server.accepted().len(), 1);
    // Nobody has written what the relay said, and nothing leaves twice.
    let kept: (String, bool) =
        sqlx::query_as("select state, marked_at is not null from keepwell.messages").fetch_one(&pool).await.unwrap();
    assert_eq!(kept, ("sending".to_owned(), true));
}
