//! Goals after the end, as cases play them.

use super::{play, playbook};

#[test]
fn a_goal_after_the_end_can_be_expected_within_its_window() {
    let text = playbook(concat!(
        "when: account.mrr > 5\ngoal: account.activated_at != none\ngoal_window: 10d\nholdout: 90%\n",
        "steps:\n  - wait: 1d\n",
        "tests:\n  - name: late\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n",
        "    then: { 8d: { account: { activated_at: 8d } } }\n",
        "    expect: [ { after: 1d, ended: completed }, { after: 8d, ended: goal, contains: it had ended as completed } ]\n",
        "  - name: too late\n    like: late\n    then: { 12d: { account: { activated_at: 12d } } }\n",
        "    expect: [ { after: 1d, ended: completed }, { after: 12d, ended: goal } ]\n",
    ));
    let cases = play(&text);
    assert!(cases[0].passed, "{:#?}", cases[0].failures);
    let [failure] = &cases[1].failures[..] else { panic!("{:#?}", cases[1].failures) };
    assert!(failure.message.contains("expected the end as `goal`"), "{failure:?}");
}
