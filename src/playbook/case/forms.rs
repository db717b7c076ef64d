//! What a test case may hold.

use crate::playbook::budget::BUDGET;
use crate::playbook::quiet_hours::QUIET_HOURS;
use crate::playbook::reader::form::{ELAPSED_PATTERN, OFF};
use crate::playbook::reader::{Form, Key, KeyNames, KeyRule, NameOf, Shape};

/// The keys of a case.
pub static CASE: Form = Form::new(
    "a test case",
    &[
        CASE_HEAD,
        FIXTURES,
        WORLD,
        &[
            KPIS,
            Key::new(
                "budget",
                Shape::Either(&[OFF, Shape::Form(&BUDGET)]),
                "The attention budget of the case, as in the configuration. Default: none.",
            ),
            Key::new(
                "quiet_hours",
                Shape::Either(&[OFF, Shape::Form(&QUIET_HOURS)]),
                "The quiet hours of the case, as in the configuration. Default: none.",
            ),
            Key::new(
                "then",
                CHANGES,
                "What changes later, by its offset from `at`: `{ 3d: { account: { activated_at: 3d } } }`.",
            ),
            Key::new(
                "expect",
                Shape::list(&Shape::Form(&EXPECTATION), 0),
                "Everything that must happen, in order, with its exact offset from `at`; `[]` is nothing for 30 days.",
            ),
        ],
    ],
)
.rules(&[KeyRule::AnyOf(&[&["like"], &["at", "expect"]])]);

/// The keys of a case of a document: those of [`CASE_HEAD`], [`FIXTURES`] and [`WORLD`], and
/// what it expects.
pub const fn document_case(keys: &'static [&'static [Key]]) -> Form {
    Form::new("a test case", keys).rules(&[KeyRule::AnyOf(&[&["like"], &["at", "expect"]])])
}

/// Accounts beside that of a case.
pub static MEMBER: Form = Form::new(
    "accounts of a population",
    &[
        FIXTURES,
        &[
            PAST,
            Key::new("times", Shape::Whole { least: 1, most: MOST_MEMBERS }, "How many there are of them. Default: 1."),
        ],
    ],
);

/// The most accounts that one entry of a population can stand for.
pub(super) const MOST_MEMBERS: i64 = 1_000_000;

/// What a case has of the world beyond its fixtures.
pub const WORLD: &[Key] = &[PAST, POPULATION];

/// Whom functions over all accounts compare that of a case with.
const POPULATION: Key = Key::new(
    "population",
    Shape::list(&A_MEMBER, 0),
    "Other accounts, for what is asked about all together: `[ { account: { mrr: 900 }, times: 20 } ]`.",
);

/// Recorded figures of documents.
const KPIS: Key = Key::new(
    "kpis",
    Shape::Map { keys: KeyNames::Pattern(""), of: &FIGURES, least: 0 },
    "Recorded figures by the ids of their KPIs, for `kpi` and `kpi_change`: `{ churn-rate: 2.5 }`, or several by their times, `{ churn-rate: { -7d: 2, 0d: 2.5 } }`; `none` is one that could not be made.",
);
const FIGURES: Shape = Shape::Either(&[A_FIGURE, Shape::Map { keys: KeyNames::Pattern(""), of: &A_FIGURE, least: 0 }]);
const A_FIGURE: Shape = Shape::Either(&[Shape::Number, Shape::TextOrNothing]);

/// What the columns of the account were before.
const PAST: Key = Key::new(
    "past",
    Shape::Map { keys: KeyNames::Pattern(ELAPSED_PATTERN), of: &ACCOUNT_COLUMNS, least: 0 },
    "Columns of the account as they were so long before `at`, each until the next time or until `at`: `{ 30d: { status: active } }`. Without it, nothing from before `at` is on record.",
);
const ACCOUNT_COLUMNS: Shape = Shape::map(NameOf::AccountColumn, &Shape::Any);

/// What every case begins with.
pub const CASE_HEAD: &[Key] = &[
    Key::required("name", Shape::Text, "What the case shows; unique in the file."),
    Key::new("like", Shape::Text, "Another case to start from; what is given here replaces its values one by one."),
    Key::new(
        "at",
        INSTANT,
        "The instant of the first run with its offset, such as `2026-03-02T09:00:00+01:00`; it counts as a scheduled one.",
    ),
];

const INSTANT: Shape = Shape::text_like(
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    "date, time and offset, such as `2026-03-02T09:00:00+01:00`",
);

const CHANGES: Shape = Shape::Map { keys: KeyNames::Pattern(ELAPSED_PATTERN), of: &Shape::Form(&CHANGE), least: 0 };

/// A change while a case plays.
pub static CHANGE: Form = Form::new(
    "a change in a test case",
    &[
        FIXTURES,
        &[
            KPIS,
            Key::new("done", ONE_OR_MORE_STEPS, "The task step, or several, that a person completes."),
            Key::new(
                "outcome",
                Shape::map(NameOf::Step, &Shape::Text),
                "The outcome that a person chooses, by task step: `{ call: reached }`.",
            ),
            Key::new(
                "answer",
                Shape::map(NameOf::Step, &ANSWER),
                "What somebody answers, by survey step: `{ why: 9 }`, or with words beside it `{ why: { value: 9, text: … } }`.",
            ),
        ],
    ],
);

const ANSWER: Shape = Shape::Either(&[ANY_WHOLE, Shape::Text, Shape::Form(&ANSWER_KEYS)]);
const ANY_WHOLE: Shape = Shape::Whole { least: i64::MIN, most: i64::MAX };

/// An answer with words beside its number.
pub static ANSWER_KEYS: Form = Form::new(
    "an answer",
    &[&[
        Key::required("value", ANY_WHOLE, "What is chosen on the scale."),
        Key::new("text", Shape::Text, "What is written beside it, which `answer_text` reads."),
    ]],
);
const ONE_OR_MORE_STEPS: Shape =
    Shape::Either(&[Shape::Name(NameOf::Step), Shape::list(&Shape::Name(NameOf::Step), 0)]);

/// The world of a case, at its beginning and in a change.
pub const FIXTURES: &[Key] = &[
    Key::new(
        "account",
        Shape::map(NameOf::AccountColumn, &Shape::Any),
        "Columns of the account; one that may be missing is missing unless given. Times may be relative to `at`, such as `-46d`.",
    ),
    Key::new(
        "contact",
        Shape::map(NameOf::ContactColumn, &Shape::Any),
        "Columns of the enrolled contact, in a playbook for contacts.",
    ),
    Key::new(
        "contacts",
        Shape::Either(&[Shape::list(&CONTACT, 0), Shape::map(NameOf::Role, &CONTACT)]),
        "The account's contacts, a list or by role. Default: one for each role that the playbook mails.",
    ),
    Key::new("csm", Shape::map(NameOf::CsmColumn, &Shape::Any), "Columns of the CSM. Default: a CSM with a manager."),
    Key::new(
        "owners",
        Shape::Map { keys: KeyNames::Pattern(""), of: &Shape::TextOrNothing, least: 0 },
        "Who else looks after the account, by role: `{ inside: csm-7 }`; `none` is nobody.",
    ),
    Key::new(
        "events",
        Shape::map(NameOf::Event, &EVENTS),
        "What happened before, by the event's name: `{ login: [-1d, -3d] }` or `{ login: 12 over 30d }`.",
    ),
    Key::new("scores", Shape::list(&A_SCORE, 0), "Scores: `[ { name: nps, value: 4, at: -1d, contact: champion } ]`."),
    Key::new(
        "stages",
        Shape::list(&A_STANDING, 0),
        "Stages that a document `lifecycle:` has found for the account: `[ { id: adopted, at: -10d } ]`.",
    ),
    Key::new(
        "tiers",
        Shape::list(&A_STANDING, 0),
        "Tiers that a document `tiers:` has found for the account: `[ { id: A, at: -90d } ]`.",
    ),
    Key::new(
        "plans",
        Shape::Map { keys: KeyNames::Pattern(""), of: &Shape::Text, least: 0 },
        "Success plans that the account has, with when it got them: `{ first-success: -31d }`.",
    ),
    Key::new(
        "goals",
        Shape::list(&A_GOAL, 0),
        "How far goals of success plans are: `[ { plan: first-success, goal: reports, progress: 40, at: -1d } ]`.",
    ),
    Key::new(
        "tickets",
        Shape::list(&A_TICKET, 0),
        "Tickets: `[ { opened_at: -2d, severity: urgent, contact: champion } ]`.",
    ),
    Key::new(
        "tasks",
        Shape::list(&A_TASK_RECORD, 0),
        "Tasks of colleagues, of whatever playbook: `[ { created_at: -9d, done_at: -2d } ]`.",
    ),
    Key::new(
        "in_playbook",
        Shape::Either(&[Shape::Name(NameOf::Playbook), Shape::list(&Shape::Name(NameOf::Playbook), 0)]),
        "The ids of other playbooks that the account is in.",
    ),
    Key::new("labels", Shape::map(NameOf::Label, &LABEL), "Labels, such as `{ risk: high }`; `none` removes one."),
];

const A_MEMBER: Shape = Shape::Form(&MEMBER);
const A_SCORE: Shape = Shape::Form(&SCORE);
const A_STANDING: Shape = Shape::Form(&STANDING);
const A_GOAL: Shape = Shape::Form(&GOAL_RECORD);
const A_TICKET: Shape = Shape::Form(&TICKET);
const A_TASK_RECORD: Shape = Shape::Form(&TASK_RECORD);
const AN_EVENT: Shape = Shape::Either(&[Shape::Text, Shape::Form(&EVENT)]);
const LABEL: Shape = Shape::Either(&[Shape::Text, Shape::Number, Shape::Boolean]);
const CONTACT: Shape = Shape::map(NameOf::ContactColumn, &Shape::Any);
const EVENTS: Shape = Shape::Either(&[Shape::Text, Shape::Form(&EVENT), Shape::list(&AN_EVENT, 0)]);

const CONTACT_KEY: Key =
    Key::new("contact", Shape::TextOrNothing, "Whose it is: the role or id of a contact; `none` is nobody's.");

/// An event in a case.
pub static EVENT: Form = Form::new(
    "an event",
    &[&[
        Key::required(
            "at",
            Shape::Text,
            "When it happened: a span from the case's `at`, such as `-3d`, or an instant.",
        ),
        CONTACT_KEY,
        Key::new("properties", Shape::Any, "What the event says of itself, by name."),
    ]],
);

/// A score in a case.
pub static SCORE: Form = Form::new(
    "a score",
    &[&[
        Key::required("name", Shape::Name(NameOf::Score), "What the score is called."),
        Key::required("value", Shape::Number, "Its value."),
        Key::required(
            "at",
            Shape::Text,
            "When it was given: a span from the case's `at`, such as `-3d`, or an instant.",
        ),
        CONTACT_KEY,
        Key::new(
            "factors",
            Shape::Map { keys: KeyNames::Pattern(""), of: &Shape::Number, least: 0 },
            "The factors of a score that a document makes, such as `{ usage: 20 }`.",
        ),
        Key::new("band", Shape::Text, "The range of a score that a document makes, such as `red`."),
        Key::new("text", Shape::Text, "What was written with it in an answer to a survey, which `answer_text` reads."),
    ]],
);

/// A stage or a tier in a case.
pub static STANDING: Form = Form::new(
    "a stage or tier",
    &[&[
        Key::required("id", Shape::TextOrNothing, "Which one; `none`: the account is in none from then on."),
        Key::required(
            "at",
            Shape::Text,
            "When the account came there: a span from the case's `at`, such as `-10d`, or an instant.",
        ),
    ]],
);

/// A goal of a success plan in a case.
pub static GOAL_RECORD: Form = Form::new(
    "a goal that was measured",
    &[&[
        Key::required("plan", Shape::Text, "The id of the plan; the account has it from then on, if not before."),
        Key::required("goal", Shape::Text, "The id of the goal."),
        Key::required(
            "at",
            Shape::Text,
            "Since when it is so: a span from the case's `at`, such as `-1d`, or an instant.",
        ),
        Key::new("progress", Shape::Number, "How far it is, from 0 to 100. Default: nothing was measured."),
        Key::new(
            "state",
            Shape::Words(&["open", "reached", "missed"]),
            "How it stands. Default: `reached` with 100, else `open`.",
        ),
        Key::new("start", Shape::Number, "The value at the beginning, where that was measured."),
        Key::new("target", Shape::Number, "The target that it was reached for, in a case of the plan itself."),
    ]],
);

/// A ticket in a case.
pub static TICKET: Form = Form::new(
    "a ticket",
    &[&[
        Key::required("opened_at", Shape::Text, "When it was opened, such as `-2d`."),
        Key::new("closed_at", Shape::TextOrNothing, "When it was closed; without it, it is open."),
        CONTACT_KEY,
        Key::new("severity", Shape::Name(NameOf::Severity), "How severe it is, such as `urgent`."),
        Key::new("topic", Shape::Text, "What it is about, such as `billing`."),
        Key::new("subject", Shape::Text, "Its subject, which `tickets_about` looks at."),
    ]],
);

/// A colleague's task in a case.
pub static TASK_RECORD: Form = Form::new(
    "a task",
    &[&[
        Key::required("created_at", Shape::Text, "When it was made, such as `-9d`."),
        Key::new("done_at", Shape::TextOrNothing, "When it was completed; without it, it is open."),
        CONTACT_KEY,
    ]],
);

/// Something that a case expects. The kinds of steps that can be expected are
/// keys of it, too.
pub static EXPECTATION: Form = Form::new(
    "an expectation",
    &[&[
        Key::required("after", Shape::Elapsed, "The exact offset from `at`, such as `0d` or `3d`."),
        Key::new(
            "ended",
            Shape::Text,
            "How the enrollment ends: `completed`, `goal`, `exited`, `blocked`, or the reason of an `end` step.",
        ),
        Key::new("undecided", Shape::Boolean, "`true`: a rule cannot be decided, and the case is about this."),
        Key::new(
            "to",
            Shape::Text,
            "Of a mail: a role or an address. Of a task: `csm`, `manager` or an address. Of a notice: its channel.",
        ),
        Key::new(
            "variant",
            Shape::Text,
            "Which of its texts a mail has: the account of the case gets this one. Without it, the first.",
        ),
        Key::new("subject", Shape::Text, "The exact subject of a mail."),
        Key::new("contains", Shape::Text, "Words that must stand in the subject, the text or the title."),
    ]],
)
.rules(&[KeyRule::OneExpected(&["ended", "undecided"])]);
