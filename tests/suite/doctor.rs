//! `keepwell doctor`, as people run it: on a real database, a real mail server
//! and a resolver that answers from a list.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};

use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Executor};

use crate::support::database::{self, TestDatabase};
use crate::support::program::{Answer, Home};
use crate::support::smtp::{Script, Server};

const PLAYBOOK: &str = "playbook: call\nabout: A.\nalerts_to: a@b.example\nschedule: '@daily'\nwhen: account.mrr > 0\n\
    steps:\n  - task: { title: Call, to: csm }\n";

const CONFIG: &str = "web: off\nmail:\n  from: Acme <success@mail.acme.example>\n  postal_address: Acme, 1 Main Street\n  \
    public_url: https://success.acme.example\n  bounces: { address: bounces@acme.example, maildir: returns }\n";

/// A resolver that knows these TXT records and no other name; it ends with the
/// process.
fn resolver(records: &[(&str, &str)]) -> SocketAddr {
    let records: HashMap<String, String> =
        records.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let question = &buffer[..length];
            let (mut at, mut labels) = (12, Vec::new());
            while question[at] != 0 {
                let end = at + 1 + usize::from(question[at]);
                labels.push(String::from_utf8_lossy(&question[at + 1..end]).into_owned());
                at = end;
            }
            let found = records.get(&labels.join("."));
            let mut answer = question[..2].to_vec();
            for word in [if found.is_some() { 0x8180 } else { 0x8183 }, 1, u16::from(found.is_some()), 0, 0] {
                answer.extend_from_slice(&word.to_be_bytes());
            }
            answer.extend_from_slice(&question[12..at + 5]);
            if let Some(text) = found {
                answer.extend_from_slice(&[0xc0, 12]);
                for word in [16, 1, 0, 60, text.len() as u16 + 1] {
                    answer.extend_from_slice(&word.to_be_bytes());
                }
                answer.push(text.len() as u8);
                answer.extend_from_slice(text.as_bytes());
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

fn good() -> SocketAddr {
    resolver(&[
        ("acme.example", "v=spf1 include:relay.example -all"),
        ("_dmarc.acme.example", "v=DMARC1; p=none"),
        ("s1._domainkey.mail.acme.example", "v=DKIM1; k=rsa; p=MIIB"),
    ])
}

fn home(name: &str, database: &str) -> Home {
    let mut home = Home::new(name);
    home.set("DATABASE_URL", database);
    home.write("keepwell.yaml", CONFIG);
    home.write("playbooks/call.yaml", PLAYBOOK);
    for part in ["new", "cur"] {
        std::fs::create_dir_all(home.path.join("returns").join(part)).unwrap();
    }
    home
}

/// What is not fine, as `state about`.
fn wrong(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let checks = document["checks"].as_array().unwrap();
    let told = |check: &Json| format!("{} {}", check["state"].as_str().unwrap(), check["about"].as_str().unwrap());
    for check in checks.iter().filter(|check| check["state"] != "ok") {
        assert!(check["help"].is_string(), "{check}");
    }
    checks.iter().filter(|check| check["state"] != "ok").map(told).collect()
}

#[tokio::test]
async fn a_sound_installation_has_nothing_to_mend() {
    let database = database::fresh().await;
    let mut home = home("doctor-sound", &database.url);
    let server = Server::start(Script { login: Some(("ann".to_owned(), "hunter2".to_owned())), ..Script::default() });
    home.set("KEEPWELL_SMTP_URL", &format!("smtp://ann:hunter2@{}?tls=none", server.address));
    home.set("DATABASE_URL", &as_plain_user(&database).await);
    home.done(&["migrate"]);
    let resolver = good().to_string();
    let answer = home.run(&["doctor", "--resolver", &resolver, "--format", "json"]);
    assert_eq!(wrong(&answer), Vec::<String>::new(), "{answer:?}");
    assert_eq!(answer.code, 0);
    assert!(server.accepted().is_empty(), "it sends nothing");
    let plain = home.done(&["doctor", "--resolver", &resolver]);
    assert!(plain.stdout.contains("ok    relay: smtp://ann:***@127.0.0.1:"), "{plain:?}");
    assert!(!format!("{plain:?}{answer:?}").contains("hunter2"));
}

/// The database's URL for a user who may use it and is no superuser.
async fn as_plain_user(database: &TestDatabase) -> String {
    let pool = database.pool().await;
    let user = format!("plain_{}", database.name);
    for statement in [
        format!("create role {user} login"),
        format!("grant all on schema customers, keepwell, public to {user}"),
        format!("grant all on all tables in schema customers, keepwell, public to {user}"),
        format!("grant all on all sequences in schema keepwell to {user}"),
        format!("grant keepwell_reader to {user}"),
    ] {
        pool.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    pool.close().await;
    database.url.replace("user=keepwell", &format!("user={user}"))
}

#[tokio::test]
async fn roles_that_may_do_too_much_are_told() {
    let database = database::fresh().await;
    let mut home = home("doctor-roles", &database.url);
    home.set("DATABASE_URL", &as_plain_user(&database).await);
    let told = || {
        let answer = home.run(&["doctor", "--resolver", "127.0.0.1:1", "--format", "json"]);
        let checks = answer.json()["checks"].as_array().unwrap().clone();
        let roles = checks.iter().find(|check| check["about"] == "roles").unwrap_or_else(|| panic!("{answer:?}"));
        format!("{} {}", roles["state"].as_str().unwrap(), roles["message"].as_str().unwrap())
    };
    assert_eq!(told(), "ok nobody may do more than is needed");
    let pool = database.pool().await;
    for (grant, revoke, wanted) in [
        (
            "grant update on customers.accounts to keepwell_reader",
            "revoke update on customers.accounts from keepwell_reader",
            "writes customers.accounts",
        ),
        // By way of everybody, and of one column.
        (
            "grant insert (name) on customers.contacts to public",
            "revoke insert (name) on customers.contacts from public",
            "writes customers.contacts",
        ),
        (
            "grant create on schema keepwell to keepwell_reader",
            "revoke create on schema keepwell from keepwell_reader",
            "creates in keepwell",
        ),
    ] {
        pool.execute(grant).await.unwrap();
        let found = told();
        assert!(found.starts_with("bad ") && found.ends_with(wanted), "{found}");
        pool.execute(revoke).await.unwrap();
    }
    assert_eq!(told(), "ok nobody may do more than is needed");
    // And it is the database that refuses the reader a write.
    let mut tx = pool.begin().await.unwrap();
    tx.execute("set local role keepwell_reader").await.unwrap();
    let error = tx.execute("update customers.accounts set name = 'x'").await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    let database = database::fresh().await;
    let mut home = home("doctor-wrong", &database.url);
    home.done(&["migrate"]);
    home.done(&["stop", "--channel", "email"]);
    home.write("playbooks/call.yaml", &PLAYBOOK.replace("account.mrr", "account.mr"));
    home.write("keepwell.yaml", "web: off\nmail:\n  from: success@acme.example\n  redirect_to: tester@acme.example\n");
    home.set("KEEPWELL_SMTP_URL", "smtp://127.0.0.1:1?tls=none");
    let resolver = resolver(&[("acme.example", "v=spf1 +all")]).to_string();
    let answer = home.run(&["doctor", "--resolver", &resolver, "--format", "json"]);
    assert_eq!(
        wrong(&answer),
        [
            "warn roles",
            "warn stops",
            "bad playbooks",
            "bad relay",
            "bad mail.public_url",
            "warn mail.postal_address",
            "warn mail.redirect_to",
            "warn mail.bounces",
            "bad spf",
            "bad dmarc",
            "warn dkim",
        ]
    );
    assert_eq!(answer.code, 1);

    // A database that is not there, and a relay that does not take the login.
    let server = Server::start(Script { login: Some(("ann".to_owned(), "right".to_owned())), ..Script::default() });
    home.set("KEEPWELL_SMTP_URL", &format!("smtp://ann:wrong@{}?tls=none", server.address));
    home.set("DATABASE_URL", "postgres://127.0.0.1:1/nothing");
    home.write("keepwell.yaml", &CONFIG.replace("returns", "nowhere"));
    let answer = home.run(&["doctor", "--resolver", &good().to_string(), "--format", "json"]);
    assert_eq!(wrong(&answer), ["bad database", "bad playbooks", "bad relay", "bad mail.bounces"], "{answer:?}");
    assert!(!answer.stdout.contains("wrong"), "{answer:?}");
}

#[tokio::test]
async fn nothing_is_started_to_be_looked_at() {
    let home = Home::new("doctor-empty");
    let answer = home.run(&["doctor", "--resolver", "127.0.0.1:1"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.stdout.contains("warn  database: there is none yet"), "{answer:?}");
    assert!(!home.path.join(".keepwell").exists());
}

#[tokio::test]
async fn a_received_mail_shows_whether_its_signature_is_of_use() {
    let database = database::fresh().await;
    let home = home("doctor-mail", &database.url);
    home.done(&["migrate"]);
    let resolver = good().to_string();
    let mail = |signed: &str| {
        format!(
            "Authentication-Results: mx.example; dkim=pass; spf=pass; dmarc=pass\r\n\
             DKIM-Signature: v=1; d=mail.acme.example; s=s1; h={signed}; b=x\r\n\
             From: Acme <success@mail.acme.example>\r\nList-Unsubscribe: <https://a>\r\n\
             List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello\r\n"
        )
    };
    let both = "From:To:List-Unsubscribe:List-Unsubscribe-Post";
    for (text, wanted) in [
        (mail(both), &[][..]),
        (mail("From:To:Subject"), &["bad mail"][..]),
        (mail(both).replace("s=s1", "s=other"), &["bad mail"]),
        (mail(both).replace("d=mail.acme.example", "d=relay.example"), &["bad mail"]),
        (mail(both).replace("dmarc=pass", "dmarc=fail (p=none)"), &["bad mail"]),
        (mail(both).replace("List-Unsubscribe-Post: ", "X: "), &["bad mail"]),
        (mail(both).replace("DKIM-Signature", "X"), &["bad mail"]),
        ("nothing of the kind".to_owned(), &["bad mail"]),
    ] {
        home.write("mail.eml", &text);
        let answer = home.run(&["doctor", "--mail", "mail.eml", "--resolver", &resolver, "--format", "json"]);
        let found = wrong(&answer);
        let about: Vec<&String> = found.iter().filter(|found| found.ends_with(" mail")).collect();
        assert_eq!(about, wanted, "{text}\n{answer:?}");
        assert_eq!(answer.code, i32::from(!wanted.is_empty()));
    }
}

/// A role that was taken for a transaction can be laid down by what it calls.
#[tokio::test]
async fn functions_that_can_leave_the_role_of_the_reader_are_told() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    for statement in [
        "create schema crm; create table crm.companies (id text primary key, name text not null)",
        "create function crm.plain(name text) returns text language sql as 'select upper(name)'",
        "create function crm.spy(name text) returns text language plpgsql as
             $$ begin reset role; return (select encode(secret, 'hex') from keepwell.installation); end $$",
        "insert into crm.companies values ('a', 'Acme')",
        "create view crm.renamed as select id, upper(name) as name from crm.companies",
        "create view crm.calling as select id, crm.spy(name) as name from crm.renamed",
        "create view crm.above as select id, name from crm.calling",
        "create view crm.setting as select id, set_config('role', 'none', true) as name from crm.companies",
        "grant usage on schema crm to keepwell_reader; grant select on all tables in schema crm to keepwell_reader",
    ] {
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
    }
    let home = home("doctor-reader", &database.url);
    let told = |relation: &str| {
        let store = format!("{CONFIG}store: {{ accounts: {{ relation: {relation} }} }}\n");
        home.write("keepwell.yaml", &store);
        let answer = home.run(&["doctor", "--resolver", "127.0.0.1:1", "--format", "json"]);
        let checks = answer.json()["checks"].as_array().unwrap().clone();
        let reader = checks.iter().find(|check| check["about"] == "reader").map(|check| check["message"].clone());
        reader.map(|message| message.as_str().unwrap().rsplit(": ").next().unwrap().to_owned())
    };
    assert_eq!(told("crm.companies"), None);
    assert_eq!(told("crm.renamed"), None);
    assert_eq!(told("crm.above").as_deref(), Some("crm.calling calls crm.spy(text)"));
    assert_eq!(told("crm.setting").as_deref(), Some("crm.setting calls set_config"));
    sqlx::raw_sql(
        "alter table crm.companies enable row level security;
         create policy theirs on crm.companies using (crm.plain(name) <> '')",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(told("crm.companies").as_deref(), Some("crm.companies calls crm.plain(text)"));
    // What it is warned of: such a function sees what the reader may not.
    let mut reading = pool.begin().await.unwrap();
    reading.execute("set transaction read only; set local role keepwell_reader").await.unwrap();
    let seen: String = sqlx::query_scalar("select name from crm.above").fetch_one(&mut *reading).await.unwrap();
    assert_eq!(seen.len(), 64, "the installation's secret");
    // Writes are refused all the same.
    let refused = reading.execute("update crm.companies set name = 'x'").await.unwrap_err();
    assert!(refused.to_string().contains("read-only transaction"), "{refused}");
}

#[tokio::test]
async fn zones_that_are_none_are_named_and_counted() {
    let database = database::fresh().await;
    let mut home = home("doctor-zones", &database.url);
    home.set("DATABASE_URL", &database.url);
    let sql = "insert into customers.accounts (id, name, signed_up_at, timezone) values
            ('a', 'A', '2026-01-01', 'Mars'), ('b', 'B', '2026-01-01', 'Eastern Standard Time');
        insert into customers.contacts (account_id, id, name, timezone) values
            ('a', 'c', 'C', 'Mars'), ('a', 'd', 'D', 'Mars'), ('a', 'e', 'E', 'UTC+5:30'), ('a', 'f', 'F', ' '),
            ('a', 'g', 'G', null), ('a', 'h', 'H', 'europe/berlin')";
    sqlx::raw_sql(sql).execute(&database.pool().await).await.unwrap();
    let said = home.run(&["doctor", "--resolver", &good().to_string()]).stdout;
    let expected = "warn  zones: the time zone of 1 accounts, 3 contacts is none: `Mars` (2 contacts), `Mars` (1 accounts), \
                    `UTC+5:30` (1 contacts)";
    assert!(said.contains(expected), "{said}");
}
