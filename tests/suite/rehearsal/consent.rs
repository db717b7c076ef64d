//! Consent and people who leave, as cases play them: looked at again when the
//! mail would leave.

use super::{fails, passes, playbook};

fn cases() -> String {
    playbook(concat!(
        "when: account.mrr > 5\nsteps:\n",
        "  - email: { id: news, to: champion, class: marketing, subject: News, body: Hello }\n",
        "tests:\n",
        "  - name: agreed\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    contacts: [ { role: champion, traits: { consent: true } } ]\n",
        "    quiet_hours: { from: \"08:00\", to: \"12:00\" }\n",
        "    expect: [ { after: 3h, email: news } ]\n",
        "  - name: taken back\n    like: agreed\n",
        "    then: { 1h: { contacts: [ { role: champion, traits: { consent: false } } ] } }\n    expect: []\n",
        "  - name: left\n    like: agreed\n",
        "    then: { 1h: { contacts: [ { role: champion, left_at: 0d } ] } }\n    expect: []\n",
        "  - name: never asked\n    like: agreed\n    contacts: [ { role: champion } ]\n    expect: []\n",
        "  - name: only true is yes\n    like: agreed\n    contacts: [ { role: champion, traits: { consent: \"yes\" } } ]\n    expect: []\n",
    ))
}

#[test]
fn marketing_leaves_only_with_consent() {
    let told: Vec<String> = passes(&cases())
        .iter()
        .map(|case| {
            case.happened.iter().map(|happening| happening.describe()).filter(|told| told.contains("skipped")).collect()
        })
        .collect();
    let [agreed, taken_back, left, never, yes] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(agreed, "");
    for (told, reason) in
        [(taken_back, "no consent"), (left, "contact left"), (never, "no consent"), (yes, "no consent")]
    {
        assert!(told.ends_with(&format!("was skipped: {reason}")), "{told}");
    }
}

#[test]
fn a_case_that_expects_a_mail_without_consent_is_told_why() {
    let told = fails(&cases(), "traits: { consent: true }", "name: Ann").join(" ");
    assert!(told.contains("no consent"), "{told}");
}
