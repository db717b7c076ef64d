//! The addresses where a daemon is reached: who gets what there, and what
//! those do to it who are slow.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::CommandExt;
use std::time::Duration;

use sqlx::PgPool;

use crate::support::client::{address_of, get, send};
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

#[tokio::test]
async fn customers_have_a_listener_of_their_own() {
    let database = database::fresh().await;
    let mut home = Home::new("public");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write("playbooks/look.yaml", PLAYBOOK);
    home.write(
        "keepwell.yaml",
        "mail: { public_url: https://success.acme.example }\n\
         web: { listen: \"127.0.0.1:0\", public_listen: \"127.0.0.1:0\", url: https://keepwell.acme.example }\n",
    );
    let store = keepwell::store::Store::connect(database.options.clone(), 1);
    let token = store.unsubscribe_token("kim@fjord.example", "lifecycle").await.unwrap();
    store.close().await;
    let daemon = home.start(&["run"], "log");
    let (page, customers) = (address_of(&daemon, "page").await, address_of(&daemon, "page for customers").await);
    until("the page is there", async || get(&page, "/").await.status == 200).await;

    // A proxy that asks colleagues to log in.
    for header in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"] {
        for host in [&*page, "keepwell.acme.example"] {
            let answer = send(&page, "GET", "/playbooks", &[("host", host), (header, "192.0.2.7")]).await;
            assert_eq!(answer.status, 200, "{header} {host}");
        }
    }
    // Whatever name and headers a proxy says there, customers get their pages and no other.
    let link = format!("/u/{token}");
    for host in [&*customers, "success.acme.example", "keepwell.acme.example", "keepwell:7718", "127.0.0.1:7717"] {
        for headers in [vec![("host", host)], vec![("host", host), ("x-forwarded-for", "192.0.2.7")]] {
            for path in [&*link, "/style.css", &link.replace("/u/", "/p/")] {
                assert_eq!(send(&customers, "GET", path, &headers).await.status, 200, "{path} {headers:?}");
            }
            for path in
                ["/", "/playbooks", "/messages", "/tasks/1", "/health", "/health/ready", "//", "/u/../playbooks"]
            {
                assert_eq!(send(&customers, "GET", path, &headers).await.status, 404, "{path} {headers:?}");
            }
            let settle = "/messages/00000000-0000-0000-0000-000000000011/settle";
            assert_eq!(send(&customers, "POST", settle, &headers).await.status, 404, "{headers:?}");
        }
    }
    let click = send(&customers, "POST", &link, &[("host", "success.acme.example")]).await;
    assert!(click.status == 200 && click.body.contains("You are unsubscribed"), "{click:?}");
    assert!(!daemon.log().contains("public_listen"), "nothing to warn of");
    daemon.stop_well();
}

/// Until customers have a listener of their own, a proxy that passes on too
/// much must not show them what is for colleagues.
#[tokio::test]
async fn one_listener_for_all_is_guarded_and_warned_of() {
    let database = database::fresh().await;
    let mut home = Home::new("one-listener");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write("playbooks/look.yaml", PLAYBOOK);
    home.write(
        "keepwell.yaml",
        "mail: { public_url: https://success.acme.example }\nweb: { listen: \"127.0.0.1:0\" }\n",
    );
    let daemon = home.start(&["run"], "log");
    let page = address_of(&daemon, "page").await;
    until("the page is there", async || get(&page, "/").await.status == 200).await;
    let warned = |about: &str| daemon.log().lines().filter(|line| line.contains(about)).count();
    until("it warns of its one listener", async || warned("web.public_listen") == 1).await;
    for _ in 0..20 {
        assert_eq!(send(&page, "GET", "/", &[("x-forwarded-for", "192.0.2.7")]).await.status, 404);
    }
    assert_eq!(warned("web.public_listen"), 2, "who comes by a login proxy learns why: {}", daemon.log());
    daemon.stop_well();
    let doctor = home.run(&["doctor", "--resolver", "127.0.0.1:1"]);
    assert!(doctor.stdout.contains("warn  web.public_listen: not set"), "{doctor:?}");
}

#[tokio::test]
async fn forged_links_do_not_fill_the_log() {
    let database = database::fresh().await;
    let mut home = Home::new("forged");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write("playbooks/look.yaml", PLAYBOOK);
    let daemon = home.start(&["run", "--port", "0"], "log");
    let page = address_of(&daemon, "page").await;
    for number in 0..50 {
        let answer = send(&page, "POST", &format!("/u/{number}"), &[]).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(answer.body.contains("This link does not work"), "{answer:?}");
    }
    let lines = daemon.log().lines().filter(|line| line.contains("token that is not ours")).count();
    assert_eq!(lines, 1, "{}", daemon.log());
    daemon.stop_well();
}
