//! A small world to compile and render templates in.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::json;

use super::{Escape, RenderContext, RenderError, Template, TemplateScope};
use crate::clock::Instant;
use crate::diagnostic::{Diagnostic, Position};
use crate::facts::{Arg, Cell, CellPath, Contact, Csm, Facts, Layout, Progress, Schema};
use crate::facts::{Subject, Type, Value};
use crate::playbook::season::Seasons;
use crate::playbook::{Layout as Placing, Origin, Source};
use crate::rule::{Context, Modules, NamedStep, NamedSteps, Neighbours, Sandbox, Scope};

mod check;
mod foreign;
mod render;
mod same;

fn at(text: &str) -> Instant {
    chrono::DateTime::parse_from_rfc3339(text).expect("a fixed instant").to_utc()
}

fn source(text: &str) -> Source {
    Source {
        text: text.into(),
        origin: Origin {
            file: "playbooks/a.yaml".into(),
            start: Position { line: 7, column: 11 },
            layout: Placing::Inline,
        },
    }
}

/// The scripts and the sandbox of the tests.
fn engines() -> (Modules, Sandbox) {
    let script = "fn grade(n) { if n > 5 { \"high\" } else { \"low\" } }\n\
        fn busy(account) { account.events(\"login\", 30) > 3 }\n\
        fn count(n) { let i = 0; while i < n { i += 1; } i }";
    let mut problems = Vec::new();
    let modules = Modules::compile([("health", "scripts/health.rhai", script)], &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let seasons = Seasons::default().with("summer", &["07-15..08-31"]).expect("a range of days");
    let sandbox = modules.sandbox(&seasons);
    (modules, sandbox)
}

fn column(name: &str) -> Cell {
    Cell { subject: Subject::Account, path: CellPath::Column(name.to_owned()) }
}

fn attribute(key: &str) -> Cell {
    Cell { subject: Subject::Account, path: CellPath::Trait(key.to_owned()) }
}

fn call(function: &'static str, args: Vec<Arg>) -> Cell {
    Cell { subject: Subject::Account, path: CellPath::Call { function, args } }
}

fn text(value: &str) -> Arg {
    Arg::Text(value.to_owned())
}

/// An account on 2 March 2026, 09:00 in Berlin.
fn facts() -> Facts {
    let attribute_of = |json: serde_json::Value| Value::Json(Arc::new(json));
    let cells = [
        (column("name"), Value::text("Acme *GmbH* {{7*7}}")),
        (column("id"), Value::text("a-1")),
        (column("tier"), Value::Null),
        (column("stage"), Value::text("")),
        (column("mrr"), Value::Float(1_234_567.5)),
        (column("seats"), Value::Int(8)),
        (column("seats_used"), Value::Int(6)),
        (column("signed_up_at"), Value::Time(at("2026-01-15T23:30:00Z"))),
        (column("renewal_at"), Value::Time(at("2026-03-05T08:00:00Z"))),
        (column("activated_at"), Value::Null),
        (column("locale"), Value::text(&"x".repeat(1_000_000))),
        (attribute("plan"), attribute_of(json!("Gold"))),
        (attribute("beta"), attribute_of(json!(true))),
        (attribute("gone"), attribute_of(json!(null))),
        (attribute("tags"), attribute_of(json!(["a", "b"]))),
        (call("events", vec![text("login"), Arg::Int(30)]), Value::Int(4)),
        (call("events", vec![text("login"), Arg::SinceEntry]), Value::Int(2)),
        (call("score", vec![text("nps")]), Value::Float(4.0)),
        (call("score", vec![text("csat")]), Value::Null),
        (call("event_change", vec![text("login"), Arg::Int(7)]), Value::Float(-33.4)),
        (call("in_playbook", vec![text("rescue")]), Value::Bool(false)),
    ];
    let mut layout = Layout::default();
    let mut values = Vec::new();
    for (cell, value) in cells {
        layout.add(cell);
        values.push(value);
    }
    Facts {
        account: "a-1".to_owned(),
        contact: String::new(),
        as_of: at("2026-03-02T08:00:00Z"),
        layout: Arc::new(layout),
        values,
        matching: None,
    }
}

fn progress() -> Progress {
    Progress {
        entered_at: at("2026-02-20T08:00:00Z"),
        step_at: at("2026-02-27T08:00:00Z"),
        entry: BTreeMap::from([
            ("renewal_at".to_owned(), Value::Time(at("2026-02-28T23:30:00Z"))),
            // A date, as the store keeps it.
            ("activated_at".to_owned(), Value::Time(at("2026-03-01T00:00:00Z"))),
            ("tier".to_owned(), Value::Null),
        ]),
        done: BTreeSet::from(["call".to_owned()]),
        outcomes: BTreeMap::from([("call".to_owned(), "no answer".to_owned())]),
        sent: BTreeSet::from(["nudge".to_owned()]),
        answers: BTreeMap::from([("why".to_owned(), Value::Int(9))]),
    }
}

fn contact() -> Contact {
    Contact {
        id: "c-1".to_owned(),
        email: Some("zoe@acme.example".to_owned()),
        name: "Zoë_Smith".to_owned(),
        role: Some("champion".to_owned()),
        timezone: None,
        locale: None,
        created_at: at("2026-01-15T23:30:00Z"),
        left_at: None,
        columns: BTreeMap::from([
            ("first_name".to_owned(), Value::text("  ")),
            ("name".to_owned(), Value::text("Zoë_Smith")),
        ]),
        traits: json!({ "team": "Data" }).as_object().cloned().unwrap_or_default(),
    }
}

fn csm() -> Csm {
    Csm {
        id: "csm-1".to_owned(),
        name: "Kim".to_owned(),
        email: "kim@us.example".to_owned(),
        manager_id: None,
        timezone: None,
        traits: json!({ "team": "EMEA" }).as_object().cloned().unwrap_or_default(),
    }
}

/// Compiles for a mail, or for a text without one reader; `known` is what the
/// condition has proven.
fn compile_with(
    (modules, sandbox): &(Modules, Sandbox),
    source: &Source,
    escape: Escape,
    known: &[&str],
    mail: bool,
) -> (Option<Template>, Vec<Diagnostic>) {
    let schema = Schema::default_store();
    let steps = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let known: HashSet<String> = known.iter().map(|text| (*text).to_owned()).collect();
    let scope = Scope {
        view: Default::default(),
        schema: &schema,
        contact: false,
        in_enrollment: true,
        in_wait: false,
        statuses: &[],
        zone: chrono_tz::UTC,
        named_steps: &named_steps(),
        neighbours: &Neighbours {
            playbooks: Some(steps(&["rescue", "renewal-plan"])),
            labels: None,
            documents: None,
            surveys: Vec::new(),
            own_scores: Default::default(),
            reports: Vec::new(),
        },
        known: &known,
    };
    let scope = TemplateScope { scope: &scope, recipient: mail, language: "en", modules, sandbox, matching: None };
    Template::compile(source, &scope, escape)
}

fn named_steps() -> NamedSteps {
    let mut steps = NamedSteps::default();
    for (function, kind, ids, ty) in [
        ("done", "task", &["call", "escalate"][..], Type::Bool),
        ("outcome", "task", &["call", "escalate"], Type::Text),
        ("sent", "email", &["nudge"], Type::Bool),
        ("answer", "survey", &["why"], Type::Int),
    ] {
        steps.declare(function, kind);
        ids.iter().for_each(|id| steps.add(function, NamedStep { ty, ..NamedStep::new(id) }));
    }
    steps
}

fn compiled(engines: &(Modules, Sandbox), template: &str, escape: Escape) -> Template {
    let (compiled, found) = compile_with(engines, &source(template), escape, &[], true);
    compiled.unwrap_or_else(|| panic!("{template}: {found:?}"))
}

/// For whom a template is rendered, and where.
#[derive(Clone, Copy)]
struct Setting<'a> {
    escape: Escape,
    locale: &'a str,
    /// Of the reader, and of the playbook.
    zone: chrono_tz::Tz,
    playbook_zone: chrono_tz::Tz,
    /// Whether there are a recipient and a CSM.
    peopled: bool,
    is_mail: bool,
}

/// A contact in Berlin.
const BERLIN: Setting = Setting {
    escape: Escape::Plain,
    locale: "en",
    zone: chrono_tz::Europe::Berlin,
    playbook_zone: chrono_tz::UTC,
    peopled: true,
    is_mail: false,
};

fn rendered(template: &str) -> Result<String, RenderError> {
    rendered_for(BERLIN, template)
}

fn rendered_for(setting: Setting, template: &str) -> Result<String, RenderError> {
    rendered_of(facts(), setting, template)
}

fn rendered_of(facts: Facts, setting: Setting, template: &str) -> Result<String, RenderError> {
    let engines = engines();
    let template = compiled(&engines, template, setting.escape);
    let (contact, csm) = (contact(), csm());
    let context = Context { facts: Arc::new(facts), progress: Some(Arc::new(progress())), zone: setting.playbook_zone };
    template.render(&RenderContext {
        sandbox: &engines.1,
        context: &context,
        recipient: Some(&contact).filter(|_| setting.peopled),
        csm: Some(&csm).filter(|_| setting.peopled),
        playbook: "rescue",
        zone: setting.zone,
        locale: setting.locale,
        is_mail: setting.is_mail,
    })
}
