//! The addresses where a daemon is reached, and what those do to it who are
//! slow.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::CommandExt;
use std::time::Duration;

use sqlx::PgPool;

use crate::support::client::{address_of, get};
use crate::support::database;
use crate::support::program::{Home, until};

const PLAYBOOK: &str = "playbook: look\nabout: Nobody enters.\nalerts_to: ops@example.com\nschedule: \"0 9 * * *\"\n\
    when: account.seats == 10\nsteps:\n  - task: { title: Look, to: csm }\n";

async fn revision(pool: &PgPool) -> Option<String> {
    sqlx::query_scalar("select revision from keepwell.playbooks").fetch_optional(pool).await.unwrap()
}

/// At most so many files may be open in this process from now on.
fn limit_files(most: u64) -> std::io::Result<()> {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the limit is a valid structure, and is only read.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[tokio::test]
async fn half_sent_requests_stop_neither_pages_nor_work() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let mut home = Home::new("half-sent");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write("playbooks/look.yaml", PLAYBOOK);
    let daemon = home.start_with(&["run", "--port", "0"], "log", |command| {
        // SAFETY: between fork and exec only `setrlimit` is called.
        unsafe { command.pre_exec(|| limit_files(320)) };
    });
    let page = address_of(&daemon, "page").await;
    until("it is published", async || revision(&pool).await.is_some()).await;
    let first = revision(&pool).await;

    let half_sent: Vec<TcpStream> = (0..600)
        .map(|_| {
            let mut stream = TcpStream::connect(&page).unwrap();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: 127");
            stream
        })
        .collect();
    assert_eq!(get(&page, "/health").await.status, 200);
    assert_eq!(get(&page, "/playbooks").await.status, 200);
    home.write("playbooks/look.yaml", &PLAYBOOK.replace("Nobody", "Somebody"));
    until("the engine goes on", async || revision(&pool).await != first).await;
    assert!(!daemon.log().contains("Too many open files"), "{}", daemon.log());

    // Nobody has so long for the rest.
    for mut stream in half_sent {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut rest = Vec::new();
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it is still open: {error}");
        }
        let _ = stream.shutdown(Shutdown::Both);
    }
    daemon.stop_well();
}
