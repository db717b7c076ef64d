//! Attributes of a case that hold another kind of value than the one compared
//! with, and times as other programs write them.

use super::{fails, passes, playbook};

fn text() -> String {
    playbook(
        r#"
timezone: Europe/Berlin
when: |
  account.traits.vip == true && account.traits.ends != none && days_until(account.traits.ends) <= 60
    && days_since(account.signed_up_at) == 9
steps:
  - task: { id: call, title: "Ends {{ account.traits.ends | date(\"%-d %b %H:%M\") }}" }
tests:
  - name: a contract that ends soon
    at: 2026-03-02T09:00:00+01:00
    account: { signed_up_at: "2026-02-20 10:00:00+00", traits: { vip: true, ends: "2026-04-20 10:00" } }
    expect: [ { after: 0d, task: call, contains: "Ends 20 Apr 10:00" } ]
"#,
    )
}

#[test]
fn times_are_read_as_in_the_store() {
    for (signed_up_at, ends, shown) in [
        ("2026-02-20 10:00:00+00", "2026-04-20 10:00", "20 Apr 10:00"),
        ("2026-02-20T10:00:00.000+0100", "2026-04-20T10:00:00.000+0200", "20 Apr 10:00"),
        ("2026-02-20 10:00", "2026-04-20", "20 Apr 00:00"),
    ] {
        let text = text()
            .replace("2026-02-20 10:00:00+00", signed_up_at)
            .replace("\"2026-04-20 10:00\"", &format!("\"{ends}\""))
            .replace("Ends 20 Apr 10:00", &format!("Ends {shown}"));
        passes(&text);
    }
}

#[test]
fn what_cannot_be_decided_is_said() {
    for (from, to, expected) in [
        ("vip: true", "vip: \"TRUE\"", "account.traits.vip is the text \"TRUE\", compared with true"),
        (
            "ends: \"2026-04-20 10:00\"",
            "ends: 03/04/2026",
            "account.traits.ends: 03/04/2026 is not a date that can be read: write 2026-04-03 or 2026-03-04",
        ),
    ] {
        let told = fails(&text(), from, to);
        assert!(told.iter().any(|told| told.contains("decided") && told.contains(expected)), "{told:?}");
    }
    assert_eq!(
        fails(&text(), "2026-02-20 10:00:00+00", "20.02.2026"),
        ["`signed_up_at` is not a time: `20.02.2026`; write it as 2026-02-20 (KW0501)"]
    );
}
