//! The web pages, through the router, on a real database.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{DateTime, Utc};
use keepwell::clock::Clock;
use keepwell::config::Config;
use keepwell::store::Store;
use keepwell::web::{Audience, WebState, router};
use keepwell::worker::Shared;
use sqlx::PgPool;
use tower::ServiceExt;

use crate::support::database;

mod account;
mod account_deeds;
mod accounts;
mod answers;
mod approvals;
mod connections;
mod counters;
mod customer_plans;
mod customers;
mod damaged_links;
mod journeys;
mod kpis;
mod languages;
mod large_pages;
mod logins;
mod messages;
mod metrics;
mod overview;
mod people;
mod preferences;
mod proxies;
mod refusals;
mod reports;
mod rights;
mod stages;
mod stops;
mod suppressions;
mod today;
mod weight;

const TASK: &str = "00000000-0000-0000-0000-000000000001";
const CLOSED: &str = "00000000-0000-0000-0000-000000000002";
const MAIL: &str = "00000000-0000-0000-0000-000000000011";

const ROWS: &str = r#"
    insert into customers.csms (id, name, email) values ('csm-1', 'Ines Falk', 'ines@example.com');
    insert into customers.accounts (id, name, signed_up_at, csm_id) values
        ('a-1', 'Fjord <b>& Sons</b>', '2026-01-15T08:00:00Z', 'csm-1'),
        ('a-2', 'Plain', '2026-01-15T08:00:00Z', null);
    insert into keepwell.revisions (playbook, revision, file, text, scripts, published_at) values
        ('rescue', 'r1', 'playbooks/rescue.yaml',
         E'playbook: rescue\nabout: Nobody logs in any more.\nalerts_to: ops@example.com\nschedule: "0 9 * * *"\nwhen: account.mrr > 0\nsteps:\n  - task: { title: Call }\n',
         '{}', '2026-03-01T00:00:00Z');
    insert into keepwell.playbooks (id, revision, file, present, slots_after, problems, published_at) values
        ('rescue', 'r1', 'playbooks/rescue.yaml', true, '2026-03-02T09:00:00Z',
         '[{"file": "playbooks/rescue.yaml", "line": 7, "column": 3, "severity": "error", "code": "KW0101", "message": "unknown key `wehn`", "help": "write `when`"}]',
         '2026-03-01T00:00:00Z');
    insert into keepwell.runs (playbook, slot, kind, revision, state, reason, ceiling, candidates, skipped, details, started_at) values
        ('rescue', '2026-03-02T09:00:00Z', 'scheduled', 'r1', 'held', 'more than 25 would be enrolled', 41, 60,
         '{"goal": 12, "stage": 7}', '[{"account": "a-9", "reason": "undecided", "message": "division by zero"}]',
         '2026-03-02T09:00:00Z');
    insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, state, reason, step, phase,
        step_at, started_at, entry, evidence, shadow, run_slot) values
        ('a-1', '00000000-0000-0000-0000-0000000000e1', 'rescue', 'r1', '', 'active', null, 'call', 'waiting',
         '2026-03-01T09:00:00Z', '2026-03-01T09:00:00Z', '{}', '{}', false, '2026-03-01T09:00:00Z');
    insert into keepwell.tasks (account_id, id, enrollment_id, playbook, revision, step, title, assignee, due_at,
        priority, checklist, outcomes, keep, state, reason, evidence, created_at, refreshed_at, ordinal) values
        ('a-1', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000e1', 'rescue', 'r1',
         'call', 'Call Fjord', 'csm-1', '2026-03-01T10:00:00Z', 'high', '["Read the last ticket"]',
         '["reached", "no answer"]', false, 'open', null,
         '{"account.events(\"login\", 30)": 2, "account.signed_up_at": "2026-01-15T08:00:00Z"}',
         '2026-03-01T09:00:00Z', '2026-03-01T09:00:00Z', 0),
        ('a-2', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-0000000000e2', 'rescue', 'r1',
         'call', 'Call Plain', null, null, 'normal', '[]', '[]', false, 'closed', 'goal', '{}',
         '2026-03-01T09:00:00Z', '2026-03-01T09:00:00Z', 0),
        ('a-2', '00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-0000000000e2', 'rescue', 'r1',
         'look', 'Nobody has this one', null, null, 'normal', '[]', '[]', false, 'open', null, '{}',
         '2026-03-01T09:00:00Z', '2026-03-01T09:00:00Z', 0);
    insert into keepwell.messages (account_id, id, playbook, step, channel, class, to_address, subject, body_text,
        body_html, state, priority, valid_until, next_at, message_id, shadow, created_at, sent_at, ended_at) values
        ('a-1', '00000000-0000-0000-0000-000000000011', 'rescue', 'nudge', 'email', 'lifecycle', 'kim@fjord.example',
         'Three steps', 'Hi Kim', '<p style="color:red" class=''x''>Hi <script>alert(1)</script> Kim</p>', 'captured', 50,
         '2026-03-05T09:00:00Z', '2026-03-01T09:00:00Z', '<1@example.com>', false, '2026-03-01T09:00:00Z',
         '2026-03-01T09:01:00Z', '2026-03-01T09:01:00Z'),
        ('a-1', '00000000-0000-0000-0000-000000000012', 'rescue', 'again', 'email', 'lifecycle', 'kim@fjord.example',
         null, null, null, 'planned', 50, '2026-03-05T09:00:00Z', '2026-03-01T09:00:00Z', '<2@example.com>', false,
         '2026-03-01T10:00:00Z', null, null);
"#;

struct Site {
    router: Router,
    store: Store,
    pool: PgPool,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("our headers are text"))
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        assert!(self.body.contains(text), "{text:?} is missing in {}:\n{}", self.status, self.body);
    }
}

impl Site {
    async fn empty() -> Site {
        Site::with(&Config::default()).await
    }

    async fn with(config: &Config) -> Site {
        let database = database::fresh_from("migrated", async |pool| {
            let store = Store::connect((*pool.connect_options()).clone(), 2);
            store.migrate().await.expect("the migrations run");
            store.close().await;
        })
        .await;
        let store = Store::connect(database.options.clone(), 4);
        let state = WebState::new(shared(&store, config), Clock::Fixed(now())).called("keepwell --demo".to_owned());
        // Each test sees at once what it changes, however busy the machine is.
        let state = state.keeping_answers_of(Duration::MAX);
        Site { router: router(Audience::Colleagues, state), store, pool: database.pool().await }
    }

    async fn filled() -> Site {
        let site = Site::empty().await;
        sqlx::raw_sql(ROWS).execute(&site.pool).await.expect("the rows fit");
        site
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("the body is whole");
        let body = String::from_utf8(body.into()).expect("pages are UTF-8");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).expect("a request")).await
    }

    /// As a form of our own page is sent by a browser.
    async fn post(&self, path: &str, form: &str) -> Answer {
        let request = request("POST", path)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        self.send(request.expect("a request")).await
    }

    async fn task(&self, id: &str) -> (String, Option<String>, Option<String>) {
        sqlx::query_as("select state, reason, outcome from keepwell.tasks where id = $1::uuid")
            .bind(id)
            .fetch_one(&self.pool)
            .await
            .expect("the task is there")
    }
}

/// When everything here happens.
fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().expect("an instant")
}

fn shared(store: &Store, config: &Config) -> Arc<Shared> {
    Arc::new(Shared::for_pages(store.clone(), config.clone()).expect("certificates can be read"))
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:7717")
}

#[tokio::test]
async fn the_list_says_why() {
    let site = Site::filled().await;
    let page = site.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows("Ines Falk, 1 of 20 open");
    page.shows("Nobody logs in any more.");
    page.shows("<dt>login in 30 days</dt><dd>2</dd>");
    page.shows("<dt>Signed up</dt><dd>15 January 2026</dd>");
    page.shows("Overdue: Since Sun 1 March, 1 business day");
    page.shows("title=\"1 Mar 2026, 10:00\"");
    page.shows("High priority");
    page.shows("Read the last ticket");
    assert!(!page.body.contains("Nobody has this one"));

    let unassigned = site.get("/?csm=unassigned").await;
    unassigned.shows("Nobody has this one");
    assert!(!unassigned.body.contains("Call Fjord"));
    let everybody = site.get("/?csm=everybody").await;
    everybody.shows("Nobody has this one");
    everybody.shows("Call Fjord");
    assert_eq!(site.get("/?csm=csm-99").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn names_are_escaped() {
    let site = Site::filled().await;
    for path in ["/", "/playbooks/rescue", &format!("/tasks/{TASK}"), &format!("/messages/{MAIL}")] {
        let page = site.get(path).await;
        page.shows("Fjord &lt;b&gt;&amp; Sons&lt;/b&gt;");
        assert!(!page.body.contains("<b>"), "{path}");
    }
}

#[tokio::test]
async fn a_task_is_completed_with_an_outcome() {
    let site = Site::filled().await;
    let done = site.post(&format!("/tasks/{TASK}/done"), "outcome=no+answer&back=%2F%3Fcsm%3Dcsm-1").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(done.header(header::LOCATION).starts_with("/?csm=csm-1&act="), "{:?}", done.headers);
    assert_eq!(site.task(TASK).await, ("done".into(), None, Some("no answer".into())));
    let inbox = site.get(done.header(header::LOCATION)).await;
    inbox.shows("Completed: Call Fjord");
    inbox.shows("Nothing is open.");

    let twice = site.post(&format!("/tasks/{TASK}/dismiss"), "because=moved+on").await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    twice.shows("was not open any more");
    twice.shows("You wrote: moved on");
    assert_eq!(site.task(TASK).await.0, "done");
    assert_eq!(site.post(&format!("/tasks/{CLOSED}/done"), "").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_wrong_form_changes_nothing() {
    let site = Site::filled().await;
    let open = ("open".to_owned(), None, None);
    let bare = site.post(&format!("/tasks/{TASK}/dismiss"), "because=++&back=%2F%3Fcsm%3Dcsm-1").await;
    assert_eq!(bare.status, StatusCode::UNPROCESSABLE_ENTITY);
    bare.shows("Please say why");
    let other = site.post(&format!("/tasks/{TASK}/done"), "outcome=flew+away").await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    other.shows("does not offer this outcome");
    let long = site.post(&format!("/tasks/{TASK}/dismiss"), &format!("because={}", "x".repeat(201))).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
    long.shows(&"x".repeat(201));
    let huge = site.post(&format!("/tasks/{TASK}/dismiss"), &format!("because={}", "x".repeat(70_000))).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(site.task(TASK).await, open);

    let dismissed = site.post(&format!("/tasks/{TASK}/dismiss"), "because=merged").await;
    assert_eq!(dismissed.status, StatusCode::SEE_OTHER);
    assert_eq!(site.task(TASK).await, ("dismissed".into(), Some("merged".into()), None));
}

#[tokio::test]
async fn writes_come_from_our_own_pages() {
    let site = Site::filled().await;
    let path = format!("/tasks/{TASK}/done");
    let foreign = [
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:7717")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "http://127.0.0.1:3000")],
        vec![("origin", "null")],
    ];
    for headers in foreign {
        let mut request = request("POST", &path);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let refused = site.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(site.task(TASK).await.0, "open");
    }
    // An older browser, from our page.
    let own = request("POST", &path)
        .header("origin", "http://127.0.0.1:7717")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("outcome=reached"));
    assert_eq!(site.send(own.expect("a request")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered() {
    let mut config = Config::default();
    config.mail.public_url = Some("https://Success.acme.example".to_owned());
    let site = Site::with(&config).await;
    let status = async |host: &str, path: &str| {
        let request = Request::get(path).header(header::HOST, host).body(Body::empty());
        site.send(request.expect("a request")).await.status
    };
    for host in ["127.0.0.1:7717", "127.0.0.1", "[::1]:80", "localhost:9", "LOCALHOST"] {
        assert_eq!(status(host, "/").await, StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7717", "192.168.0.2:7717"] {
        assert_eq!(status(host, "/").await, StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert_eq!(status(host, "/u/x").await, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    for host in ["user@127.0.0.1", "", "a b"] {
        assert_eq!(status(host, "/").await, StatusCode::BAD_REQUEST, "{host}");
    }
    // Customers' pages are public, colleagues' are not.
    let token = site.store.unsubscribe_token("kim@fjord.example", "lifecycle").await.expect("a token");
    let link = format!("/u/{token}");
    assert_eq!(status("success.acme.example", &link).await, StatusCode::OK);
    assert_eq!(status("success.acme.example", "/style.css").await, StatusCode::OK);
    assert_eq!(status("success.acme.example", "/").await, StatusCode::NOT_FOUND);
    // A proxy brings customers under our own name.
    for header in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"] {
        let brought = async |path: &str| {
            let request = Request::get(path).header(header::HOST, "127.0.0.1:7717").header(header, "192.0.2.7");
            site.send(request.body(Body::empty()).expect("a request")).await.status
        };
        assert_eq!(brought("/").await, StatusCode::NOT_FOUND, "{header}");
        assert_eq!(brought(&link).await, StatusCode::OK, "{header}");
    }
    let nobody = Request::get("/").body(Body::empty()).expect("a request");
    assert_eq!(site.send(nobody).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_message_is_framed_so_that_it_can_do_nothing() {
    let site = Site::filled().await;
    let page = site.get(&format!("/messages/{MAIL}")).await;
    page.shows("sandbox=\"\"");
    page.shows("srcdoc=\"&lt;p style=&quot;color:red&quot;");
    page.shows("<pre class=\"body\" tabindex=\"0\">Hi Kim</pre>");
    assert!(!page.body.contains("<script>") && !page.body.contains("alert(1)</script>"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let list = site.get("/messages?state=captured&playbook=rescue").await;
    list.shows("Three steps");
    assert!(!list.body.contains("Step again"));
    let planned = site.get("/messages/00000000-0000-0000-0000-000000000012").await;
    planned.shows("The words are written when the message is about to leave.");
    assert_eq!(site.get("/messages/1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_person_says_what_became_of_a_message_that_nobody_knows_of() {
    let site = Site::filled().await;
    let (page, settle) = (format!("/messages/{MAIL}"), format!("/messages/{MAIL}/settle"));
    assert!(!site.get(&page).await.body.contains("What became of it?"));
    assert_eq!(site.post(&settle, "verdict=failed").await.status, StatusCode::CONFLICT);
    sqlx::raw_sql("update keepwell.messages set state = 'unknown', outcome = 'unknown', marked_at = ended_at, sent_at = null where state = 'captured'")
        .execute(&site.pool)
        .await
        .expect("the row is there");
    site.get(&page).await.shows("What became of it?");
    assert_eq!(site.post(&settle, "verdict=maybe").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.post("/messages/1/settle", "verdict=failed").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.post(&settle, "verdict=failed").await.status, StatusCode::SEE_OTHER);
    let said = site.get(&page).await;
    said.shows("Failed");
    said.shows("not accepted, says a colleague");
    // It can be corrected.
    assert_eq!(site.post(&settle, "verdict=accepted").await.status, StatusCode::SEE_OTHER);
    let corrected = site.get(&page).await;
    corrected.shows("<span>accepted, says a colleague</span>");
    corrected.shows("and this is what a colleague found out");
}

#[tokio::test]
async fn playbooks_show_what_waits_and_why() {
    let site = Site::filled().await;
    for path in ["/playbooks", "/playbooks/rescue"] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::OK);
        page.shows("keepwell --demo approve rescue@2026-03-02T09:00:00Z");
        page.shows("12 goal");
        page.shows("41 wait");
        page.shows("unknown key `wehn`");
        page.shows("3 Mar 2026, 09:00");
        page.shows("more than 25 would be enrolled");
    }
    site.get("/playbooks/rescue").await.shows("division by zero");
    assert_eq!(site.get("/playbooks/none").await.status, StatusCode::NOT_FOUND);
    sqlx::raw_sql(
        "insert into keepwell.control (scope, at, by, reason) values ('all', now(), 'a person', 'a wrong list')",
    )
    .execute(&site.pool)
    .await
    .expect("the row fits");
    let page = site.get("/playbooks").await;
    page.shows("Stopped: everything (by a person: a wrong list)");
    page.shows("No next run");
}

#[tokio::test]
async fn pages_of_an_empty_database_are_whole() {
    let site = Site::empty().await;
    for path in ["/", "/?csm=unassigned", "/?csm=everybody", "/playbooks", "/messages"] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}:\n{}", page.body);
        page.shows("</html>");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    assert_eq!(site.get("/health").await.status, StatusCode::OK);
    let nowhere = site.get("/nowhere").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    nowhere.shows("<h1>Not found</h1>");
    nowhere.shows("There is no such page.");
    assert_eq!(site.get(&format!("/tasks/{TASK}/done")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let script = site.get("/keepwell.js").await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert!(script.header("cache-control").contains("immutable"));
    let style = site.get("/style.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn a_database_that_fails_is_told_in_plain_words() {
    let site = Site::empty().await;
    site.store.close().await;
    let page = site.get("/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    page.shows("The database did not answer.");
    assert!(!page.body.contains("pool"));
    assert_eq!(site.get("/health").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_playbook_with_a_holdout_says_how_both_sides_fare() {
    let site = Site::filled().await;
    site.get("/playbooks/rescue").await.shows("Nobody is held out, so nothing can be compared");
    sqlx::raw_sql(
        "insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, state, outcome, arm, counted,
             phase, step_at, started_at, goal_at, entry, evidence, shadow)
         select 'h-' || n, gen_random_uuid(), 'rescue', 'r1', '', case when n % 3 = 0 then 'ghost' else 'goal' end,
             case when n % 3 = 0 then 'goal' end, case when n % 3 = 0 then 'ghost' else 'treated' end,
             case when n % 3 = 0 then '{\"email\": {\"hello\": 1, \"again\": 1}}' end::jsonb,
             'begin', '2025-10-01', '2025-10-01', '2025-10-09', '{}', '{}', false
         from generate_series(1, 9) n",
    )
    .execute(&site.pool)
    .await
    .expect("the rows fit");
    let page = site.get("/playbooks/rescue").await;
    page.shows("It is too early to say whether it helps");
    page.shows("Goal within 30 days: 6 of 6 treated (100 %), 3 of 3 held out (100 %); too few to say: 3 of 30 needed");
    page.shows("<li><strong>6</strong> email</li>");
}

#[tokio::test]
async fn a_playbook_says_who_waits_in_earlier_revisions() {
    let site = Site::filled().await;
    assert!(!site.get("/playbooks/rescue").await.body.contains("keepwell move"));
    sqlx::raw_sql(
        "insert into keepwell.revisions select playbook, 'r2', file, text, scripts, '2026-03-02' from keepwell.revisions;
         update keepwell.playbooks set revision = 'r2'",
    )
    .execute(&site.pool)
    .await
    .expect("the rows fit");
    let page = site.get("/playbooks/rescue").await;
    page.shows("<li><strong>1</strong> in call <span class=\"quiet\">of <code>r1</code>");
    page.shows("<code>keepwell --demo move rescue</code>");
}
