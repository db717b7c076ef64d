//! Pools and cover, as cases play them.

use keepwell::config::Config;
use keepwell::playbook::source::SourceFile;

use super::{play_with, playbook};

fn config() -> Config {
    let text = "pools: { onboarding: [lee, kim] }\n";
    Config::parse(&SourceFile { path: "keepwell.yaml".into(), text: text.into() }).0
}

#[track_caller]
fn all_pass(cases: &str) {
    let steps = concat!(
        "when: account.mrr > 5\nsteps:\n",
        "  - task: { id: first, title: First, to: pool:onboarding }\n",
        "  - task: { id: second, title: Second, to: pool:onboarding, close_when: off }\n",
        "  - task: { id: own, title: Own, to: csm, due: 1 business day }\n",
        "  - notify: { id: word, channel: csm, text: Look }\n",
    );
    for case in play_with(&playbook(&format!("{steps}tests:\n{cases}")), &config()) {
        assert!(case.passed, "{}: {:#?}", case.name, case.failures);
    }
}

#[test]
fn a_task_of_a_case_goes_to_a_pool() {
    all_pass(concat!(
        "  - name: by id\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n    expect:\n",
        "      - { after: 0d, task: first, to: kim }\n      - { after: 0d, task: second, to: kim }\n",
        "      - { after: 0d, task: own, to: csm }\n      - { after: 0d, notify: word, to: csm }\n",
        "  - name: by name\n    like: by id\n    expect:\n",
        "      - { after: 0d, task: first, to: pool:onboarding }\n      - { after: 0d, task: second, to: pool:onboarding }\n",
        "      - { after: 0d, task: own }\n      - { after: 0d, notify: word }\n",
    ));
}

#[test]
fn a_csm_of_a_case_may_be_away() {
    all_pass(concat!(
        "  - name: covered\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    csm: { away_until: 2026-03-02, backup_id: max }\n    expect:\n",
        "      - { after: 0d, task: first }\n      - { after: 0d, task: second }\n",
        "      - { after: 0d, task: own, to: max }\n",
        "      - { after: 0d, notify: word, to: max@keepwell.example, contains: You cover for Casey Morgan until 2 March 2026 }\n",
        "  - name: back\n    like: covered\n    csm: { away_until: 2026-03-01, backup_id: max }\n    expect:\n",
        "      - { after: 0d, task: first }\n      - { after: 0d, task: second }\n",
        "      - { after: 0d, task: own, to: csm }\n      - { after: 0d, notify: word, to: csm }\n",
    ));
}

#[test]
fn an_open_task_of_a_case_goes_on_to_the_backup() {
    let text = playbook(concat!(
        "when: account.mrr > 5\nsteps:\n",
        "  - task: { id: own, title: Own, to: csm }\n",
        "  - task: { id: later, title: Later, to: csm, due: 9d }\n",
        "  - wait: 3d\n",
        "  - task: { id: new, title: New, to: csm }\n",
        "tests:\n  - name: covered\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    csm: { away_from: 1d, away_until: 4d, backup_id: max }\n    expect:\n",
        "      - { after: 0d, task: own, to: csm }\n      - { after: 0d, task: later, to: csm }\n",
        "      - { after: 3d, task: new, to: max }\n",
    ));
    let case = play_with(&text, &config()).remove(0);
    assert!(case.passed, "{:#?}", case.failures);
    let went: Vec<String> = case.happened.iter().map(|happening| happening.describe()).collect();
    let went: Vec<&String> = went.iter().filter(|told| told.contains("went on")).collect();
    assert_eq!(went, ["after 15h: the task `own` went on to max, who covers for Casey Morgan until 6 March 2026"]);
}

#[test]
fn a_case_says_what_a_csm_has() {
    let text = playbook(concat!(
        "when: account.mrr > 5\nsteps:\n",
        "  - task: { id: own, title: 'Ask in {{ csm.traits.team | default(\"every team\") }}', to: csm }\n",
        "tests:\n  - name: of a team\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    csm: { traits: { team: EMEA } }\n    expect: [ { after: 0d, task: own, contains: \"in EMEA\" } ]\n",
        "  - name: of none\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    expect: [ { after: 0d, task: own, contains: \"in every team\" } ]\n",
    ));
    for case in play_with(&text, &config()) {
        assert!(case.passed, "{:#?}", case.failures);
    }
}

/// A task goes to whoever has the role, and without one to the CSM; a notice, too.
#[test]
fn tasks_and_notices_go_to_the_owner_of_a_role() {
    let text = concat!(
        "when: account.mrr > 5 && account.owner(\"csm\") == \"csm-1\"\nsteps:\n",
        "  - task: { id: call, title: Call, to: owner(\"inside\") }\n",
        "  - notify: { id: tell, channel: owner(\"outside\"), text: \"{{ account.owner(\\\"outside\\\") ?? \\\"nobody\\\" }}\" }\n",
        "tests:\n",
        "  - name: to both\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    owners: { inside: kim, outside: lee }\n    expect:\n      - { after: 0d, task: call, to: kim }\n",
        "      - { after: 0d, notify: tell, to: lee@keepwell.example, contains: lee }\n",
        "  - name: without owners to the CSM\n    like: to both\n",
        "    owners: { inside: none, outside: none }\n    expect:\n      - { after: 0d, task: call, to: csm }\n",
        "      - { after: 0d, notify: tell, to: casey.morgan@keepwell.example, contains: nobody }\n",
        "  - name: somebody else is the CSM\n    like: to both\n    owners: { csm: lee }\n    expect: []\n",
    );
    for case in play_with(&playbook(text), &config()) {
        assert!(case.passed, "{}: {:#?}", case.name, case.failures);
    }
}
