//! What is said of windows of time that are open at one end.

use keepwell::rule::Wanted;

use super::{Place, World};

/// What is warned of, with the help.
fn doubts(place: Place, text: &str) -> Vec<String> {
    let (rule, problems) = World::new(place).compile(text, Wanted::Verdict);
    assert!(rule.is_some(), "{text}: {problems:?}");
    let of_window = problems.into_iter().filter(|problem| problem.code == "KW0222");
    of_window.map(|problem| format!("{} | {}", problem.message, problem.help.unwrap_or_default())).collect()
}

#[test]
fn a_window_that_is_open_at_one_end_is_doubted() {
    let until = "account.renewal_at != none && ";
    for (clause, expected) in [
        (
            "days_until(account.renewal_at) <= 60",
            "`days_until(account.renewal_at) <= 60` stays true for ever after that time | \
             write `days_until(account.renewal_at) >= 0 && days_until(account.renewal_at) <= 60`",
        ),
        (
            "60 > days_until(account.renewal_at)",
            "`60 > days_until(account.renewal_at)` stays true for ever after that time | \
             write `days_until(account.renewal_at) >= 0 && 60 > days_until(account.renewal_at)`",
        ),
        (
            "hours_until(account.renewal_at) < 72",
            "`hours_until(account.renewal_at) < 72` stays true for ever after that time | \
             write `hours_until(account.renewal_at) >= 0 && hours_until(account.renewal_at) < 72`",
        ),
        (
            "account.renewal_at <= now + days(30)",
            "`account.renewal_at <= (now + days(30))` stays true for ever after that time | \
             write `account.renewal_at >= now && account.renewal_at <= (now + days(30))`",
        ),
        (
            "days_since(account.renewal_at) >= -60",
            "`days_since(account.renewal_at) >= -60` stays true for ever after that time | \
             write `days_since(account.renewal_at) <= 0 && days_since(account.renewal_at) >= -60`",
        ),
        (
            "days_since(account.renewal_at) <= 30",
            "`days_since(account.renewal_at) <= 30` is also true as long as that time lies ahead | \
             write `days_since(account.renewal_at) >= 0 && days_since(account.renewal_at) <= 30`",
        ),
        (
            "account.renewal_at > now - days(30)",
            "`account.renewal_at > (now - days(30))` is also true as long as that time lies ahead | \
             write `account.renewal_at <= now && account.renewal_at > (now - days(30))`",
        ),
        // The other end stands in one way only.
        (
            "(days_until(account.renewal_at) <= 60 || days_until(account.renewal_at) > 90)",
            "`days_until(account.renewal_at) <= 60` stays true for ever after that time | \
             write `days_until(account.renewal_at) >= 0 && days_until(account.renewal_at) <= 60`",
        ),
    ] {
        let text = format!("{until}{clause}");
        assert_eq!(doubts(Place::When, &text), [expected], "{text}");
        // What ends an enrollment may well stay true.
        assert_eq!(doubts(Place::Step, &text), [""; 0], "{text}");
    }
    let with_default = "(days_until(account.renewal_at) ?? 999) <= 60";
    assert_eq!(
        doubts(Place::When, with_default),
        [format!(
            "`{with_default}` stays true for ever after that time | \
             write `(days_until(account.renewal_at) ?? 999) >= 0 && {with_default}`"
        )]
    );
}

#[test]
fn a_window_with_both_ends_or_none_is_not() {
    for text in [
        "account.renewal_at != none && days_until(account.renewal_at) >= 0 && days_until(account.renewal_at) <= 60",
        "account.renewal_at != none && account.renewal_at > now && days_until(account.renewal_at) <= 60",
        "account.renewal_at != none && days_until(account.renewal_at) > -3 \
         && (days_until(account.renewal_at) <= 60 || account.mrr > 9)",
        "account.renewal_at != none && days_since(account.renewal_at) >= 0 && days_since(account.renewal_at) <= 60",
        // Since a time that lies behind, or as long as one lies ahead.
        "days_since(account.signed_up_at) >= 30",
        "days_since(account.signed_up_at) <= 30",
        "account.signed_up_at > now - days(30)",
        "account.renewal_at != none && days_until(account.renewal_at) >= 30",
        "account.renewal_at != none && days_since(account.renewal_at) >= 30",
        // That it has come.
        "account.renewal_at != none && days_until(account.renewal_at) <= 0",
        "account.renewal_at != none && days_until(account.renewal_at) < 1",
        "account.renewal_at != none && account.renewal_at < now",
        "account.renewal_at != none && days_until(account.renewal_at) in [30, 60]",
        "!(account.renewal_at != none && days_until(account.renewal_at) <= 60)",
        // What a function asks for is not looked at.
        "account.renewal_at != none && health::busy(account, 1) && days_until(account.renewal_at) <= 60",
    ] {
        assert_eq!(doubts(Place::When, text), [""; 0], "{text}");
    }
}
