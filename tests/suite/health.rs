//! What watches a daemon: probes of an orchestrator, and systemd.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keepwell::clock::Clock;
use keepwell::worker::health::Health;
use keepwell::worker::lanes;
use keepwell::worker::runs::publisher::{self, FileWatch};
use keepwell::worker::supervise::supervise;
use keepwell::worker::upkeep::database_epoch::EpochWatch;
use serde_json::Value as Json;
use tokio::sync::watch;

use crate::support::client::{self, address_of, get};
use crate::support::database;
use crate::support::program::{Home, until};
use crate::support::proxy::{Fault, Proxy};
use crate::support::wire::{behind, through};
use crate::support::world::World;

const PLAYBOOK: &str = "playbook: look\nabout: Nobody enters.\nalerts_to: ops@example.com\nschedule: \"0 9 * * *\"\n\
    when: account.seats == 10\nsteps:\n  - task: { title: Look, to: csm }\n";

#[tokio::test]
async fn ready_names_each_part() {
    let database = database::fresh().await;
    let mut home = Home::new("ready");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write("playbooks/look.yaml", PLAYBOOK);
    home.write("keepwell.yaml", "web: { listen: \"127.0.0.1:0\", ops_listen: \"127.0.0.1:0\" }\n");
    let daemon = home.start(&["run"], "log");
    let (page, probe) = (address_of(&daemon, "page").await, address_of(&daemon, "health").await);
    until("it is ready", async || get(&probe, "/health/ready").await.status == 200).await;
    let report = get(&probe, "/health/ready").await.json();
    assert_eq!(report["ready"], true);
    assert_eq!(report["reasons"], serde_json::json!([]));
    let workers = report["workers"].as_array().unwrap();
    assert!(workers.len() > 15, "{report}");
    for worker in workers {
        assert!(worker["seconds"].as_f64().unwrap() < worker["at_most"].as_f64().unwrap(), "{worker}");
    }
    assert!(workers.iter().any(|worker| worker["name"] == "publisher"));
    assert_eq!(report["database"]["ok"], true);
    assert!(report["disk"]["free_bytes"].as_u64().unwrap() > 1_000_000);
    assert_eq!(report["stops"], serde_json::json!([]));

    // A stop is shown; no restart would end it.
    home.done(&["stop", "--playbook", "look", "--because", "a wrong list"]);
    until("the stop is shown", async || {
        get(&probe, "/health/ready").await.json()["stops"] == serde_json::json!(["the playbook look"])
    })
    .await;
    assert_eq!(get(&probe, "/health/ready").await.status, 200);

    // Its listener has nothing else, and under any name: a probe says the address of a container.
    let live = client::send(&probe, "GET", "/health/live", &[("host", "10.0.0.7:9090")]).await;
    assert_eq!((live.status, &*live.body), (200, "ok\n"));
    for path in ["/", "/playbooks", "/u/x", "/style.css"] {
        assert_eq!(get(&probe, path).await.status, 404, "{path}");
    }
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(get(&page, path).await.status, 200, "{path}");
    }
    daemon.stop_well();
}

#[tokio::test]
async fn without_a_database_it_lives_and_is_not_ready() {
    let database = database::fresh().await;
    let network = Proxy::before(behind(&database.options));
    let mut home = Home::new("unready");
    let options = through(&database.options, network.address);
    let (user, name) = (options.get_username(), options.get_database().unwrap());
    home.set("DATABASE_URL", &format!("postgres://{user}@{}/{name}?sslmode=disable", network.address));
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write("playbooks/look.yaml", PLAYBOOK);
    let socket = home.path.join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    home.set("NOTIFY_SOCKET", socket.to_str().unwrap());
    home.set("WATCHDOG_USEC", "1000000");
    let hear = || {
        let mut text = [0; 200];
        let length = manager.recv(&mut text).expect("a word for systemd");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let daemon = home.start(&["run", "--port", "0"], "log");
    let page = address_of(&daemon, "page").await;
    assert_eq!(hear(), "READY=1");
    until("it is ready", async || get(&page, "/health/ready").await.status == 200).await;

    for fault in [Fault::Stall, Fault::Reset] {
        network.set(fault);
        until("it is not ready", async || get(&page, "/health/ready").await.status == 503).await;
        let asked = Instant::now();
        let report = get(&page, "/health/ready").await.json();
        assert!(asked.elapsed() < Duration::from_secs(20), "the probe waits for nothing");
        assert_eq!((&report["ready"], &report["database"]["ok"]), (&Json::Bool(false), &Json::Bool(false)));
        assert!(report["reasons"][0].as_str().unwrap().starts_with("the database "), "{report}");
        assert_eq!(get(&page, "/health/live").await.status, 200);
        // To be ended and started again would not bring the database back.
        while hear() != "WATCHDOG=1" {}
        assert_eq!((hear(), hear()), ("WATCHDOG=1".to_owned(), "WATCHDOG=1".to_owned()));
        network.set(Fault::None);
        until("it is ready again", async || get(&page, "/health/ready").await.status == 200).await;
    }
    daemon.signal(libc::SIGTERM);
    while hear() != "STOPPING=1" {}
    daemon.stop_well();
}

/// A statement that waits for ever makes no error.
#[tokio::test]
async fn a_worker_that_stands_still_is_named() {
    let world = World::new().await;
    let (stop, stopping) = watch::channel(false);
    let progress = Arc::new(lanes::progress().with_intervals(2));
    let health = Arc::new(Health::new(progress.clone(), Path::new("/"), stopping.clone()));
    health.watch(world.store());
    assert_eq!(health.report().reasons.last().map(String::as_str), Some("the workers have not begun"));
    let files = FileWatch::new(world.files().clone(), publisher::fingerprint(world.files()).await.unwrap());
    let daemon = lanes::Daemon { files, epoch: EpochWatch::new(Path::new("/nonexistent")), progress };
    let lanes = tokio::spawn(supervise(world.shared(), Clock::System, daemon, Arc::new(|| ()), stopping));
    until("it is ready", async || health.report().is_ready()).await;

    let mut lock = world.store().pool().begin().await.unwrap();
    sqlx::raw_sql("lock table keepwell.tasks in access exclusive mode").execute(&mut *lock).await.unwrap();
    until("it is named", async || {
        health.report().reasons.iter().any(|reason| reason.starts_with("closer has not finished a round for "))
    })
    .await;
    let report = health.report();
    assert!(report.database_is_ok(), "{report:?}");
    let age = |worker: &str| report.workers.iter().find(|round| round.worker == worker).and_then(|round| round.since);
    assert!(age("publisher") < age("closer"), "the other lanes go on: {report:?}");
    until("it stands still", async || !health.is_moving()).await;
    lock.rollback().await.unwrap();
    until("it goes on", async || health.report().is_ready() && health.is_moving()).await;

    stop.send(true).unwrap();
    assert_eq!(health.report().reasons, ["it is stopping"]);
    lanes.await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_named() {
    let world = World::new().await;
    let (_stop, stopping) = watch::channel(false);
    let health = Health::new(Arc::new(lanes::progress()), Path::new("/"), stopping);
    let health = Arc::new(health.with_least_space(u64::MAX));
    health.watch(world.store());
    until("it is named", async || {
        health.report().reasons.iter().any(|reason| reason.starts_with("the disk of the data folder has "))
    })
    .await;
    assert!(!health.report().disk_is_ok);
}
