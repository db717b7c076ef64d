//! The list of messages, its search, and what is said of one.

use keepwell::config::Config;
use keepwell::user::role::Role;

use super::rights::unknown_outcome;
use super::*;

impl Answer {
    /// Where the link to the next page leads.
    pub(super) fn next(&self) -> Option<String> {
        let link = self.body.split("<a href=\"").find(|link| link.contains("rel=\"next\""))?;
        Some(link.split('"').next()?.replace("&amp;", "&"))
    }
}

/// Many messages, one a minute, of two playbooks and of one reader.
const MANY: &str = "
    insert into keepwell.messages (account_id, id, playbook, step, channel, class, to_address, subject, state, priority,
        valid_until, next_at, message_id, shadow, created_at, ended_at)
    select 'a-' || n % 2 + 1, ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid,
        case when n % 10 = 0 then 'rare' else 'usual' end, 'nudge', 'email', 'lifecycle', 'Kim@Fjord.example',
        'Mail ' || n, 'skipped', 50, '2026-03-05T09:00:00Z',
        '2026-03-01T09:00:00Z', '<many' || n || '@example.com>', false,
        '2026-02-20T22:30:00Z'::timestamptz + n * interval '1 minute', '2026-03-01T09:00:00Z'
    from generate_series(1, 120) n where n % 7 <> 0";

#[tokio::test]
async fn a_long_list_is_searched_and_paged() {
    let site = Site::filled().await;
    sqlx::query(MANY).execute(&site.pool).await.unwrap();
    let first = site.get("/messages").await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    assert_eq!(first.body.matches("<a href=\"/messages/0000").count(), 50);
    // Every message is on exactly one page, whatever is asked for.
    for (search, wanted) in [("", 105), ("playbook=usual", 92), ("customer=Plain", 51), ("day=2026-02-20", 77)] {
        let mut seen = Vec::new();
        let mut path = Some(format!("/messages?{search}"));
        while let Some(at) = path.take() {
            let page = site.get(&at).await;
            assert_eq!(page.status, StatusCode::OK, "{at}: {}", page.body);
            for one in page.body.split("<a href=\"/messages/0000").skip(1) {
                seen.push(one.split('"').next().unwrap_or_default().to_owned());
            }
            path = page.next();
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), all), (wanted, wanted), "{search}");
    }
}

#[tokio::test]
async fn a_message_is_found_by_customer_address_state_playbook_and_day() {
    let site = Site::filled().await;
    let finds = async |search: &str| {
        let page = site.get(&format!("/messages?{search}")).await;
        assert_eq!(page.status, StatusCode::OK, "{search}: {}", page.body);
        (page.body.contains("Three steps"), page.body.contains("Step again"))
    };
    for (search, found) in [
        ("", (true, true)),
        ("customer=a-1", (true, true)),
        // By its name, in any case of letters.
        ("customer=fjord", (true, true)),
        ("customer=Plain", (false, false)),
        ("address=KIM%40fjord.example", (true, true)),
        ("address=im%40fjord.example", (false, false)),
        ("state=captured", (true, false)),
        ("state=planned", (false, true)),
        ("state=unknown", (false, false)),
        ("playbook=rescue&state=captured", (true, false)),
        ("playbook=other", (false, false)),
        ("day=2026-03-01", (true, true)),
        ("day=2026-03-02", (false, false)),
    ] {
        assert_eq!(finds(search).await, found, "{search}");
    }
    for wrong in ["state=sent", "day=yesterday", "from=x&after=y", "from=2026-03-01T00%3A00%3A00Z"] {
        assert_eq!(site.get(&format!("/messages?{wrong}")).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn states_are_said_in_words() {
    let site = Site::filled().await;
    let list = site.get("/messages").await;
    list.shows("Not sent: kept here");
    list.shows("aria-current=\"true\">All <span class=\"count\">2</span>");
    assert!(!list.body.contains(">Captured<"), "{}", list.body);
    let one = site.get(&format!("/messages/{MAIL}")).await;
    one.shows("Not sent: kept here");
    one.shows("has reached nobody");
    one.shows("<dt>Kept</dt><dd>1 Mar 2026, 09:01</dd>");
    list.shows("<a href=\"/accounts/a-1\">Fjord &lt;b&gt;&amp; Sons&lt;/b&gt;</a>");
    let states = site.get("/messages/states").await;
    assert_eq!(states.status, StatusCode::OK);
    for state in keepwell::message::state::State::ALL {
        states.shows(&format!("<tr id=\"{state}\">"));
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_in_the_list() {
    let site = Site::filled().await;
    assert!(!site.get("/messages").await.body.contains("Nobody knows whether"));
    unknown_outcome(&site).await;
    site.get("/messages").await.shows("Nobody knows whether one message arrived.");
    let operator = site.user("dana", Role::Operator, None).await;
    let viewer = site.user("vera", Role::Viewer, None).await;
    let list = "/messages?state=unknown";
    let page = site.with_cookie("GET", list, &operator, "").await;
    page.shows("The relay took it");
    page.shows("name=\"back\" value=\"/messages?state=unknown\"");
    assert!(!site.with_cookie("GET", list, &viewer, "").await.body.contains("The relay took it"));
    let form = "verdict=accepted&back=%2Fmessages%3Fstate%3Dunknown";
    let done = site.with_cookie("POST", &format!("/messages/{MAIL}/settle"), &operator, form).await;
    assert_eq!((done.status, done.header(header::LOCATION)), (StatusCode::SEE_OTHER, list));
    let page = site.with_cookie("GET", list, &operator, "").await;
    page.shows("No message fits.");
    assert!(!page.body.contains("Nobody knows whether"));
}

#[tokio::test]
async fn a_redirect_is_shown_as_one() {
    let mut config = Config::default();
    config.mail.redirect_to = Some("test@acme.example".to_owned());
    let site = Site::with(&config).await;
    sqlx::raw_sql(ROWS).execute(&site.pool).await.unwrap();
    let planned = "/messages/00000000-0000-0000-0000-000000000012";
    site.get(planned).await.shows("Redirected: will go to test@acme.example");
    // One that has ended says what was so then.
    let mail = format!("/messages/{MAIL}");
    assert!(!site.get(&mail).await.body.contains("Redirected"));
    sqlx::query("update keepwell.messages set redirected_to = 'old@acme.example' where id = $1::uuid")
        .bind(MAIL)
        .execute(&site.pool)
        .await
        .unwrap();
    site.get(&mail).await.shows("Redirected to old@acme.example");
    let list = site.get("/messages").await;
    list.shows("Redirected to old@acme.example");
    list.shows("Redirected: will go to test@acme.example");
}

#[tokio::test]
async fn the_source_is_what_is_kept() {
    let site = Site::filled().await;
    let path = format!("/messages/{MAIL}/source");
    let page = site.get(&path).await;
    page.shows("is kept only for steps with");
    page.shows("&lt;script&gt;alert(1)&lt;/script&gt;");
    assert!(!page.body.contains("<script>"));
    sqlx::query(
        "insert into keepwell.copies (account_id, message, bytes, envelope_from, to_address)
         values ('a-1', $1::uuid, $2, 'a@b.example', 'kim@fjord.example')",
    )
    .bind(MAIL)
    .bind(b"Subject: Three steps\r\n\r\nHi".as_slice())
    .execute(&site.pool)
    .await
    .unwrap();
    let page = site.get(&path).await;
    page.shows("As it went over the wire");
    page.shows("Subject: Three steps\n\nHi");
    assert_eq!(site.get("/messages/1/source").await.status, StatusCode::NOT_FOUND);
}

/// An answer that is posted belongs to no playbook.
#[tokio::test]
async fn what_no_playbook_has_sent_leads_to_none() {
    let site = Site::filled().await;
    sqlx::raw_sql(
        "update keepwell.messages set playbook = '', step = 'answers.webhook', channel = 'webhook', class = 'internal'",
    )
    .execute(&site.pool)
    .await
    .expect("the rows can be changed");
    for path in [format!("/messages/{MAIL}"), "/accounts/a-1".to_owned()] {
        let page = site.get(&path).await;
        page.shows("Three steps");
        assert!(!page.body.contains("href=\"/playbooks/\"") && !page.body.contains(" ·  · "), "{}", page.body);
    }
}
