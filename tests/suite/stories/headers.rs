//! What a mail says about itself, and where its bounces go.

use keepwell::store::messages::suppressions::Suppression;
use serde_json::json;

use crate::support::mime;
use crate::support::world::{World, lines, playbook};

fn config() -> String {
    let maildir = concat!(env!("CARGO_TARGET_TMPDIR"), "/headers-returns");
    std::fs::create_dir_all(format!("{maildir}/new")).unwrap();
    format!(
        "mail:\n  from: Acme Success <success@acme.example>\n  postal_address: Acme, 1 Main Street\n  \
         bounces: {{ address: bounces@bounce.acme.example, maildir: \"{maildir}\" }}\n"
    )
}

fn mail(keys: &str) -> String {
    let step = format!("  - email: {{ id: hello, to: champion, subject: Hi, body: Hello, {keys} }}\n");
    playbook("churn-risk", "when: account.mrr > 0", &format!("{step}  - notify: {{ channel: csm, text: word }}"))
}

async fn sent(config: &str, keys: &str) -> (World, Vec<(String, String)>, String) {
    sent_by(config, &mail(keys)).await
}

async fn sent_by(config: &str, playbook: &str) -> (World, Vec<(String, String)>, String) {
    let world = World::over_smtp(config, Default::default()).await;
    world.playbook(playbook);
    world.account("a1", json!({})).await;
    world.contact("a1", "ann", json!({ "traits": { "consent": true } })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let accepted = world.accepted();
    let mail = accepted.iter().find(|mail| mail.to == ["ann@a1.example"]).expect("the customer's mail");
    let (headers, _) = mime::split(&mail.bytes);
    let from = mail.from.clone();
    (world, headers, from)
}

#[tokio::test]
async fn every_class_of_mail_says_what_it_is() {
    let absent = None;
    for (class, list, unsubscribe) in [
        ("lifecycle", Some("<lifecycle.acme.example>"), true),
        ("marketing", Some("<marketing.acme.example>"), true),
        ("transactional", absent, false),
    ] {
        let (_, headers, _) = sent(&config(), &format!("class: {class}")).await;
        assert_eq!(mime::header(&headers, "List-Id"), list, "{class}");
        assert_eq!(mime::header(&headers, "List-Unsubscribe").is_some(), unsubscribe, "{class}");
        let one_click = unsubscribe.then_some("List-Unsubscribe=One-Click");
        assert_eq!(mime::header(&headers, "List-Unsubscribe-Post"), one_click, "{class}");
        let feedback: Vec<&str> = mime::header(&headers, "Feedback-ID").unwrap().split(':').collect();
        assert!(feedback.len() == 3 && feedback[1] == class && (5..=15).contains(&feedback[2].len()), "{feedback:?}");
        assert_eq!(mime::header(&headers, "Auto-Submitted"), Some("auto-generated"));
        // Customers do not learn what a playbook is called.
        assert!(!format!("{headers:?}").contains("churn"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_mail_in_a_persons_name_wants_answers() {
    let (_, headers, _) = sent(&config(), "from: csm").await;
    assert_eq!(mime::header(&headers, "Auto-Submitted"), None);
    assert_eq!(mime::header(&headers, "X-Auto-Response-Suppress"), None);
}

#[tokio::test]
async fn a_script_says_in_whose_name_and_where_answers_go() {
    for (keys, name, answers) in [
        ("", "Acme Success", "sam <sam@acme.example>"),
        (", from: \"csm\", reply_to: \"desk@acme.example\"", "sam", "desk@acme.example"),
    ] {
        let call = format!("email(#{{ to: \"champion\", subject: \"Hi\", body: \"Hello\"{keys} }});");
        let steps = format!("  - run: |\n      {call}");
        let (_, headers, _) = sent_by(&config(), &playbook("churn-risk", "when: account.mrr > 0", &steps)).await;
        let from = mime::header(&headers, "From").unwrap();
        assert!(from.contains(name) && from.contains("success@acme.example"), "{from}");
        assert_eq!(mime::header(&headers, "Reply-To"), Some(answers));
        assert_eq!(mime::header(&headers, "Auto-Submitted").is_none(), name == "sam");
    }
}

#[tokio::test]
async fn each_mail_has_its_own_bounce_address() {
    let (world, headers, from) = sent(&config(), "class: lifecycle").await;
    let id = mime::header(&headers, "Message-ID").unwrap();
    let word =
        id.trim_matches(['<', '>']).strip_suffix("@keepwell.invalid").expect("the store of a story has no domain");
    assert_eq!(from, format!("bounces+{word}@bounce.acme.example"));
    assert!(from.split('@').next().unwrap().len() <= 64);
    let message = world.mails().await[0]["id"].as_str().unwrap().to_owned();
    let named = |text: String| async move { world.store().messages_named(text.as_bytes()).await.unwrap() };
    let named = named(format!("To: SRS0=ab=cd={}\r\nX: {}", from.to_uppercase(), "0".repeat(48))).await;
    assert_eq!(named.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
}

#[tokio::test]
async fn redirected_mail_bounces_to_its_sender() {
    let config = format!("{}  redirect_to: ann@a1.example\n", config());
    let (_, _, from) = sent(&config, "class: lifecycle").await;
    assert_eq!(from, "success@acme.example");
}

#[tokio::test]
async fn addresses_beyond_ascii() {
    let world = World::over_smtp("", Default::default()).await;
    world.playbook(&playbook(
        "welcome",
        "when: account.mrr > 0",
        "  - email: { id: hello, to: all, subject: Hi, body: Hello }",
    ));
    world.account("a1", json!({})).await;
    world.contact("a1", "zoe", json!({ "email": "zoë@a1.example" })).await;
    world.contact("a1", "ann", json!({ "email": "ann@bücher.example" })).await;
    world.contact("a1", "bob", json!({ "email": "bob@bücher.example" })).await;
    world
        .store()
        .suppress(
            "BOB@xn--bcher-kva.example",
            Suppression { class: "all", source: "a test" },
            "2026-03-01T00:00:00Z".parse().unwrap(),
        )
        .await
        .unwrap();
    world.run_at("2026-03-02T09:00:00Z").await;
    let mails = world.mails().await;
    assert_eq!(lines(&mails, "contact state"), ["ann accepted", "bob suppressed", "zoe failed"]);
    let zoe = mails.iter().find(|mail| mail["contact"] == "zoe").unwrap();
    assert!(zoe["reason"].as_str().unwrap().contains("before the `@`"), "{zoe}");
    let to: Vec<String> = world.accepted().into_iter().flat_map(|mail| mail.to).collect();
    assert!(to.contains(&"ann@xn--bcher-kva.example".to_owned()), "{to:?}");
}
