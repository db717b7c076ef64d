//! A network that fails between us and the relay, at any byte. What we say of
//! a message is never better than what the relay knows of it.

use std::time::Duration;

use keepwell::delivery::{Outcome, OutgoingMail, Permission, Relay, RelayUrl, Timers, compose};

use crate::support::mail::mail;
use crate::support::proxy::{Behind, Fault, Proxy};
use crate::support::smtp::{Script, Server};

struct Way {
    server: Server,
    proxy: Proxy,
    told: Vec<Told>,
}

/// What we say of one message.
struct Told {
    fault: Fault,
    id: String,
    outcome: Outcome,
    marked: bool,
}

impl Way {
    fn new() -> Way {
        let server = Server::start(Script::default());
        let proxy = Proxy::before(Behind::Tcp(server.address));
        Way { server, proxy, told: Vec::new() }
    }

    /// Sends one message over a connection of its own.
    async fn send(&mut self, fault: Fault) -> &Outcome {
        self.proxy.set(fault);
        let id = format!("<m{}@acme.example>", self.told.len());
        let mail = compose(&OutgoingMail { message_id: id.clone(), ..mail() }).unwrap();
        let span = Duration::from_millis(400);
        let long = Duration::from_secs(30);
        let reply = if arrives(fault) { long } else { span };
        let timers = Timers { connect: span, greeting: span, command: span, data: span, write: long, reply };
        let url = RelayUrl::parse(&format!("smtp://{}?tls=none", self.proxy.address)).unwrap();
        let relay = Relay::new(url, 1, timers, b"").unwrap();
        let mut marked = false;
        let outcome = relay
            .session()
            .await
            .send(&mail, || {
                marked = true;
                async { Permission::Go }
            })
            .await;
        relay.close_idle().await;
        self.proxy.set(Fault::None);
        self.told.push(Told { fault, id, outcome, marked });
        &self.told[self.told.len() - 1].outcome
    }

    /// Compares what was said with what the relay has taken, when nothing is on
    /// its way any more.
    fn check(self) {
        let Way { server, proxy, told } = self;
        drop(proxy);
        let taken = server.end();
        for Told { fault, id, outcome, marked } in told {
            let taken = taken.iter().filter(|mail| mail.id() == id).count();
            let honest = is_honest(&outcome, marked, taken);
            assert!(honest, "{fault:?}: {outcome:?}, and the relay took {taken}");
        }
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
    let mut way = Way::new();
    let outcome = way.send(Fault::None).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let all = way.proxy.passed();
    let mut outcomes = [0; 3];
    // Every byte of the dialogue and of the end, some of the body.
    for most in (1..all + 2).filter(|at| *at < 200 || *at + 40 > all || at % 97 == 0) {
        match way.send(Fault::CutAfter(most)).await {
            Outcome::Accepted { .. } => outcomes[0] += 1,
            Outcome::Unknown { .. } => outcomes[1] += 1,
            _ => outcomes[2] += 1,
        }
    }
    assert!(outcomes.iter().all(|count| *count > 0), "accepted, unknown, deferred: {outcomes:?}");
    way.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_is_slow_or_says_nothing_is_told_honestly() {
    let mut way = Way::new();
    for fault in [
        Fault::Delay(Duration::from_millis(20)),
        Fault::Trickle(Duration::from_micros(10)),
        Fault::Stall,
        Fault::HalfOpen,
        Fault::Reset,
    ] {
        let outcome = way.send(fault).await;
        assert_eq!(matches!(outcome, Outcome::Accepted { .. }), arrives(fault), "{fault:?}: {outcome:?}");
    }
    way.check();
}
