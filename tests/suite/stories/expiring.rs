//! Mail that cannot leave while it is valid: it expires on time, and its step
//! goes on at that instant, in a case as in a run.

use crate::rehearsal::play;
use crate::support::world::{World, lines, playbook};

const STEPS: &str = concat!(
    "  - email: { id: hello, to: champion, subject: Hi, body: Hello, valid_for: 1d }\n",
    "  - task: { id: call, title: Call }\n",
);

/// A playbook whose mail waits for `other`, with the case that its author writes.
fn welcome(begin: &str) -> String {
    let keys = "when: account.tier == \"A\"\nguardrails: { yields_to: [other] }";
    let case = format!(
        "tests:\n  - name: the mail expires and the task is made\n    at: {begin}\n    account: {{ tier: A }}\n    \
         in_playbook: [other]\n    expect: [ {{ after: 1d, task: call }} ]\n"
    );
    format!("{}{case}", playbook("p", keys, STEPS))
}

#[tokio::test]
async fn mail_that_yields_until_it_expires_lets_its_step_go_on_as_the_case_says() {
    // On a quarter hour the last look is at the last valid instant, else just after it.
    for (begin, before, expiry) in [
        ("2026-03-02T09:00:00Z", "2026-03-03T08:59:59Z", "2026-03-03T09:00:00Z"),
        ("2026-03-02T09:07:00Z", "2026-03-03T09:06:59Z", "2026-03-03T09:07:01Z"),
    ] {
        let text = welcome(begin);
        for case in play(&text) {
            assert!(case.passed, "{}: {:#?}", case.name, case.failures);
        }
        let world = World::new().await;
        world.playbook(&text);
        world.playbook(&playbook("other", "when: account.mrr > 0", "  - wait: 9d"));
        world.customer("a1").await;
        world.run_at(begin).await;
        world.pass_at(before).await;
        assert_eq!(
            lines(&world.mails().await, "state reason"),
            ["deferred yields to other, which is active"],
            "{begin}"
        );
        assert!(world.tasks().await.is_empty(), "{begin}");
        world.pass_at(expiry).await;
        assert_eq!(
            lines(&world.mails().await, "state reason"),
            ["expired yields to other, which is active; not sent while it was valid"],
            "{begin}"
        );
        assert_eq!(lines(&world.tasks().await, "step state"), ["call open"], "{begin}");
    }
}
