//! What the reference says of templates: each example prints what stands beside
//! it.

use std::sync::Arc;

use keepwell::diagnostic::Position;
use keepwell::facts::{Cell, Facts, Layout, Progress, Schema, Subject, Value};
use keepwell::playbook::{self, Origin, season::Seasons};
use keepwell::rule::template::{Escape, FILTERS, RenderContext, Template, TemplateScope};
use keepwell::rule::{Context, Modules, NamedStep, NamedSteps, Neighbours, Scope};

use super::read;

/// The examples of the section on templates: what is written, and what it prints.
fn template_examples() -> Vec<(String, String)> {
    let reference = read("docs/playbooks.md");
    let section = reference.split("## Templates").nth(1).unwrap().split("## Tests").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    rows.map(|(written, prints)| (written.replace("\\|", "|"), prints.to_owned())).collect()
}

#[test]
fn every_example_of_a_template_prints_what_the_reference_says() {
    let instant = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let (schema, modules) = (Schema::default_store(), Modules::default());
    let sandbox = modules.sandbox(&Seasons::default());
    let (mut layout, mut values) = (Layout::default(), Vec::new());
    for (column, value) in [
        ("name", Value::text("Acme")),
        ("mrr", Value::Float(1234.5)),
        ("tier", Value::text("b")),
        ("stage", Value::Null),
        ("renewal_at", Value::Time(instant("2026-03-05T09:00:00Z"))),
    ] {
        layout.add(Cell::column(Subject::Account, column));
        values.push(value);
    }
    let as_of = instant("2026-03-02T09:00:00Z");
    let facts = Facts {
        account: "a-1".into(),
        contact: String::new(),
        as_of,
        layout: Arc::new(layout),
        values,
        matching: None,
    };
    let progress = Progress {
        entered_at: as_of,
        step_at: as_of,
        entry: Default::default(),
        done: Default::default(),
        outcomes: Default::default(),
        sent: Default::default(),
        answers: Default::default(),
    };
    let context = Context { facts: Arc::new(facts), progress: Some(Arc::new(progress)), zone: chrono_tz::UTC };
    let mut steps = NamedSteps::default();
    steps.declare("done", "task");
    steps.add("done", NamedStep::new("call"));
    let known = ["account.tier", "account.renewal_at"].map(str::to_owned).into();
    let scope = Scope {
        view: Default::default(),
        schema: &schema,
        contact: false,
        in_enrollment: true,
        in_wait: false,
        statuses: &[],
        zone: chrono_tz::UTC,
        named_steps: &steps,
        neighbours: &Neighbours::default(),
        known: &known,
    };
    let names = TemplateScope {
        scope: &scope,
        recipient: true,
        language: "en",
        modules: &modules,
        sandbox: &sandbox,
        matching: None,
    };
    let examples = template_examples();
    for filter in FILTERS {
        let is_used = |(written, _): &(String, String)| written.contains(&format!("| {filter}"));
        assert!(examples.iter().any(is_used), "there is no example of `{filter}`");
    }
    for (written, prints) in examples {
        let origin = Origin {
            file: "docs/playbooks.md".into(),
            start: Position { line: 1, column: 1 },
            layout: playbook::Layout::Inline,
        };
        let source = playbook::Source { text: written.as_str().into(), origin };
        let (template, _) = Template::compile(&source, &names, Escape::Plain);
        let template = template.unwrap_or_else(|| panic!("{written}"));
        let printed = template.render(&RenderContext {
            sandbox: &sandbox,
            context: &context,
            recipient: None,
            csm: None,
            playbook: "renewal",
            zone: chrono_tz::UTC,
            locale: "en",
            is_mail: false,
        });
        assert_eq!(printed.as_deref(), Ok(prints.as_str()), "{written}");
    }
}
