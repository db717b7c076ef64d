use chrono::TimeDelta;

use super::comparison::{Outcome, compare};
use super::happened::{Consequence, Note, Occurrence, What};
use super::wording;
use crate::clock::Instant;
use crate::diagnostic::Position;
use crate::effect::Words;
use crate::enrollment::State;
use crate::playbook::ExpectedForm;
use crate::playbook::case::{Expectation, Expected};

fn mail(after: i64, step: &str, role: &str) -> Occurrence {
    let words = Words {
        subject: "Hello".to_owned(),
        body: "A **bold** [link](https://example.com)\nand 1\\*2".to_owned(),
        language: None,
    };
    let address = format!("{role}@customer.example");
    Occurrence { after, what: What::Effect(Box::new(Consequence::mail(step, Some(role), false, &address, &words))) }
}

fn ended(after: i64, state: State, reason: Option<&str>) -> Occurrence {
    Occurrence { after, what: What::End { state, reason: reason.map(str::to_owned) } }
}

fn expect(line: u32, after: i64, expected: Expected) -> Expectation {
    Expectation {
        place: Position { line, column: 1 },
        after,
        expected,
        to: None,
        variant: None,
        subject: None,
        contains: None,
    }
}

fn email(step: &str) -> Expected {
    Expected::Step {
        id: step.to_owned(),
        form: ExpectedForm { key: "email", noun: "mail", effect: "email", also: &[] },
    }
}

fn end(word: &str) -> Expected {
    Expected::Ended(word.to_owned())
}

fn differences(expected: &[Expectation], occurrences: &[Occurrence], notes: &[Note]) -> Vec<(u32, String)> {
    let outcome = Outcome {
        occurrences,
        notes,
        outside: None,
        entered: true,
        subject: "account",
        until: 100,
        place: Position { line: 99, column: 1 },
    };
    compare(expected, &outcome).into_iter().map(|failure| (failure.place.line, failure.message)).collect()
}

#[test]
fn endings_need_not_be_listed_and_everything_else_must() {
    let occurrences =
        [mail(0, "one", "champion"), ended(0, State::Completed, Some("won-back")), mail(60, "two", "owner")];
    let (one, two) = (expect(1, 0, email("one")), expect(3, 60, email("two")));
    for word in ["won-back", "completed"] {
        assert_eq!(differences(&[one.clone(), expect(2, 0, end(word)), two.clone()], &occurrences, &[]), []);
    }
    assert_eq!(differences(&[one.clone(), two.clone()], &occurrences, &[]), []);
    let told = differences(&[one], &occurrences, &[]);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, 99, "nothing later is expected, so it stands at the case");
    let told = differences(&[two], &occurrences, &[]);
    assert_eq!((told.len(), told[0].0), (1, 3), "it stands at the next expectation");
}

#[test]
fn the_order_of_one_instant_counts() {
    let occurrences = [mail(0, "one", "champion"), mail(0, "two", "champion")];
    let told = differences(&[expect(1, 0, email("two")), expect(2, 0, email("one"))], &occurrences, &[]);
    let order = "in another order: entries stand in the order in which things happen";
    assert!(told.len() == 1 && told[0].1.ends_with(order), "{told:?}");
}

#[test]
fn one_step_may_write_to_several() {
    let occurrences = [mail(0, "one", "champion"), mail(0, "one", "owner")];
    let owner = Expectation { to: Some("owner".to_owned()), ..expect(1, 0, email("one")) };
    let told = differences(std::slice::from_ref(&owner), &occurrences, &[]);
    assert_eq!(told.len(), 1);
    assert!(told[0].1.starts_with("at the start the mail `one` was sent to champion"), "{told:?}");
}

#[test]
fn a_step_that_fails_is_never_silent() {
    let note =
        Note { after: 60, step: Some("one".to_owned()), what: "it could not be written".to_owned(), failed: true };
    let told = differences(&[], &[], std::slice::from_ref(&note));
    assert_eq!(told, [(99, "after 1m it could not be written".to_owned())]);
    let told = differences(&[expect(1, 60, email("one"))], &[], &[note]);
    assert_eq!(told, [(1, "expected the mail `one` after 1m, but after 1m it could not be written".to_owned())]);
}

#[test]
fn a_mail_contains_what_is_written_and_what_is_read() {
    let mail = mail(0, "one", "champion");
    for text in ["Hello", "**bold**", "A bold link", "and 1*2", "1\\*2", "(https://example.com) and"] {
        assert!(mail.contains(text), "{text}");
    }
    assert!(!mail.contains("bolder"));
    assert!(mail.went_to("champion") && mail.went_to("Champion@customer.example") && !mail.went_to("owner"));
}

#[test]
fn spans_are_read_aloud() {
    assert_eq!(wording::span(2 * 86_400), "2d");
    assert_eq!(wording::span(6 * 86_400 + 2 * 3_600), "6d 2h");
    assert_eq!(wording::span(86_400 + 61), "1d 1m 1s");
    assert_eq!((wording::span(0), wording::after(0)), ("0s".to_owned(), "at the start".to_owned()));
    let summer = Instant::UNIX_EPOCH + TimeDelta::days(200);
    assert_eq!(wording::instant(summer, chrono_tz::Europe::Berlin), "1970-07-20 01:00 CET");
    assert_eq!(wording::beginning(&"ab ".repeat(100)).chars().count(), 161);
}
