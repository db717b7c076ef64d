//! Which of several texts the account of a case gets.

use super::{passes, play};

fn playbook(cases: &str) -> String {
    format!(
        "playbook: p\nabout: x\nalerts_to: a@example.com\nschedule: '0 9 * * *'\nwhen: account.mrr > 1\n\
         goal: account.activated_at != none\nsteps:\n  - email:\n      id: nudge\n      to: champion\n      \
         body: \"Dear {{{{ account.name }}}}\"\n      variants:\n        a: {{ subject: First }}\n        \
         b: {{ subject: Second, body: Shorter }}\ntests:\n{cases}"
    )
}

fn case(name: &str, expect: &str) -> String {
    format!(
        "  - name: {name}\n    at: 2026-03-02T09:00:00Z\n    account: {{ mrr: 5, name: Acme }}\n    expect: [ {expect} ]\n"
    )
}

#[test]
fn a_case_has_the_first_variant_unless_it_names_another() {
    passes(&playbook(
        &[
            case("none", "{ after: 0d, email: nudge, subject: First, contains: Dear Acme }"),
            case("first", "{ after: 0d, email: nudge, variant: a, subject: First }"),
            case("second", "{ after: 0d, email: nudge, variant: b, subject: Second, contains: Shorter }"),
        ]
        .concat(),
    ));
}

#[test]
fn a_variant_that_there_is_not_fails_with_the_one_that_it_is() {
    let played = play(&playbook(&case("unknown", "{ after: 0d, email: nudge, variant: c }"))).remove(0);
    let found: Vec<String> = played.failures.into_iter().map(|failure| failure.message).collect();
    assert_eq!(found, ["the mail `nudge` at the start was expected in the variant `c`; it is `a`"]);
}
