//! Webhooks arrive at least once and can be told apart, Slack hears at most
//! once, and nothing goes where it must not.

use axum::http::{HeaderMap, HeaderName};
use chrono::{TimeDelta, Utc};
use keepwell::message::channel::Channel;
use keepwell::store::upkeep::stopped::StopTarget;
use standardwebhooks::{Webhook, WebhookError};

use crate::support::http::{Answer, Request, Server};
use crate::support::world::{World, lines, playbook};

const START: &str = "2026-03-02T09:00:00Z";
const ALL: &str = "when: account.tier == \"A\"";
const HOOK: &str =
    "  - webhook: { id: hook, url: env:CRM, body: { account: \"{{ account.name }}\", plan: [1, null] } }";
const SLACK: &str = "  - notify: { id: word, channel: slack:TEAM, text: \"<{{ account.name }}> & co\" }";

/// A world whose only allowed target is the server.
async fn world(server: &Server, steps: &str, config: &str) -> World {
    let world = World::with(&format!("webhooks: {{ allow: [\"{}\"] }}\n{config}", server.address)).await;
    world.customer("acme").await;
    world.playbook(&playbook("hooks", ALL, steps));
    for name in ["CRM", "TEAM"] {
        world.variable(name, &format!("http://{}/in?key=k", server.address));
    }
    world
}

/// A receiver's judgement with the library that the specification's authors
/// publish; it looks at its clock too.
fn judged(request: &Request, body: &str, secret: &str) -> Result<(), WebhookError> {
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(HeaderName::from_static(name), request.header(name).parse().unwrap());
    }
    receiver(secret).verify(body.as_bytes(), &headers)
}

/// The same without a look at the clock.
fn signed_by(request: &Request, secret: &str) -> bool {
    let at = request.header("webhook-timestamp").parse().unwrap();
    let wanted = receiver(secret).sign(request.header("webhook-id"), at, request.body.as_bytes()).unwrap();
    request.header("webhook-signature").split(' ').any(|signature| signature == wanted)
}

fn receiver(secret: &str) -> Webhook {
    match secret.starts_with("whsec_") {
        true => Webhook::new(secret).unwrap(),
        false => Webhook::from_bytes(secret.into()).unwrap(),
    }
}

#[tokio::test]
async fn a_webhook_is_signed_and_repeated_with_equal_bytes_until_it_is_taken() {
    let server = Server::start(&[Answer::Says("500 Oops\r\n"), Answer::Silence]);
    let world = world(&server, HOOK, "").await;
    world.variable("CRM_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw new-secret");
    world.run_at(START).await;
    assert_eq!(lines(&world.channel("webhook").await, "step state to reason"), ["hook deferred env:CRM HTTP 500"]);
    // The enrollment does not wait for it.
    assert_eq!(lines(&world.enrollments().await, "state"), ["completed"]);
    world.pass_at("2026-03-02T09:00:07Z").await;
    assert_eq!(server.requests().len(), 2);
    world.pass_at("2026-03-02T09:03:00Z").await;
    assert_eq!(server.requests().len(), 2, "the next one is five minutes later");
    world.pass_at("2026-03-02T09:07:00Z").await;
    assert_eq!(lines(&world.channel("webhook").await, "state"), ["accepted"]);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    let id = world.channel("webhook").await[0]["id"].as_str().unwrap().to_owned();
    for request in &requests {
        assert_eq!(request.line, "POST /in?key=k HTTP/1.1");
        assert_eq!(request.body, r#"{"account":"ACME","plan":[1,null]}"#);
        assert_eq!(request.header("webhook-id"), id);
        assert_eq!(request.header("content-type"), "application/json");
        assert!(signed_by(request, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert!(signed_by(request, "new-secret") && !signed_by(request, "another"));
    }
    assert_eq!(requests[2].header("webhook-timestamp"), "1772442420");
}

#[tokio::test]
async fn a_receiver_takes_what_is_fresh_and_whole_and_refuses_a_replay() {
    let server = Server::start(&[Answer::Says("500 Oops\r\n")]);
    let world = world(&server, HOOK, "").await;
    world.variable("CRM_SECRET", "old-secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let now = Utc::now();
    let earlier = now - TimeDelta::minutes(6);
    world.run_at(&earlier.to_rfc3339()).await;
    world.pass_at(&now.to_rfc3339()).await;
    let [late, fresh] = &server.requests()[..] else { panic!("two tries") };
    for secret in ["old-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert!(judged(fresh, &fresh.body, secret).is_ok());
        assert!(matches!(judged(late, &late.body, secret), Err(WebhookError::TimestampTooOldError)));
        let other = fresh.body.replace("ACME", "EVIL");
        assert!(matches!(judged(fresh, &other, secret), Err(WebhookError::InvalidSignature)));
    }
    assert!(matches!(judged(fresh, &fresh.body, "another"), Err(WebhookError::InvalidSignature)));
}

#[tokio::test]
async fn a_webhook_ends_as_failed_where_no_try_can_help() {
    for (answer, reason) in [
        (Some("302 Found\r\nlocation: /elsewhere\r\n"), "HTTP 302: a redirect is not followed"),
        (Some("410 Gone\r\n"), "HTTP 410: its receiver is gone for good"),
        (Some("422 No\r\n"), "HTTP 422"),
        (None, "the environment variable CRM is not set"),
    ] {
        let server = Server::start(&answer.map(Answer::Says).into_iter().collect::<Vec<_>>());
        let world = world(&server, HOOK, "").await;
        if answer.is_none() {
            world.variable("CRM", " ");
        }
        world.run_at(START).await;
        world.pass_at("2026-03-03T09:00:00Z").await;
        let wanted = format!("failed {reason}");
        assert_eq!(lines(&world.channel("webhook").await, "state reason"), [wanted]);
        assert_eq!(server.requests().len(), usize::from(answer.is_some()));
        let told = lines(&world.notices().await, "to subject");
        assert_eq!(told, ["ops@acme.example Failed: hooks"], "{reason}");
    }
}

#[tokio::test]
async fn no_webhook_goes_to_a_private_address() {
    let server = Server::start(&[]);
    let port = server.address.rsplit_once(':').unwrap().1.to_owned();
    let world = world(&server, HOOK, "").await;
    // Only the very entry of the configuration is allowed.
    for (day, url, reason) in [
        (2, format!("https://localhost:{port}/"), "its host is not a public address"),
        (3, format!("https://[::ffff:127.0.0.1]:{port}/"), "its host is not a public address"),
        (4, "https://169.254.169.254/latest".to_owned(), "its host is not a public address"),
        (5, format!("http://localhost:{port}/"), "CRM: only https is allowed"),
    ] {
        world.sql("delete from keepwell.messages; delete from keepwell.enrollments").await;
        world.variable("CRM", &url);
        world.run_at(&format!("2026-03-0{day}T09:00:00Z")).await;
        let found = lines(&world.channel("webhook").await, "state reason");
        assert_eq!(found.len(), 1, "{url}");
        assert!(found[0].starts_with(&format!("failed {reason}")), "{url}: {found:?}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_webhook_whose_sender_went_away_is_sent_again() {
    let server = Server::start(&[]);
    let world = world(&server, HOOK, "").await;
    world.stop(StopTarget::Channel(Channel::Webhook), START).await;
    world.run_at(START).await;
    assert_eq!(lines(&world.channel("webhook").await, "state"), ["planned"]);
    assert_eq!(server.requests().len(), 0, "its channel is stopped");
    world
        .sql(
            "update keepwell.messages set state = 'sending', marked_at = now(), token = gen_random_uuid(),
              attempts = 1, lease_until = now() - interval '1 minute' where channel = 'webhook'",
        )
        .await;
    world.resume(StopTarget::Channel(Channel::Webhook)).await;
    world.pass_at("2026-03-02T09:01:00Z").await;
    assert_eq!(lines(&world.channel("webhook").await, "state"), ["accepted"]);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn slack_hears_at_most_once() {
    let server = Server::start(&[Answer::Silence]);
    let lost = world(&server, SLACK, "").await;
    lost.run_at(START).await;
    lost.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&lost.channel("slack").await, "step state"), ["word unknown"]);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].body, r#"{"text":"&lt;ACME&gt; &amp; co"}"#);

    let server = Server::start(&[Answer::Says("429 Slow down\r\nretry-after: 90\r\n")]);
    let busy = world(&server, SLACK, "").await;
    busy.run_at(START).await;
    busy.pass_at("2026-03-02T09:01:29Z").await;
    assert_eq!(lines(&busy.channel("slack").await, "state reason"), ["deferred HTTP 429"]);
    busy.pass_at("2026-03-02T09:01:30Z").await;
    assert_eq!(lines(&busy.channel("slack").await, "state"), ["accepted"]);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_csm_hears_in_slack_as_well() {
    let server = Server::start(&[]);
    let steps = "  - notify: { channel: csm, text: Look }\n  - notify: { channel: alerts_to, text: Other }";
    let world = world(&server, steps, "notify: { csm: { slack: env:TEAM } }\n").await;
    world.run_at(START).await;
    let sent = lines(&world.messages().await, "channel step state to");
    assert_eq!(
        sent,
        [
            "notice notify-1 captured sam@acme.example",
            "notice notify-2 captured ops@acme.example",
            "slack notify-1 accepted env:TEAM"
        ]
    );
    assert_eq!(server.requests()[0].body, r#"{"text":"hooks: ACME\nLook"}"#);
}

#[tokio::test]
async fn a_shadow_posts_nothing() {
    let server = Server::start(&[]);
    let world = world(&server, HOOK, "").await;
    world.playbook(&playbook("hooks", &format!("{ALL}\nmode: shadow"), &format!("{HOOK}\n{SLACK}")));
    world.run_at(START).await;
    assert_eq!(lines(&world.messages().await, "channel state"), ["slack shadow", "webhook shadow"]);
    assert_eq!(server.requests().len(), 0);
}
