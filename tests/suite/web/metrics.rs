//! What Prometheus reads.

use std::collections::BTreeMap;

use super::*;
use keepwell::ids::Actor;
use keepwell::store::upkeep::stopped::StopTarget;

impl Site {
    /// The same database through the pages of another daemon.
    fn at_now(&self) -> Site {
        let state = WebState::new(shared(&self.store, &Config::default()), Clock::Fixed(now()));
        Site { router: router(Audience::Colleagues, state), store: self.store.clone(), pool: self.pool.clone() }
    }
}

/// The samples, by name and labels. Every line has the form that Prometheus reads.
async fn samples(site: &Site) -> BTreeMap<String, f64> {
    let answer = site.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/plain; version=0.0.4; charset=utf-8");
    let mut families = Vec::new();
    let mut samples = BTreeMap::new();
    for line in answer.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a kind");
            assert!(kind == "gauge" && !families.contains(&name.to_owned()), "{line}: each family stands once");
            families.push(name.to_owned());
        } else if !line.starts_with("# HELP ") {
            let (key, value) = line.rsplit_once(' ').expect("a value");
            let name = key.split('{').next().expect("a name");
            assert_eq!(families.last().map(String::as_str), Some(name), "{line} stands below its family");
            let earlier = samples.insert(key.to_owned(), value.parse().expect("a number"));
            assert_eq!(earlier, None, "{line}: once");
        }
    }
    samples
}

#[tokio::test]
async fn what_there_is_to_do_is_counted() {
    let site = Site::filled().await;
    let now = samples(&site).await;
    let expected = [
        ("keepwell_messages_waiting{channel=\"email\"}", 1.0),
        ("keepwell_messages_due{channel=\"email\"}", 1.0),
        ("keepwell_messages_sending", 0.0),
        ("keepwell_runs_held", 1.0),
        ("keepwell_runs_running", 0.0),
        ("keepwell_tasks_open", 2.0),
        ("keepwell_tasks_overdue", 1.0),
    ];
    for (name, value) in expected {
        assert_eq!(now.get(name), Some(&value), "{name} of {now:#?}");
    }
    // It was due on the 1st of March at 9.
    let since = (super::now() - "2026-03-01T09:00:00Z".parse::<DateTime<Utc>>().expect("an instant")).num_seconds();
    assert_eq!(now["keepwell_messages_oldest_due_seconds{channel=\"email\"}"], since as f64);
    let ended = "keepwell_messages_ended_last_hour{channel=\"email\",state=\"captured\"}";
    assert_eq!(now.get(ended), None, "that was yesterday");
    sqlx::query("update keepwell.messages set ended_at = $1 where state = 'captured'")
        .bind(super::now() - chrono::Duration::minutes(59))
        .execute(&site.pool)
        .await
        .expect("done");
    // What was counted a moment ago is said again.
    assert_eq!(samples(&site).await.get(ended), None);
    let anew = site.at_now();
    assert_eq!(samples(&anew).await.get(ended), Some(&1.0));
    // A stop holds: nobody can hurry what may not leave.
    site.store
        .stop(&StopTarget::Account("a-1".to_owned()), Actor("a test"), None, super::now())
        .await
        .expect("stopped");
    let stopped = samples(&site.at_now()).await;
    let due = |name: &str| stopped[&format!("keepwell_messages_{name}{{channel=\"email\"}}")];
    assert_eq!((due("waiting"), due("due"), due("oldest_due_seconds")), (1.0, 0.0, 0.0));
}

#[tokio::test]
async fn without_a_database_there_is_still_an_answer() {
    let site = Site::empty().await;
    site.store.close().await;
    let now = samples(&site).await;
    assert_eq!((now["keepwell_database_up"], now["keepwell_ready"]), (0.0, 0.0));
    assert!(!now.keys().any(|name| name.starts_with("keepwell_messages")), "{now:#?}");
}
