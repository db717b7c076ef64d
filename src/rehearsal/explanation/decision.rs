//! Which clause or guard decided, and why, in words.

use serde_json::Value as Json;

use super::boundary::Boundary;
use super::clauses::{ExplainedClause, Truth};
use super::words::day_in_words;
use super::{EntryVerdict, EventOver, Halt, Sight};
use crate::clock::Instant;
use crate::enrollment::hold::HoldCause;
use crate::enrollment::{Admission, Enrollment, Guard, Skip, State};
use crate::facts::Value;
use crate::playbook::Duration;
use crate::store::views::past::{RunAtSlot, SubjectEnrollment};

/// What was decided.
pub(super) struct Decided {
    pub verdict: EntryVerdict,
    pub guard: Guard,
    pub reason: String,
    pub nearest: Option<Boundary>,
    pub notes: Vec<String>,
}

impl Decided {
    fn new(verdict: EntryVerdict, guard: Guard, reason: impl Into<String>) -> Decided {
        Decided { verdict, guard, reason: reason.into(), nearest: None, notes: Vec::new() }
    }

    /// The same, which is over by time alone.
    fn until(mut self, text: &str, at: Instant, because: String) -> Decided {
        self.nearest = Some(Boundary { text: text.to_owned(), at, because, then: None });
        self
    }

    fn note(mut self, note: impl Into<String>) -> Decided {
        self.notes.push(note.into());
        self
    }
}

/// What became of the subject, and what decided it: its enrollments as they
/// stand, then what keeps the whole run from deciding, then its admission
/// (`None` where there is no such subject), then the limits of the run.
pub(super) fn decide(sight: &Sight<'_>, admitted: Option<Admission>, clauses: &[ExplainedClause]) -> Decided {
    if let Some(decided) = by_enrollment(sight) {
        return decided;
    }
    let Some(admission) = admitted else {
        return Decided::new(EntryVerdict::Skipped, Guard::NoSuchSubject, no_such_subject(sight));
    };
    if let Some(Halt { guard, reason }) = &sight.halt {
        return Decided::new(EntryVerdict::Skipped, *guard, reason.clone());
    }
    let is_undecided = matches!(admission, Admission::Skip(Skip::Undecided(_)));
    if let Some(why) = undecided_then(sight).filter(|_| !is_undecided) {
        let reason = format!("it could not be decided: {why}");
        return Decided::new(EntryVerdict::Skipped, Guard::Clause, reason).note("its run has recorded that");
    }
    // Whom an earlier run holds the next run decides anew.
    let waiting = sight.enrollments.iter().rev().find(|one| waits(one) && one.started_at < sight.at);
    let decided = match (admission, waiting) {
        (Admission::NotCandidate, _) => not_a_candidate(sight, clauses),
        (Admission::Skip(skip), _) => skipped(sight, &skip, clauses),
        (Admission::Enroll(_), Some(waiting)) if sight.run.is_none() => return held(waiting),
        (Admission::Enroll(enrollment), _) => would_enter(sight, &enrollment),
    };
    match waiting {
        Some(_) => decided.note("it is in an earlier run that is held; approving that decides about it anew"),
        None => decided,
    }
}

/// One whom nothing keeps out but the run itself.
fn would_enter(sight: &Sight<'_>, enrollment: &Enrollment) -> Decided {
    if let (Some(over), None) = (sight.event_over, &sight.run) {
        return event_over(sight, over);
    }
    if let Some(decided) = by_run(sight) {
        return decided;
    }
    if enrollment.is_ghost() {
        let share = sight.playbook.playbook.holdout.unwrap_or_default() * 100.0;
        let reason = format!("held out: it is among the {share} % of accounts that get nothing, for comparison");
        return Decided::new(EntryVerdict::Skipped, Guard::Holdout, reason);
    }
    let reason = "every clause is true, and nothing stands in the way";
    let decided = Decided::new(EntryVerdict::Enters, Guard::Clause, reason);
    match sight.limit.as_ref().and_then(|limit| limit.hold.most()) {
        Some(most) => decided.note(format!(
            "if more than {most} would enter with it, their run waits for a person: `keepwell plan` counts them"
        )),
        None => decided,
    }
}

/// One whose event does not count any more.
fn event_over(sight: &Sight<'_>, over: EventOver) -> Decided {
    let event = sight.playbook.on.as_ref().map_or("", |on| &on.event);
    let reason = match over {
        EventOver::LookedAt(slot) => format!(
            "`on`: its event {event} was looked at on {}, and it did not enter then; each event is looked at once",
            day_in_words(slot, sight.playbook.zone)
        ),
        EventOver::Past => format!(
            "`on`: its event {event} was due before the playbook began to look for it, or came into the store more \
             than a day late"
        ),
    };
    Decided::new(EntryVerdict::Skipped, Guard::Event, reason)
        .note("a run by hand looks at all who ever had the event: `keepwell run --once --at …`")
}

/// One who waits with a run.
fn held(one: &SubjectEnrollment) -> Decided {
    let reason = one.held_because.clone().unwrap_or_else(|| "its run waits for a person's approval".to_owned());
    Decided::new(EntryVerdict::Held, hold_guard(&reason), reason)
}

/// What holds a run, by the reason that it has kept.
fn hold_guard(reason: &str) -> Guard {
    if reason.starts_with("stale") { Guard::Stale } else { Guard::Hold }
}

/// Why the run of that slot could not decide about the subject, if it has
/// recorded that.
fn undecided_then(sight: &Sight<'_>) -> Option<String> {
    let details = sight.run.as_ref()?.details.as_array()?;
    let text = |detail: &Json, key: &str| detail[key].as_str().unwrap_or_default().to_owned();
    let of_subject = details.iter().find(|detail| {
        text(detail, "account") == sight.subject.account && text(detail, "contact") == sight.subject.contact
    })?;
    Some(text(of_subject, "message"))
}

/// What an enrollment says that began then, is on its way, or waits.
fn by_enrollment(sight: &Sight<'_>) -> Option<Decided> {
    let at = sight.at;
    let zone = sight.playbook.zone;
    let ghost = |one: &SubjectEnrollment| one.state == State::GHOST;
    if let Some(one) = sight.enrollments.iter().rev().find(|one| waits(one) && one.run_slot == Some(at)) {
        return Some(held(one));
    }
    if let Some(one) = sight.enrollments.iter().rev().find(|one| one.started_at == at) {
        let read = one.evidence.as_object().map(|read| read.iter().map(|(fact, value)| format!("{fact} = {value}")));
        let read: Vec<String> = read.into_iter().flatten().collect();
        let decided = match ghost(one) {
            true => Decided::new(EntryVerdict::Skipped, Guard::Holdout, "held out: it entered then and gets nothing"),
            false => Decided::new(EntryVerdict::Enters, Guard::Clause, "it entered at this instant"),
        };
        let decided = decided.note(format!("enrollment {}", one.id));
        return Some(if read.is_empty() { decided } else { decided.note(format!("read then: {}", read.join(", "))) });
    }
    // One that ended at this instant had ended before a run decided.
    let on_its_way = |one: &&SubjectEnrollment| one.started_at < at && one.ended_at.is_none_or(|ended| ended > at);
    let one = sight.enrollments.iter().rev().filter(|one| !waits(one)).find(on_its_way)?;
    let guard = if ghost(one) { Guard::Holdout } else { Guard::Reentry };
    let since = day_in_words(one.started_at, zone);
    let reason = match (ghost(one), &one.step) {
        (true, _) => format!("it is in this playbook since {since}, held out: it gets nothing"),
        (false, Some(step)) if one.ended_at.is_none() => {
            format!("it is in this playbook since {since}, at the step {step}")
        }
        (false, _) => format!("it is in this playbook since {since}"),
    };
    Some(Decided::new(EntryVerdict::Active, guard, reason).note(format!("enrollment {}", one.id)))
}

/// Whether it waits for the approval of its run.
fn waits(one: &SubjectEnrollment) -> bool {
    one.state == State::Held.name() && !one.is_approved
}

fn no_such_subject(sight: &Sight<'_>) -> String {
    match sight.subject.contact.is_empty() {
        true => format!("there is no account {}", sight.subject),
        false => format!("there is no contact {}", sight.subject),
    }
}

/// The condition is false, or nobody asks it because the contact has left.
fn not_a_candidate(sight: &Sight<'_>, clauses: &[ExplainedClause]) -> Decided {
    let left = sight.facts.as_ref().and_then(|facts| match facts.contact_column("left_at") {
        Some(Value::Time(left)) if *left <= sight.at => Some(*left),
        _ => None,
    });
    if let Some(left) = left {
        let reason = format!("the contact left on {}", day_in_words(left, sight.playbook.zone));
        return Decided::new(EntryVerdict::Skipped, Guard::NoSuchSubject, reason);
    }
    if let (Some(on), Some(facts)) = (&sight.playbook.on, &sight.facts)
        && !on.is_due(facts)
    {
        let reason = match on.after.num_seconds() {
            0 => format!("`on`: it has no event {}", on.event),
            after => format!("`on`: it has no event {} that is {} ago or longer", on.event, Duration::Seconds(after)),
        };
        return Decided::new(EntryVerdict::Skipped, Guard::Event, reason);
    }
    let reason = match clauses.iter().find(|clause| clause.is_in_the_way()) {
        Some(clause) => of_clause(clause),
        None => "the condition is false".to_owned(),
    };
    Decided::new(EntryVerdict::Skipped, Guard::Clause, reason)
}

/// `account.tier == "A" is false: account.tier = "C"`.
fn of_clause(clause: &ExplainedClause) -> String {
    let text = &clause.clause.text;
    match (&clause.truth, clause.values_in_words()) {
        (Truth::Undecided(error), _) => format!("{text} cannot be decided: {error}"),
        (_, read) if read.is_empty() => format!("{text} is false"),
        (_, read) => format!("{text} is false: {read}"),
    }
}

fn skipped(sight: &Sight<'_>, skip: &Skip, clauses: &[ExplainedClause]) -> Decided {
    let zone = sight.playbook.zone;
    let guard = skip.guard();
    let decided = |reason: String| Decided::new(EntryVerdict::Skipped, guard, reason);
    match skip {
        Skip::Undecided(undecided) => match clauses.iter().find(|clause| clause.is_in_the_way()) {
            Some(clause) if guard == Guard::Clause => decided(of_clause(clause)),
            _ => decided(format!("it cannot be decided: {undecided}")),
        },
        Skip::Active => decided("it is in this playbook already".to_owned()),
        Skip::Reentry { key } => decided(before(sight, key.as_deref())),
        Skip::Gap { until } => {
            let last = sight.history.last_started.map(|last| day_in_words(last, zone)).unwrap_or_default();
            decided(format!(
                "`gap`: it entered last on {last}, and may enter again from {} on",
                day_in_words(*until, zone)
            ))
            .until("gap", *until, format!("the gap since {last} is over"))
        }
        Skip::Existing { since } => decided(format!(
            "`existing: skip`: it matched at the first run, on {}, and ever since",
            day_in_words(*since, zone)
        )),
        Skip::Turn { begins } => decided(format!(
            "the survey spreads its first questions over its period: this contact's turn begins on {}",
            day_in_words(*begins, zone)
        )),
        Skip::NotYet { since, until } => {
            let since = day_in_words(*since, zone);
            let decided = decided(format!(
                "`holds_for`: the condition is true since {since}, and has to be until {}",
                day_in_words(*until, zone)
            ))
            .until(
                "holds_for",
                *until,
                format!("the condition is then true for long enough, since {since}"),
            );
            match sight.forgotten_edge {
                true => decided.note("since when the condition had been true by then is not on record any more"),
                false => decided,
            }
        }
        Skip::Overtaken => decided("a run of a later slot has decided it already".to_owned()),
        Skip::NoKey => decided("`once_per` is missing, so there is no key to enter under".to_owned()),
        Skip::NoValue(fact) => decided(format!("`{fact}` is missing, and the playbook relies on it")),
        Skip::Stopped => decided("a person stopped everything for the account".to_owned()),
        Skip::Ended(end) => decided(end.reason.clone()),
    }
}

/// What `reentry` says of an enrollment that was there before.
fn before(sight: &Sight<'_>, key: Option<&str>) -> String {
    let zone = sight.playbook.zone;
    let mut earlier = sight.enrollments.iter().rev().filter(|one| one.started_at < sight.at);
    let of_key = earlier.find(|one| key.is_none_or(|key| one.entry_key == key));
    let which = match key {
        None => "`reentry: never`".to_owned(),
        Some(key) => format!("`reentry`: the key {key} was used"),
    };
    match of_key {
        Some(one) => {
            let ended = match one.ended_at {
                Some(ended) => format!(" and ended on {} as {}", day_in_words(ended, zone), one.state),
                None => String::new(),
            };
            format!("{which}; it entered on {}{ended}", day_in_words(one.started_at, zone))
        }
        None => format!("{which}; it was here before, under another account or id"),
    }
}

/// What the run says of one who would enter: the one of that slot as it ended,
/// else one as it would be now.
fn by_run(sight: &Sight<'_>) -> Option<Decided> {
    if let Some(run) = &sight.run {
        return by_past_run(run);
    }
    let limit = sight.limit.as_ref()?;
    if limit.room_today == Some(0) {
        let reason = "as many have entered on this day as `max_per_day` lets in; it is tried on the following days";
        return Some(Decided::new(EntryVerdict::Skipped, Guard::DayCap, reason));
    }
    if limit.hold.most() == Some(0) {
        let cause = limit.hold.cause();
        let guard = if matches!(cause, HoldCause::Stale(_)) { Guard::Stale } else { Guard::Hold };
        return Some(Decided::new(
            EntryVerdict::Held,
            guard,
            format!("{cause}: it would wait for a person's approval"),
        ));
    }
    None
}

/// Why one who would enter has not, by the run of that slot.
fn by_past_run(run: &RunAtSlot) -> Option<Decided> {
    let reason = run.reason.clone().unwrap_or_default();
    let skipped = |guard, reason: String| Some(Decided::new(EntryVerdict::Skipped, guard, reason));
    match (run.state.as_str(), reason.as_str()) {
        ("running", _) => None,
        ("held", _) => Some(Decided::new(EntryVerdict::Held, hold_guard(&reason), reason)),
        ("skipped", "stopped") => skipped(Guard::Stopped, "the playbook was stopped at that slot".to_owned()),
        ("skipped", "paused") => skipped(Guard::Paused, "the playbook was paused at that slot".to_owned()),
        ("skipped", "missed") => skipped(Guard::NotYet, "the run of that slot was missed: nothing ran then".to_owned()),
        ("skipped", other) => skipped(Guard::Hold, format!("its run was held, and then {other}")),
        ("failed", _) => skipped(Guard::Hold, format!("the run failed: {reason}")),
        _ if run.skipped.get(Skip::DAY_CAP).is_some() => {
            skipped(Guard::DayCap, "as many had entered on that day as `max_per_day` lets in".to_owned())
        }
        _ => skipped(
            Guard::Clause,
            "the run of that slot did not enroll it, although it would enter by what is known of then today: what the \
             run read has changed since"
                .to_owned(),
        ),
    }
}
