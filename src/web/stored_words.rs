//! Sentences that Keepwell has stored in English when something happened, such as why a
//! run is held or a mail waits, in the language of whoever reads them now.
//!
//! The store and the command line keep them in English. A page takes such a sentence
//! apart by the [`SENTENCES`] that it may be, and says the same one in the reader's
//! language. What is none of them stays as it is: the words of a server, of an author or
//! of the checker.

use chrono_tz::Tz;

use super::dates::moment;
use super::language::{PageLanguage, phrase, say_filled, translated};
use super::visitor::actor_words;
use crate::clock::Instant;

/// The sentences with a value in them. Those without one are exact texts of `words.yaml`.
/// See [`Reader::translate_value`] for what the names stand for.
const SENTENCES: &[&str] = &[
    // Why a run is held.
    phrase!("{n} would enter, and {entered} have within 24 hours; more than {most} wait for a person's approval"),
    phrase!("{n} would enter; more than {most} wait for a person's approval"),
    phrase!("{n} would enter, which is unusual: more than {times} times {median}, the median of the last runs"),
    phrase!("{n} would enter, which is unusual: more than {times} times {median}, the median of the last days"),
    phrase!(
        "{n} would enter, and {entered} have within 24 hours, which is unusual: more than {times} times {median}, the \
         median of the last days"
    ),
    phrase!("{cause}: {n} would enter; {most} enter at once, and {waiting} wait for a person's approval"),
    phrase!(
        "{cause}: {n} would enter, and wait until it says `was: {twin}`, so that nobody enters twice, or `was: none` if \
         it is new; an approval says that it is new"
    ),
    phrase!("{cause}: {n} would enter, and wait for a person's approval"),
    phrase!("{n} would enter, and were held by a daemon that went away"),
    phrase!("this is the text of `{twin}`, whose file is gone"),
    phrase!("stale: the store has no {word} of the last {within}"),
    phrase!("no person has approved this revision, by which {n} have entered"),
    phrase!("the store has changed from {before} to {now} since the last run"),
    phrase!("no {word} `{name}` was ever seen"),
    phrase!("no {word} `{name}` was ever seen, nor any other"),
    phrase!("no {word} `{name}` was ever seen; a document has `{other}`"),
    phrase!("no {word} `{name}` was ever seen; `{other}` was, once"),
    phrase!("no {word} `{name}` was ever seen; `{other}` was, {count} times"),
    phrase!("and {n} more"),
    phrase!("{n} would not enter by the revision before ({subjects})"),
    phrase!("{n} would enter only by that ({subjects})"),
    phrase!("Whom the revision before would enroll cannot be said: {reason}"),
    // What became of an approval, and why a run failed.
    phrase!("approved: {entered} have entered, {waiting} wait; `max_per_day` lets the next in at {at}"),
    phrase!("approved: {entered} have entered, {waiting} wait; the next {n} at {at}"),
    phrase!("the approval could not be carried out: {reason}; approve it again, or discard it"),
    phrase!("its rules worked for longer than {n} s, which is what a run has ({setting} in the configuration)"),
    phrase!("the customer store is not what it was when Keepwell started: {reason}"),
    phrase!("the run would fail: {reason}"),
    phrase!("would not be published: {reason}"),
    // Why a message waits, or was not sent.
    phrase!("{reason}; not sent while it was valid"),
    phrase!("another survey asked the contact at {at}"),
    phrase!("can be cancelled until {at}"),
    phrase!("quiet hours until {at}"),
    phrase!("quiet hours: {step} to {address} goes first"),
    phrase!("quiet hours: of several held mails to {address}, {step} was kept"),
    phrase!("yields to {playbook}, which is active"),
    phrase!("budget: {limit} of {whom} used by {uses}"),
    phrase!("{whom} at {at} and {n} more"),
    phrase!("{whom} at {at}"),
    phrase!("the attention budget cannot be asked: {reason}"),
    phrase!("waits for {domain}: {reason}"),
    phrase!("waits for {domain}, which has not answered yet"),
    phrase!("its text cannot be kept: {reason}"),
    phrase!("its revision has no mail step {step}"),
    phrase!("the environment variable {name} is not set"),
    phrase!("accepted, says {by}"),
    phrase!("not accepted, says {by}"),
    phrase!("{address} has no `@` between a name and a domain"),
    phrase!("{address}: letters other than ASCII before the `@` are not supported by every mail relay"),
    phrase!("{address}: the part before the `@` is not valid"),
    phrase!("{address}: the domain is not valid"),
    phrase!("{address}: expected `Name <name@domain>` or `name@domain`"),
    phrase!("{reason} (while connecting)"),
    phrase!("{reason} (at the greeting)"),
    phrase!("{reason} (at the start of TLS)"),
    phrase!("{reason} (at the login)"),
    phrase!("{reason} (at MAIL FROM)"),
    phrase!("{reason} (at RCPT TO)"),
    phrase!("{reason} (at DATA)"),
    phrase!("{reason} (while writing the message)"),
    phrase!("{reason} (while waiting for the final reply)"),
    // Why a journey waits or has ended.
    phrase!("undecided: {reason}"),
    phrase!("waits: {reason}"),
    phrase!("{reason}; it had ended as {word}"),
    phrase!("suppress: {facts}"),
    phrase!("goal: {facts}"),
    phrase!("exit: {facts}"),
    phrase!("the contact left on {date}"),
    phrase!("status is {name}"),
    phrase!("stage is {name}"),
    phrase!("no date: {step}"),
    phrase!("its revision has no step {step}"),
    phrase!("cancelled by {by}: {because}"),
    phrase!("cancelled by {by}"),
    // Why Keepwell has stopped a playbook.
    phrase!("{n} of {all} mails came back, more than {percent} %"),
    phrase!("{n} of {all} recipients complained, at least {percent} %"),
    phrase!("{n} of {all} recipients unsubscribed, more than {percent} %"),
    phrase!("{n} of {all} mails of the last hour were refused, more than {percent} %"),
    phrase!("{n} of {all} mails of the last hour have an unknown outcome, more than {percent} %"),
    phrase!("{n} of {all} mails of the last hour could not be made, more than {percent} %"),
    phrase!("the relay cannot be used as configured: {reason}"),
    phrase!("its clock is {n} {word} ahead of the database's"),
    phrase!("its clock is {n} {word} behind the database's"),
];

/// Several sentences in a row.
const ROWS: &[&str] = &[phrase!("{sentence}; {rest}"), phrase!("{sentence}. {rest}")];

/// Whose place in the budget it is.
const NAMES: &[&str] = &[phrase!("the account {name}"), phrase!("the event {name}"), phrase!("the task {name}")];

/// The longest text that is taken apart, in bytes: no sentence of ours is longer.
const LONGEST: usize = 1_000;

/// A stored sentence in the reader's language; what is not known stays as it is.
pub(super) fn stored_words(text: &str, zone: Tz) -> String {
    if PageLanguage::current() == PageLanguage::English {
        return text.to_owned();
    }
    Reader { zone }.translate_text(text).unwrap_or_else(|| text.to_owned())
}

/// A sentence that one of these patterns makes, in the reader's language; else as it is.
pub(super) fn words_by(patterns: &[&'static str], text: &str, zone: Tz) -> String {
    if PageLanguage::current() == PageLanguage::English {
        return text.to_owned();
    }
    Reader { zone }.translate_by_patterns(patterns, text).unwrap_or_else(|| text.to_owned())
}

/// Reads sentences for the page that is made.
struct Reader {
    zone: Tz,
}

impl Reader {
    /// The same in the reader's language; `None` where the text is no sentence of ours.
    fn translate_text(&self, text: &str) -> Option<String> {
        if text.len() > LONGEST {
            return None;
        }
        self.translate_sentence(text).or_else(|| self.translate_by_patterns(ROWS, text))
    }

    /// The same of a single sentence.
    fn translate_sentence(&self, text: &str) -> Option<String> {
        let same = translated(text);
        if same != text {
            return Some(same.into_owned());
        }
        self.translate_by_patterns(SENTENCES, text)
    }

    /// The same of what one of these patterns makes.
    fn translate_by_patterns(&self, patterns: &[&'static str], text: &str) -> Option<String> {
        patterns.iter().find_map(|pattern| {
            let mut values = Vec::new();
            self.take_apart(pattern, text, &mut values).then(|| {
                let values: Vec<(&str, &dyn std::fmt::Display)> =
                    values.iter().map(|(name, value)| (*name, value as &dyn std::fmt::Display)).collect();
                say_filled(pattern, &values)
            })
        })
    }

    /// Whether the text is what a pattern makes; then `values` are what stands for its names.
    fn take_apart(&self, pattern: &'static str, text: &str, values: &mut Vec<(&'static str, String)>) -> bool {
        let Some((before, rest)) = pattern.split_once('{') else { return pattern == text };
        let (Some(text), Some((name, after))) = (text.strip_prefix(before), rest.split_once('}')) else { return false };
        let next = after.split('{').next().unwrap_or_default();
        let ends: Vec<usize> = match next {
            "" => vec![text.len()],
            next => text.match_indices(next).map(|(at, _)| at).collect(),
        };
        for end in ends {
            let Some(value) = self.translate_value(name, &text[..end]) else { continue };
            let known = values.len();
            values.push((name, value));
            if self.take_apart(after, &text[end..], values) {
                return true;
            }
            values.truncate(known);
        }
        false
    }

    /// What stands for a name of a pattern, in the reader's language; `None` where it
    /// cannot stand there.
    fn translate_value(&self, name: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        match name {
            "n" | "entered" | "most" | "waiting" | "times" | "median" | "all" | "percent" | "before" | "now" => {
                text.parse::<f64>().ok().map(|_| text.to_owned())
            }
            // As it is grouped: `1,200`.
            "count" => Some(text.to_owned()).filter(|text| text.chars().all(|c| c.is_ascii_digit() || c == ',')),
            "at" => text.parse::<Instant>().ok().map(|at| moment(at, self.zone)),
            // A sentence of ours, or several.
            "cause" | "rest" => self.translate_text(text),
            "sentence" => self.translate_sentence(text),
            "subjects" if text.contains(')') => None,
            // It stands between backticks, or before one.
            "name" | "other" | "twin" | "word" | "other_word" | "part" if text.contains('`') => None,
            // A sentence of anybody.
            "reason" => Some(self.translate_text(text).unwrap_or_else(|| text.to_owned())),
            "by" => Some(actor_words(text).into_owned()),
            // Both are why somebody does not enter, too, which is said otherwise.
            "word" if text == "stage" => Some(say_filled(phrase!("the stage"), &[])),
            "word" if text == "status" => Some(say_filled(phrase!("the status"), &[])),
            "word" | "other_word" => Some(translated(text).into_owned()),
            // What has changed in a text: a phrase of ours, or a key as it is written.
            "part" => Some(if text.contains(' ') { translated(text).into_owned() } else { text.to_owned() }),
            "key" if text == "says" => Some(translated(text).into_owned()),
            "whom" => Some(self.translate_by_patterns(NAMES, text).unwrap_or_else(|| text.to_owned())),
            "uses" => {
                let uses: Option<Vec<String>> = text.split(", ").map(|used| self.translate_sentence(used)).collect();
                Some(uses.map_or_else(|| text.to_owned(), |uses| uses.join("、")))
            }
            _ => Some(text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::parse_address;
    use crate::enrollment::hold::{DayUse, HoldCause, HoldReason};
    use crate::facts::NameKind;
    use crate::facts::inventory::MissingName;
    use crate::message::gate::Because;
    use crate::playbook::guardrails::{Fresh, FreshSource};

    async fn chinese(text: &str) -> String {
        PageLanguage::Chinese.answer(async { stored_words(text, Tz::UTC) }).await
    }

    /// Whether nothing of the English sentence is left but what stands in quotes.
    fn has_english(text: &str) -> bool {
        let outside: Vec<&str> = text.split('`').step_by(2).collect();
        let words = outside.join(" ");
        words.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 1).count() > 1
    }

    #[tokio::test]
    async fn why_a_run_is_held_is_said_in_chinese() {
        let missing = |instead: Option<(&str, u64)>| MissingName {
            kind: NameKind::Event,
            name: "log in".to_owned(),
            instead: instead.map(|(name, rows)| (name.to_owned(), rows)),
            is_similar: true,
        };
        let fresh = Fresh { source: FreshSource::Events, within: chrono::Duration::days(2) };
        let all = [None, Some(("login", 0)), Some(("login", 1)), Some(("login", 1_200))].map(missing);
        let causes = [
            HoldCause::Twin("old".to_owned()),
            HoldCause::Stale(fresh),
            HoldCause::Unseen(all[..1].to_vec()),
            HoldCause::Unseen(all[1..].to_vec()),
            HoldCause::Unseen([&all[..], &all[..]].concat()),
            HoldCause::ReentryChanged,
            HoldCause::ReentryUnreadable,
            HoldCause::FirstRun,
            HoldCause::Unapproved { entered: 3 },
            HoldCause::StoreChanged { before: 10, now: 90 },
            HoldCause::Unusual { times: 2.5, median: 4.0 },
            HoldCause::Count,
        ];
        let days = [None, Some(DayUse { entered: 0, most: 9 }), Some(DayUse { entered: 4, most: 9 })];
        for cause in causes {
            for (most, day) in [0, 5].into_iter().flat_map(|most| days.map(|day| (most, day))) {
                let reason = HoldReason { cause: cause.clone(), would_enter: 12, most, day }.to_string();
                let said = chinese(&reason).await;
                assert!(!has_english(&said) && said != reason, "{reason}\n{said}");
                assert_eq!(stored_words(&reason, Tz::UTC), reason);
            }
        }
        let compared = "first run of this revision: 12 would enter, and wait for a person's approval. 2 would not enter by \
                        the revision before (a1, a2); 1 would enter only by that (z)";
        assert_eq!(
            chinese(compared).await,
            "此版本首次运行：12 个将进入，全部待审批。按上一版本不会进入的有 2 个（a1, a2）；只有按上一版本才会进入的有 1 个（z）"
        );
    }

    #[tokio::test]
    async fn a_name_that_was_never_seen_is_of_its_kind() {
        for (kind, words) in [(NameKind::Stage, "阶段 `trail`"), (NameKind::Status, "状态 `trail`")] {
            let missing = MissingName { kind, name: "trail".to_owned(), instead: None, is_similar: true };
            let cause = HoldCause::Unseen(vec![missing]);
            let reason = HoldReason { cause, would_enter: 12, most: 0, day: None }.to_string();
            let said = chinese(&reason).await;
            assert!(said.contains(words), "{reason}: {said}");
        }
    }

    #[tokio::test]
    async fn a_goal_that_came_late_says_how_the_journey_had_ended() {
        let said = chinese("goal: account.seats = 12; it had ended as completed").await;
        assert!(said.starts_with("目标：account.seats = 12；此前已结束"), "{said}");
    }

    #[tokio::test]
    async fn several_reasons_in_a_row_are_each_said_in_chinese() {
        let trips = "60 of 1000 mails came back, more than 5 %; 3 of 1000 recipients complained, at least 0.3 %";
        assert_eq!(chinese(trips).await, "1000 封邮件中有 60 封退信，超过 5%；1000 位收件人中有 3 位投诉，达到 0.3%");
    }

    #[tokio::test]
    async fn why_a_message_waits_is_said_in_chinese() {
        let at: Instant = "2026-03-02T10:00:00Z".parse().expect("an instant");
        let budget = "budget: 1 per 1d of the account a1 used by p/nudge at 2026-03-01T09:00:01Z, the event call at \
                      2026-03-01T10:00:01Z and 2 more";
        let zone = chrono_tz::Europe::Berlin;
        let wrong = ["", "ann", "ö@a.example", "a b@a.example", "a@-"].map(parse_address);
        let all = [
            Because::Expired { held_by: None },
            Because::Expired { held_by: Some("quiet hours until 2026-03-02T10:00:00Z".to_owned()) },
            Because::EnrollmentEnded("exit: account.mrr = 0".to_owned()),
            Because::EnrollmentGone,
            Because::SubjectGone { contact: false },
            Because::SubjectGone { contact: true },
            Because::ContactLeft,
            Because::ContactGone,
            Because::NoAddress,
            Because::NoConsent,
            Because::Suppressed,
            Because::AskedLately { at },
            Because::OtherSurveyFirst,
            Because::UndoWindow { until: at },
            Because::QuietHours { ends: None, zone },
            Because::QuietHours { ends: Some(at), zone },
            Because::YieldsTo("rescue".to_owned()),
            Because::Budget { reason: budget.to_owned(), used_by: Vec::new() },
            Because::GoesFirst("quiet hours: p/a to b@c.example goes first".to_owned()),
            Because::Outranked("quiet hours: of several held mails to b@c.example, p/a was kept".to_owned()),
            Because::Duplicate,
        ];
        let all = all.into_iter().chain(wrong.into_iter().filter_map(|parsed| parsed.err().map(Because::Address)));
        for because in all {
            let reason = because.to_string();
            let said = chinese(&reason).await;
            assert!(said != reason && !said.is_ascii(), "{reason}\n{said}");
        }
        assert_eq!(chinese("quiet hours until 2026-03-02T11:00:00+01:00").await, "静默时段，至 2026年3月2日 10:00");
        assert_eq!(
            chinese(budget).await,
            "频次上限：客户 a1 的限额 1 per 1d 已被占用：p/nudge（2026年3月1日 09:00）、事件 call（2026年3月1日 10:00）等，另有 2 项"
        );
        assert_eq!(chinese("undecided: 550 no such user").await, "无法判断：550 no such user");
        assert_eq!(chinese("550 no such user; go away").await, "550 no such user; go away");
    }

    #[tokio::test]
    async fn a_text_of_somebody_else_is_left_as_it_is() {
        for text in ["suppressed; no. ".repeat(200), "suppressed; no. ".repeat(LONGEST / 16)] {
            assert_eq!(chinese(&text).await, text);
        }
    }
}
