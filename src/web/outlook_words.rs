//! What comes of a choice, in the reader's language.

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::dates::weekday_date;
use super::language::say;
use super::stored_words::stored_words;
use crate::clock::Instant;
use crate::effect::{EffectBody, MessageDraft};
use crate::enrollment::State;
use crate::playbook::calendar::local_date;
use crate::rehearsal::explanation::{
    ConsequenceAhead, ConsequenceLine, JourneyOutlook, NAMED_CONSEQUENCES, NothingFollows, WayEnd,
};

/// What a journey brings, and when, as [`JourneyOutlook::lines`] says it in English.
pub(super) fn outlook_lines(outlook: &JourneyOutlook, now: Instant, zone: Tz) -> Vec<ConsequenceLine> {
    let line = |at: Instant, what: String| ConsequenceLine { when: when(at, now, zone), what };
    let without_time = |what: String| ConsequenceLine { when: String::new(), what };
    let ahead = &outlook.consequences;
    let mut lines: Vec<ConsequenceLine> =
        ahead.iter().take(NAMED_CONSEQUENCES).map(|one| line(one.at, consequence(one))).collect();
    let rest = ahead.len().saturating_sub(NAMED_CONSEQUENCES);
    if rest > 0 {
        lines.push(without_time(say!("and {n} more", n = rest)));
    }
    lines.push(match &outlook.end {
        WayEnd::Stopped => line(now, say!("the journey stops: its mail is not sent, its other tasks close")),
        WayEnd::Stays { step, due: Some(due) } => line(*due, say!("the journey goes on from {step}", step = step)),
        WayEnd::Stays { step, due: None } => without_time(say!("then the journey waits at {step}", step = step)),
        WayEnd::Ends { at, state, reason } => line(*at, end(*state, reason.as_deref(), ahead.is_empty())),
    });
    lines
}

/// Of what is ahead no reason has a time in it.
fn own_words(reason: &str) -> String {
    stored_words(reason, Tz::UTC)
}

fn end(state: State, reason: Option<&str>, is_at_once: bool) -> String {
    let what = match state {
        State::Completed if is_at_once => say!("the journey is complete, nothing more follows"),
        State::Completed => say!("the journey is complete"),
        State::Goal => return say!("the goal is reached: everything stops"),
        State::Failed => say!("the journey fails"),
        _ => say!("everything stops"),
    };
    match reason {
        Some(reason) => say!("{what}: {reason}", what = what, reason = own_words(reason)),
        None => what,
    }
}

/// `a mail “Three steps” to Anna Berg`.
fn consequence(one: &ConsequenceAhead) -> String {
    let (title, to) = (one.title.as_deref(), one.to.as_deref());
    match &one.body {
        EffectBody::Task(_) => {
            let task = title.map_or_else(|| say!("a task"), |title| say!("a task “{title}”", title = title));
            match to {
                Some(who) => say!("{task} for {who}", task = task, who = who),
                None => task,
            }
        }
        EffectBody::Message(MessageDraft::Mail(_)) => {
            addressed(title.map_or_else(|| say!("a mail"), |title| say!("a mail “{title}”", title = title)), to)
        }
        EffectBody::Message(MessageDraft::Notice(_)) => {
            addressed(title.map_or_else(|| say!("a notice"), |title| say!("a notice “{title}”", title = title)), to)
        }
        EffectBody::Message(MessageDraft::Webhook(_)) => match title {
            Some(title) => say!("a call of another system “{title}”", title = title),
            None => say!("a call of another system"),
        },
        EffectBody::Message(MessageDraft::Skipped { reason, .. }) => {
            say!("no mail of {step}: {reason}", step = one.step, reason = own_words(reason))
        }
        EffectBody::Message(MessageDraft::Failed { reason, .. }) => {
            say!("{step} does nothing: {reason}", step = one.step, reason = own_words(reason))
        }
        EffectBody::Referral { playbook } => say!("the playbook {playbook} begins, if it may", playbook = playbook),
        EffectBody::Label(label) => match &label.value {
            Some(value) => say!("{label} becomes {value}", label = label.name, value = value),
            None => say!("{label} is removed", label = label.name),
        },
        EffectBody::Plan { plan } => say!("the success plan {plan} begins", plan = plan),
        EffectBody::Report(report) => say!("the report {report} is made", report = report.report),
    }
}

/// A message, and whom it reaches where that is known.
fn addressed(message: String, to: Option<&str>) -> String {
    match to {
        Some(who) => say!("{message} to {who}", message = message, who = who),
        None => message,
    }
}

/// `now`, `in 20 minutes`, `in 3 days (Thu 5 March)`.
fn when(at: Instant, now: Instant, zone: Tz) -> String {
    let ahead = at - now;
    let (minutes, hours) = (ahead.num_minutes(), ahead.num_hours());
    let days = (local_date(at, zone) - local_date(now, zone)).num_days();
    let day = weekday_date(local_date(at, zone), false);
    match ahead {
        ahead if ahead < TimeDelta::minutes(1) => say!("now"),
        ahead if ahead < TimeDelta::hours(1) => say!(minutes, "in 1 minute", "in {n} minutes", n = minutes),
        _ if days == 0 => say!(hours, "in 1 hour", "in {n} hours", n = hours),
        _ if days == 1 => say!("tomorrow ({day})", day = day),
        _ => say!(days, "in 1 day ({day})", "in {n} days ({day})", n = days, day = day),
    }
}

/// Why nothing follows, or why nobody can say what does.
pub(super) fn nothing_words(nothing: &NothingFollows) -> String {
    match nothing {
        NothingFollows::JourneyOver => say!("The journey is over: nothing follows from it any more."),
        NothingFollows::SubjectGone => {
            say!("Its account or contact is gone: the journey ends without anything more.")
        }
        NothingFollows::Unknown(why) => say!("Nobody can say what follows: {why}.", why = why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::explanation::when as when_in_english;
    use crate::web::language::PageLanguage;

    #[tokio::test]
    async fn times_and_ends_are_said_in_the_readers_language() {
        let at = |text: &str| text.parse::<Instant>().expect("an instant");
        let now = at("2026-03-02T20:00:00Z");
        for (then, chinese) in [
            ("2026-03-02T20:00:30Z", "现在"),
            ("2026-03-02T20:20:00Z", "20 分钟后"),
            ("2026-03-02T21:10:00Z", "1 小时后"),
            ("2026-03-03T05:00:00Z", "明天（3月3日星期二）"),
            ("2026-03-05T20:00:00Z", "3 天后（3月5日星期四）"),
        ] {
            assert_eq!(when(at(then), now, Tz::UTC), when_in_english(at(then), now, Tz::UTC));
            assert_eq!(PageLanguage::Chinese.answer(async { when(at(then), now, Tz::UTC) }).await, chinese);
        }
        let ends = [State::Completed, State::Goal, State::Failed, State::Exited];
        for (state, reason) in ends.into_iter().flat_map(|state| [(state, None), (state, Some("left".to_owned()))]) {
            let end = WayEnd::Ends { at: now, state, reason };
            let outlook = JourneyOutlook { consequences: Vec::new(), end };
            assert_eq!(outlook_lines(&outlook, now, Tz::UTC), outlook.lines(now, Tz::UTC), "as the command line");
        }
        let outlook = JourneyOutlook { consequences: Vec::new(), end: WayEnd::Stopped };
        let lines = PageLanguage::Chinese.answer(async { outlook_lines(&outlook, now, Tz::UTC) }).await;
        assert_eq!((&*lines[0].when, &*lines[0].what), ("现在", "旅程停止：其邮件不再发送，其他任务关闭"));
    }
}
