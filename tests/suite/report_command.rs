//! The command `report`, and its PDF as other programs read it.

use std::process::Command;

use serde_json::json;
use sqlx::Executor;

use crate::cli::company;

const REPORT: &str = "report: quarter\nabout: What an account got.\nschedule: \"0 6 1 1 *\"\ntitle: { default: What you got, zh: 您的成果 }\ncurrency: EUR\nfigures:\n  - { id: reports, label: { default: Reports – łódź, zh: 报表 }, value: \"account.events(\\\"report_created\\\", 90)\", worth: { rate: account.traits.hourly_rate, default: 40 } }\n  - { id: seats, label: Seats, value: account.seats }\n";
const AT: &str = "2026-03-02T09:00:00Z";

#[tokio::test]
async fn a_report_is_kept_or_looked_at_as_text_json_and_pdf() {
    let (home, pool) = company("report").await;
    home.write("playbooks/quarter.yaml", REPORT);
    pool.execute("update customers.accounts set signed_up_at = '2025-01-01'").await.unwrap();
    pool.execute("insert into customers.events (account_id, id, name, at) values ('a1', 'r1', 'report_created', '2026-02-20'), ('a1', 'r2', 'report_created', '2026-02-21'), ('a1', 'r3', 'report_created', '2025-11-11')").await.unwrap();
    let typo = home.run(&["report", "quarter", "a1"]);
    assert!(typo.code == 1 && typo.stderr.contains("no document makes a report `quarter`"), "{typo:?}");
    home.done(&["run", "--once", "--at", AT]);
    let made = home.done(&["report", "quarter", "a1", "--at", AT, "--format", "json"]).json();
    let figure = &made["figures"][0];
    assert_eq!((&figure["before"], &figure["after"], &figure["change"]), (&json!(1.0), &json!(2.0), &json!(1.0)));
    assert_eq!((&figure["worth"], &figure["rate_is_own"], &made["gain"]), (&json!(80.0), &json!(false), &json!(40.0)));
    assert_eq!(made["figures"][1]["missing"], json!({ "missing": "not_recorded" }));
    let shown = home.done(&["report", "quarter", "a1", "--at", AT]).stdout;
    for part in ["What you got: Account 1", "Before", "€80.00", "by an assumed rate of €40.00", "not on record"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(
        home.done(&["report", "quarter", "a1", "--at", AT, "--locale", "zh-CN"]).stdout.contains("您的成果：Account 1")
    );
    // What was kept stays; another instant is looked at, and not kept.
    pool.execute("delete from customers.events").await.unwrap();
    assert_eq!(home.done(&["report", "quarter", "a1", "--at", AT, "--format", "json"]).json(), made);
    let later = home.done(&["report", "quarter", "a1", "--at", "2026-03-05T09:00:00Z", "--format", "json"]).json();
    assert_eq!(later["figures"][0]["after"], 0.0);
    let kept: i64 = sqlx::query_scalar("select count(*) from keepwell.reports where account_id = 'a1'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(kept, 1);
    for (words, wrong) in [
        (["report", "quartr", "a1"], "did you mean `quarter`?"),
        (["report", "quarter", "a1x"], "nothing is known of an account `a1x`"),
    ] {
        let answer = home.run(&words);
        assert!(answer.code == 1 && answer.stderr.contains(wrong), "{answer:?}");
    }
    let refused = home.run(&["report", "quarter", "a1", "--format", "pdf"]);
    assert!(refused.code == 1 && refused.stderr.contains("--out"), "{refused:?}");
    let pdf = |name: &str, locale: &str| {
        home.done(&["report", "quarter", "a1", "--at", AT, "--format", "pdf", "--locale", locale, "--out", name]);
        std::fs::read(home.path.join(name)).unwrap()
    };
    let first = pdf("one.pdf", "en");
    assert!(first.starts_with(b"%PDF-1.") && first.ends_with(b"%%EOF"), "it is whole");
    assert_eq!(first, pdf("two.pdf", "en"), "the same report gives the same bytes");
    pdf("zh.pdf", "zh");
    // What other programs make of it, where they are there.
    for (name, words) in [
        ("one.pdf", vec!["What you got", "Account 1", "Reports – łódź", "€80.00", "not on record"]),
        ("zh.pdf", vec!["您的成果", "报表", "之前"]),
    ] {
        let read = Command::new("pdftotext").arg(home.path.join(name)).arg("-").output();
        let Ok(read) = read else { continue };
        let text = String::from_utf8(read.stdout).unwrap();
        assert!(read.status.success() && words.iter().all(|word| text.contains(word)), "{name}: {text}");
    }
}
