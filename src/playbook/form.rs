//! The keys of a playbook.

use super::reader::form::{ADDRESS, ID, OFF, words};
use super::reader::{Form, Key, KeyRule, NameOf, Shape};
use super::{Mode, SubjectKind, case, guardrails, portfolio, trigger};

pub(super) const MODES: [(&str, Mode); 3] = [("live", Mode::Live), ("shadow", Mode::Shadow), ("paused", Mode::Paused)];
pub(super) const SUBJECTS: [(&str, SubjectKind); 2] =
    [("account", SubjectKind::Account), ("contact", SubjectKind::Contact)];
/// Whether those who match at the very first run are left out.
pub(super) const EXISTING: [(&str, bool); 2] = [("include", false), ("skip", true)];
/// Whom a playbook is for.
pub(super) const PLAYBOOK_SUBJECTS: [(&str, SubjectKind); 3] =
    [("account", SubjectKind::Account), ("contact", SubjectKind::Contact), ("portfolio", SubjectKind::Portfolio)];
const PLAYBOOK_SUBJECT_WORDS: &[&str] = &words(&PLAYBOOK_SUBJECTS);
const MODE_WORDS: &[&str] = &words(&MODES);
const SUBJECT_WORDS: &[&str] = &words(&SUBJECTS);
const EXISTING_WORDS: &[&str] = &words(&EXISTING);

/// Whether it is about accounts or about contacts.
pub(super) const SUBJECT: Key =
    Key::new("for", Shape::Words(SUBJECT_WORDS), "`account` (default), or `contact`: each person goes their own way.");
/// Whose accounts it is about.
pub(super) const STATUSES: Key = Key::new(
    "statuses",
    Shape::list(&Shape::Name(NameOf::Status), 1),
    "The account statuses it is for. Default: `[active, trial]`.",
);

/// The ids that it had before.
pub(super) const WAS: Key = Key::new(
    "was",
    Shape::Either(&[ID, Shape::list(&ID, 1)]),
    "The id that it had before, or a list of them: its history goes on under the new one. `none` for a playbook that is new.",
);
/// Who hears of holds and failures.
pub(super) const ALERTS_TO: Key =
    Key::new("alerts_to", ADDRESS, "The address that hears of holds and failures. Default: the configuration's.");
/// Whether it acts.
pub(super) const MODE: Key = Key::new(
    "mode",
    Shape::Words(MODE_WORDS),
    "`live` (default); `shadow`: decides and records everything, and nothing leaves; `paused`: nothing happens.",
);
/// The account stages that it suits.
pub(super) const STAGES: Key = Key::new(
    "stages",
    Shape::list(&Shape::Name(NameOf::Stage), 1),
    "The account stages it suits; an account without a stage does not match. Default: every stage.",
);
/// Whose mail goes first.
pub(super) const MAIL_PRIORITY: Key = Key::new(
    "mail_priority",
    Shape::Whole { least: 0, most: 100 },
    "0 to 100; the higher one goes first where a customer's budget is not enough for all. Default: 50.",
);
/// A neutral reason to stop.
pub(super) const EXIT: Key =
    Key::new("exit", Shape::Expression, "A neutral reason to stop; ends the enrollment as `exited`.");
/// Whom it must not touch.
pub(super) const SUPPRESS: Key = Key::new(
    "suppress",
    Shape::Expression,
    "Accounts that this playbook must not touch; ends the enrollment as `blocked`.",
);
/// What stops a run before it touches too many.
pub(super) const GUARDRAILS: Key = Key::new(
    "guardrails",
    Shape::Form(&guardrails::GUARDRAILS),
    "What stops a run before it touches too many. What is not said here the configuration says.",
);
const A_CASE: Shape = Shape::Form(&case::CASE);
/// Cases that are played.
pub(super) const TESTS: Key = Key::new(
    "tests",
    Shape::list(&A_CASE, 0),
    "Cases that `keepwell test` plays: at least how it should go, how it stops, and an account that must be left alone.",
);

/// The keys of a playbook.
pub static PLAYBOOK: Form = Form::new(
    "a playbook",
    &[&[
        Key::required(
            "playbook",
            ID,
            "The id: lower-case letters, digits and `-`. It stays when the file is renamed; another id needs `was`.",
        ),
        WAS,
        Key::new("about", Shape::Text, "One sentence for colleagues: what it is for."),
        ALERTS_TO,
        MODE,
        Key::new(
            "for",
            Shape::Words(PLAYBOOK_SUBJECT_WORDS),
            "`account` (default); `contact`: each person goes their own way; `portfolio`: all accounts together, or those of each CSM.",
        ),
        STATUSES,
        STAGES,
        Key::new(
            "schedule",
            Shape::Text,
            "When it is looked at; not needed with `on`: minute, hour, day of month, month, day of week, such as `\"30 8 * * mon-fri\"`; or `\"@hourly\"`, `\"@daily\"`, `\"@weekly\"`, `\"@monthly\"`.",
        ),
        Key::new(
            "on",
            Shape::Form(&trigger::ON),
            "The event that makes an account a candidate, and how long after it: `{ event: signed_up, after: 2h }`. Without `schedule` it is looked at each minute.",
        ),
        Key::new(
            "timezone",
            Shape::Zone,
            "The zone of the schedule, of waits and of dates, such as `Europe/Berlin`. Default: the configuration's, else UTC.",
        ),
        Key::new(
            "when",
            Shape::Expression,
            "One expression; the accounts for which it is true are enrolled. Not needed with `matching`.",
        ),
        Key::new(
            "holds_for",
            Shape::Elapsed,
            "How long `when` must have stayed true, such as `2d`. Default: not at all.",
        ),
        Key::new(
            "existing",
            Shape::Words(EXISTING_WORDS),
            "`include` (default), or `skip`: accounts that match at the very first run are left out.",
        ),
        Key::new(
            "reentry",
            Shape::Either(&[Shape::Words(&["never", "on_rematch"]), Shape::Form(&REENTRY)]),
            "Whether an account may enter again: `never` (default), `on_rematch`, `{ gap: 60d }`, or `{ once_per: account.renewal_at }`.",
        ),
        MAIL_PRIORITY,
        Key::new("goal", Shape::Expression, "What counts as success; ends the enrollment as `goal`."),
        Key::new(
            "goal_window",
            Shape::Elapsed,
            "How long after the end a goal still counts, at most `90d`. Default: `30d`.",
        ),
        EXIT,
        SUPPRESS,
        Key::new(
            "holdout",
            Shape::Either(&[OFF, BELOW_ALL]),
            "The share of accounts that gets nothing, for comparison, such as `10%`. Default: `off`.",
        ),
        GUARDRAILS,
        Key::required("steps", Shape::Steps { least: 1 }, "What happens to whoever enters, in order."),
        TESTS,
    ], &portfolio::KEYS],
)
.rules(&[
    KeyRule::AnyOf(&[&["schedule"], &["on"]]),
    KeyRule::AnyOf(&[&["when"], &["matching"]]),
    KeyRule::Excludes("on", "holds_for"),
    KeyRule::Excludes("on", "existing"),
]);

/// A percentage below 100.
const BELOW_ALL: Shape =
    Shape::text_like(r"^\s*0*([0-9]{1,2}(\.[0-9]*)?|\.[0-9]+)\s*%\s*$", "a percentage below `100%`");

pub(super) static REENTRY: Form = Form::new(
    "reentry",
    &[&[
        Key::new(
            "once_per",
            Shape::Expression,
            "Once for each value of this expression, such as `account.renewal_at` or `period(\"quarter\")`.",
        ),
        Key::new("gap", Shape::Elapsed, "At least so long after the last time began, such as `60d`."),
        Key::new(
            "on_rematch",
            Shape::Boolean,
            "`true`: when `when` has been false at a run and is true again at a later one.",
        ),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["once_per"], &["gap"], &["on_rematch"]])]);
