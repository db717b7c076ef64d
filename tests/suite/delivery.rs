//! Mail over real sockets: what each ending of a session is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keepwell::delivery::{Channel, Composed, Outcome, Permission, Relay, RelayUrl, Timers, compose};
use keepwell::message::refusal::Refusal;

use crate::support::mail::{composed, mail};
use crate::support::mime;
use crate::support::smtp::{At, Do, Script, Server, TlsMode};

fn timers() -> Timers {
    let short = Duration::from_millis(400);
    Timers { connect: Duration::from_secs(5), greeting: short, command: short, data: short, write: short, reply: short }
}

/// Too long for the buffers between us and the server, so that its dot cannot
/// be written before a cut is seen.
fn long() -> Composed {
    Composed { bytes: b"a line\r\n".repeat(3_000_000), ..composed() }
}

fn relay(server: &Server) -> Relay {
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.address.port());
    Relay::new(RelayUrl::parse(&url).unwrap(), 4, timers(), b"").unwrap()
}

/// Sends once; gives the outcome and how often the mark was asked.
async fn send(relay: &Relay, mark: Permission) -> (Outcome, usize) {
    let asked = AtomicUsize::new(0);
    let outcome = relay
        .session()
        .await
        .send(&composed(), || async {
            asked.fetch_add(1, Ordering::SeqCst);
            mark
        })
        .await;
    (outcome, asked.into_inner())
}

async fn go(script: Script) -> (Server, Outcome, usize) {
    let server = Server::start(script);
    let relay = relay(&server);
    let (outcome, asked) = send(&relay, Permission::Go).await;
    (server, outcome, asked)
}

#[tokio::test]
async fn an_accepted_mail_arrives_as_it_was_meant() {
    let (server, outcome, asked) = go(Script::default()).await;
    assert_eq!(outcome, Outcome::Accepted { reply: "250 2.0.0 queued".to_owned() });
    assert_eq!(asked, 1);
    let accepted = server.accepted();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].from, "b+m1@bounce.example");
    assert_eq!(accepted[0].to, ["zoe@customer.example"]);
    assert_eq!(accepted[0].bytes, composed().bytes);

    let (headers, body) = mime::split(&accepted[0].bytes);
    for (name, value) in [
        ("Message-ID", "<m1@acme.example>"),
        ("Date", "Mon, 02 Mar 2026 08:30:00 +0000"),
        ("From", "\"Acme Success\" <success@acme.example>"),
        ("Reply-To", "sam@acme.example"),
        ("To", "Zoë, \"Z\" <zoe@customer.example>"),
        ("Subject", "Your grüße are ready"),
        ("List-Unsubscribe", "<https://acme.example/u/1>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("List-Id", "<onboarding.acme.example>"),
        ("Auto-Submitted", "auto-generated"),
        ("Feedback-ID", "0badcafe:lifecycle:kw0badcafe"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply, DR, RN, NRN"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(mime::header(&headers, name), Some(value), "{name}");
    }
    assert_eq!(headers.len(), 14, "{headers:?}");
    let parts = mime::parts(&headers, &body);
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].0, "text/plain; charset=utf-8");
    assert_eq!(
        parts[0].1,
        "Hi Zoë,\n\nsee the guide (https://acme.example/g).\n\n.dot\n\n-- \nAcme Inc.\n1 Road & Co\n\
         Unsubscribe: https://acme.example/u/1?a=1&b=2\n"
    );
    assert_eq!(parts[1].0, "text/html; charset=utf-8");
    assert!(parts[1].1.contains("Hi <em>Zoë</em>,"));
    assert!(parts[1].1.contains("1 Road &amp; Co"));
    assert!(parts[1].1.contains("https://acme.example/u/1?a=1&amp;b=2"));
}

#[tokio::test]
async fn a_connection_is_kept_and_replaced_after_a_hundred_messages() {
    let server = Server::start(Script::default());
    let relay = relay(&server);
    for _ in 0..100 {
        let (outcome, _) = send(&relay, Permission::Go).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    assert_eq!(server.connections(), 1);
    send(&relay, Permission::Go).await;
    assert_eq!(server.connections(), 2);
    assert_eq!(server.accepted().len(), 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_connections_than_sessions() {
    let server = Server::start(Script::default());
    let relay = Arc::new(relay(&server));
    let sends: Vec<_> = (0..40)
        .map(|_| {
            let relay = Arc::clone(&relay);
            tokio::spawn(async move { relay.session().await.send(&composed(), || async { Permission::Go }).await })
        })
        .collect();
    for send in sends {
        assert!(matches!(send.await.unwrap(), Outcome::Accepted { .. }));
    }
    assert!(server.connections() <= 4, "{}", server.connections());
    relay.close_idle().await;
    assert!(server.commands().iter().any(|command| command == "QUIT"));
}

#[tokio::test]
async fn refusals_at_each_phase() {
    for at in [At::Sender, At::Recipient, At::Data, At::Dot] {
        let (server, outcome, asked) = go(Script::reply(at, "450 4.2.0 later")).await;
        let Outcome::Deferred { reply } = &outcome else {
            panic!("{at:?}: {outcome:?}");
        };
        assert!(reply.starts_with("450 4.2.0 later"), "{reply}");
        assert_eq!(asked, usize::from(at == At::Dot));
        assert!(server.accepted().is_empty());

        let (server, outcome, asked) = go(Script::reply(at, "550-5.1.1 no such\r\n550 user")).await;
        let Outcome::Rejected { reply, .. } = &outcome else {
            panic!("{at:?}: {outcome:?}");
        };
        assert!(reply.starts_with("550 5.1.1 no such user"), "{reply}");
        assert_eq!(asked, usize::from(at == At::Dot));
        assert!(server.accepted().is_empty());

        let (_, outcome, _) = go(Script::reply(at, "421 closing")).await;
        assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_refused_recipient_leaves_the_connection_usable() {
    let mut script = Script::default();
    let gone = Do::Reply("550 5.1.1 gone".to_owned());
    script.recipients.insert("gone@customer.example".to_owned(), gone);
    let server = Server::start(script);
    let relay = relay(&server);
    let mut mail = mail();
    mail.to = "gone@customer.example".to_owned();
    let refused = compose(&mail).unwrap();
    let outcome = relay.session().await.send(&refused, || async { Permission::Go }).await;
    assert!(matches!(outcome, Outcome::Rejected { .. }), "{outcome:?}");
    let (outcome, _) = send(&relay, Permission::Go).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(server.connections(), 1);
}

fn refusing(recipient: &str, script: Script) -> Script {
    let gone = Do::Reply("550 5.1.1 gone".to_owned());
    Script { recipients: [(recipient.to_owned(), gone)].into(), pipelining: true, ..script }
}

#[tokio::test]
async fn an_envelope_goes_in_one_write_where_that_is_offered() {
    for pipelining in [true, false] {
        let server = Server::start(Script { pipelining, ..Script::default() });
        let relay = relay(&server);
        for _ in 0..5 {
            let (outcome, asked) = send(&relay, Permission::Go).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
            assert_eq!(asked, 1);
        }
        // What is offered is asked when a connection is used again.
        assert_eq!((server.ahead(), server.connections()), (if pipelining { 4 } else { 0 }, 1));
        assert_eq!(server.accepted().len(), 5);
        assert!(server.accepted().iter().all(|message| message.bytes == composed().bytes));
    }
}

#[tokio::test]
async fn a_recipient_refused_in_the_middle_of_one_write_is_told_apart() {
    // A server says 503 to the DATA behind it, or waits for a message to nobody.
    for (careless, connections) in [(false, 1), (true, 2)] {
        let script = Script { careless, ..Script::default() };
        let server = Server::start(refusing("gone@customer.example", script));
        let relay = relay(&server);
        send(&relay, Permission::Go).await;
        let mut mail = mail();
        mail.to = "gone@customer.example".to_owned();
        let asked = AtomicUsize::new(0);
        let outcome = relay
            .session()
            .await
            .send(&compose(&mail).unwrap(), || async {
                asked.fetch_add(1, Ordering::SeqCst);
                Permission::Go
            })
            .await;
        let Outcome::Rejected { reply, .. } = &outcome else { panic!("{outcome:?}") };
        assert!(reply.starts_with("550 5.1.1 gone (at RCPT TO)"), "{reply}");
        assert_eq!((asked.into_inner(), server.ahead()), (0, 1));
        let (outcome, _) = send(&relay, Permission::Go).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        assert_eq!((server.connections(), server.accepted().len()), (connections, 2));
    }
}

#[tokio::test]
async fn refusals_and_cuts_in_one_write_are_those_of_their_commands() {
    for at in [At::Sender, At::Recipient, At::Data] {
        for (what, fresh) in [("450 later", false), ("550 never", false), ("421 closing", true)] {
            let script = Script { pipelining: true, later_only: true, ..Script::reply(at, what) };
            let server = Server::start(script);
            let relay = relay(&server);
            send(&relay, Permission::Go).await;
            let (outcome, _) = send(&relay, Permission::Go).await;
            let fine = match what {
                "450 later" => matches!(outcome, Outcome::Deferred { .. }),
                "550 never" => matches!(outcome, Outcome::Rejected { .. }),
                _ => matches!(outcome, Outcome::Accepted { .. }),
            };
            assert!(fine, "{at:?} {what}: {outcome:?}");
            assert_eq!(server.connections(), if fresh { 2 } else { 1 }, "{at:?} {what}");
        }
    }
}

#[tokio::test]
async fn long_replies_are_clipped() {
    let words = "x".repeat(800);
    let (_, outcome, _) = go(Script::reply(At::Recipient, &format!("550 {words}"))).await;
    let Outcome::Rejected { reply, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!((500..540).contains(&reply.len()), "{}", reply.len());
}

#[tokio::test]
async fn silence_and_cuts_before_the_mark_are_deferred() {
    for at in [At::Greeting, At::Hello, At::Sender, At::Recipient, At::Data] {
        for what in [Do::Hang, Do::Cut, Do::Reply("nonsense".to_owned())] {
            let (_, outcome, asked) = go(Script::at(at, what.clone())).await;
            assert!(matches!(outcome, Outcome::Deferred { .. }), "{at:?} {what:?}: {outcome:?}");
            assert_eq!(asked, 0);
        }
    }
}

#[tokio::test]
async fn a_relay_that_does_not_want_us_is_down() {
    for (at, line) in [(At::Greeting, "554 no service"), (At::Sender, "530 5.7.0 STARTTLS first")] {
        let (_, outcome, _) = go(Script::reply(at, line)).await;
        assert!(matches!(outcome, Outcome::ChannelDown { .. }), "{outcome:?}");
    }
    let server = Server::start(Script::default());
    let relay = relay(&server);
    drop(server);
    std::thread::sleep(Duration::from_millis(100));
    let (outcome, asked) = send(&relay, Permission::Go).await;
    assert!(matches!(outcome, Outcome::ChannelDown { .. }), "{outcome:?}");
    assert_eq!(asked, 0);
}

#[tokio::test]
async fn a_cut_after_the_dot_is_unknown() {
    for what in [Do::Cut, Do::Hang, Do::Reply("nonsense".to_owned())] {
        let (server, outcome, asked) = go(Script::at(At::Dot, what.clone())).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{what:?}: {outcome:?}");
        assert_eq!(asked, 1);
        assert_eq!(server.connections(), 1, "it was not sent again");
    }
}

#[tokio::test]
async fn a_cut_before_the_dot_is_deferred() {
    let long = long();
    for what in [Do::Cut, Do::Hang] {
        let server = Server::start(Script::at(At::Body, what.clone()));
        let outcome = relay(&server).session().await.send(&long, || async { Permission::Go }).await;
        let Outcome::Deferred { reply } = &outcome else {
            panic!("{what:?}: {outcome:?}");
        };
        assert!(reply.contains("while writing the message"), "{reply}");
        assert!(server.accepted().is_empty());
    }
}

#[tokio::test]
async fn without_the_mark_nothing_is_sent() {
    let server = Server::start(Script::default());
    let relay = relay(&server);
    let no = Permission::No(Refusal::Suppressed);
    let (outcome, asked) = send(&relay, no).await;
    assert_eq!(outcome, Outcome::NotMarked(Refusal::Suppressed));
    assert_eq!(asked, 1);
    let (outcome, _) = send(&relay, Permission::Unclear).await;
    assert_eq!(outcome, Outcome::MarkUnclear);
    server.wait_for_fragments(2);
    assert!(server.accepted().is_empty());
    let (outcome, _) = send(&relay, Permission::Go).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }));
}

#[tokio::test]
async fn a_stale_connection_gets_one_fresh_try() {
    for (at, what) in [
        (At::Sender, Do::Cut),
        (At::Sender, Do::Reply("421 idle too long".to_owned())),
        (At::Data, Do::Cut),
        (At::Recipient, Do::Hang),
    ] {
        let mut script = Script::at(at, what.clone());
        script.later_only = true;
        let server = Server::start(script);
        let relay = relay(&server);
        for _ in 0..2 {
            let (outcome, asked) = send(&relay, Permission::Go).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{at:?} {what:?}: {outcome:?}");
            assert_eq!(asked, 1);
        }
        assert_eq!(server.connections(), 2);
    }
}

fn secure(server: &Server, scheme: &str, host: &str, roots: &str) -> Relay {
    let url = format!("{scheme}://ann:pa%20ss@{host}:{}", server.address.port());
    let url = RelayUrl::parse(&url).unwrap();
    Relay::new(url, 1, timers(), roots.as_bytes()).unwrap()
}

fn secure_script(tls: TlsMode) -> Script {
    Script { tls: Some(tls), login: Some(("ann".to_owned(), "pa ss".to_owned())), ..Script::default() }
}

#[tokio::test]
async fn encrypted_and_logged_in() {
    for (scheme, tls) in [("smtp", TlsMode::Offered), ("smtps", TlsMode::Implicit)] {
        let server = Server::start(secure_script(tls));
        let relay = secure(&server, scheme, "localhost", &server.certificate);
        for _ in 0..2 {
            let (outcome, _) = send(&relay, Permission::Go).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        }
        let accepted = server.accepted();
        assert!(accepted.iter().all(|message| message.encrypted && message.login));
        assert_eq!(accepted[1].bytes, composed().bytes);
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn encrypted_cuts_are_told_apart() {
    for (scheme, tls) in [("smtp", TlsMode::Offered), ("smtps", TlsMode::Implicit)] {
        let mut script = secure_script(tls);
        script.at.insert(At::Dot, Do::Cut);
        let server = Server::start(script.clone());
        let relay = secure(&server, scheme, "localhost", &server.certificate);
        let (outcome, _) = send(&relay, Permission::Go).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");

        script.at = Script::at(At::Body, Do::Hang).at;
        server.set(script);
        let long = long();
        let outcome = relay.session().await.send(&long, || async { Permission::Go }).await;
        assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn without_trustworthy_tls_nothing_is_said() {
    let down = |outcome: &Outcome| matches!(outcome, Outcome::ChannelDown { misfit: true, .. });
    // STARTTLS is not offered.
    let mut script = secure_script(TlsMode::Offered);
    script.tls = None;
    let server = Server::start(script);
    let relay = secure(&server, "smtp", "localhost", &server.certificate);
    let (outcome, asked) = send(&relay, Permission::Go).await;
    assert!(down(&outcome), "{outcome:?}");
    assert_eq!(asked, 0);
    assert!(!server.commands().iter().any(|line| line.starts_with("AUTH")));

    for (scheme, tls) in [("smtp", TlsMode::Offered), ("smtps", TlsMode::Implicit)] {
        // An unknown authority, and a certificate for another name.
        let server = Server::start(secure_script(tls));
        for (host, roots) in [("localhost", ""), ("127.0.0.1", server.certificate.as_str())] {
            let relay = secure(&server, scheme, host, roots);
            let (outcome, _) = send(&relay, Permission::Go).await;
            assert!(down(&outcome), "{outcome:?}");
        }
        // The wrong password.
        let mut script = secure_script(tls);
        script.login = Some(("ann".to_owned(), "other".to_owned()));
        server.set(script);
        let relay = secure(&server, scheme, "localhost", &server.certificate);
        let (outcome, _) = send(&relay, Permission::Go).await;
        assert!(down(&outcome), "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("pa ss"));
        assert!(server.accepted().is_empty());
    }

    // A refused and a silent STARTTLS, and a login that cannot be checked now,
    // may be better another time.
    for (at, what, for_good) in [
        (At::Tls, Do::Reply("454 not now".to_owned()), false),
        (At::Tls, Do::Reply("502 never".to_owned()), true),
        (At::Tls, Do::Hang, false),
        (At::Tls, Do::Cut, false),
        (At::Login, Do::Reply("454 4.7.0 not now".to_owned()), false),
    ] {
        let mut script = secure_script(TlsMode::Offered);
        script.at.insert(at, what.clone());
        assert_eq!(server_is_down(script).await, for_good, "{at:?} {what:?}");
    }
    // Words put in front of the encryption are not taken for the server's.
    let mut script = secure_script(TlsMode::Offered);
    script.inject = Some("250-evil\r\n250 AUTH PLAIN\r\n".to_owned());
    server_is_down(script).await;
}

/// Returns whether only a person can mend it.
async fn server_is_down(script: Script) -> bool {
    let server = Server::start(script);
    let relay = secure(&server, "smtp", "localhost", &server.certificate);
    let (outcome, asked) = send(&relay, Permission::Go).await;
    assert_eq!(asked, 0);
    let Outcome::ChannelDown { misfit, .. } = outcome else { panic!("{outcome:?}") };
    misfit
}

#[tokio::test]
async fn captured_mail_asks_for_the_mark_too() {
    let mail = composed();
    let captured = Channel::Captured.session().await.deliver(&mail, || async { Permission::Go });
    assert_eq!(captured.await, Outcome::Captured);
    let refused = Channel::Captured.session().await.deliver(&mail, || async { Permission::No(Refusal::Stopped) });
    assert_eq!(refused.await, Outcome::NotMarked(Refusal::Stopped));
}
