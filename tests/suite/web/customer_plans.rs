//! The page on which a customer sees a success plan, by a signed link.

use keepwell::plan_link::PlanLinks;

use super::*;

const PLAN: &str = r#"plan: first-month
about: For colleagues only, the plan of accounts that may leave.
timezone: Europe/Berlin
goals:
  - { id: seats, about: "Nine of ten <seats> are used", value: account.mrr, start: 0, target: 1250, within: 30d, milestones: { first: 1, half-way: 50% } }
  - { id: quiet, about: No open ticket, value: account.open_tickets() == 0, target: 1, within: 30d }
  - { id: late, about: A report a week, value: "account.events(\"report\", 30)", target: 4, within: 2d }
  - { id: new, value: account.mrr, target: 7 }
"#;

const ROWS: &str = "
    insert into customers.accounts (id, name, signed_up_at, locale) values ('a/1', 'Fjord', '2026-01-15', null), ('a2', 'Other', '2026-01-15', 'de-AT');
    insert into keepwell.playbooks (id, revision, file, kind, present, slots_after, published_at) values
        ('first-month', 'r1', 'playbooks/first-month.yaml', 'plan', true, '2026-03-02', '2026-03-01');
    insert into keepwell.plans (account_id, plan, since, origin) values ('a/1', 'first-month', '2026-02-20', 'when'), ('a2', 'first-month', '2026-02-20', 'when');
    insert into keepwell.evaluations (document, slot, kind, revision, state, started_at) values
        ('first-month', '2026-02-27T23:30:00Z', 'scheduled', 'r1', 'done', '2026-02-28'),
        ('first-month', '2026-03-02T06:00:00Z', 'scheduled', 'r1', 'failed', '2026-03-02');
    insert into keepwell.goals (account_id, plan, goal, at, about, state, value, start, target, progress, due_at, reached_at, missed_at, milestones) values
        ('a/1', 'first-month', 'seats', '2026-02-25', 'x', 'open', 1000.04, 0, 1250, 80.9, '2026-04-01T23:30:00Z', null, null, '{\"first\": \"2026-02-25T23:30:00Z\"}'),
        ('a/1', 'first-month', 'quiet', '2026-02-25', 'x', 'reached', 1, 0, 1, 100, '2026-04-01T00:00:00Z', '2026-02-25T06:00:00Z', null, '{}'),
        ('a/1', 'first-month', 'late', '2026-02-25', 'x', 'missed', 2, 0, 4, 50, '2026-02-24T12:00:00Z', null, '2026-02-25T06:00:00Z', '{}'),
        ('a/1', 'first-month', 'gone', '2026-02-25', 'No part of it any more', 'withdrawn', 2, 0, 4, 50, null, null, null, '{}'),
        ('a2', 'first-month', 'seats', '2026-02-25', 'x', 'open', 5, 0, 1250, 0.4, null, null, null, '{}');
";

async fn site() -> Site {
    let site = Site::empty().await;
    sqlx::raw_sql(ROWS).execute(&site.pool).await.expect("the rows fit");
    sqlx::query("insert into keepwell.revisions (playbook, revision, file, text, scripts, published_at) values ('first-month', 'r1', 'playbooks/first-month.yaml', $1, '{}', '2026-03-01')")
        .bind(PLAN)
        .execute(&site.pool)
        .await
        .expect("a revision");
    site
}

/// The path of a link that was made at an instant.
async fn path(site: &Site, account: &str, made: &str) -> String {
    let links = PlanLinks::new("", site.store.secret().await.expect("a secret"));
    links.link(account, "first-month", made.parse().expect("an instant"))
}

async fn in_browser(site: &Site, path: &str, languages: &str) -> Answer {
    let request = request("GET", path).header(header::ACCEPT_LANGUAGE, languages).body(Body::empty());
    site.send(request.expect("a request")).await
}

#[tokio::test]
async fn a_customer_sees_what_was_agreed_and_how_far_it_is() {
    let site = site().await;
    let page = site.get(&path(&site, "a/1", "2026-03-01T00:00:00Z").await).await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows("<h1>Your goals</h1>");
    page.shows("dir=\"auto\">Nine of ten &lt;seats&gt; are used</h2>");
    page.shows("<progress max=\"100\" value=\"80\" aria-labelledby=\"goal-1\">");
    page.shows("<strong>On the way</strong> <span class=\"share\">80%</span>");
    page.shows("<dt>Now</dt><dd>1,000</dd>");
    page.shows("<dt>Goal</dt><dd>1,250</dd>");
    page.shows("<dt>At the beginning</dt><dd>0</dd>");
    // Days are those of the plan's zone.
    page.shows("<dt>By</dt><dd>2 April 2026</dd>");
    page.shows("<span dir=\"auto\">first</span> <span class=\"quiet\">26 February 2026</span>");
    page.shows("<span dir=\"auto\">half-way</span> <span class=\"quiet\">still to come</span>");
    page.shows("<strong>Reached</strong>");
    page.shows("<dt>Reached on</dt><dd>25 February 2026</dd>");
    page.shows("<strong>Not reached in time</strong> <span class=\"share\">50%</span>");
    page.shows("<strong>Not measured yet</strong>");
    page.shows("<dt>Last change on</dt><dd>25 February 2026</dd>");
    let order =
        ["Nine of ten", "No open ticket", "A report a week", "dir=\"auto\">new<"].map(|text| page.body.find(text));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}");
    // What is there or not has no numbers.
    let quiet = page.body.split("No open ticket").nth(1).and_then(|rest| rest.split("</section>").next());
    assert!(!quiet.expect("a section").contains("<dt>Now</dt>"), "{}", page.body);
    for inner in ["For colleagues", "first-month", "Fjord", "No part of it", "<script", "r1"] {
        assert!(!page.body.contains(inner), "{inner}: {}", page.body);
    }
    assert_eq!(page.headers.get(header::SET_COOKIE), None);
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn it_is_in_the_language_of_the_account_and_else_of_the_browser() {
    let site = site().await;
    let (none, german) =
        (path(&site, "a/1", "2026-03-01T00:00:00Z").await, path(&site, "a2", "2026-03-01T00:00:00Z").await);
    in_browser(&site, &none, "fr").await.shows("<html lang=\"en\" dir=\"ltr\">");
    let chinese = in_browser(&site, &none, "zh-CN").await;
    chinese.shows("<html lang=\"zh\" dir=\"ltr\">");
    chinese.shows("<h1>您的目标</h1>");
    chinese.shows("<dt>达成日期</dt><dd>2026年2月25日</dd>");
    let page = in_browser(&site, &german, "zh-CN").await;
    page.shows("<h1>Ihre Ziele</h1>");
    page.shows("<dt>Ziel</dt><dd>1.250</dd>");
    // The customer store keeps nobody from the page.
    sqlx::raw_sql("alter table customers.accounts rename to away").execute(&site.pool).await.expect("renamed");
    in_browser(&site, &german, "zh-CN").await.shows("<h1>您的目标</h1>");
    in_browser(&site, "/g/garbage", "de-CH").await.shows("<h1>Dieser Link funktioniert nicht</h1>");
}

#[tokio::test]
async fn no_link_but_ours_leads_to_a_plan() {
    let site = site().await;
    let path = path(&site, "a/1", "2026-03-01T00:00:00Z").await;
    let token = path.strip_prefix("/g/").expect("it stands there");
    let parts: Vec<&str> = token.split('.').collect();
    let other = "6132";
    let mail = site.store.unsubscribe_token("kim@fjord.example", "lifecycle").await.expect("a token");
    for damaged in [
        "garbage".to_owned(),
        mail,
        token[..token.len() - 4].to_owned(),
        // The plan of another account, another plan, and another day.
        format!("{other}.{}.{}.{}", parts[1], parts[2], parts[3]),
        format!("{}.{other}.{}.{}", parts[0], parts[2], parts[3]),
        format!("{}.{}.99999.{}", parts[0], parts[1], parts[3]),
        PlanLinks::new("", b"another installation")
            .link("a/1", "first-month", now())
            .trim_start_matches("/g/")
            .to_owned(),
    ] {
        let page = site.get(&format!("/g/{damaged}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{damaged}");
        page.shows("This link does not work");
        page.shows("whose goals it shows");
        assert!(!page.body.contains("Nine of ten") && !page.body.contains("No answer"), "{damaged}: {}", page.body);
    }
    // What mail programs put into it does not break it, and nothing is sent by it.
    for damaged in [format!("{token}%3E"), token.to_uppercase(), format!("{}=%0A{}", &token[..20], &token[20..])] {
        site.get(&format!("/g/{damaged}")).await.shows("<h1>Your goals</h1>");
    }
    assert_eq!(site.post(&path, "").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_its_plan() {
    let site = site().await;
    // It is the 2nd of March: the first was made 180 days before, the second one day more.
    let last = path(&site, "a/1", "2025-09-03T00:00:00Z").await;
    assert_eq!(site.get(&last).await.status, StatusCode::OK);
    let over = site.get(&path(&site, "a/1", "2025-09-02T23:00:00Z").await).await;
    assert_eq!(over.status, StatusCode::GONE);
    over.shows("<h1>This link has expired</h1>");
    assert!(!over.body.contains("Nine of ten"), "{}", over.body);

    // An account that never had it, one that was erased, and a plan whose file is gone.
    let ends = async |account: &str, says: &str| {
        let page = site.get(&path(&site, account, "2026-03-01T00:00:00Z").await).await;
        assert_eq!(page.status, StatusCode::GONE, "{account}");
        page.shows(&format!("<h1>{says}</h1>"));
        assert!(!page.body.contains("Nine of ten"), "{}", page.body);
    };
    ends("a3", "This plan has ended").await;
    sqlx::raw_sql("delete from keepwell.plans where account_id = 'a2'").execute(&site.pool).await.expect("erased");
    ends("a2", "Dieser Plan ist beendet").await;
    assert_eq!(site.get(&last).await.status, StatusCode::OK);
    sqlx::raw_sql("update keepwell.playbooks set present = false").execute(&site.pool).await.expect("gone");
    ends("a/1", "This plan has ended").await;
}

#[tokio::test]
async fn what_this_version_cannot_read_is_shown_as_it_was_measured() {
    let site = site().await;
    sqlx::raw_sql("update keepwell.revisions set text = 'plan: first-month' || chr(10) || 'goals: later'")
        .execute(&site.pool)
        .await
        .expect("another text");
    sqlx::raw_sql("update keepwell.goals set about = 'As it was agreed' where goal = 'seats'")
        .execute(&site.pool)
        .await
        .expect("its words");
    let page = site.get(&path(&site, "a/1", "2026-03-01T00:00:00Z").await).await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows("As it was agreed");
    page.shows("<span dir=\"auto\">first</span> <span class=\"quiet\">25 February 2026</span>");
}

#[tokio::test]
async fn a_csm_passes_the_link_on() {
    let site = site().await;
    let page = site.get("/accounts/a%2F1").await;
    page.shows("To pass on to the customer, each works for 180 days:");
    let begin = page.body.find("http://127.0.0.1:7717/g/").expect("a link");
    let link = page.body[begin..].split('"').next().expect("its end").trim_start_matches("http://127.0.0.1:7717");
    assert_eq!(link, path(&site, "a/1", "2026-03-02T12:00:00Z").await);
    site.get(link).await.shows("<h1>Your goals</h1>");
    assert_eq!(page.body.matches("/g/").count(), 1, "one for each plan");
}
