//! The list of today: its order, its filters, what comes of each word, and the way
//! back.

use axum::http::{StatusCode, header};
use sqlx::AssertSqlSafe;

use super::{Answer, Site, TASK};

const RENEWAL: &str = "00000000-0000-0000-0000-0000000000a1";

/// An account whose task is read by the steps behind it.
async fn with_a_journey() -> Site {
    let site = Site::filled().await;
    site.sql(&format!(
        r#"insert into customers.accounts (id, name, signed_up_at, csm_id, mrr, seats, seats_used, tier, status) values
               ('a-3', 'Glen', '2026-01-15T08:00:00Z', 'csm-1', 900, 30, 12, 'A', 'active');
           insert into customers.contacts (account_id, id, email, name, role, created_at) values
               ('a-3', 'ann', 'ann@glen.example', 'Ann Berg', 'champion', '2026-01-15T08:00:00Z');
           insert into customers.events (account_id, id, name, at)
               select 'a-3', 'e' || n, 'login', '2026-03-01T08:00:00Z'::timestamptz - n * interval '3 days'
               from generate_series(1, 20) n;
           insert into keepwell.revisions (playbook, revision, file, text, scripts, published_at) values
               ('renewal', 'r1', 'playbooks/renewal.yaml',
                E'playbook: renewal\nabout: The contract ends.\nalerts_to: ops@example.com\nschedule: "0 9 * * *"\nwhen: account.mrr > 0\nsteps:\n  - task: {{ id: call, title: Call, to: csm, outcomes: [renewed, worrying] }}\n  - wait: {{ id: answer, until: done("call"), at_most: 3d }}\n  - branch:\n      - if: outcome("call") == "renewed"\n        steps: [ {{ end: renewed }} ]\n  - email: {{ id: sorry, to: champion, class: lifecycle, subject: We are sorry, body: Hello }}\n',
                '{{}}', '2026-03-01T00:00:00Z');
           insert into keepwell.playbooks (id, revision, file, present, slots_after, problems, published_at) values
               ('renewal', 'r1', 'playbooks/renewal.yaml', true, '2026-03-02T09:00:00Z', '[]', '2026-03-01T00:00:00Z');
           insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, state, step, phase, step_at,
               due_at, look_at, started_at, entry, evidence, shadow) values
               ('a-3', '00000000-0000-0000-0000-0000000000e3', 'renewal', 'r1', '', 'active', 'answer', 'waiting',
                '2026-03-01T09:00:00Z', '2026-03-04T09:00:00Z', '2026-03-02T12:15:00Z', '2026-03-01T09:00:00Z', '{{}}',
                '{{}}', false);
           insert into keepwell.tasks (account_id, id, enrollment_id, playbook, revision, step, title, assignee, due_at,
               priority, checklist, outcomes, keep, state, evidence, created_at, refreshed_at) values
               ('a-3', '{RENEWAL}', '00000000-0000-0000-0000-0000000000e3', 'renewal', 'r1', 'call', 'Call Glen', 'csm-1',
                '2026-03-05T10:00:00Z', 'normal', '[]', '["renewed", "worrying"]', false, 'open', '{{}}',
                '2026-03-01T09:00:00Z', '2026-03-01T09:00:00Z');"#
    ))
    .await;
    site
}

/// The tasks of a list, in order.
fn listed(page: &Answer) -> Vec<String> {
    let rows = page.body.split("data-task=\"").skip(1);
    rows.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn each_choice_says_what_follows() {
    let site = with_a_journey().await;
    let page = site.get(&format!("/tasks/{RENEWAL}")).await;
    page.shows("<strong>Renewed</strong><span class=\"follows\"><span><em>now</em> the journey is complete, nothing more follows: renewed</span>");
    page.shows(
        "<strong>Worrying</strong><span class=\"follows\"><span><em>now</em> a mail “We are sorry” to Ann Berg</span>",
    );
    page.shows("<em>in 2 days (Wed 4 March)</em> a mail “We are sorry” to Ann Berg");
    page.shows("the journey stops: its mail is not sent, its other tasks close");
    assert!(!page.body.contains(" checked"), "nothing is chosen beforehand");
    assert!(!page.body.contains("None of these"), "an outcome is needed");
    // What is beside it.
    page.shows("<a href=\"mailto:ann@glen.example\">ann@glen.example</a>");
    page.shows("<dt>Seats used</dt><dd>12 of 30</dd>");
    page.shows("aria-label=\"from 0 to 3");

    let bare = site.post(&format!("/tasks/{RENEWAL}/done"), "outcome=").await;
    assert_eq!(bare.status, StatusCode::UNPROCESSABLE_ENTITY);
    bare.shows("Please say with which outcome");
    let silent = site.post(&format!("/tasks/{RENEWAL}/dismiss"), "why=other&because=They+left").await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
    silent.shows("Please say whether the journey goes on or stops");
    silent.shows("value=\"They left\"");
    assert_eq!(site.task(RENEWAL).await.0, "open");
    let stopped = site.post(&format!("/tasks/{RENEWAL}/dismiss"), "why=other&because=They+left&rest=stop").await;
    assert_eq!(stopped.status, StatusCode::SEE_OTHER);
    site.get(stopped.header(header::LOCATION)).await.shows("Dismissed, and the journey stops: Call Glen");
}

#[tokio::test]
async fn what_was_done_a_moment_ago_can_be_undone() {
    let site = with_a_journey().await;
    let back = "/?csm=csm-1&playbook=renewal";
    let form = "outcome=worrying&back=%2F%3Fcsm%3Dcsm-1%26playbook%3Drenewal";
    let done = site.post(&format!("/tasks/{RENEWAL}/done"), form).await;
    let list = site.get(done.header(header::LOCATION)).await;
    list.shows("Completed: Call Glen");
    let act = list.body.split("name=\"act\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
    site.get(&format!("/tasks/{RENEWAL}")).await.shows("<button class=\"plain\">Undo</button>");
    let undone = site.post("/undo", &format!("act={act}&back=%2F%3Fcsm%3Dcsm-1%26playbook%3Drenewal")).await;
    assert_eq!((undone.status, undone.header(header::LOCATION)), (StatusCode::SEE_OTHER, back));
    assert_eq!(site.task(RENEWAL).await, ("open".into(), None, None));
    let twice = site.post("/undo", &format!("act={act}&back=https%3A%2F%2Fevil.example")).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    twice.shows("Nothing was undone.");
    assert_eq!(site.post("/undo", "act=1").await.status, StatusCode::NOT_FOUND);

    let late = site.post(&format!("/tasks/{RENEWAL}/done"), form).await;
    let act = late.header(header::LOCATION).split("act=").nth(1).expect("an act").to_owned();
    site.sql("update keepwell.task_acts set undo_until = undo_until - interval '1 minute' where undone_at is null")
        .await;
    assert!(!site.get(late.header(header::LOCATION)).await.body.contains("Undo</button>"));
    assert_eq!(site.post("/undo", &format!("act={act}")).await.status, StatusCode::CONFLICT);
    assert_eq!(site.task(RENEWAL).await.0, "done");
}

#[tokio::test]
async fn the_address_says_which_tasks() {
    let site = with_a_journey().await;
    assert_eq!(listed(&site.get("/?csm=csm-1").await), [TASK, RENEWAL], "what is overdue comes first");
    assert_eq!(listed(&site.get("/?csm=csm-1&overdue=1").await), [TASK]);
    assert_eq!(listed(&site.get("/?csm=csm-1&playbook=renewal").await), [RENEWAL]);
    assert_eq!(listed(&site.get("/?csm=csm-1&tier=A").await), [RENEWAL]);
    assert_eq!(listed(&site.get("/?csm=csm-1&tier=A&overdue=1").await), [] as [&str; 0]);
    let put_off = site.post(&format!("/tasks/{RENEWAL}/snooze"), "span=1w&back=%2F%3Fcsm%3Dcsm-1").await;
    let list = site.get(put_off.header(header::LOCATION)).await;
    assert_eq!(listed(&list), [TASK]);
    list.shows("Put off <span class=\"count\">1</span>");
    let snoozed = site.get("/?csm=csm-1&snoozed=1").await;
    assert_eq!(listed(&snoozed), [RENEWAL]);
    snoozed.shows("Until Mon 9 March");
    // Beside the list stands what was chosen, else the first.
    site.get(&format!("/?csm=csm-1&show={RENEWAL}")).await.shows("The contract ends.");
    site.get("/?csm=csm-1").await.shows("Nobody logs in any more.");
    assert_eq!(site.get("/?csm=csm-1&page=99999999999999999999").await.status, StatusCode::OK);
    let given = site.post(&format!("/tasks/{RENEWAL}/reassign"), "to=unassigned").await;
    site.get(given.header(header::LOCATION)).await.shows("Given to nobody: Call Glen");
    assert_eq!(
        site.post(&format!("/tasks/{TASK}/reassign"), "to=csm-99").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn several_tasks_are_done_with_one_form() {
    let site = with_a_journey().await;
    let both = format!("id={TASK}&id={RENEWAL}&back=%2F%3Fcsm%3Dcsm-1");
    let asked = site.post("/", &format!("{both}&deed=complete")).await;
    asked.shows("<h1>Complete 1 task</h1>");
    asked.shows("It needs an outcome of its own");
    assert_eq!((site.task(TASK).await.0, site.task(RENEWAL).await.0), ("open".into(), "open".into()));
    let done = site.post("/", &format!("{both}&deed=complete&sure=1")).await;
    assert_eq!((site.task(TASK).await.0, site.task(RENEWAL).await.0), ("done".into(), "open".into()));
    let list = site.get(done.header(header::LOCATION)).await;
    list.shows("Completed: Call Fjord. One other stays as it was.");
    let act = list.body.split("name=\"act\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
    site.post("/undo", &format!("act={act}")).await;
    let put_off = site.post("/", &format!("{both}&deed=snooze&span=1w")).await;
    site.get(put_off.header(header::LOCATION)).await.shows("2 tasks");
    let given = site.post("/", &format!("{both}&deed=reassign&to=unassigned")).await;
    site.get(given.header(header::LOCATION)).await.shows("Given to nobody: 2 tasks");
    for wrong in [
        "deed=complete",
        &format!("{both}&deed=burn"),
        &format!("{both}&deed=snooze&span=soon"),
        &format!("{both}&deed=reassign&to="),
    ] {
        assert_eq!(site.post("/", wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

/// Every task is on exactly one page, and accounts stay together.
#[tokio::test]
async fn a_thousand_tasks_are_paged() {
    let site = Site::empty().await;
    site.sql(
        "insert into customers.csms (id, name, email) values ('csm-1', 'Ines Falk', 'ines@example.com');
         insert into customers.accounts (id, name, signed_up_at, csm_id, mrr, status)
             select 'a' || n, 'Account ' || n, '2026-01-15T08:00:00Z', 'csm-1', (n * 37) % 101, 'active'
             from generate_series(1, 200) n;
         insert into keepwell.tasks (account_id, id, enrollment_id, playbook, revision, step, ordinal, title, assignee,
             due_at, priority, checklist, outcomes, keep, state, evidence, created_at, refreshed_at)
         select 'a' || n % 200 + 1, gen_random_uuid(), gen_random_uuid(), 'p', 'r1', 's', n, 'Task ' || n, 'csm-1',
             '2026-02-20T10:00:00Z'::timestamptz + n * interval '1 hour',
             (array['low', 'normal', 'high', 'urgent'])[n % 4 + 1], '[]', '[]', false, 'open', '{}',
             '2026-02-01T09:00:00Z', '2026-02-01T09:00:00Z'
         from generate_series(1, 1000) n",
    )
    .await;
    let (mut path, mut all, mut pages) = ("/?csm=csm-1".to_owned(), Vec::new(), 0);
    loop {
        let page = site.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.len() < 150_000, "{} bytes", page.body.len());
        all.extend(listed(&page));
        pages += 1;
        let next = page.body.split("\" rel=\"next\"").next().filter(|before| before.len() < page.body.len());
        match next.and_then(|before| before.rsplit("href=\"").next()) {
            Some(href) => path = href.replace("&amp;", "&"),
            None => break,
        }
    }
    assert_eq!((pages, all.len()), (20, 1000));
    let order: Vec<(String, bool)> = {
        let mut rows = Vec::new();
        for id in &all {
            let row = sqlx::query_as(
                "select account_id, due_at < '2026-03-02T12:00:00Z' from keepwell.tasks where id = $1::uuid",
            );
            rows.push(row.bind(id).fetch_one(&site.pool).await.expect("the task is there"));
        }
        rows
    };
    let mut accounts: Vec<&str> = order.iter().map(|(account, _)| account.as_str()).collect();
    accounts.dedup();
    assert_eq!(accounts.len(), 200, "the tasks of an account stand together");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1000);
}

impl Site {
    pub(super) async fn sql(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.expect("the rows fit");
    }
}

#[tokio::test]
async fn ticks_and_notes_stay() {
    let site = Site::filled().await;
    let kept = site.post(&format!("/tasks/{TASK}/checklist"), "item=Read+the+last+ticket&item=Not+on+it").await;
    assert_eq!(kept.header(header::LOCATION), format!("/tasks/{TASK}"));
    site.get(&format!("/tasks/{TASK}")).await.shows("value=\"Read the last ticket\" checked>");
    site.get("/?csm=csm-1").await.shows("1 of 1 ticked");
    let cleared = site.post(&format!("/tasks/{TASK}/checklist"), "back=%2F%3Fcsm%3Dcsm-1").await;
    assert_eq!(cleared.header(header::LOCATION), format!("/?csm=csm-1&show={TASK}"));
    assert!(!site.get(&format!("/tasks/{TASK}")).await.body.contains(" checked>"));
    let noted = site.post(&format!("/tasks/{TASK}/notes"), "note=Kim+is+%3Cb%3Eaway%3C%2Fb%3E").await;
    site.get(noted.header(header::LOCATION))
        .await
        .shows("Kim is &lt;b&gt;away&lt;/b&gt;<span class=\"line\">a colleague, 2 Mar 2026, 12:00");
    assert_eq!(site.post(&format!("/tasks/{TASK}/notes"), "note=+").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let long = site.post(&format!("/tasks/{TASK}/notes"), &format!("note={}", "x".repeat(2001))).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
    long.shows(&"x".repeat(2001));
    let nowhere = "/tasks/00000000-0000-0000-0000-0000000000ff";
    assert_eq!(site.post(&format!("{nowhere}/notes"), "note=a").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.post(&format!("{nowhere}/checklist"), "item=a").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_customer_got_already_stands_beside_the_task() {
    let site = Site::filled().await;
    let page = site.get(&format!("/tasks/{TASK}")).await;
    page.shows(">Three steps</a> <span class=\"quiet\">kim@fjord.example, 1 Mar 2026, 09:01</span>");
    site.sql("update keepwell.messages set sent_at = '2026-01-02T09:00:00Z' where state = 'captured'").await;
    site.get(&format!("/tasks/{TASK}")).await.shows("No mail from us.");
}

#[tokio::test]
async fn whatever_somebody_knows_of_it_finds_it() {
    let site = with_a_journey().await;
    for (words, href) in [
        ("fjord", "/accounts/a-1"),
        ("a-3", "/accounts/a-3"),
        ("Ann+Berg", "/accounts/a-3"),
        ("ann%40glen", "/accounts/a-3"),
        (TASK, &format!("/tasks/{TASK}")),
        (super::MAIL, &format!("/messages/{}", super::MAIL)),
        ("00000000-0000-0000-0000-0000000000e3", "/accounts/a-3"),
    ] {
        site.get(&format!("/search?q={words}")).await.shows(&format!("<span class=\"main\"><a href=\"{href}\">"));
    }
    site.get("/search?q=nobody").await.shows("Nothing fits.");
    site.get("/search?q=%22%3E%3Cb%3E").await.shows("value=\"&quot;&gt;&lt;b&gt;\"");
    site.get("/search").await.shows("<h1>Search</h1>");
    assert_eq!(site.get("/search?q=a&q=b").await.status, StatusCode::BAD_REQUEST);
    // From every page.
    site.get("/playbooks").await.shows("<form class=\"find\" role=\"search\" action=\"/search\">");
}
