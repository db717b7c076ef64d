//! A daemon whose clock is not the database's does nothing, and says so.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use keepwell::clock::Clock;
use keepwell::message::channel::Channel;
use keepwell::playbook::source::Fingerprint;
use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::worker::lanes;
use keepwell::worker::runs::publisher::FileWatch;
use keepwell::worker::supervise::supervise;
use keepwell::worker::upkeep::clock_check::{self, Clocks};
use keepwell::worker::upkeep::database_epoch::EpochWatch;
use tokio::sync::watch;

use crate::support::program::until;
use crate::support::smtp::Script;
use crate::support::world::{World, lines, playbook};

/// What is stopped, in words.
async fn stops(world: &World) -> Vec<String> {
    world.store().stopped().await.unwrap().stops.iter().map(ToString::to_string).collect()
}

/// A clock so many seconds ahead of this machine's, which is the database's.
fn off_by(seconds: i64) -> Clock {
    Clock::Fixed(Utc::now() + TimeDelta::seconds(seconds))
}

#[tokio::test]
async fn a_minute_apart_is_too_much() {
    let world = World::new().await;
    let clocks = Clocks::default();
    for seconds in [0, 30, -30] {
        let clock = off_by(seconds);
        assert_eq!(clocks.agree(world.store(), clock).await.unwrap(), Some(clock.now()), "{seconds}");
        clock_check::check(world.store(), clock).await.unwrap();
    }
    assert_eq!(stops(&world).await, Vec::<String>::new());
    for (seconds, told) in [(-90, "seconds behind"), (90, "seconds ahead of"), (10_900, "3 hours ahead of")] {
        let clocks = Clocks::default();
        let clock = off_by(seconds);
        assert_eq!(clocks.agree(world.store(), clock).await.unwrap(), None, "{seconds}");
        let error = clock_check::check(world.store(), clock).await.unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("nothing was done"), "{error}");
        let stopped = stops(&world).await;
        assert_eq!(stopped.len(), 1, "{stopped:?}");
        assert!(stopped[0].starts_with("a daemon (by keepwell: its clock is "), "{stopped:?}");
        assert!(stopped[0].contains(told), "{stopped:?}");
        assert!(clocks.agree(world.store(), Clock::System).await.unwrap().is_some());
        assert_eq!(stops(&world).await, Vec::<String>::new(), "it works again");
    }
    // One that has ended says nothing any more, and is forgotten in a minute.
    assert_eq!(clocks.agree(world.store(), off_by(90)).await.unwrap(), None);
    world.sql("update keepwell.resting set seen = seen - interval '61 seconds'").await;
    assert_eq!(stops(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_due_waits_for_a_daemon_with_the_right_time() {
    let world = World::over_smtp("", Script::default()).await;
    world.playbook(&playbook(
        "hello",
        "when: account.mrr > 0",
        "  - email: { id: hello, to: champion, subject: Hi, body: Hello }
  - wait: 1h
  - email: { id: later, to: champion, subject: Hi, body: Later }",
    ));
    world.customer("a1").await;
    let email = StopTarget::Channel(Channel::Email);
    let now = Utc::now().to_rfc3339();
    world.stop(email.clone(), &now).await;
    world.run_at(&now).await;
    world.resume(email).await;
    assert_eq!(lines(&world.mails().await, "step state"), ["hello planned"]);

    // Two hours ahead the first mail would be sent, and the wait be over.
    let daemon = Daemon::start(&world, off_by(7_200));
    until("it says so", async || !stops(&world).await.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    daemon.stop().await;
    assert_eq!(world.accepted().len(), 0);
    assert_eq!(lines(&world.mails().await, "step state"), ["hello planned"]);

    let daemon = Daemon::start(&world, Clock::System);
    until("it is sent", async || lines(&world.mails().await, "step state") == ["hello accepted"]).await;
    daemon.stop().await;
    assert_eq!(world.accepted().len(), 1);
}

/// All lanes, by a clock of one's choice.
struct Daemon {
    stop: watch::Sender<bool>,
    lanes: tokio::task::JoinHandle<()>,
}

impl Daemon {
    fn start(world: &World, clock: Clock) -> Daemon {
        let (stop, stopping) = watch::channel(false);
        let files = world.files().clone();
        let published = Fingerprint::of(&files.playbooks, &files.scripts);
        let epoch = EpochWatch::new(Path::new("/nonexistent"));
        let daemon =
            lanes::Daemon { files: FileWatch::new(files, published), epoch, progress: Arc::new(lanes::progress()) };
        let lanes = tokio::spawn(supervise(world.shared(), clock, daemon, Arc::new(|| ()), stopping));
        Daemon { stop, lanes }
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.lanes.await.unwrap();
    }
}
