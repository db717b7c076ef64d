//! Other playbooks and their tasks, as a case gives them.

use super::{play, playbook};

#[test]
fn customer_mail_waits_for_the_playbook_it_yields_to() {
    let text = playbook(concat!(
        "when: account.mrr > 5\nguardrails: { yields_to: [other] }\n",
        "steps:\n  - email: { id: hello, to: champion, subject: Hi, body: Hello }\n",
        "tests:\n  - name: waits\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    in_playbook: [other]\n    expect: []\n",
        "  - name: goes\n    like: waits\n    in_playbook: []\n    expect: [ { after: 0s, email: hello } ]\n",
    ));
    for case in play(&text) {
        assert!(case.passed, "{}: {:#?}", case.name, case.failures);
    }
}

#[test]
fn tasks_of_other_playbooks_are_counted() {
    let text = playbook(concat!(
        "when: account.mrr > 5 && account.open_tasks() == 1\n",
        "steps:\n  - end: busy\n",
        "tests:\n  - name: two are open\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    tasks: [ { created_at: -5d }, { created_at: -3d }, { created_at: -9d, done_at: -8d } ]\n    expect: []\n",
        "  - name: one of them is done\n    like: two are open\n",
        "    then: { 1d: { tasks: [ { created_at: -3d, done_at: 20h } ] } }\n",
        "    expect: [ { after: 1d, ended: busy } ]\n",
    ));
    for case in play(&text) {
        assert!(case.passed, "{}: {:#?}", case.name, case.failures);
    }
}
