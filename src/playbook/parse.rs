//! From a file to a [`Playbook`]: every key, its type, and what it refers to.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::form::{EXISTING, MODES, PLAYBOOK, PLAYBOOK_SUBJECTS, REENTRY};
use super::portfolio::Portfolio;
use super::reader::{Fields, inline, is_off, share};
use super::source::SourceFile;
use super::steps::StepReader;
use super::timezone::timezone;
use super::yaml::Node;
use super::{
    Duration, Mode, Places, Playbook, Reentry, Source, StepForm, SubjectKind, case, guardrails, portfolio, renaming,
    trigger,
};
use crate::diagnostic::{Diagnostic, Position};

/// The longest time after the end that a goal may count, in seconds: 90 days.
const MOST_GOAL_WINDOW: i64 = 90 * 86_400;
const NO_ALERTS_TO: &str = "nobody hears of this playbook's holds and failures";

/// What could be read of a file, mistakes or not.
#[derive(Clone, Debug)]
pub struct Draft {
    /// With harmless stand-ins for what is missing, so that the rest can be
    /// checked for its meaning too. Never to be run unless it is whole.
    pub playbook: Playbook,
    /// Whether there was no error.
    pub is_whole: bool,
}

/// Reads as much of a playbook's text as can be read; `None` when it is no mapping.
/// Every problem is added to `problems`; `before` is how many there were before the
/// text was read as YAML. `forms` are those of all step kinds.
pub(super) fn draft_of(
    file: &SourceFile,
    root: &Node,
    before: usize,
    forms: &[StepForm],
    problems: &mut Vec<Diagnostic>,
) -> Option<Draft> {
    let playbook = playbook(file, root, forms, problems);
    root.as_mapping()?;
    let is_whole = !problems[before..].iter().any(Diagnostic::is_error);
    Some(Draft { playbook, is_whole })
}

/// A file, and the id that it claims.
#[derive(Clone, Copy, Debug)]
pub struct IdClaim<'a> {
    pub(super) id: &'a str,
    pub(super) file: &'a Arc<str>,
    pub(super) place: Position,
}

impl<'a> From<&'a Playbook> for IdClaim<'a> {
    fn from(playbook: &'a Playbook) -> IdClaim<'a> {
        IdClaim { id: &playbook.id, file: &playbook.file, place: playbook.place }
    }
}

/// Reports ids that several files claim, at each of them, and returns those ids.
/// Only the author knows which file is meant; their order must not decide.
pub fn check_across<'a>(
    files: impl IntoIterator<Item = IdClaim<'a>>,
    problems: &mut Vec<Diagnostic>,
) -> HashSet<String> {
    let mut claims: BTreeMap<&str, Vec<IdClaim<'_>>> = BTreeMap::new();
    for claim in files.into_iter().filter(|claim| !claim.id.is_empty()) {
        claims.entry(claim.id).or_default().push(claim);
    }
    claims.retain(|_, files| files.len() > 1);
    for (id, files) in &claims {
        for file in files {
            let others = files.iter().filter(|other| other.file != file.file);
            let others: Vec<String> = others.map(|other| format!("{}:{}", other.file, other.place.line)).collect();
            let message = format!("the id `{id}` is also that of {}", others.join(" and "));
            let help = "give one of them an id of its own; until then none of them is taken";
            problems.push(Diagnostic::error("KW0105", file.file, file.place, message).help(help));
        }
    }
    claims.into_keys().map(str::to_owned).collect()
}

/// Takes back the warnings about a missing `alerts_to`: the configuration
/// names an address for every playbook.
pub fn forgive_alerts_to(problems: &mut Vec<Diagnostic>) {
    problems.retain(|problem| problem.message != NO_ALERTS_TO);
}

fn playbook(file: &SourceFile, root: &Node, forms: &[StepForm], problems: &mut Vec<Diagnostic>) -> Playbook {
    let path = &file.path;
    let mut fields = Fields::new(path, root, &PLAYBOOK, problems);
    let place = fields.key_place("playbook").unwrap_or(root.place);
    fields = fields.at(place);

    let id = id(&mut fields);
    let was = renaming::read(&mut fields, id.as_deref());
    let about = fields.string("about").map(|about| about.trim().to_owned());
    let alerts_to = fields.address("alerts_to");
    let mode = mode(&mut fields);
    let subject = subject(&mut fields);
    let statuses = word_sources(&mut fields, "statuses");
    let stages = word_list(&mut fields, "stages");
    let on = trigger::read(path, &mut fields);
    let schedule = match fields.has("on") {
        true => fields.text("schedule").or_else(|| Some(inline(path, place, trigger::EVERY_MINUTE))),
        false => fields.required_text("schedule"),
    };
    let timezone = timezone(&mut fields, "timezone");
    let portfolio = portfolio::read(&mut fields, subject);
    let when = match &portfolio {
        Some(Portfolio { matching: Some(_), .. }) if !fields.has("when") => {
            fields.expression("when");
            Some(inline(path, place, portfolio::WHOEVER_MATCHES))
        }
        _ => fields.required_expression("when"),
    };
    let holds_for = fields.elapsed("holds_for").map(Duration::Seconds);
    let skip_existing = fields.one_of("existing", &EXISTING).unwrap_or(false);
    let is_said = fields.has("reentry");
    let reentry = match reentry(path, &mut fields) {
        // Each slot is another one: what is said is about all of them as they are then.
        Reentry::Never if portfolio.is_some() && !is_said => {
            Reentry::Again { once_per: None, gap: Some(Duration::Seconds(0)) }
        }
        reentry => reentry,
    };
    if let (Some(on), Reentry::OnRematch { .. }) = (&on, &reentry) {
        let help = "each event lets a subject in again with `reentry: { gap: 7d }`, say";
        fields.error_with_help("KW0104", on.place, "`on` and `reentry: on_rematch` cannot stand together", help);
    }
    let mail_priority = fields.int_within("mail_priority", 0, 100);
    let goal = fields.expression("goal");
    let goal_window = goal_window(&mut fields);
    let exit = fields.expression("exit");
    let suppress = fields.expression("suppress");
    let holdout = holdout(&mut fields);
    let guardrails =
        fields.take("guardrails").map(|node| guardrails::read(path, node, fields.problems())).unwrap_or_default();
    let places =
        Places { stages: fields.key_place("stages"), holdout: fields.key_place("holdout"), ..Places::default() };
    let steps_node = fields.required("steps");
    let tests = fields.take("tests");
    if root.as_mapping().is_some() {
        recommend(&mut fields, path, place);
    }
    fields.finish();

    let mut reader = StepReader::new(path, forms, problems);
    let steps = steps_node.map(|node| reader.read(node));
    let order = std::mem::take(&mut reader.order);
    let tests = tests.map(|node| case::read(path, node, &order, forms, problems)).unwrap_or_default();

    let stand_in = |text: &str| inline(path, place, text);
    Playbook {
        id: id.unwrap_or_default(),
        was,
        file: path.clone(),
        text: file.text.clone(),
        place,
        about,
        alerts_to,
        mode,
        subject,
        portfolio,
        places: Places { statuses: statuses.iter().flatten().map(|status| status.origin.at(1, 1)).collect(), ..places },
        statuses: match statuses {
            Some(statuses) => statuses.into_iter().map(|status| status.text.to_string()).collect(),
            None => vec!["active".into(), "trial".into()],
        },
        stages,
        schedule: schedule.unwrap_or_else(|| stand_in("0 0 * * *")),
        on,
        timezone,
        when: when.unwrap_or_else(|| stand_in("account.id != \"\"")),
        holds_for,
        skip_existing,
        reentry,
        mail_priority: mail_priority.and_then(|p| u8::try_from(p).ok()).unwrap_or(50),
        goal,
        goal_window,
        exit,
        suppress,
        holdout,
        guardrails,
        steps: steps.unwrap_or_default(),
        tests,
        survey: None,
    }
}

fn id(fields: &mut Fields<'_, '_>) -> Option<String> {
    let id = fields.required_text("playbook")?.text;
    if renaming::is_id(&id) {
        return Some(id.to_string());
    }
    let help = renaming::id_advice(&id);
    let at = fields.value_place("playbook");
    let message = format!("`{}` cannot be a playbook's id", super::reader::short(&id));
    fields.error_with_help("KW0104", at, message, help);
    None
}

pub(super) fn recommend(fields: &mut Fields<'_, '_>, file: &Arc<str>, place: Position) {
    for (key, message, help) in [
        ("about", "nothing says what this playbook is for", "add `about:` with one sentence"),
        ("alerts_to", NO_ALERTS_TO, "add `alerts_to:` with an address, here or in the configuration"),
    ] {
        if !fields.has(key) {
            let problem = Diagnostic::warning("KW0114", file, place, message).help(help);
            fields.problems().push(problem);
        }
    }
}

pub(super) fn mode(fields: &mut Fields<'_, '_>) -> Mode {
    fields.one_of("mode", &MODES).unwrap_or(Mode::Live)
}

fn subject(fields: &mut Fields<'_, '_>) -> SubjectKind {
    fields.one_of("for", &PLAYBOOK_SUBJECTS).unwrap_or(SubjectKind::Account)
}

fn reentry(file: &Arc<str>, fields: &mut Fields<'_, '_>) -> Reentry {
    let Some(node) = fields.take("reentry") else {
        return Reentry::Never;
    };
    if node.as_mapping().is_some() {
        let mut inner = Fields::new(file, node, &REENTRY, fields.problems());
        let once_per = inner.expression("once_per");
        let gap = inner.elapsed("gap").map(Duration::Seconds);
        if gap == Some(Duration::Seconds(0)) && !inner.has("once_per") && !inner.has("on_rematch") {
            let message = "`gap: 0d` lets everybody in again at every run";
            let problem = Diagnostic::warning("KW0110", file, inner.value_place("gap"), message);
            inner.problems().push(problem.help("write how long an account is left alone, such as `gap: 60d`"));
        }
        let on_rematch = inner.boolean("on_rematch").unwrap_or(false);
        if on_rematch && inner.has("once_per") {
            let at = inner.key_place("once_per").unwrap_or(node.place);
            let message = "`on_rematch` and `once_per` cannot stand together";
            let help = "either a new rise of the condition or a new value lets a subject in again: choose one";
            inner.error_with_help("KW0104", at, message, help);
        } else if !on_rematch && !inner.has("once_per") && !inner.has("gap") {
            let message = "`reentry` needs `once_per`, `on_rematch` or `gap`";
            inner.error("KW0102", node.place, message);
        }
        inner.finish();
        return if on_rematch { Reentry::OnRematch { gap } } else { Reentry::Again { once_per, gap } };
    }
    const HELP: &str = "write `never`, `on_rematch`, `{ gap: 60d }`, or `{ once_per: account.renewal_at }`";
    match node.as_text() {
        Some("never") => {}
        Some("on_rematch") => return Reentry::OnRematch { gap: None },
        Some(text) => {
            let message = format!("`reentry` cannot be `{}`", super::reader::short(text));
            fields.error_with_help("KW0104", node.place, message, HELP);
        }
        None => {
            let message = format!("`reentry` cannot be {}", node.describe());
            fields.error_with_help("KW0103", node.place, message, HELP);
        }
    }
    Reentry::Never
}

fn goal_window(fields: &mut Fields<'_, '_>) -> Duration {
    let seconds = fields.elapsed("goal_window").unwrap_or(30 * 86_400);
    if seconds > MOST_GOAL_WINDOW {
        let at = fields.value_place("goal_window");
        fields.error("KW0104", at, "`goal_window` is at most `90d`");
    }
    Duration::Seconds(seconds)
}

/// The share of accounts that is held out; `0%` is nobody.
fn holdout(fields: &mut Fields<'_, '_>) -> Option<f64> {
    const HELP: &str = "write `10%`, or `off`";
    let node = fields.take("holdout").filter(|node| !is_off(node))?;
    match node.as_text().and_then(share) {
        Some(share) if share < 1.0 => Some(share).filter(|share| *share > 0.0),
        Some(_) => {
            let message = "`holdout: 100%` leaves nobody to compare with";
            fields.error_with_help("KW0104", node.place, message, "write less, or `mode: shadow` to only watch");
            None
        }
        None => {
            let message = format!("`holdout` cannot be {}", node.describe());
            fields.error_with_help("KW0103", node.place, message, HELP);
            None
        }
    }
}

/// A list of distinct words with at least one.
pub(super) fn word_list(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Vec<String>> {
    Some(word_sources(fields, key)?.into_iter().map(|text| text.text.to_string()).collect())
}

pub(super) fn word_sources(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Vec<Source>> {
    fields.take(key)?;
    let before = fields.problems().len();
    let texts: Vec<Source> = fields.texts(key);
    if texts.is_empty() && fields.problems().len() == before {
        let at = fields.value_place(key);
        fields.error("KW0103", at, format!("`{key}` needs at least one word"));
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::super::{BodyForm, Goto, HoldAbove, StepBody, WaitOn, yaml};
    use super::*;

    const FORMS: &[StepForm] = &[
        StepForm::new("email"),
        StepForm { body: BodyForm::Wait, ..StepForm::new("wait") },
        StepForm { body: BodyForm::Branch, ..StepForm::new("branch") },
        StepForm::new("task"),
        StepForm::new("run"),
        StepForm { body: BodyForm::End, ..StepForm::new("end") },
    ];
    const HEAD: &str = "playbook: p\nabout: a\nalerts_to: a@b.example\nschedule: '@daily'\nwhen: true\n";

    fn parsed(text: &str) -> (Option<Playbook>, Vec<Diagnostic>) {
        let file = SourceFile { path: "p.yaml".into(), text: text.into() };
        let mut problems = Vec::new();
        let root = yaml::read(&file.path, &file.text, &mut problems).expect("a tree");
        let draft = draft_of(&file, &root, 0, FORMS, &mut problems);
        let playbook = draft.filter(|draft| draft.is_whole).map(|draft| draft.playbook);
        (playbook, problems)
    }

    fn good(text: &str) -> Playbook {
        let (playbook, problems) = parsed(&format!("{HEAD}{text}"));
        assert!(problems.is_empty(), "{problems:?}");
        playbook.expect("a playbook")
    }

    #[test]
    fn defaults_are_those_of_the_language() {
        let playbook = good("steps: [{ wait: 3d }]\n");
        assert_eq!(playbook.mode, Mode::Live);
        assert_eq!(playbook.statuses, ["active", "trial"]);
        assert!(playbook.stages.is_none() && playbook.timezone.is_none());
        assert!(matches!(playbook.reentry, Reentry::Never));
        assert_eq!(playbook.mail_priority, 50);
        assert_eq!(playbook.goal_window, Duration::Seconds(30 * 86_400));
        assert_eq!(&*playbook.when.text, "true");
        assert!(playbook.guardrails.hold_above.is_none());
    }

    #[test]
    fn a_missing_half_of_hold_above_keeps_its_default() {
        let above = |text: &str| {
            let text =
                format!("guardrails: {{ hold_above: {text}, ramp: off, first_run: go }}\nsteps: [{{ wait: 1d }}]\n");
            good(&text).guardrails.hold_above
        };
        let of = |count, share, most| Some(HoldAbove::Above { count, share, most });
        assert_eq!(above("off"), Some(HoldAbove::Off));
        assert_eq!(above("{ count: 3 }"), of(3, 0.02, None));
        assert_eq!(above("{ share: 10% }"), of(25, 0.1, None));
        assert_eq!(above("{ most: 50% }"), of(25, 0.02, Some(0.5)));
        assert_eq!(above("{ most: off }"), of(25, 0.02, None));
    }

    #[test]
    fn ids_count_every_step_of_a_kind_in_text_order() {
        let playbook = good(concat!(
            "steps:\n  - email: { id: nudge, to: owner }\n  - branch:\n      - if: account.mrr > 1\n",
            "        steps:\n          - email: { to: owner }\n          - end: done\n",
            "      - else:\n          steps: [{ task: { if: true, title: x } }]\n",
            "  - email: {}\n  - run: |\n      x\n  - end: { reason: bye, if: account.mrr > 2, id: last }\n",
        ));
        let ids: Vec<&str> = playbook.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, ["nudge", "branch-1", "email-3", "run-1", "last"]);
        let StepBody::Branch(arms) = &playbook.steps[1].body else { panic!() };
        assert_eq!(arms[0].steps[0].id, "email-2");
        assert_eq!(arms[1].steps[0].id, "task-1");
        assert!(arms[1].condition.is_none() && arms[1].steps[0].condition.is_some());
        let StepBody::Action(body) = &playbook.steps[0].body else { panic!() };
        let keys: Vec<&str> = body.as_mapping().expect("keys").iter().map(|e| e.key.as_str()).collect();
        assert_eq!(keys, ["to"]);
    }

    #[test]
    fn waits_take_three_forms() {
        let playbook = good(concat!(
            "steps:\n  - wait: { date: account.renewal_at - days(90), at: \"09:00\" }\n",
            "  - wait:\n      until: account.events(\"login\", since_step) > 0\n",
            "      at_most: 4d\n      on_met: last\n      on_timeout: next\n",
            "  - wait: { for: 2 business days, at: 08:30 }\n  - task: { id: last }\n",
        ));
        let StepBody::Wait(date) = &playbook.steps[0].body else { panic!() };
        assert!(matches!(date.on, WaitOn::Date(_)) && date.at.is_some());
        let StepBody::Wait(until) = &playbook.steps[1].body else { panic!() };
        let WaitOn::Until { on_met, on_timeout, .. } = &until.on else { panic!() };
        assert_eq!((on_met, on_timeout), (&Goto::Step("last".into()), &Goto::Next));
    }

    #[test]
    fn ids_are_unique_across_files() {
        let one = good("steps: [{ wait: 1d }]\n");
        let mut problems = Vec::new();
        let other = Playbook { file: "q.yaml".into(), ..one.clone() };
        assert_eq!(check_across([&one, &other].map(IdClaim::from), &mut problems), HashSet::from(["p".to_owned()]));
        let told: Vec<_> = problems.iter().map(|problem| (problem.code, &*problem.file)).collect();
        assert_eq!(told, [("KW0105", "p.yaml"), ("KW0105", "q.yaml")]);
    }
}
