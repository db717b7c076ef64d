//! A network that fails between us and the relay, at any byte. What we say of
//! a message is never better than what the relay knows of it.

use std::time::Duration;

use keepwell::delivery::{Mark, Outcome, Relay, RelayUrl, Timers};

use crate::support::mail::composed;
use crate::support::proxy::{Behind, Fault, Proxy};
use crate::support::smtp::{Script, Server};

struct Way {
    server: Server,
    proxy: Proxy,
}

impl Way {
    fn new() -> Way {
        let server = Server::start(Script::default());
        let proxy = Proxy::before(Behind::Tcp(server.address));
        Way { server, proxy }
    }

    /// Sends one message over a connection of its own; whether the marker was
    /// set, and how many the relay took.
    async fn send(&self, fault: Fault) -> (Outcome, bool, usize) {
        self.proxy.set(fault);
        let span = Duration::from_millis(400);
        let long = Duration::from_secs(30);
        let reply = if arrives(fault) { long } else { span };
        let timers = Timers { connect: span, greeting: span, command: span, data: span, write: long, reply };
        let url = RelayUrl::parse(&format!("smtp://{}?tls=none", self.proxy.address)).unwrap();
        let relay = Relay::new(url, 1, timers, b"").unwrap();
        let before = self.server.accepted().len();
        let mut marked = false;
        let outcome = relay
            .send(&composed(), || {
                marked = true;
                async { Mark::Go }
            })
            .await;
        relay.close_idle().await;
        self.proxy.set(Fault::None);
        // What is still on its way arrives.
        tokio::time::sleep(Duration::from_millis(20)).await;
        (outcome, marked, self.server.accepted().len() - before)
    }
}

/// Whether it takes long at most.
fn arrives(fault: Fault) -> bool {
    matches!(fault, Fault::None | Fault::Delay(_) | Fault::Trickle(_))
}

fn is_honest(outcome: &Outcome, marked: bool, taken: usize) -> bool {
    match outcome {
        Outcome::Accepted { .. } => marked && taken == 1,
        Outcome::Unknown { .. } => marked && taken <= 1,
        Outcome::Deferred { .. } | Outcome::ChannelDown { .. } => taken == 0,
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_after_any_byte_is_told_honestly() {
    let way = Way::new();
    let (outcome, ..) = way.send(Fault::None).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let all = way.proxy.passed();
    let mut outcomes = [0; 3];
    // Every byte of the dialogue and of the end, some of the body.
    for most in (1..all + 2).filter(|at| *at < 200 || *at + 40 > all || at % 97 == 0) {
        let (outcome, marked, taken) = way.send(Fault::CutAfter(most)).await;
        assert!(
            is_honest(&outcome, marked, taken),
            "cut after {most} of {all}: {outcome:?}, and the relay took {taken}"
        );
        match outcome {
            Outcome::Accepted { .. } => outcomes[0] += 1,
            Outcome::Unknown { .. } => outcomes[1] += 1,
            _ => outcomes[2] += 1,
        }
    }
    assert!(outcomes.iter().all(|count| *count > 0), "accepted, unknown, deferred: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_is_slow_or_says_nothing_is_told_honestly() {
    let way = Way::new();
    for fault in [
        Fault::Delay(Duration::from_millis(20)),
        Fault::Trickle(Duration::from_micros(10)),
        Fault::Stall,
        Fault::HalfOpen,
        Fault::Reset,
    ] {
        let (outcome, marked, taken) = way.send(fault).await;
        assert!(is_honest(&outcome, marked, taken), "{fault:?}: {outcome:?}, and the relay took {taken}");
        assert_eq!(matches!(outcome, Outcome::Accepted { .. }), arrives(fault), "{fault:?}: {outcome:?}");
    }
}
