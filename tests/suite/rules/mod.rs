//! What expressions and scripts decide, and that no text can do harm. Here: one
//! account with a bit of everything, and how a text is judged about it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;
use keepwell::diagnostic::{Diagnostic, Position};
use keepwell::facts::EventRecord;
use keepwell::facts::history::{EnrollmentRecord, ScoreRecord, TicketRecord};
use keepwell::facts::{Facts, History, Layout, Progress, Schema, SubjectId, Type, Value};
use keepwell::playbook::season::Seasons;
use keepwell::playbook::{self, Origin, Source};
use keepwell::rule::functions::fold::fold_facts;
use keepwell::rule::population::{PopulationCells, PopulationFigures, Sample, question_of};
use keepwell::rule::{
    self, Context, Modules, NamedStep, NamedSteps, Neighbours, Rule, Sandbox, Scope, Verdict, View, Wanted,
};

mod dates;
mod examples;
mod hostile;
mod labels;
mod scripts;
mod texts;
mod unfit;
mod verdicts;
mod windows;

/// Monday, 2 March 2026, 09:00 UTC.
fn now() -> keepwell::clock::Instant {
    at("2026-03-02T09:00:00Z")
}

fn at(text: &str) -> keepwell::clock::Instant {
    chrono::DateTime::parse_from_rfc3339(text).expect("a fixed instant").to_utc()
}

fn days_ago(days: i64) -> keepwell::clock::Instant {
    now() - chrono::Duration::days(days)
}

/// An account that has a bit of everything.
fn history() -> History {
    let mut history = History::default();
    for (name, value) in [
        ("name", Value::text("Acme")),
        ("tier", Value::text("A")),
        ("status", Value::text("active")),
        ("mrr", Value::Float(5000.5)),
        ("seats", Value::Int(10)),
        ("signed_up_at", Value::Time(days_ago(46))),
        ("renewal_at", Value::Time(now() + chrono::Duration::hours(36))),
        ("timezone", Value::text("Europe/Berlin")),
    ] {
        history.account.insert(name.to_owned(), value);
    }
    history.traits = serde_json::json!({
        "plan": "pro", "seats": 7, "ratio": 0.5, "vip": true, "gone": null, "list": [1, 2],
        "trial_ends": "2026-03-12T09:00:00Z"
    })
    .as_object()
    .cloned()
    .unwrap_or_default();
    let event =
        |name: &str, at| EventRecord { name: name.to_owned(), at, contact: None, properties: Default::default() };
    history.events = [3, 1, 40].into_iter().map(|days| event("login", days_ago(days))).collect();
    history.scores =
        vec![ScoreRecord { id: "s".into(), name: "nps".into(), value: 3.0, at: days_ago(2), contact: None, own: None }];
    history.tickets = vec![TicketRecord {
        contact: None,
        opened_at: days_ago(1),
        closed_at: None,
        severity: Some("urgent".into()),
        topic: None,
        subject: None,
    }];
    history.enrollments = vec![EnrollmentRecord {
        playbook: "rescue".into(),
        contact: None,
        started_at: days_ago(10),
        ended_at: None,
        goal_at: None,
    }];
    history
}

fn progress() -> Progress {
    Progress {
        entered_at: days_ago(5),
        step_at: days_ago(2),
        entry: BTreeMap::from([
            ("tier".to_owned(), Value::text("B")),
            ("renewal_at".to_owned(), Value::Null),
            ("mrr".to_owned(), Value::Float(100.0)),
        ]),
        done: BTreeSet::from(["call".to_owned()]),
        outcomes: BTreeMap::from([("call".to_owned(), "reached".to_owned())]),
        sent: BTreeSet::from(["nudge".to_owned()]),
        answers: BTreeMap::from([("why".to_owned(), Value::Int(9))]),
    }
}

const SCRIPT: &str = r#"
// Plain values.
fn grade(n) {
    let word = "low";
    if n > 5 { word = "high"; }
    word
}
fn half(n) { n / 2 }
fn is_set(flag) { flag == true }
fn left(time) { days_until(time) }
fn is_past(time, now) { time < now }
fn forever(n) { loop { n += 1; } }
fn endless(n) { endless(n + 1) }
fn wide(n) { 1 + (1 + (1 + (1 + (1 + wide(n + 1))))) }
fn doubled(n) { let s = "0123456789"; loop { s = s + s; } }
fn nested(n) { let m = #{ a: "x" }; loop { m = #{ a: m, b: m }; } }
fn lists(n) { let l = [1]; loop { l = [l, l]; } }
// The account, as one expression.
fn unhappy(account) { account.score("nps") != none && account.score("nps") < 7 }
fn busy(account, least) { account.events("login", 30) >= least }
fn at_risk(account) { unhappy(account) || !busy(account, 1) }
fn turning(account) { turning(account) }
fn wide_turning(account) {
    wide_turning(account) && wide_turning(account) && wide_turning(account) && wide_turning(account)
        && wide_turning(account) && wide_turning(account) && wide_turning(account) && wide_turning(account)
}
fn several(account) { let x = account.mrr; x > 5 }
// One of two values is one expression, too.
fn is_large(account) { if account.tier == "A" { account.mrr > 5000 } else { account.mrr > 500 } }
fn size(account) { if account.mrr > 9000 { "huge" } else if account.mrr > 900 { "large" } else { "small" } }
fn use_of(account) { if account.seats != none && account.seats > 0 { account.mrr / account.seats } else { 0 } }
fn seats(account) { if account.mrr > 9000 { account.seats } else { none } }
fn uneven(account) { if account.mrr > 9000 { "huge" } else { 5 } }
fn open(account) { if account.mrr > 9000 { true } }
"#;

struct World {
    modules: Modules,
    sandbox: Sandbox,
    schema: Schema,
    zone: Tz,
    /// Where the text stands: nowhere in an enrollment, in one, or in a wait.
    place: Place,
    neighbours: Neighbours,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    When,
    Step,
    Wait,
    /// In a step of a playbook about all accounts together.
    Portfolio,
}

fn source(text: &str) -> Source {
    let start = Position { line: 1, column: 1 };
    let layout = match text.contains('\n') {
        true => playbook::Layout::Block { first_line: 1, indent: 0, lead: 0 },
        false => playbook::Layout::Inline,
    };
    Source { text: text.into(), origin: Origin { file: "p.yaml".into(), start, layout } }
}

impl World {
    fn new(place: Place) -> World {
        let mut problems = Vec::new();
        let modules = Modules::compile([("health", "scripts/health.rhai", SCRIPT)], &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let seasons = Seasons::default().with("summer", &["07-15..08-31"]);
        let seasons = seasons.and_then(|seasons| seasons.with("spring", &["03-01..05-31"])).expect("ranges of days");
        World {
            sandbox: modules.sandbox(&seasons),
            modules,
            schema: Schema::default_store(),
            zone: chrono_tz::UTC,
            place,
            neighbours: Neighbours { playbooks: Some(vec!["rescue".to_owned()]), ..Neighbours::default() },
        }
    }

    fn scoped<R>(&self, work: impl FnOnce(&Scope) -> R) -> R {
        let (known, mut named_steps) = (HashSet::new(), NamedSteps::default());
        for (function, kind, id, ty) in [
            ("done", "task", "call", Type::Bool),
            ("outcome", "task", "call", Type::Text),
            ("sent", "email", "nudge", Type::Bool),
            ("answer", "survey", "why", Type::Int),
            ("answer", "survey", "words", Type::Text),
        ] {
            named_steps.declare(function, kind);
            named_steps.add(function, NamedStep { ty, ..NamedStep::new(id) });
        }
        work(&Scope {
            view: match self.place {
                Place::Portfolio => View::Portfolio { has_matching: false },
                _ => View::Subject,
            },
            schema: &self.schema,
            contact: false,
            in_enrollment: self.place != Place::When,
            in_wait: self.place == Place::Wait,
            statuses: &[],
            zone: self.zone,
            named_steps: &named_steps,
            neighbours: &self.neighbours,
            known: &known,
        })
    }

    /// The rule, and everything said about it.
    fn compile(&self, text: &str, wanted: Wanted) -> (Option<Rule>, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let rule = self
            .scoped(|scope| rule::compile(&source(text), wanted, scope, &self.modules, &self.sandbox, &mut problems));
        assert_eq!(rule.is_none(), problems.iter().any(Diagnostic::is_error), "{text}: {problems:?}");
        (rule, problems)
    }

    fn script(&self, text: &str) -> (Option<Rule>, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let rule = self
            .scoped(|scope| rule::compile_script(&source(text), scope, &self.modules, &self.sandbox, &mut problems));
        assert_eq!(rule.is_none(), problems.iter().any(Diagnostic::is_error), "{text}: {problems:?}");
        (rule, problems)
    }

    fn context(&self, rule: &Rule, history: &History) -> Context {
        let mut layout = Layout::default();
        rule.cells().iter().for_each(|cell| {
            layout.add(cell.clone());
        });
        let inside = (self.place != Place::When).then(progress);
        let entry = inside.as_ref().map(|progress| progress.entered_at);
        let step = inside.as_ref().map(|progress| progress.step_at);
        let subject = SubjectId { account: "a-1".to_owned(), contact: String::new() };
        let facts: Facts = fold_facts(history, &subject, &Arc::new(layout), &self.schema, now(), entry, step)
            .expect("the history has every column");
        let facts = self.among_all(facts, history);
        Context { facts: Arc::new(facts), progress: inside.map(Arc::new), zone: self.zone }
    }

    /// The same with what is asked about all accounts, where there is no other.
    fn among_all(&self, facts: Facts, history: &History) -> Facts {
        let Some(cells) = PopulationCells::of(&facts.layout) else { return facts };
        let mut figures = PopulationFigures::default();
        for call in cells.calls() {
            let question = question_of(call).expect("it is compiled");
            let (mut now, mut earlier) = (Sample::default(), Sample::default());
            let of_one =
                fold_facts(history, &facts.subject(), question.layout(), &self.schema, facts.as_of, None, None)
                    .expect("the history has every column");
            if let Some(member) = question.member(of_one) {
                now.add_member(&mut earlier, &member, 1);
            }
            figures.insert(call.key().clone(), question.figure(now, earlier).into());
        }
        cells.fill(facts, &figures)
    }

    /// `true`, `false`, `undecided: …`, or `refused: CODE …`.
    fn verdict(&self, text: &str, history: &History) -> String {
        let (rule, problems) = self.compile(text, Wanted::Verdict);
        let Some(rule) = rule else {
            let told: Vec<String> = problems.iter().map(|p| format!("{} {}", p.code, p.message)).collect();
            return format!("refused: {}", told.join("; "));
        };
        match rule.verdict(&self.sandbox, &self.context(&rule, history)) {
            Verdict::True => "true".to_owned(),
            Verdict::False => "false".to_owned(),
            Verdict::Undecided(error) => format!("undecided: {error}"),
        }
    }

    fn value(&self, text: &str, wanted: Wanted) -> Result<Value, String> {
        let (rule, problems) = self.compile(text, wanted);
        let rule = rule.ok_or_else(|| format!("{problems:?}"))?;
        rule.value(&self.sandbox, &self.context(&rule, &history())).map_err(|error| error.to_string())
    }
}

fn table(place: Place, history: &History, rows: &[(&str, &str)]) {
    let world = World::new(place);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let found = world.verdict(text, history);
            let same =
                found == *expected || expected.ends_with('…') && found.starts_with(expected.trim_end_matches('…'));
            (!same).then(|| format!("{text}\n  gives {found}\n  not   {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
