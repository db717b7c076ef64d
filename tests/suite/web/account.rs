//! The page of an account: what it is, where it stands, what happened and why.

use keepwell::message::class::Class;
use keepwell::store::messages::suppressions::Suppression;
use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::store::views::web::TimelineSpan;
use serde_json::json;

use super::accounts::{links, site};
use super::*;
use crate::support::mapped::{Customers, on_both_stores};
use crate::support::world::{World, at, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";

/// These texts stand in this order.
#[track_caller]
fn in_order(page: &Answer, texts: &[&str]) {
    let mut rest = page.body.as_str();
    for text in texts {
        let Some(place) = rest.find(text) else {
            panic!("{text:?} is missing behind what comes before it in:\n{}", page.body)
        };
        rest = &rest[place + text.len()..];
    }
}

on_both_stores!(the_page_says_what_it_is_and_what_happened, a_long_timeline_is_read_part_by_part);

async fn the_page_says_what_it_is_and_what_happened(customers: Customers) {
    let world = World::on(customers).await;
    world
        .account(
            "7",
            json!({ "name": "Fjord", "mrr": 1200, "seats": 20, "seats_used": 5, "renewal_at": "2027-02-21T00:00:00Z" }),
        )
        .await
        .contact("7", "ann", json!({ "name": "Ann Lee" }))
        .await
        .contact("7", "bo", json!({ "name": "Bo", "email": null, "role": "owner" }))
        .await
        .contact("7", "cy", json!({ "name": "Cy", "left_at": "2026-02-01T00:00:00Z" }))
        .await;
    world.score("7", "nps", 3.0, "2026-03-01T08:00:00Z").await;
    for (name, when) in [("login", "T07:00:00Z"), ("login", "T08:30:00Z"), ("export", "T08:00:00Z")] {
        world.event("7", name, &format!("2026-02-28{when}")).await;
    }
    // Older than events are counted.
    world.event("7", "ancient", "2024-02-28T07:00:00Z").await;
    let (tickets, changes) = match customers {
        Customers::Default => (
            "customers.tickets (account_id, id, contact_id, severity, opened_at, closed_at)",
            "customers.account_changes (account_id, at, was, became)",
        ),
        Customers::Theirs => {
            ("app.cases (company, nr, person, urgency, opened, closed)", "app.history (company, at, was, became)")
        }
    };
    world
        .sql(&format!(
            "insert into {tickets} values ('7', 'T-1', 'ann', 'high', '2026-02-26T10:00:00Z', '2026-02-27T10:00:00Z');
             insert into {changes} values ('7', '2026-02-25T10:00:00Z', '{{\"tier\": \"B\"}}', '{{\"tier\": \"A\", \"mrr\": 1200}}')"
        ))
        .await;
    world.playbook(&playbook(
        "rescue",
        "when: account.mrr != none && account.mrr > 500",
        "  - email: { id: hi, to: champion, subject: 'Hello {{ recipient.name }}', body: x }\n  \
         - task: { id: call, title: Call them, to: csm, outcomes: [saved] }\n  - wait: { id: pause, for: 9d }",
    ));
    world.playbook(&playbook(
        "quick",
        "when: account.tier == \"A\"",
        "  - task: { title: Look }\n  - end: seen enough",
    ));
    world.run_at(MONDAY).await;
    world.done("call", Some("saved"), "2026-03-03T10:00:00Z").await;
    let wish = Suppression { class: "marketing", source: "unsubscribe" };
    world.store().suppress("ann@7.example", wish, at(MONDAY)).await.unwrap();

    let site = site(&world);
    let page = site.get("/accounts/7").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("<h1>Fjord <span class=\"quiet\">7, active</span></h1>");
    for (label, value) in [("Tier", "A"), ("MRR", "1,200"), ("Renewal", "21 February 2027"), ("Seats", "5 of 20")] {
        page.shows(&format!("<dt>{label}</dt><dd>{value}</dd>"));
    }
    page.shows("<dt>CSM</dt><dd><a href=\"/accounts?csm=sam\">sam</a></dd>");
    in_order(
        &page,
        &[
            "<h3>Usage</h3>",
            "<svg class=\"trend\"",
            "<strong>3</strong> <span class=\"quiet\">events in the last 7 days</span>",
            "<th scope=\"row\">5 March 2026</th><td data-label=\"Events\" class=\"number\">3</td>",
            "<h3>NPS</h3>",
            "<strong>3</strong> <span class=\"quiet\">on 1 March 2026</span>",
            "<h3>Tickets</h3>",
            "<th scope=\"row\">March 2026</th><td data-label=\"Opened\" class=\"number\">0</td>",
            "<th scope=\"row\">February 2026</th><td data-label=\"Opened\" class=\"number\">1</td>",
        ],
    );
    in_order(
        &page,
        &[
            "<ol class=\"timeline\">",
            "3 Mar 2026, 09:59",
            "Call them</a> <span class=\"state done\">Done</span><span class=\"line\">saved · by sam</span>",
            "2 Mar 2026, 09:00",
            "Completed quick</a> <span class=\"state completed\">Completed</span><span class=\"line\">seen enough</span>",
            "Hello Ann Lee</a> <span class=\"state captured\">Not sent: kept here</span><span class=\"line\">to ann@7.example · rescue</span>",
            "Call them</a><span class=\"line\">for sam · rescue</span>",
            "Entered rescue</a>",
            "1 Mar 2026, 08:00",
            "NPS 3",
            "28 Feb 2026</span>",
            "login × 2, export × 1",
            "27 Feb 2026, 10:00",
            "Ticket T-1 closed<span class=\"line\">high · Ann Lee</span>",
            "26 Feb 2026, 10:00",
            "Ticket T-1 opened",
            "25 Feb 2026, 10:00",
            "Tier: B → A",
            "That is all.",
            "In playbooks now",
            "rescue</a> <span class=\"state active\">Active</span>",
            "Step pause, due 11 Mar 2026, 09:00",
            "Open tasks",
            "Look</a>",
            "Contacts",
            "<strong>Ann Lee</strong> <span class=\"quiet\">champion</span>",
            "ann@7.example</span><span class=\"line\">Gets lifecycle and transactional mail</span>\
             <span class=\"line warn\">Gets no marketing mail: its reader unsubscribed, 2 March 2026</span>",
            "<strong>Bo</strong> <span class=\"quiet\">owner</span>",
            "No address",
            "<strong>Cy</strong>",
            "Left 1 February 2026",
            "All playbooks",
            "quick</a> <a class=\"ask\" href=\"/accounts/7?why=quick#why\">Why not?",
            "Ended 2 March 2026: completed",
            "rescue</a> <a class=\"ask\" href=\"/accounts/7?why=rescue#why\">Why?",
            "In it now",
        ],
    );
    assert!(!page.body.contains("ancient"));
    // What it did leads to where it stands.
    for begin in ["/messages/", "/tasks/", "/playbooks/"] {
        let there = links(&page, begin);
        assert!(!there.is_empty(), "{begin}");
        for link in there {
            let page = site.get(&link).await;
            assert_eq!(page.status, StatusCode::OK, "{link}");
            assert_eq!(links(&page, "/accounts/7").first().map(String::as_str), Some("/accounts/7"), "{link}");
        }
    }
}

async fn a_long_timeline_is_read_part_by_part(customers: Customers) {
    let world = World::on(customers).await;
    world.account("7", json!({})).await;
    let table = match customers {
        Customers::Default => "customers.scores (account_id, id, name, value, at)",
        Customers::Theirs => "app.answers (company, nr, question, points, given)",
    };
    // Seven at a time, so that a part ends in the middle of an instant.
    world
        .sql(&format!(
            "insert into {table} select '7', n::text, 'health', n, timestamptz '2026-01-01' + (n / 7) * interval '5 hours'
             from generate_series(1, 250) n;"
        ))
        .await;
    // One day's events are split by nothing.
    for hour in 1..9 {
        world.event("7", "login", &format!("2026-01-03T0{hour}:30:00Z")).await;
    }
    let site = site(&world);
    let (mut seen, mut days, mut parts) = (Vec::new(), 0, 0);
    let mut next = Some("/accounts/7".to_owned());
    while let Some(path) = next {
        let page = site.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        seen.extend(page.body.split("Health ").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()));
        days += page.body.matches("login × 8").count();
        parts += 1;
        next = links(&page, "/accounts/7?before=").pop();
    }
    assert_eq!((seen.len(), days, parts), (250, 1, 3));
    let number = |text: &String| text.parse::<u32>().unwrap() / 7;
    assert!(seen.windows(2).all(|two| number(&two[0]) >= number(&two[1])), "newest first");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 250);
}

#[tokio::test]
async fn it_says_why_and_why_not() {
    let world = World::new().await;
    world.account("a", json!({ "name": "Fjord <i>", "tier": "B" })).await;
    for contact in ["ann", "bo", "cy", "di"] {
        world.contact("a", contact, json!({ "role": if contact == "bo" { "owner" } else { "champion" } })).await;
    }
    world.playbook(&playbook("rescue", "when: account.mrr > 0", "  - task: { title: Call }\n  - wait: 9d"));
    world.playbook(&playbook(
        "big",
        "when: account.mrr > 50 && account.tier == \"A\" && account.events(\"login\", 30) == 0",
        "  - task: { title: Call }",
    ));
    world.playbook(&playbook("people", "for: contact\nwhen: contact.role == \"owner\"", "  - task: { title: Call }"));
    world.playbook(&playbook("young", "when: days_since(account.signed_up_at) > 90", "  - task: { title: Call }"));
    world.run_at(MONDAY).await;
    let site = site(&world);
    let closed = site.get("/accounts/a").await;
    assert!(!closed.body.contains("class=\"why\""));

    let is_in = site.get("/accounts/a?why=rescue").await;
    in_order(
        &is_in,
        &[
            "class=\"why\" id=\"why\"",
            "<h3>Fjord &lt;i&gt; is in rescue</h3>",
            "Because ",
            "aria-current=\"true\">Why?",
        ],
    );
    let not = site.get("/accounts/a?why=big").await;
    in_order(
        &not,
        &[
            "<h3>Fjord &lt;i&gt; does not enter big now</h3>",
            "<span class=\"state done\">True</span>",
            "account.mrr &gt; 50",
            "<dt>MRR</dt><dd>100</dd>",
            "<li class=\"decides\">",
            "<span class=\"state failed\">False</span>",
            "account.tier == &quot;A&quot;</code> <strong>decides</strong>",
            "<dt>Tier</dt><dd>B</dd>",
            "<span class=\"state ghost\">Not reached</span>",
            "<span class=\"quiet\">would be true</span>",
            "<dt>login in 30 days</dt><dd>0</dd>",
            "Next run 1 Jan 2027, 09:00",
        ],
    );
    // Signed up on 1 January: what time alone would change.
    site.get("/accounts/a?why=young").await.shows("It would be true from 2 April 2026 on: a new day");

    let people = site.get("/accounts/a?why=people").await;
    in_order(
        &people,
        &[
            "<h3>ann does not enter people now</h3>",
            "<h3>cy does not enter people now</h3>",
            "Of other contacts: ",
            ">di</a>",
        ],
    );
    let other = links(&people, "/accounts/a?why=people&contact=di").pop().expect("a link");
    let other = site.get(&other).await;
    other.shows("<h3>di does not enter people now</h3>");
    assert_eq!(other.body.matches("<h3>").count(), 1);
    let nobody = site.get("/accounts/a?why=people&contact=zoe").await;
    nobody.shows("It is for contacts, and this one is none of them.");

    let unknown = site.get("/accounts/a?why=nothing").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    unknown.shows("There is no such playbook.");
    // Looking changes nothing.
    assert_eq!((world.enrollments().await.len(), world.tasks().await.len()), (2, 2));
}

#[tokio::test]
async fn an_account_that_is_gone_keeps_its_page() {
    let site = Site::filled().await;
    for path in ["/accounts/a-9", "/accounts/A-1", "/accounts/%FF", "/accounts/a-1/b", "/accounts/"] {
        let none = site.get(path).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{path}");
        none.shows("There is no such");
    }
    let nonsense = site.get("/accounts/a-1?before=yesterday").await;
    assert_eq!(nonsense.status, StatusCode::BAD_REQUEST);
    nonsense.shows("This address cannot be read.");
    sqlx::raw_sql("delete from customers.accounts where id = 'a-1'").execute(&site.pool).await.expect("it is gone");
    let gone = site.get("/accounts/a-1").await;
    assert_eq!(gone.status, StatusCode::OK);
    gone.shows("The customer store does not have this account any more.");
    gone.shows("Call Fjord");
    gone.shows("The account was removed");
}

#[tokio::test]
async fn accounts_are_linked_and_escaped_everywhere() {
    let site = Site::filled().await;
    let task = format!("/tasks/{TASK}");
    let message = format!("/messages/{MAIL}");
    for path in ["/", "/?csm=everybody", &task, &message, "/playbooks/rescue", "/accounts"] {
        let page = site.get(path).await;
        page.shows("href=\"/accounts/a-1\">Fjord &lt;b&gt;&amp; Sons&lt;/b&gt;</a>");
    }
    // One that could not be decided.
    site.get("/playbooks/rescue").await.shows("<a href=\"/accounts/a-9\">a-9</a></strong> division by zero");
    sqlx::raw_sql(
        "insert into customers.contacts (account_id, id, name, email, role) values ('a-1', 'x', '<b>Kim', '\"<b>\"@x.example', '<b>r');
         insert into customers.scores (account_id, id, name, value, at, contact_id) values ('a-1', 's', '<b>s', 1, '2026-03-01', 'x');
         insert into customers.events (account_id, id, name, at) values ('a-1', 'e', '<b>e', '2026-03-01');
         insert into keepwell.answers (account_id, contact_id, message, enrollment_id, playbook, step, comment, answered_at)
             values ('a-1', 'x', '00000000-0000-0000-0000-000000000011', '00000000-0000-0000-0000-0000000000e1', 'rescue',
                 'nudge', '<b>too slow', '2026-03-02');
         update customers.accounts set tier = '<b>t', stage = '<b>g', traits = '{\"<b>k\": \"<b>v\"}' where id = 'a-1'",
    )
    .execute(&site.pool)
    .await
    .expect("the rows fit");
    for path in ["/accounts", "/accounts?q=%3Cb%3Ekim", "/accounts/a-1", "/accounts/a-1?why=rescue"] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        page.shows("Fjord &lt;b&gt;&amp; Sons&lt;/b&gt;");
        assert!(!page.body.contains("<b>"), "{path}: {}", page.body);
    }
    let page = site.get("/accounts/a-1").await;
    for text in ["“&lt;b&gt;too slow”", "&lt;b&gt;Kim", "&lt;b&gt;e × 1", "not set → &lt;b&gt;v"] {
        page.shows(text);
    }
}

#[tokio::test]
async fn ids_may_have_any_characters() {
    let world = World::new().await;
    let odd = ["https://x.example/a", "a b&c=d#e?f%g+h", "ü'\"<>\\", "..a", "acme/jo", "acme"];
    for id in odd {
        world.account(id, json!({ "name": "Same" })).await;
        world.contact(id, "c/d e", json!({ "name": format!("Of {id}"), "email": null })).await;
    }
    world.playbook(&playbook("people", "for: contact\nwhen: account.mrr > 500", "  - task: { title: Call }"));
    world.playbook(&playbook("all", "when: account.mrr > 0", "  - task: { title: Call }\n  - wait: 9d"));
    world.run_at(MONDAY).await;
    let site = site(&world);
    let list = site.get("/accounts").await;
    let pages = links(&list, "/accounts/");
    assert_eq!(pages.len(), odd.len());
    for page in pages {
        let shown = site.get(&page).await;
        assert_eq!(shown.status, StatusCode::OK, "{page}");
        assert_eq!(shown.body.matches("<strong>Of ").count(), 1, "{page}");
        for why in links(&shown, &page) {
            let address = why.split('#').next().unwrap();
            assert_eq!(site.get(address).await.status, StatusCode::OK, "{why}");
        }
        let people = site.get(&format!("{page}?why=people&contact=c%2Fd%20e")).await;
        people.shows("does not enter people now</h3>");
    }
    let mut everybody = links(&site.get("/?csm=everybody").await, "/accounts/");
    everybody.sort();
    everybody.dedup();
    assert_eq!(everybody.len(), odd.len());
    for link in everybody {
        assert_eq!(site.get(&link).await.status, StatusCode::OK, "{link}");
    }
}

#[tokio::test]
async fn the_page_shows_how_far_agreed_goals_are() {
    let world = World::new().await;
    world.playbook(
        "plan: first-month\nabout: x\ngoals:\n  - { id: reports, about: Four <reports> of your own, value: \"account.events(\\\"report_created\\\", 30)\", target: 4, within: 30d, milestones: { first: 1 } }\n  - { id: nps, value: \"account.score(\\\"nps\\\")\", target: 9 }\n  - { id: small, about: Five seats, value: account.seats * 1, target: 5 }\n",
    );
    world.account("7", json!({ "seats": 6 })).await;
    world.event("7", "report_created", "2026-03-01T08:00:00Z").await;
    world.run_at(MONDAY).await;
    let page = site(&world).get("/accounts/7").await;
    for text in [
        "Agreed goals",
        "Four &lt;reports&gt; of your own <strong>25 %</strong>",
        "Open, due 1 April 2026; 1 of 4",
        "Milestones: first",
        "nps <span class=\"quiet\">not measured yet</span>",
        "Five seats <strong>100 %</strong>",
        "Reached on 2 March 2026",
        "Plan first-month",
    ] {
        page.shows(text);
    }
}

#[tokio::test]
async fn the_timeline_has_mails_in_brief_notes_and_what_was_not_done() {
    let world = World::new().await;
    world.playbook(&playbook("second", "when: account.mrr > 1000000", "  - task: { title: See }"));
    world.playbook(&playbook(
        "first",
        "when: account.mrr > 0",
        "  - task: { id: call, title: Call them, to: csm }\n  - email: { id: hi, to: champion, subject: Hello, \
         body: 'Three things & more for you' }\n  - enroll: { id: ask, playbook: second }",
    ));
    world.account("7", json!({ "mrr": 900 })).await;
    world.contact("7", "ann", json!({ "name": "Ann Lee", "traits": { "consent": true } })).await;
    world.stop(StopTarget::Playbook("second".to_owned()), MONDAY).await;
    world.run_at(MONDAY).await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    let site = site(&world);
    let task = links(&site.get("/accounts/7").await, "/tasks/").remove(0);
    let noted = site.post(&format!("{task}/notes"), "note=They+like+%3Cit%3E").await;
    assert_eq!(noted.status, StatusCode::SEE_OTHER, "{}", noted.body);
    let page = site.get("/accounts/7").await;
    in_order(
        &page,
        &[
            "<span class=\"kind\">Note</span>",
            "Call them</a><span class=\"line\">by a colleague</span><span class=\"line said\">They like &lt;it&gt;</span>",
            "Did not enter second</a><span class=\"line\">stopped · asked for by first, step ask</span>",
            "Hello</a> <span class=\"state captured\">",
            "<span class=\"line said\">Three things &amp; more for you",
            "Gets lifecycle, marketing and transactional mail",
        ],
    );
    assert!(!page.body.contains("<h3>Usage</h3>"), "there was none");
}

#[tokio::test]
async fn no_mail_is_promised_that_the_gate_refuses() {
    let world = World::new().await;
    world.account("7", json!({})).await;
    world.contact("7", "ann", json!({ "traits": { "consent": true } })).await;
    world.contact("7", "bo", json!({ "name": "Bo", "email": "bo at 7.example" })).await;
    world.contact("7", "cy", json!({ "left_at": "2026-02-01T00:00:00Z" })).await;
    world.stop(StopTarget::AccountMail { account: "7".to_owned(), class: Class::Lifecycle }, MONDAY).await;
    let site = site(&world);
    let page = site.get("/accounts/7").await;
    page.shows("Gets marketing and transactional mail</span><span class=\"line warn\">Gets no lifecycle mail: it is paused for the account</span>");
    page.shows(
        "bo at 7.example</span><span class=\"line warn\">Gets no mail: no mail can be sent to this address</span>",
    );
    page.shows("cy@7.example</span><span class=\"line\">Left 1 February 2026</span>");
    world.stop(StopTarget::Account("7".to_owned()), MONDAY).await;
    let page = site.get("/accounts/7").await;
    page.shows("Gets no mail: the account is paused");
    assert_eq!(page.body.matches(">Gets ").count(), 2, "Ann and Bo get none");
}

/// Not those of its contacts, and nothing that is yet to come.
#[tokio::test]
async fn charts_are_of_the_account_itself_and_end_now() {
    let world = World::new().await;
    world.customer("7").await;
    world.score("7", "nps", 3.0, "2026-03-01T08:00:00Z").await;
    world
        .sql(
            "insert into customers.scores (account_id, id, name, value, at, contact_id) values
                 ('7', 'of-ann', 'nps', 9, '2026-03-01T09:00:00Z', 'ann'), ('7', 'ahead', 'nps', 8, '2026-03-06T09:00:00Z', null);
             insert into customers.tickets (account_id, id, severity, opened_at) values ('7', 'T-1', 'low', '2026-03-06T09:00:00Z')",
        )
        .await;
    let now = at("2026-03-05T12:00:00Z");
    let points = world.store().score_points("7", at("2026-01-01T00:00:00Z"), now, 10).await.unwrap();
    assert_eq!(points.iter().map(|point| point.value).collect::<Vec<_>>(), [3.0]);
    assert_eq!(world.store().tickets_between("7", &[at(MONDAY)], now).await.unwrap(), [0]);
}

/// Bodies are large, and an account has many mails.
#[tokio::test]
async fn a_timeline_reads_the_bodies_that_it_shows() {
    let site = Site::filled().await;
    sqlx::raw_sql(
        "insert into keepwell.messages (account_id, id, playbook, step, channel, class, to_address, subject, body_text,
             state, priority, valid_until, next_at, message_id, shadow, created_at, sent_at, ended_at)
         select 'a-2', gen_random_uuid(), 'rescue', 'nudge', 'email', 'lifecycle', 'kim@fjord.example', 'Hello',
             (select string_agg(md5(n || ' ' || part), '') from generate_series(1, 500) part), 'captured', 50, '2026-03-05',
             '2026-03-01', '<t' || n || '@example.com>', false, '2026-03-01', t.at, t.at
         from generate_series(1, 300) n, lateral (select timestamptz '2026-03-01' + n * interval '1 minute' as at) t",
    )
    .execute(&site.pool)
    .await
    .expect("the rows fit");
    let read = async || -> i64 {
        sqlx::query_scalar(
            "select toast_blks_read + toast_blks_hit from pg_statio_user_tables
             where schemaname = 'keepwell' and relname = 'messages'",
        )
        .fetch_one(&site.pool)
        .await
        .unwrap()
    };
    sqlx::raw_sql("select pg_stat_force_next_flush()").execute(&site.pool).await.unwrap();
    let before = read().await;
    let span = TimelineSpan { before: None, days: &[], limit: 5 };
    let timeline = site.store.timeline("a-2", &span).await.unwrap();
    assert!(timeline.entries.len() == 5 && timeline.more);
    // Its sessions say what they did.
    site.store.close().await;
    let mut blocks = read().await - before;
    for _ in 0..100 {
        if blocks > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        blocks = read().await - before;
    }
    assert!((1..300).contains(&blocks), "{blocks} blocks of bodies for 5 entries");
}
