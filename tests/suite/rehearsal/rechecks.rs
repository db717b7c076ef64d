//! A course leaves out the looks before which nothing can have changed. What
//! comes about is the same as if it had looked every quarter hour.

use std::path::Path;

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::diagnostic::Position;
use keepwell::facts::Schema;
use keepwell::playbook::source::SourceSet;
use keepwell::playbook::{Layout, Origin, Source};
use keepwell::rehearsal::{CaseReport, play_all};

/// Never true, but it reads the clock: then a course looks every quarter hour.
const ON_THE_CLOCK: &str = "period(\"year\") == \"never\"";

/// Plays again, looking every quarter hour, and compares.
pub fn assert_same_every_quarter(sources: &SourceSet, config: &Config, played: &[CaseReport]) {
    // One with a suppression or with little time of its own is another world.
    if config.suppress.is_some() || config.limits.cases != Config::default().limits.cases {
        return;
    }
    let origin =
        Origin { file: "keepwell.yaml".into(), start: Position { line: 1, column: 1 }, layout: Layout::Inline };
    let config = Config { suppress: Some(Source { text: ON_THE_CLOCK.into(), origin }), ..config.clone() };
    let schema = Schema::default_store();
    let (ready, problems) = catalog::load(sources, &[], &config, &schema);
    assert!(!problems.iter().any(|problem| problem.is_error()), "{problems:#?}");
    let reports = play_all(&ready, &config, &schema);
    let every_quarter = reports.iter().flat_map(|report| &report.cases);
    let mut compared = 0;
    for (one, other) in played.iter().zip(every_quarter) {
        assert_eq!(one, other, "{}", one.name);
        compared += 1;
    }
    assert_eq!(compared, played.len());
}

#[test]
fn the_shipped_playbooks_play_the_same_every_quarter_hour() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = SourceSet::read(&[root.join("playbooks")], &root.join("scripts"));
    let (config, schema) = (Config::default(), Schema::default_store());
    let (ready, _) = catalog::load(&sources, &[], &config, &schema);
    let played: Vec<CaseReport> =
        play_all(&ready, &config, &schema).into_iter().flat_map(|report| report.cases).collect();
    assert!(played.len() > 50);
    assert_same_every_quarter(&sources, &config, &played);
}
