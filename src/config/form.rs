//! The keys of the configuration.

use super::answers::ANSWERS_KEY;
use super::brand::BRAND;
use super::limits::LIMITS;
use super::mail::MAIL;
use super::notify::NOTIFY_KEY;
use super::retention::RETENTION;
use super::store::STORE;
use super::web::WEB;
use super::webhooks::WEBHOOKS;
use crate::playbook::budget::BUDGET;
use crate::playbook::guardrails::GUARDRAILS;
use crate::playbook::quiet_hours::QUIET_HOURS;
use crate::playbook::reader::form::{ADDRESS, OFF};
use crate::playbook::reader::{Form, Key, KeyNames, NameOf, Shape};

const DAY_OR_RANGE: Shape = Shape::text_like("[0-9]-[0-9]", "a day, or a range with `..` between its ends");
const POOL: &str = "^[A-Za-z0-9_-]+$";

/// The keys of `keepwell.yaml`.
pub static CONFIGURATION: Form = Form::new(
    "the configuration",
    &[&[
        Key::new(
            "timezone",
            Shape::Zone,
            "The zone of playbooks, accounts and contacts that name none, such as `Europe/Berlin`. Default: UTC.",
        ),
        Key::new(
            "language",
            Shape::text_like("^\\s*[A-Za-z]{2,3}([-_]|\\s*$)", "the tag of a language, such as `de` or `pt-BR`"),
            "The language of texts that name none, such as `en` or `pt-BR`.",
        ),
        Key::new(
            "holidays",
            Shape::list(&DAY_OR_RANGE, 0),
            "Days without business: `[2026-12-25, 2027-02-05..2027-02-12]`.",
        ),
        Key::new(
            "seasons",
            Shape::Map {
                keys: KeyNames::Pattern(""),
                of: &Shape::Either(&[DAY_OR_RANGE, Shape::list(&DAY_OR_RANGE, 0)]),
                least: 0,
            },
            "Parts of the year for `in_season(\"summer\")`: `{ summer: [07-15..08-31] }`.",
        ),
        Key::new(
            "catch_up",
            Shape::Elapsed,
            "After downtime, a missed slot younger than this still runs, once. Default: `1h`.",
        ),
        Key::new(
            "recheck",
            Shape::Elapsed,
            "How often waiting enrollments are looked at; at least a minute, and it divides a day. Default: `15m`.",
        ),
        Key::new(
            "minutes_per_task",
            Shape::Whole { least: 1, most: 10_000 },
            "How long a task takes, for the hours that a playbook costs. Default: none.",
        ),
        Key::new("suppress", Shape::Expression, "Accounts that no playbook may touch."),
        Key::new(
            "pools",
            Shape::Map { keys: KeyNames::Pattern(POOL), of: &Shape::list(&Shape::Text, 1), least: 0 },
            "CSMs who share the tasks of `to: pool:NAME`, by their ids: `{ onboarding: [csm-1, csm-2] }`.",
        ),
        Key::new(
            "roles",
            Shape::map(NameOf::StoreRole, &Shape::text_like("\\S", "a name")),
            "What the store's roles of contacts are called in playbooks: `{ \"Economic Buyer\": owner }`.",
        ),
        Key::new(
            "touch_events",
            Shape::list(&Shape::Name(NameOf::Event), 0),
            "Events that count as touches, like a completed task.",
        ),
        Key::new(
            "budget",
            Shape::Either(&[OFF, Shape::Form(&BUDGET)]),
            "How many mails and other touches a customer gets from all playbooks together. Default: `{ contact: [1 per 1d, 3 per 7d], account: [6 per 7d] }`.",
        ),
        Key::new(
            "quiet_hours",
            Shape::Either(&[OFF, Shape::Form(&QUIET_HOURS)]),
            "When no customer mail leaves. Default: `off`.",
        ),
        Key::new("mail", Shape::Form(&MAIL), "How customer mail looks and leaves."),
        Key::new(
            "guardrails",
            Shape::Form(&GUARDRAILS),
            "What stops a run before it touches too many, for playbooks that do not say.",
        ),
        Key::new("limits", Shape::Form(&LIMITS), "How long rules may work, of a processor's time."),
        Key::new("alerts_to", ADDRESS, "The address that hears of holds and failures when a playbook names nobody."),
        Key::new("web", Shape::Either(&[OFF, Shape::Form(&WEB)]), "Where the pages are served, and to whom."),
        Key::new("brand", Shape::Form(&BRAND), "How the company looks on the pages for customers."),
        NOTIFY_KEY,
        ANSWERS_KEY,
        Key::new("webhooks", Shape::Either(&[OFF, Shape::Form(&WEBHOOKS)]), "Where webhooks may go."),
        Key::new(
            "retention",
            Shape::Either(&[OFF, Shape::Form(&RETENTION)]),
            "For how long words and evidence are kept. Default: `off`, for ever.",
        ),
        Key::new(
            "store",
            Shape::Form(&STORE),
            "Your own tables in place of Keepwell's, and the login that reads them.",
        ),
    ]],
);
