//! Ids with a slash, through the program itself.

use serde_json::json;
use sqlx::Executor;

use crate::support::database;
use crate::support::program::Home;

const AT: &str = "2027-03-03T09:00:00Z";

fn playbook(id: &str, keys: &str, to: &str) -> String {
    format!(
        "playbook: {id}\nabout: A test.\nalerts_to: ops@acme.example\nschedule: \"0 9 * * *\"\n{keys}\nsteps:\n  \
         - email: {{ id: m, {to}subject: Hi, body: x }}\n"
    )
}

async fn home(name: &str) -> Home {
    let database = database::fresh().await;
    let sql = "insert into customers.accounts (id, name, mrr, signed_up_at) values
            ('acme', 'Acme', 1, '2026-01-01'), ('acme/jo', 'Slash', 1, '2026-01-01'),
            ('https://x.example/a', 'Url', 1, '2026-01-01');
        insert into customers.contacts (account_id, id, email, name, role) values
            ('acme', 'jo', 'jo@customer.example', 'Jo', 'champion'),
            ('acme/jo', 'c', 'c@customer.example', 'C', 'champion'),
            ('acme', 'jo/c', 'e@customer.example', 'E', 'user'),
            ('https://x.example/a', 'c', 'd@customer.example', 'D', 'champion')";
    database.pool().await.execute(sql).await.unwrap();
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/by-hand.yaml", &playbook("by-hand", "when: account.mrr > 500", "to: champion, "));
    home.write("playbooks/person.yaml", &playbook("person", "for: contact\nwhen: account.mrr > 500", ""));
    home.done(&["run", "--once", "--at", AT]);
    home
}

#[tokio::test]
async fn who_is_meant_is_who_is_there() {
    let home = home("slashes").await;
    let document = home.done(&["export", "https://x.example/a"]).json();
    assert_eq!(
        (&document["export"]["account"], &document["export"]["contact"]),
        (&json!("https://x.example/a"), &json!(null))
    );
    assert_eq!(home.done(&["export", "https://x.example/a/c"]).json()["export"]["contact"], "c");
    home.done(&["enroll", "by-hand", "https://x.example/a", "--at", AT]);
    home.done(&["enroll", "person", "https://x.example/a/c", "--at", AT]);
    let nobody = home.run(&["export", "https://x.example/b"]);
    assert!(nobody.code == 1 && nobody.stderr.contains("nothing is known of https://x.example/b"), "{nobody:?}");
    let nobody = home.run(&["enroll", "person", "acme/ann"]);
    assert!(nobody.code == 1 && nobody.stderr.contains("no such contact"), "{nobody:?}");
}

#[tokio::test]
async fn who_may_be_either_is_asked_about() {
    let home = home("slashes-either").await;
    for command in [&["erase", "--dry-run", "acme/jo"][..], &["export", "acme/jo"]] {
        let either = home.run(command);
        assert_eq!(either.code, 1, "{either:?}");
        for part in ["the account `acme/jo`", "the contact `jo` of the account `acme`", "--whole or --contact"] {
            assert!(either.stderr.contains(part), "{either:?}");
        }
    }
    let either = home.run(&["enroll", "person", "acme/jo/c"]);
    assert!(either.code == 1 && either.stderr.contains("the contact `jo/c` of the account `acme`"), "{either:?}");
    let account = home.done(&["export", "acme/jo", "--whole"]).json();
    assert_eq!(account["export"]["customers"]["accounts"][0]["name"], "Slash");
    let contact = home.done(&["export", "acme", "--contact", "jo"]).json();
    assert_eq!(contact["export"]["customers"]["contacts"][0]["name"], "Jo");
    // In a playbook for accounts only an account can be meant.
    home.done(&["enroll", "by-hand", "acme/jo", "--at", AT]);
    home.done(&["enroll", "person", "acme", "--contact", "jo/c", "--at", AT]);
    home.done(&["erase", "acme/jo", "--whole"]);
    assert_eq!(home.rows(&["enrollments", "--account", "acme"]).len(), 1);
}
