//! Budgets and quiet hours that a case gives.

use super::passes;

fn playbook(steps: &str, case: &str) -> String {
    format!(
        "playbook: p\nabout: x\nalerts_to: a@example.com\nschedule: '0 9 * * *'\nwhen: account.mrr > 1\n\
         goal: account.activated_at != none\nsteps:\n{steps}\ntests:\n{case}"
    )
}

const TWO: &str = "  - email: { id: one, to: champion, subject: s, body: b }\n  - wait: 2h\n\
                   \x20 - email: { id: two, to: champion, subject: s, body: b }\n  - task: { id: call, title: t }\n";

#[test]
fn a_budget_defers_a_mail_and_the_step_waits_for_it() {
    let case = |budget: &str, second: &str| {
        format!(
            "  - name: n\n    at: 2026-03-02T09:00:00Z\n    account: {{ mrr: 5 }}\n{budget}    expect:\n\
             \x20     - {{ after: 0d, email: one }}\n      - {{ after: {second}, email: two }}\n      - {{ after: {second}, task: call }}\n"
        )
    };
    passes(&playbook(TWO, &case("", "2h")));
    passes(&playbook(TWO, &case("    budget: { account: [5 per 1d] }\n", "2h")));
    let cases = passes(&playbook(TWO, &case("    budget: { contact: [1 per 1d] }\n", "1d")));
    let happened: Vec<String> = cases[0].happened.iter().map(|one| one.describe()).collect();
    let told = "after 2h: the mail `two` to champion@customer.example waits: budget: 1 per 1d of \
                champion@customer.example used by p/one at 2026-03-02T09:00:00Z";
    assert!(happened.iter().any(|line| line == told), "{happened:#?}");
}

#[test]
fn a_budget_that_is_used_up_too_long_lets_a_mail_expire() {
    passes(&playbook(
        TWO,
        "  - name: n\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 5 }\n    budget: { contact: [1 per 7d] }\n    expect:\n\
         \x20     - { after: 0d, email: one }\n      - { after: 74h, task: call }\n",
    ));
}

#[test]
fn a_script_says_which_mail_ignores_quiet_hours() {
    let run = "  - run: |\n      email(#{ to: \"champion\", subject: \"s\", body: \"slow\", class: \"transactional\" });\n      \
               email(#{ to: \"owner\", subject: \"s\", body: \"fast\", class: \"transactional\", quiet: \"ignore\" });\n";
    passes(&playbook(
        run,
        "  - name: n\n    at: 2026-03-02T22:00:00Z\n    account: { mrr: 5 }\n    quiet_hours: { from: \"20:00\", to: \"08:00\" }\n    \
         expect:\n      - { after: 0d, email: run-1, contains: fast }\n      - { after: 10h, email: run-1, contains: slow }\n",
    ));
}

#[test]
fn quiet_hours_hold_a_mail_in_the_recipients_zone_and_a_goal_at_night_cancels_it() {
    let one = "  - email: { id: one, to: champion, subject: s, body: b }\n  - email: { id: bill, to: champion, class: transactional, quiet: ignore, subject: s, body: b }\n";
    let quiet = "    quiet_hours: { from: \"20:00\", to: \"08:00\" }\n";
    passes(&playbook(
        one,
        &format!(
            "  - name: held\n    at: 2026-03-02T22:00:00Z\n    account: {{ mrr: 5 }}\n{quiet}    expect:\n\
             \x20     - {{ after: 10h, email: one }}\n      - {{ after: 10h, email: bill }}\n\
             \x20 - name: there it is day\n    at: 2026-03-02T22:00:00Z\n    account: {{ mrr: 5, timezone: America/New_York }}\n{quiet}    expect:\n\
             \x20     - {{ after: 0d, email: one }}\n      - {{ after: 0d, email: bill }}\n\
             \x20 - name: no longer needed\n    like: held\n    then: {{ 3h: {{ account: {{ activated_at: 3h }} }} }}\n    expect: []\n"
        ),
    ));
}
