//! What a customer finds in the mail: amounts, dates and names in one language,
//! links that lead somewhere, and pages that are read from the right side.

use serde_json::{Value as Json, json};

use crate::support::http::Server as HttpServer;
use crate::support::mime;
use crate::support::world::{World, lines, playbook};

const AT: &str = "2027-03-03T09:00:00Z";
const ALL: &str = "when: account.mrr > 0";

/// The subject, the text and the HTML of the mail to the champion of one account.
async fn read(config: &str, account: Json, contact: Json, subject: &str, body: &str) -> (String, String, String) {
    let world = World::over_smtp(config, Default::default()).await;
    let step = format!("  - email:\n      id: m\n      to: champion\n      subject: {subject}\n      body: {body}\n");
    world.playbook(&playbook("letter", ALL, &step));
    world.account("a", account).await;
    world.contact("a", "c", contact).await;
    world.run_at(AT).await;
    let accepted = world.accepted();
    let mail = accepted.iter().find(|mail| mail.to == ["c@a.example"]).expect("the customer's mail");
    let (headers, body) = mime::split(&mail.bytes);
    let mut parts = mime::parts(&headers, &body).into_iter().map(|(_, part)| part);
    let subject = mime::header(&headers, "Subject").unwrap().to_owned();
    (subject, parts.next().unwrap(), parts.next().unwrap())
}

#[tokio::test]
async fn an_amount_has_no_noise() {
    let account = json!({ "mrr": 1_234_567.89 });
    let (subject, text, _) =
        read("", account, json!({}), "\"You pay {{ account.mrr }}\"", "\"{{ account.mrr }}\"").await;
    assert_eq!(subject, "You pay 1234567.89");
    assert!(text.starts_with("1234567.89\n"), "{text}");
}

#[tokio::test]
async fn amounts_and_dates_are_in_one_language() {
    let account = json!({ "mrr": 1_234_567.89, "renewal_at": "2027-03-24", "locale": "de" });
    let single = "'{{ account.mrr | number(2) }} am {{ account.renewal_at | default(\"?\") }}'";
    let others = format!("{{ default: {single}, fr: x }}");
    let both = format!("{{ default: x, de: {single} }}");
    let (german, english) = ("1.234.567,89 am 24. März 2027", "1,234,567.89 am 24 March 2027");
    for (config, subject, expected) in [
        // Written once: as its reader reads, unless the configuration knows better.
        ("", single, german),
        ("language: en\n", single, english),
        ("language: de\n", single, german),
        // Nothing is there in German.
        ("", others.as_str(), english),
        ("language: de\n", others.as_str(), german),
        ("language: en\n", both.as_str(), german),
    ] {
        let (shown, _, _) = read(config, account.clone(), json!({}), subject, "x").await;
        assert_eq!(shown, expected, "{config} {subject}");
    }
}

#[tokio::test]
async fn no_mail_is_half_in_one_language_and_half_in_another() {
    let account = json!({ "locale": "de-AT", "renewal_at": "2027-03-24" });
    let subject = "{ default: \"Hello\", de: \"Hallo\", fr: \"Salut\" }";
    let body = "{ default: '{{ account.renewal_at | default(\"?\") }}', fr: x }";
    let (shown, text, html) = read("", account.clone(), json!({}), subject, body).await;
    assert_eq!(shown, "Hello");
    assert!(text.starts_with("24 March 2027\n"), "{text}");
    assert!(html.contains("<html lang=\"en\" dir=\"ltr\">"), "{html}");
    // One text for all beside texts by language is of their language.
    let body = "'{{ account.renewal_at | default(\"?\") }}'";
    let (shown, text, html) = read("", account, json!({}), subject, body).await;
    assert_eq!(shown, "Hallo");
    assert!(text.starts_with("24. März 2027\n"), "{text}");
    assert!(html.contains("<html lang=\"de\" dir=\"ltr\">"), "{html}");
}

#[tokio::test]
async fn a_value_in_a_link_stays_in_it() {
    let account = json!({ "name": "Linden Optics" });
    let body = "\"Open [your page](https://app.example/open?team={{ account.name }}&plan=team), please.\"";
    let (_, text, html) = read("", account, json!({}), "Link", body).await;
    assert!(html.contains("href=\"https://app.example/open?team=Linden%20Optics&amp;plan=team\""), "{html}");
    assert!(text.contains("your page (https://app.example/open?team=Linden%20Optics&plan=team)"), "{text}");
}

#[tokio::test]
async fn a_name_is_read_without_the_blanks_around_it() {
    let (account, contact) = (json!({ "name": " Acme " }), json!({ "name": "\tAnn Lee ", "first_name": " Ann " }));
    let subject = "'{{ recipient.first_name | default(\"Hello\") }}, hello from {{ account.name }}!'";
    let body = "'Hi {{ \"dear \" + (recipient.first_name ?? \"friend\") }}, {{ recipient.name }},'";
    let (shown, text, _) = read("", account, contact, subject, body).await;
    assert_eq!(shown, "Ann, hello from Acme!");
    assert!(text.starts_with("Hi dear Ann, Ann Lee,\n"), "{text}");
}

#[tokio::test]
async fn a_hebrew_mail_is_read_from_the_right() {
    let account = json!({ "locale": "he" });
    let body = "{ default: \"Hello.\", he: \"שלום עולם. החוזה שלכם מסתיים.\" }";
    let (_, text, html) = read("", account.clone(), json!({}), "\"שלום\"", body).await;
    assert!(text.starts_with("שלום עולם. החוזה שלכם מסתיים.\n"), "{text}");
    assert!(html.contains("<html lang=\"he\" dir=\"rtl\">"), "{html}");
    assert!(html.contains("text-align:right") && !html.contains("text-align:left"), "{html}");
    // An English text for everybody is not read so.
    let (_, _, html) = read("", account, json!({}), "Hello", "Hello.").await;
    assert!(html.contains("<html dir=\"ltr\">"), "{html}");
}

#[tokio::test]
async fn a_table_arrives_as_one() {
    let body = "|\n        | seats | used |\n        |---|---|\n        | 10 | 7 |\n";
    let (_, text, html) = read("", json!({}), json!({}), "Table", body).await;
    assert!(html.contains(">10</td>"), "{html}");
    assert!(text.starts_with("seats | used\n----- | ----\n10    | 7\n"), "{text}");
}

#[tokio::test]
async fn json_has_true_and_false_in_it() {
    let server = HttpServer::start(&[]);
    let world = World::with(&format!("webhooks: {{ allow: [\"{}\"] }}\n", server.address)).await;
    let body = "'{\"vip\": {{ account.traits.vip | default(false) }}, \"mrr\": {{ account.mrr | number(2) }} }'";
    let map = "{ vip: \"{{ account.traits.vip | default(true) }}\" }";
    let steps = format!(
        "  - webhook: {{ id: h, url: env:HOOK, body: {body} }}\n  - webhook: {{ id: i, url: env:HOOK, body: {map} }}"
    );
    world.playbook(&playbook("hook", ALL, &steps));
    world.variable("HOOK", &format!("http://{}/in", server.address));
    world.account("a", json!({ "mrr": 1234.5, "locale": "de" })).await;
    world.run_at(AT).await;
    assert_eq!(lines(&world.channel("webhook").await, "step state"), ["h accepted", "i accepted"]);
    let mut bodies: Vec<Json> =
        server.requests().iter().map(|request| serde_json::from_str(&request.body).unwrap()).collect();
    bodies.sort_by_key(ToString::to_string);
    assert_eq!(bodies, [json!({ "vip": false, "mrr": 1234.5 }), json!({ "vip": "true" })]);
}
