//! What was in force of a playbook when, what two of its revisions say
//! differently, and the text of each with what `check` says of it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::language::{phrase, say};
use super::page::{Frame, Trouble, Web, below, href, moment};
use super::playbooks::find_playbook;
use super::stored_words::words_by;
use super::visitor::actor_words;
use crate::catalog::{self, Elsewhere};
use crate::diagnostic::{Diagnostic, Severity};
use crate::playbook::changes::line_diff::{ComparedLine, LineOrigin, compare_lines};
use crate::playbook::changes::{ChangeWords, changes, script_changes};
use crate::playbook::source::{ScriptFile, SourceFile, SourceSet};
use crate::store::runs::playbooks::RevisionText;
use crate::store::runs::publications::PublicationRow;

/// How many lines stand around a change.
const AROUND: usize = 3;

/// What is said of a change.
const CHANGES: &[&str] = &[
    phrase!("step `{step}` added: {word} `{text}`"),
    phrase!("step `{step}` added: {word}"),
    phrase!("step `{step}` removed: {word}"),
    phrase!("step `{step}` is moved, to the main way"),
    phrase!("step `{step}` is moved, to way {n} of {branch}"),
    phrase!("step `{step}` is of another kind: {word} before, {other_word} after"),
    phrase!("step `{step}` waits for something else: `{old}` before, `{new}` after"),
    phrase!("step `{step}` waits {new} instead of {old}"),
    phrase!("step `{step}` {key} is new: `{new}`"),
    phrase!("step `{step}` {key} is gone; it was `{old}`"),
    phrase!("step `{step}` {key} `{old}` → `{new}`"),
    phrase!("the script `{name}` has changed"),
    phrase!("the script `{name}` is used now"),
    phrase!("the script `{name}` is not used any more"),
    phrase!("renamed from `{old}` to `{new}`"),
    phrase!("{part}: `{old}` before, `{new}` after"),
    phrase!("{part} is new: `{new}`"),
    phrase!("{part} is gone; it was `{old}`"),
    phrase!("{part} `{old}` → `{new}`"),
];

/// Which two are compared. Empty is not asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RevisionQuery {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// Which text is shown; the one in force when empty.
    #[serde(default)]
    revision: String,
}

#[derive(Serialize)]
struct RevisionPage {
    playbook: String,
    playbook_href: String,
    revisions: Vec<RevisionView>,
    comparison: Option<ComparisonView>,
}

#[derive(Serialize)]
struct RevisionView {
    revision: String,
    when: String,
    by: String,
    /// How it came in force, and by whom, with `by` in braces.
    cause: &'static str,
    current: bool,
    source_href: String,
    /// What it says differently from the one in force before it.
    compare_href: Option<String>,
}

#[derive(Serialize)]
struct ComparisonView {
    from: String,
    to: String,
    /// In words; empty where one of them cannot be read any more.
    sentences: Vec<String>,
    lines: Vec<LineView>,
}

#[derive(Serialize)]
struct LineView {
    /// `same`, `removed`, `added`, or `gap` for lines that are left out.
    class: &'static str,
    sign: &'static str,
    before: Option<usize>,
    after: Option<usize>,
    text: String,
}

/// What was in force, the latest first, and the difference of two.
pub(super) async fn list(
    State(web): Web,
    Path(id): Path<String>,
    asked: Result<Query<RevisionQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(unreadable)?;
    find_playbook(&web, &id).await?;
    let rows = web.store.publications(&id).await?;
    let comparison = match (asked.from.as_str(), asked.to.as_str()) {
        ("", "") => None,
        (from, to) => Some(compare(&web, &text(&web, &id, from).await?, &text(&web, &id, to).await?)),
    };
    let path = format!("{}/revisions", below("/playbooks", &id));
    let view = |(at, row): (usize, &PublicationRow)| RevisionView {
        when: moment(row.published_at, web.zone),
        by: actor_words(&row.published_by).into_owned(),
        cause: match row.cause.as_str() {
            "files" => phrase!("from its file, by {by}"),
            "apply" => phrase!("by an applied plan, by {by}"),
            "rollback" => phrase!("by going back to it, by {by}"),
            _ => phrase!("by {by}"),
        },
        current: row.current,
        source_href: href(&format!("{}/source", below("/playbooks", &id)), &[("revision", &row.revision)]),
        compare_href: rows
            .get(at + 1)
            .filter(|before| before.revision != row.revision)
            .map(|before| href(&path, &[("from", &before.revision), ("to", &row.revision)])),
        revision: row.revision.clone(),
    };
    let page = RevisionPage {
        playbook_href: below("/playbooks", &id),
        revisions: rows.iter().enumerate().map(view).collect(),
        comparison,
        playbook: id.clone(),
    };
    Frame::new(&web, "playbooks", None).await?.page(StatusCode::OK, "revisions.html", page)
}

async fn text(web: &WebState, playbook: &str, revision: &str) -> Result<RevisionText, Trouble> {
    let text = web.store.revision_text(playbook, revision).await?;
    text.ok_or(Trouble::NotFound("There is no such revision."))
}

fn compare(web: &WebState, before: &RevisionText, after: &RevisionText) -> ComparisonView {
    let describe = |change: &ChangeWords| words_by(CHANGES, &change.to_string(), web.zone);
    let parse = |text: &RevisionText| {
        let file = SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() };
        catalog::parse(&file, &mut Vec::new())
    };
    let mut sentences: Vec<String> = match (parse(before), parse(after)) {
        (Some(before), Some(after)) => {
            let changes = changes(&before, &after);
            let tests = changes.tests;
            let added = tests.added.iter().map(|name| say!("“{name}” is a new case", name = name));
            let removed = tests.removed.iter().map(|name| say!("“{name}” is a case no more", name = name));
            let changed = tests.changed.iter().map(|name| say!("“{name}” is another case", name = name));
            changes.lines.iter().map(describe).chain(added).chain(removed).chain(changed).collect()
        }
        _ => Vec::new(),
    };
    let beside = script_changes("script", &before.modules(), &after.modules());
    sentences.extend(beside.iter().map(describe));
    ComparisonView {
        from: before.revision.clone(),
        to: after.revision.clone(),
        sentences,
        lines: near_changes(&compare_lines(&before.text, &after.text)),
    }
}

/// The lines that differ, with some around them.
fn near_changes(lines: &[ComparedLine<'_>]) -> Vec<LineView> {
    let is_near = |at: usize| {
        let range = at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len());
        lines[range].iter().any(|line| line.origin != LineOrigin::Both)
    };
    let mut views: Vec<LineView> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if is_near(at) {
            let (class, sign) = match line.origin {
                LineOrigin::Both => ("same", " "),
                LineOrigin::Before => ("removed", "−"),
                LineOrigin::After => ("added", "+"),
            };
            views.push(LineView { class, sign, before: line.before, after: line.after, text: line.text.to_owned() });
        } else if views.last().is_none_or(|last| last.class != "gap") {
            views.push(LineView { class: "gap", sign: "", before: None, after: None, text: "…".to_owned() });
        }
    }
    views
}

#[derive(Serialize)]
struct SourcePage {
    playbook: String,
    playbook_href: String,
    file: String,
    revision: String,
    current: bool,
    lines: Vec<SourceLine>,
    /// What is said of other files, or of no line.
    others: Vec<Diagnostic>,
    scripts: Vec<(String, String)>,
}

#[derive(Serialize)]
struct SourceLine {
    number: usize,
    text: String,
    findings: Vec<Diagnostic>,
}

/// A revision's text with what `check` says of it now.
pub(super) async fn source(
    State(web): Web,
    Path(id): Path<String>,
    asked: Result<Query<RevisionQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(unreadable)?;
    let published = find_playbook(&web, &id).await?;
    let revision = if asked.revision.is_empty() { &published.revision } else { &asked.revision };
    let text = text(&web, &id, revision).await?;
    let findings = diagnose(&web, &text).await?;
    let (here, others): (Vec<Diagnostic>, Vec<Diagnostic>) =
        findings.into_iter().partition(|finding| finding.file == text.file && finding.line > 0);
    let lines = text.text.lines().enumerate().map(|(at, line)| SourceLine {
        number: at + 1,
        text: line.to_owned(),
        findings: here.iter().filter(|finding| finding.line as usize == at + 1).cloned().collect(),
    });
    let page = SourcePage {
        playbook_href: below("/playbooks", &id),
        current: *revision == published.revision,
        lines: lines.collect(),
        others,
        scripts: text.modules().into_iter().collect(),
        file: text.file,
        revision: text.revision,
        playbook: id.clone(),
    };
    Frame::new(&web, "playbooks", None).await?.page(StatusCode::OK, "source.html", page)
}

/// What `check` says of a revision, beside what else is in force and what the
/// customer store has now; errors first.
async fn diagnose(web: &WebState, text: &RevisionText) -> Result<Vec<Diagnostic>, Trouble> {
    let schema = web.store.schema().clone().with_inventory(web.store.inventory().await?);
    let script = |(module, text): (String, String)| ScriptFile {
        path: format!("{module}.rhai").into(),
        module,
        text: text.into(),
    };
    let sources = SourceSet {
        playbooks: vec![SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() }],
        scripts: text.modules().into_iter().map(script).collect(),
        ..SourceSet::default()
    };
    // What it names of others is kept with it.
    let named = text.surveys();
    let documents = web.store.published_documents().await?;
    let others = documents.iter().filter(|one| !named.contains_key(&one.id));
    let known: Vec<(&str, &str)> = others.map(|one| (&*one.id, &*one.revision)).collect();
    let named = named.into_iter();
    let named = named.map(|(id, text)| SourceFile { path: format!("{id}.yaml").into(), text: text.into() });
    let documents = web.store.revision_texts(&known).await?.into_iter();
    let documents = documents.map(|one| SourceFile { path: one.file.into(), text: one.text.into() });
    let mut elsewhere =
        Elsewhere::of(&SourceSet { playbooks: named.chain(documents).collect(), ..SourceSet::default() });
    let published = web.store.published().await?;
    elsewhere.playbooks = published.into_iter().map(|one| one.id).filter(|id| *id != text.playbook).collect();
    let config = web.shared.config.clone();
    let checked =
        tokio::task::spawn_blocking(move || catalog::load_all(&sources, &elsewhere, &config, &schema).problems);
    let mut problems = checked.await?;
    problems.sort_by_key(|problem| (problem.severity != Severity::Error, problem.line, problem.column));
    Ok(problems)
}

fn unreadable(_: QueryRejection) -> Trouble {
    let words = phrase!("This address cannot be read. Begin again from the page of the playbook.");
    Trouble::refusal(StatusCode::BAD_REQUEST, words)
}
