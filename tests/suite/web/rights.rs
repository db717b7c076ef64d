//! Who may use which route: every row of the table, with every role, on the
//! real router and a real database.

use axum::body::Body;
use axum::http::{StatusCode, header};
use keepwell::ids::Actor;
use keepwell::store::users::NewUser;
use keepwell::user::role::Role;
use keepwell::web::rights::{ROUTES, Right, Route};

use super::{Answer, MAIL, Site, TASK, request};

/// Who adds and changes users here.
pub(super) const BY: Actor<'_> = Actor("a test");

const RUN: &str = "rescue@2026-03-02T09:00:00Z";

/// A form that the route takes, so that who may use it changes something.
fn form(path: &str) -> &'static str {
    match path {
        "/tasks/{id}/done" => "outcome=reached",
        "/tasks/{id}/dismiss" => "because=merged",
        "/tasks/{id}/snooze" => "span=1w",
        "/messages/{id}/settle" => "verdict=accepted",
        "/accounts/{id}/pause" | "/accounts/{id}/resume" => "what=all",
        "/accounts/{id}/cancel" => "enrollment=00000000-0000-0000-0000-0000000000e1",
        "/suppressions" => "address=kim%40fjord.example&class=all",
        "/suppressions/{id}/lift" => "class=all&source=page",
        "/stops/stop" | "/stops/resume" => "what=all",
        _ => "",
    }
}

/// The path of something that is there.
fn path(route: &Route) -> String {
    let id = match route.path.split('/').nth(1) {
        Some("tasks") => TASK,
        Some("messages") => MAIL,
        Some("accounts") => "a-1",
        Some("approvals") => RUN,
        Some("playbooks") => "rescue",
        _ => "none",
    };
    route.path.replace("{id}", id).replace("{token}", id).replace("{name}", id)
}

impl Site {
    /// A user who has logged in: what their browser sends as `Cookie`.
    pub(super) async fn user(&self, name: &str, role: Role, csm_id: Option<&str>) -> String {
        let user = NewUser { name, role, csm_id, email: None, password: None };
        assert!(self.store.add_user(user, BY, super::now()).await.unwrap());
        self.session(name).await
    }

    pub(super) async fn session(&self, name: &str) -> String {
        format!("keepwell={}", self.store.open_session(name, None, super::now()).await.unwrap())
    }

    /// As the page of somebody's browser sends it.
    pub(super) async fn with_cookie(&self, method: &str, path: &str, cookie: &str, form: &str) -> Answer {
        let request = request(method, path)
            .header(header::COOKIE, cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        self.send(request.unwrap()).await
    }

    /// All that a deed of the pages changes.
    async fn state(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select t::text from keepwell.tasks t union all select m::text from keepwell.messages m
             union all select r::text from keepwell.runs r union all select e::text from keepwell.enrollments e
             union all select u::text from keepwell.users u union all select a::text from keepwell.audit a
             union all select c::text from keepwell.control c union all select r::text from keepwell.recipients r order by 1",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }
}

pub(super) async fn unknown_outcome(site: &Site) {
    sqlx::query(
        "update keepwell.messages set state = 'unknown', outcome = 'unknown', sent_at = null, marked_at = created_at
         where id = $1::uuid",
    )
    .bind(MAIL)
    .execute(&site.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn each_role_may_use_the_routes_of_its_rows_and_no_others() {
    let roles = async {
        let site = Site::filled().await;
        unknown_outcome(&site).await;
        site
    };
    let site = roles.await;
    let mut cookies = Vec::new();
    for role in Role::ALL {
        cookies.push((role, site.user(role.name(), role, None).await));
    }
    let refused = |answer: &Answer| [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status);
    let (mut denied, mut allowed) = (0, 0);
    for route in ROUTES {
        let (path, method) = (path(route), route.method.to_uppercase());
        let Right::Role(least) = route.right else {
            let answer = site.with_cookie(&method, &path, "", form(route.path)).await;
            assert!(answer.status != StatusCode::FORBIDDEN, "{method} {path}: {}", answer.status);
            continue;
        };
        let before = site.state().await;
        // Nobody, and somebody with a token that is not ours.
        for cookie in ["", &format!("keepwell={}", "A".repeat(43)), "keepwell=x"] {
            let answer = site.with_cookie(&method, &path, cookie, form(route.path)).await;
            match method.as_str() {
                "GET" => {
                    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
                    assert!(answer.header(header::LOCATION).starts_with("/login"), "{path}");
                }
                _ => {
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
                    answer.shows("nothing was done");
                }
            }
        }
        for (role, cookie) in &cookies {
            if *role < least {
                let answer = site.with_cookie(&method, &path, cookie, form(route.path)).await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role}: {method} {path}");
                answer.shows("<h1>Not accepted</h1>\n<p>Only ");
                denied += 1;
            }
        }
        assert_eq!(site.state().await, before, "who may not use {path} changes nothing");
        if route.path == "/accounts/{id}/resume" {
            // What an operator has paused, no CSM resumes.
            let of_csm = "update keepwell.control set by = 'csm'";
            sqlx::query(of_csm).execute(&site.pool).await.expect("it can be theirs");
        }
        for (role, cookie) in cookies.iter().filter(|(role, _)| *role >= least) {
            let answer = site.with_cookie(&method, &path, cookie, form(route.path)).await;
            assert!(!refused(&answer), "{role}: {method} {path}: {}", answer.status);
            assert!(!answer.header(header::LOCATION).starts_with("/login"), "{role}: {method} {path}");
            allowed += 1;
        }
    }
    assert!(denied >= 8 && allowed >= 60, "{denied} {allowed}");
}

#[tokio::test]
async fn what_one_may_not_do_is_not_shown() {
    let site = Site::filled().await;
    unknown_outcome(&site).await;
    let forms = [
        ("/?csm=csm-1", "name=\"deed\"", Role::Csm),
        (&format!("/tasks/{TASK}"), "/snooze\"", Role::Csm),
        (&format!("/approvals/{RUN}"), "/approve\"", Role::Operator),
        ("/accounts/a-1", "/pause\"", Role::Csm),
        ("/accounts/a-1", "/cancel?enrollment=", Role::Csm),
        (&format!("/messages/{MAIL}"), "/settle\"", Role::Operator),
    ];
    for role in Role::ALL {
        let cookie = site.user(role.name(), role, None).await;
        for (path, form, least) in forms {
            let page = site.with_cookie("GET", path, &cookie, "").await;
            assert_eq!(page.status, StatusCode::OK, "{role} {path}");
            assert_eq!(page.body.contains(form), role >= least, "{role} {path}");
            page.shows(&format!("<span>{role}</span>"));
            page.shows("action=\"/logout\"");
        }
    }
}

#[tokio::test]
async fn deeds_carry_the_person() {
    let site = Site::filled().await;
    unknown_outcome(&site).await;
    let cookie = site.user("dana", Role::Operator, None).await;
    for (path, form) in [
        (format!("/tasks/{TASK}/done"), "outcome=reached"),
        (format!("/approvals/{RUN}/approve"), ""),
        (format!("/messages/{MAIL}/settle"), "verdict=accepted"),
    ] {
        let done = site.with_cookie("POST", &path, &cookie, form).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{path}");
    }
    let deeds: Vec<(String, String)> =
        sqlx::query_as("select by, deed from keepwell.audit where by <> 'a test' order by n")
            .fetch_all(&site.pool)
            .await
            .unwrap();
    assert_eq!(deeds, ["complete-task", "approve", "settle"].map(|deed| ("dana".to_owned(), deed.to_owned())));
    let acts: Vec<String> =
        sqlx::query_scalar("select by from keepwell.task_acts").fetch_all(&site.pool).await.unwrap();
    assert_eq!(acts, ["dana"]);
    site.with_cookie("GET", &format!("/approvals/{RUN}"), &cookie, "").await.shows("Approved by dana");
}

#[tokio::test]
async fn a_csm_begins_with_their_own_inbox() {
    let site = Site::filled().await;
    let cookie = site.user("kim", Role::Csm, Some("csm-9")).await;
    let own = site.with_cookie("GET", "/", &cookie, "").await;
    own.shows("<title>Today: csm-9");
    site.with_cookie("GET", "/?csm=csm-1", &cookie, "").await.shows("Call Fjord");
    let ines = site.user("ines", Role::Csm, Some("csm-1")).await;
    site.with_cookie("GET", "/", &ines, "").await.shows("Call Fjord");
}

#[tokio::test]
async fn where_nobody_logs_in_the_page_says_so() {
    let site = Site::filled().await;
    let open = site.get("/").await;
    open.shows("Nobody logs in here");
    open.shows("keepwell --demo user add NAME --role admin");
    assert!(!open.body.contains("/logout"));
    let done = site.post(&format!("/tasks/{TASK}/done"), "outcome=reached").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let by: String = sqlx::query_scalar("select by from keepwell.task_acts").fetch_one(&site.pool).await.unwrap();
    assert_eq!(by, "a colleague");
    // From the first user on.
    let cookie = site.user("ada", Role::Admin, None).await;
    assert_eq!(site.get("/").await.header(header::LOCATION), "/login");
    let page = site.with_cookie("GET", "/", &cookie, "").await;
    assert!(!page.body.contains("Nobody logs in here"), "{}", page.body);
}
