//! The overview for managers: its figures against SQL by hand, segments, the bounds of
//! periods, what is missing, the export, and where figures lead.

use chrono_tz::Tz;
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::accounts::{links, site};
use super::*;
use crate::support::mapped::{Customers, on_both_stores};
use crate::support::world::World;

/// Five accounts, eight tasks and five mails around 2 March 2026. Of Elder, and of the
/// task that Sam did last, it depends on the zone to which month they belong.
const COMPANY: &str = r#"
    insert into customers.csms (id, name, email, capacity) values
        ('sam', 'Sam Ode', 'sam@example.com', 1), ('mia', 'Mia Lund', 'mia@example.com', null);
    insert into customers.accounts (id, name, tier, status, stage, csm_id, mrr, signed_up_at, activated_at, renewal_at, churned_at) values
        ('a1', 'Alder', 'A', 'active', 'live', 'sam', 100, '2026-03-01T09:00:00Z', '2026-03-02T09:00:00Z', '2026-03-20T09:00:00Z', null),
        ('a2', 'Birch', 'B', 'active', 'live', 'mia', 200, '2025-01-01T09:00:00Z', null, '2026-03-01T08:00:00Z', null),
        ('a3', 'Cedar', 'A', 'churned', null, 'sam', 0, '2025-01-01T09:00:00Z', null, '2026-03-15T09:00:00Z', '2026-03-01T10:00:00Z'),
        ('a4', 'Dogwood', 'A', 'active', 'live', 'sam', 50, '2025-03-02T09:00:00Z', null, '2027-03-02T09:00:00Z', null),
        ('a5', 'Elder', 'B', 'trial', 'new', null, 10, '2026-02-28T23:30:00Z', null, '2026-03-31T22:30:00Z', null);
    insert into customers.account_changes (account_id, at, was, became) values
        ('a4', '2026-03-01T12:00:00Z', '{"renewal_at": "2026-03-02T09:00:00+00:00"}',
         '{"status": "active", "renewal_at": "2027-03-02T09:00:00+00:00"}'),
        ('a3', '2026-03-01T10:00:00Z', '{"renewal_at": "2026-03-15T09:00:00+00:00", "status": "active"}',
         '{"status": "churned", "renewal_at": "2027-03-15T09:00:00+00:00"}'),
        ('a2', '2026-03-01T12:00:00Z', '{"renewal_at": "soon"}', '{"status": "active", "renewal_at": null}');
    insert into keepwell.playbooks (id, revision, file, present, slots_after, problems, published_at) values
        ('p', 'r1', 'playbooks/p.yaml', true, '2026-01-01T00:00:00Z', '[]', '2026-01-01T00:00:00Z');
    insert into keepwell.tasks (account_id, id, enrollment_id, playbook, revision, step, title, assignee, due_at, priority,
        checklist, outcomes, keep, state, evidence, created_at, refreshed_at, ended_at, ordinal)
    select account, ('00000000-0000-0000-0000-00000000000' || n)::uuid, gen_random_uuid(), 'p', 'r1', 'call', 'Call ' || n,
        assignee, due::timestamptz, 'normal', '[]', '[]', false, state, '{}', made::timestamptz, made::timestamptz,
        ended::timestamptz, n
    from (values
        (1, 'a1', 'sam', '2026-03-01T09:00:00Z', 'open', '2026-02-25T12:00:00Z', null),
        (2, 'a2', 'mia', null, 'open', '2026-03-02T06:00:00Z', null),
        (3, 'a1', 'sam', '2026-04-01T09:00:00Z', 'open', '2026-01-01T12:00:00Z', null),
        (4, 'a1', 'sam', null, 'done', '2026-02-27T12:00:00Z', '2026-03-01T12:00:00Z'),
        (5, 'a2', 'mia', null, 'dismissed', '2026-03-01T12:00:00Z', '2026-03-01T18:00:00Z'),
        (6, 'a2', null, null, 'closed', '2026-03-01T12:00:00Z', '2026-03-01T13:00:00Z'),
        (7, 'a1', 'sam', null, 'done', '2026-02-28T11:30:00Z', '2026-02-28T23:30:00Z'),
        (8, 'a1', 'sam', null, 'done', '2026-02-01T12:00:00Z', '2026-02-10T12:00:00Z')
    ) as t (n, account, assignee, due, state, made, ended);
    insert into keepwell.messages (account_id, id, playbook, step, channel, class, to_address, subject, state, priority,
        valid_until, next_at, message_id, shadow, created_at, sent_at, marked_at, ended_at)
    select account, ('00000000-0000-0000-0000-0000000000b' || n)::uuid, 'p', 'nudge', 'email', class, 'x@example.com',
        'Mail ' || n, state, 50, at::timestamptz, at::timestamptz, n || '@example.com', shadow, at::timestamptz,
        case when state <> 'suppressed' then at::timestamptz end, case when state <> 'suppressed' then at::timestamptz end,
        at::timestamptz
    from (values
        (1, 'a1', 'lifecycle', 'captured', false, '2026-03-01T09:00:00Z'),
        (2, 'a2', 'lifecycle', 'accepted', false, '2026-03-02T09:00:00Z'),
        (3, 'a1', 'marketing', 'bounced', false, '2026-03-02T09:00:00Z'),
        (4, 'a2', 'marketing', 'suppressed', false, '2026-03-02T09:00:00Z'),
        (5, 'a1', 'lifecycle', 'captured', true, '2026-03-02T09:00:00Z'),
        (6, 'a1', 'internal', 'captured', false, '2026-03-02T09:00:00Z'),
        (7, 'a1', 'lifecycle', 'accepted', false, '2026-02-02T09:00:00Z')
    ) as m (n, account, class, state, shadow, at);
"#;

pub(super) async fn company(zone: Tz) -> Site {
    let site = Site::with(&Config { timezone: zone, ..Config::default() }).await;
    sqlx::raw_sql(COMPANY).execute(&site.pool).await.expect("the rows fit");
    site
}

/// The value of a figure in an export; empty where it has none.
#[track_caller]
fn value(export: &Answer, figure: &str, of: &str) -> String {
    let lines = export.body.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let mut found = lines.filter(|line| line.len() == 6 && line[1] == figure && line[2] == of);
    let line = found.next().unwrap_or_else(|| panic!("there is no {figure} of {of:?} in:\n{}", export.body));
    line[3].to_owned()
}

async fn by_hand(site: &Site, sql: &str) -> String {
    let sql = format!("select ({sql})::text");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&site.pool).await.expect("the statement is sound")
}

#[tokio::test]
async fn the_figures_are_those_of_sql_by_hand() {
    let site = company(Tz::UTC).await;
    let export = site.get("/overview.csv?at=2026-03").await;
    assert_eq!(export.status, StatusCode::OK, "{}", export.body);
    let march = |column: &str| format!("{column} >= '2026-03-01T00:00:00Z' and {column} < '2026-04-01T00:00:00Z'");
    let accounts = |what: &str, where_: &str| format!("select {what} from customers.accounts where {where_}");
    let tasks = |where_: &str| format!("select count(*) from keepwell.tasks where {where_}");
    let due = format!("status <> 'churned' and {}", march("renewal_at"));
    let ended = march("ended_at");
    for (figure, of, sql) in [
        ("Due", "", accounts("count(*)", &due)),
        ("MRR due", "", accounts("sum(mrr)::float8", &due)),
        ("Date has passed", "", accounts("count(*)", &format!("{due} and renewal_at < '2026-03-02T12:00:00Z'"))),
        ("Due but left", "", accounts("count(*)", &format!("status = 'churned' and {}", march("renewal_at")))),
        ("Left in the period", "", accounts("count(*)", &march("churned_at"))),
        ("Accounts", "Signed up", accounts("count(*)", &march("signed_up_at"))),
        ("Accounts", "Activated", accounts("count(activated_at)", &march("signed_up_at"))),
        ("Open now", "", tasks("state = 'open'")),
        ("Overdue now", "", tasks("state = 'open' and due_at < '2026-03-02T12:00:00Z'")),
        ("Done", "", tasks(&format!("state = 'done' and {ended}"))),
        ("Dismissed", "", tasks(&format!("state = 'dismissed' and {ended}"))),
        ("Closed by themselves", "", tasks(&format!("state = 'closed' and {ended}"))),
        ("Open", "Sam Ode", tasks("state = 'open' and assignee = 'sam'")),
        ("Overdue", "Sam Ode", tasks("state = 'open' and assignee = 'sam' and due_at < '2026-03-02T12:00:00Z'")),
        ("Can carry", "Sam Ode", "select capacity from customers.csms where id = 'sam'".to_owned()),
        ("Median age of open tasks", "Under 3 days", tasks("state = 'open' and created_at > '2026-02-27T12:00:00Z'")),
        (
            "Median age of open tasks",
            "30 days and more",
            tasks("state = 'open' and created_at <= '2026-01-31T12:00:00Z'"),
        ),
    ] {
        assert_eq!(value(&export, figure, of), by_hand(&site, &sql).await, "{figure} of {of}");
    }
    // What is not read off one table: one date moved on, and of whom it did not stayed a customer.
    assert_eq!(value(&export, "Moved on to a later date", ""), "1");
    // 48 hours of the task done, 6 of the one dismissed.
    assert_eq!(value(&export, "Median time to the end", ""), "1.125");
    assert_eq!(value(&export, "Done of those judged", ""), "50");
    for (column, of, count) in [
        ("Delivered", "Lifecycle", "1"),
        ("Not sent", "Lifecycle", "1"),
        ("Bounced", "Lifecycle", "0"),
        ("Bounced", "Marketing", "1"),
        ("Not sent", "Marketing", "1"),
        ("Delivered", "Transactional", "0"),
    ] {
        assert_eq!(value(&export, column, of), count, "{column} of {of}");
    }
    // Each month ahead has its own.
    for (figure, of, number) in [
        ("Due in 12 months", "", "3"),
        ("Due in 12 months", "March 2026", "3"),
        ("Due in 12 months", "April 2026", "0"),
        ("MRR due in 12 months", "March 2026", "310"),
    ] {
        assert_eq!(value(&export, figure, of), number, "{figure} of {of}");
    }
    let quarter = site.get("/overview.csv?period=quarter&at=2026-02").await;
    assert_eq!(value(&quarter, "Done", ""), "3");
    assert_eq!(value(&quarter, "Period", ""), "Q1 2026");
}

#[tokio::test]
async fn a_period_begins_and_ends_at_midnight_of_the_configured_zone() {
    for (zone, done, signed_up, due) in [(Tz::UTC, "1", "1", "3"), (Tz::Europe__Berlin, "2", "2", "2")] {
        let site = company(zone).await;
        let export = site.get("/overview.csv").await;
        assert_eq!(value(&export, "First day", ""), "2026-03-01");
        assert_eq!(value(&export, "Zone", ""), zone.name());
        assert_eq!(value(&export, "Done", ""), done, "{zone}");
        assert_eq!(value(&export, "Accounts", "Signed up"), signed_up, "{zone}");
        assert_eq!(value(&export, "Due", ""), due, "{zone}");
    }
}

#[tokio::test]
async fn a_segment_counts_its_own_accounts_and_tasks() {
    let site = company(Tz::UTC).await;
    for (segment, due, open, done, lifecycle) in [
        ("", "3", "3", "1", "1"),
        ("&tier=A", "1", "2", "1", "0"),
        ("&csm=mia", "1", "1", "0", "1"),
        ("&tier=A&csm=mia", "0", "", "", ""),
        ("&csm=unassigned", "1", "0", "0", ""),
    ] {
        let export = site.get(&format!("/overview.csv?at=2026-03{segment}")).await;
        assert_eq!(value(&export, "Due", ""), due, "{segment}");
        if !open.is_empty() {
            assert_eq!(value(&export, "Open now", ""), open, "{segment}");
            assert_eq!(value(&export, "Done", ""), done, "{segment}");
        }
        if !lifecycle.is_empty() {
            assert_eq!(value(&export, "Delivered", "Lifecycle"), lifecycle, "{segment}");
        }
    }
    let page = site.get("/overview?at=2026-03&tier=A&csm=sam").await;
    page.shows("<option value=\"A\" selected>A</option>");
    page.shows("<option value=\"sam\" selected>Sam Ode</option>");
    page.shows("Over all accounts: a KPI is not divided by tier or CSM.");
    // Nobody else's work is shown.
    assert!(!page.body.contains("<a href=\"/?csm=mia"), "{}", page.body);
    site.get("/overview?at=2026-03&tier=A&csm=mia").await.shows("No task is open, and none ended in March 2026.");
}

#[tokio::test]
async fn an_empty_store_says_what_is_missing() {
    let site = Site::empty().await;
    let page = site.get("/overview").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("<title>Overview of March 2026 – Keepwell</title>");
    page.shows("<h1>Overview <span class=\"quiet\">March 2026, until now</span></h1>");
    page.shows("<a href=\"/overview\" aria-current=\"page\">Overview</a>");
    page.shows("There are no accounts yet.");
    page.shows("there is no KPI `churn-rate`; `keepwell --demo new churn-rate` begins with the shipped one");
    page.shows("No task is open, and none ended in March 2026.");
    page.shows("No mail to a customer left, or was to leave, in March 2026.");
    page.shows("No playbook has mailed, given a task or reached a goal within 90 days.");
    assert_eq!(figures(&page), [], "{}", page.body);
    let export = site.get("/overview.csv").await;
    assert!(
        export
            .body
            .lines()
            .any(|line| line == "Tasks and workload,,,,,\"No task is open, and none ended in March 2026.\""),
        "{}",
        export.body
    );
    assert_eq!(value(&export, "Churn", ""), "");
}

/// What a part of a page says.
fn text(html: &str) -> String {
    let mut parts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.next().into_iter().chain(parts).collect::<String>().trim().to_owned()
}

/// The figures of a page: what each is called and what it says.
fn figures(page: &Answer) -> Vec<(String, String)> {
    let figure = |rest: &str| {
        let (label, rest) = rest.split_once("</dt><dd>")?;
        Some((text(label), text(rest.split("</dd>").next()?)))
    };
    // Below them stand the keys.
    let main = page.body.split("</main>").next().unwrap_or_default();
    main.split("<dt>").skip(1).filter_map(figure).collect()
}

#[tokio::test]
async fn the_export_has_what_the_page_has() {
    let site = company(Tz::UTC).await;
    let page = site.get("/overview?at=2026-03&csm=sam").await;
    let href = links(&page, "/overview.csv").remove(0);
    let export = site.get(&href).await;
    assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(export.header("content-disposition"), "attachment; filename=\"overview-month-2026-03.csv\"");
    let shown = figures(&page);
    assert!(shown.len() >= 10, "{shown:?}");
    for (label, text) in &shown {
        let exported = if label.contains(',') { format!("\"{label}\"") } else { label.clone() };
        let line = export.body.lines().find(|line| line.contains(&format!(",{exported},,")));
        let line = line.unwrap_or_else(|| panic!("{label} is missing in:\n{}", export.body));
        let number: f64 = line.rsplit(',').nth(2).unwrap().parse().unwrap();
        let said: String = text.chars().take_while(|c| c.is_ascii_digit() || ".,".contains(*c)).collect();
        let said: f64 = said.replace(',', "").parse().unwrap_or_else(|_| panic!("{label} says {text}"));
        assert!((number - said).abs() < 0.1, "{label}: {number} and {text}");
    }
    // And the rows of tables.
    let row = "<th scope=\"row\"><a href=\"/?csm=sam\">Sam Ode</a></th>";
    let cells = page.body.split(row).nth(1).unwrap().split("</tr>").next().unwrap();
    assert_eq!(
        text(
            cells
                .split("data-label=\"Done\"")
                .nth(1)
                .unwrap()
                .split_once('>')
                .unwrap()
                .1
                .split("</td>")
                .next()
                .unwrap()
        ),
        "1"
    );
    assert_eq!(value(&export, "Done", "Sam Ode"), "1");
}

/// How many accounts a list has, and how many tasks or mails.
fn rows(page: &Answer) -> usize {
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.body.matches("<th scope=\"row\">").count() + page.body.matches("<li class=\"row").count()
}

#[tokio::test]
async fn a_figure_leads_to_what_it_counts() {
    let site = company(Tz::UTC).await;
    for segment in ["", "&tier=A", "&csm=sam"] {
        let page = site.get(&format!("/overview?at=2026-03{segment}")).await;
        let (mut followed, linked) = (0, page.body.split("<dt>").skip(1));
        for figure in linked {
            let (label, rest) = figure.split_once("</dt><dd>").unwrap();
            let Some(rest) = rest.strip_prefix("<a href=\"") else { continue };
            let (href, rest) = rest.split_once("\">").unwrap();
            let Ok(count) = rest.split('<').next().unwrap().parse::<usize>() else { continue };
            if ["MRR due", "Date has passed"].contains(&label) {
                continue;
            }
            let list = site.get(&href.replace("&amp;", "&")).await;
            assert_eq!(rows(&list), count, "{label} {href}:\n{}", list.body);
            followed += 1;
        }
        assert!(followed >= 9, "only {followed} figures lead somewhere");
        // The steps of new accounts, and the classes of mails.
        for (begin, part) in [("/accounts?", "date=sign-up"), ("/overview/mails", "class=")] {
            for href in links(&page, begin).into_iter().filter(|href| href.contains(part)) {
                let escaped = href.replace('&', "&amp;");
                let row =
                    page.body.split(&format!("<a href=\"{escaped}\">")).nth(1).unwrap().split("</tr>").next().unwrap();
                let numbers: Vec<usize> = row
                    .split("class=\"number")
                    .skip(1)
                    .filter_map(|cell| text(cell.split_once('>')?.1.split("</td>").next()?).parse().ok())
                    .collect();
                let count = if begin == "/accounts?" { numbers[0] } else { numbers.iter().sum() };
                assert_eq!(rows(&site.get(&href).await), count, "{href}: {row}");
            }
        }
    }
    let list = site.get("/accounts?date=renewal&since=2026-03-01&until=2026-03-31&left=no&tier=A").await;
    list.shows("Only accounts that are in tier A, have not left, renew from 1 March 2026 to 31 March 2026.");
    list.shows("<input type=\"hidden\" name=\"since\" value=\"2026-03-01\">");
    for bad in [
        "date=renewal",
        "date=x&since=2026-03-01&until=2026-03-02",
        "left=maybe",
        "date=churn&since=0001-01-01&until=2026-03-02",
    ] {
        assert_eq!(site.get(&format!("/accounts?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    for bad in [
        "/overview?period=week",
        "/overview?at=2026",
        "/overview.csv?at=99999-1",
        "/overview/tasks?state=open",
        "/overview/mails?class=internal",
    ] {
        assert_eq!(site.get(bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(site.get("/overview?csm=nobody").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn kpis_are_shown_from_their_history() {
    let site = company(Tz::UTC).await;
    let rows = "insert into keepwell.kpis (id, at, revision, value, unit, missing) values
        ('nps', '2026-01-31T06:00:00Z', 'r', 10, 'count', null), ('nps', '2026-02-01T00:00:00Z', 'r', 15, 'count', null),
        ('nps', '2026-02-27T06:00:00Z', 'r', 20, 'count', null), ('nps', '2026-03-02T06:00:00Z', 'r', 32, 'count', null),
        ('nps', '2026-03-03T06:00:00Z', 'r', 99, 'count', null), ('nps', '2025-12-01T06:00:00Z', 'r', 0.5, 'ratio', null),
        ('churn-rate', '2026-03-01T06:00:00Z', 'r', null, 'percent', 'the history of accounts does not reach back'),
        ('win-back-rate', '2026-02-01T06:00:00Z', 'r', 3, 'percent', null)";
    sqlx::raw_sql(rows).execute(&site.pool).await.unwrap();
    let page = site.get("/overview").await;
    // That of tomorrow is not known yet.
    page.shows(
        "<p class=\"big\"><a href=\"/kpis/nps\">32</a> <span class=\"change\">+12 against February 2026</span></p>",
    );
    page.shows("aria-label=\"NPS: from 10 in January 2026 to 32 in March 2026\"");
    page.shows("February 2026</a></th><td class=\"number\">20</td>");
    page.shows("No figure: the history of accounts does not reach back.");
    page.shows("No figure: it was not calculated in March 2026.");
    let february = site.get("/overview.csv?at=2026-02").await;
    assert_eq!((value(&february, "NPS", ""), value(&february, "Win-back", "")), ("20".to_owned(), "3".to_owned()));
    let quarter = site.get("/overview.csv?period=quarter").await;
    assert_eq!(value(&quarter, "NPS", ""), "32");
}

on_both_stores!(an_overview_reads_customers_wherever_they_are);

async fn an_overview_reads_customers_wherever_they_are(customers: Customers) {
    let world = World::on(customers).await;
    world
        .account(
            "1",
            json!({ "mrr": 70, "renewal_at": "2026-03-20T00:00:00Z", "signed_up_at": "2026-03-02T00:00:00Z" }),
        )
        .await
        .account("2", json!({ "tier": "B", "renewal_at": "2026-03-21T00:00:00Z" }))
        .await;
    world
        .sql(
            "insert into keepwell.playbooks (id, revision, file, present, slots_after, problems, published_at) values
        ('p', 'r1', 'playbooks/p.yaml', true, '2026-01-01T00:00:00Z', '[]', '2026-01-01T00:00:00Z')",
        )
        .await;
    let site = site(&world);
    let export = site.get("/overview.csv?tier=A").await;
    assert_eq!(export.status, StatusCode::OK, "{}", export.body);
    assert_eq!((value(&export, "Due", ""), value(&export, "MRR due", "")), ("1".to_owned(), "70".to_owned()));
    assert_eq!(value(&export, "Accounts", "Signed up"), "1");
    let page = site.get("/overview").await;
    page.shows("<option value=\"B\">B</option>");
    for href in links(&page, "/accounts?").into_iter().chain(links(&page, "/overview/")) {
        assert_eq!(site.get(&href).await.status, StatusCode::OK, "{href}");
    }
}

/// A clock that goes on, and a store that changes, do not change what took long to count:
/// the page says when that was.
#[tokio::test]
async fn figures_that_took_long_are_kept_and_say_when_they_were_counted() {
    let site = Site::empty().await;
    site.sql(COMPANY).await;
    let at = |time: &str| Clock::Fixed(time.parse().expect("an instant"));
    let state = WebState::new(shared(&site.store, &Config::default()), at("2026-03-02T12:00:00Z"));
    let first = state.keeping_answers_of(Duration::ZERO);
    let mut later = first.clone();
    later.clock = at("2026-03-02T12:00:01Z");
    let of = |state: WebState| Site {
        router: router(Audience::Colleagues, state),
        store: site.store.clone(),
        pool: site.pool.clone(),
    };

    let page = of(first.clone()).get("/overview").await;
    assert!(!page.body.contains("Counted on"), "{}", page.body);
    site.sql("delete from customers.accounts").await;
    let page = of(later.clone()).get("/overview").await;
    page.shows("Counted on 2 Mar 2026, 12:00. Look again in a while for newer figures.");
    page.shows("Alder");
    let export = of(later.clone()).get("/overview.csv").await;
    assert_eq!(value(&export, "As of", ""), "2026-03-02T12:00:00Z");
    // Another period is another question.
    let page = of(later).get("/overview?at=2026-02").await;
    assert!(!page.body.contains("Counted on"), "{}", page.body);
}
