//! `survey:`: a question that contacts are asked again and again.
//!
//! Its file is read into a playbook for contacts with one step, which asks. So
//! whatever guards mail to customers guards this mail as well: who enters, holds and
//! approvals, the gate with its budget, and the marker.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::form::{ALERTS_TO, EXIT, GUARDRAILS, MAIL_PRIORITY, MODE, STAGES, STATUSES, SUPPRESS, TESTS, WAS};
use crate::playbook::parse::{Draft, mode, recommend, word_list, word_sources};
use crate::playbook::reader::form::ID;
use crate::playbook::reader::{Fields, Form, Key, KeyRule, NameOf, Shape, inline, short};
use crate::playbook::scale::{SURVEY_WORD, Scale};
use crate::playbook::source::SourceFile;
use crate::playbook::steps::KnownStep;
use crate::playbook::timezone::timezone;
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{
    Duration, Layout, Mode, Origin, Places, Playbook, Reentry, Source, Step, StepBody, StepForm, SubjectKind, case,
    guardrails, renaming,
};

const DAY: i64 = 86_400;
/// How long a contact is left alone after a survey, where nothing is said: so long,
/// or a day less than the survey's own period where that is shorter.
const LEFT_ALONE: i64 = 30 * DAY;
/// When a survey asks that says no more than how often.
const DAILY: &str = "@daily";
/// What its step is called. Cases may name it by the survey's id as well.
const STEP: &str = "ask";
/// Everybody who can be reached, in place of roles.
const ALL: &str = "all";

/// A survey as its author wrote it.
#[derive(Clone, Debug)]
pub struct Survey {
    pub id: String,
    pub file: Arc<str>,
    /// The whole text of the file.
    pub text: Arc<str>,
    /// Where its first key stands.
    pub place: Position,
    /// Whether its file has no error of form.
    pub is_whole: bool,
    /// What answers are on; `None` where people answer in their own words.
    pub scale: Option<Scale>,
    /// A text, or one for each language.
    pub question: Node,
    pub subject: Option<Node>,
    pub body: Option<Node>,
    /// A role, a list of them, or `all`.
    pub to: Node,
    pub valid_for: Duration,
    /// How many seconds a contact is left alone after any survey.
    pub not_again_within: i64,
    /// Of a survey that asks by itself, how many days are between two questions to
    /// one contact.
    pub every: Option<i64>,
}

impl Survey {
    /// The name of the score that its answers are; `None` where they are texts.
    pub fn score_name(&self) -> Option<&str> {
        self.scale.map(|scale| scale.score_name(&self.id))
    }
}

const A_ROLE: Shape = Shape::Name(NameOf::Role);
const SCALE_WORDS: &[&str] = &["nps", "csat", "ces", Scale::CUSTOM];

/// The keys of a survey.
pub static SURVEY: Form = Form::new(
    "a survey",
    &[&[
        Key::required(
            SURVEY_WORD,
            ID,
            "The id: lower-case letters, digits and `-`. Steps ask it as `survey: ID`; another id needs `was`.",
        ),
        WAS,
        Key::new("about", Shape::Text, "One sentence for colleagues: what it is for."),
        ALERTS_TO,
        MODE,
        STATUSES,
        STAGES,
        Key::new(
            "score",
            Shape::Words(SCALE_WORDS),
            "`nps` (0 to 10), `csat` (1 to 5), `ces` (1 to 7), or `custom` with a `scale`; without it, people answer in their own words.",
        ),
        Key::new(
            "scale",
            Shape::text_like(r"^\s*[0-9]{1,3}\s*\.\.\s*[0-9]{1,3}\s*$", "the lowest and the highest answer, such as `1..5`"),
            "The lowest and the highest answer of a `custom` score, such as `1..5`: at most eleven answers.",
        ),
        Key::required(
            "question",
            Shape::Localized,
            "A template, or one for each language: the page's heading, and the mail's subject and text where nothing else is said.",
        ),
        Key::new("subject", Shape::Localized, "The mail's subject, a template or one for each language. Default: the question."),
        Key::new(
            "body",
            Shape::Localized,
            "The mail's text before the links, in Markdown, a template or one for each language. Default: the question.",
        ),
        Key::required(
            "to",
            Shape::Either(&[A_ROLE, Shape::list(&A_ROLE, 1)]),
            "Who is asked: a role such as `champion`, a list of roles, or `all`.",
        ),
        Key::new(
            "every",
            Shape::Elapsed,
            "How long it is from one question to the next of each contact, such as `90d`; the first ones are spread over that time. Without it and without `schedule` it is asked by steps alone.",
        ),
        Key::new(
            "not_again_within",
            Shape::Elapsed,
            "How long a contact is left alone after any survey of whatever playbook, such as `30d`. Default: `30d`, or a day less than `every` where that is shorter.",
        ),
        Key::new(
            "schedule",
            Shape::Text,
            "When it asks those whose turn it is: minute, hour, day of month, month, day of week, such as `\"0 10 * * tue-thu\"`. Default: `\"@daily\"`.",
        ),
        Key::new(
            "timezone",
            Shape::Zone,
            "The zone of the schedule and of dates, such as `Europe/Berlin`. Default: the configuration's, else UTC.",
        ),
        Key::new("when", Shape::Expression, "Who is asked of those with such a role: one expression about `contact` and `account`."),
        EXIT,
        SUPPRESS,
        Key::new("valid_for", Shape::Span, "How long an answer is awaited. Default: `7d`."),
        MAIL_PRIORITY,
        GUARDRAILS,
        TESTS,
    ]],
)
.rules(&[KeyRule::Needs("scale", "score")]);

/// Reads as much of a survey's text as can be read, as the playbook that asks it.
/// Every problem is added to `problems`; `before` is how many there were before the
/// text was read as YAML.
pub(super) fn draft_of(
    file: &SourceFile,
    root: &Node,
    before: usize,
    forms: &[StepForm],
    problems: &mut Vec<Diagnostic>,
) -> Draft {
    let path = &file.path;
    let mut fields = Fields::new(path, root, &SURVEY, problems);
    let place = fields.key_place(SURVEY_WORD).unwrap_or(root.place);
    fields = fields.at(place);
    let id = id(&mut fields);
    let id_at = fields.value_place(SURVEY_WORD);
    let was = renaming::read(&mut fields, id.as_deref());
    let about = fields.string("about").map(|about| about.trim().to_owned());
    let alerts_to = fields.address("alerts_to");
    let mode = mode(&mut fields);
    let statuses = word_sources(&mut fields, "statuses");
    let stages_at = fields.key_place("stages");
    let stages = word_list(&mut fields, "stages");
    let scale = scale(&mut fields);
    refuse_named_score(id.as_deref(), scale, id_at, &mut fields);
    let question = fields.required("question").cloned();
    let (subject, body) = (fields.take("subject").cloned(), fields.take("body").cloned());
    let to = fields.required("to");
    let roles = to.and_then(|to| roles(to, &mut fields));
    let every = every(&mut fields);
    let not_again_within = not_again_within(every, &mut fields);
    let schedule = fields.text("schedule");
    let timezone = timezone(&mut fields, "timezone");
    let when = fields.expression("when");
    let (exit, suppress) = (fields.expression("exit"), fields.expression("suppress"));
    let valid_for = fields.duration("valid_for").unwrap_or(Duration::Seconds(7 * DAY));
    let mail_priority = fields.int_within("mail_priority", 0, 100);
    let guardrails =
        fields.take("guardrails").map(|node| guardrails::read(path, node, fields.problems())).unwrap_or_default();
    let tests = fields.take("tests");
    recommend(&mut fields, path, place);
    fields.finish();

    let id = id.unwrap_or_default();
    let asks = forms.iter().find(|form| form.name == SURVEY_WORD).copied().unwrap_or(StepForm::new(SURVEY_WORD));
    let order = [STEP, &id].map(|id| KnownStep { id: id.to_owned(), form: asks });
    let mut tests = tests.map(|node| case::read(path, node, &order, forms, problems)).unwrap_or_default();
    tests.iter_mut().for_each(|case| name_step(case, &id));

    let text = |text: &str| Node { place, value: NodeValue::Text(inline(path, place, text)) };
    let when = condition(path, place, roles.as_deref().unwrap_or_default(), not_again_within, when);
    let is_whole = !problems[before..].iter().any(Diagnostic::is_error);
    let survey = Survey {
        id: id.clone(),
        file: path.clone(),
        text: file.text.clone(),
        place,
        is_whole,
        scale,
        question: question.unwrap_or_else(|| text("?")),
        subject,
        body,
        to: to.cloned().unwrap_or_else(|| text(ALL)),
        valid_for,
        not_again_within,
        every: every.map(|every| (every + DAY - 1) / DAY),
    };
    let asks_by_itself = every.is_some() || schedule.is_some();
    let playbook = Playbook {
        portfolio: None,
        id: id.clone(),
        was,
        file: path.clone(),
        text: file.text.clone(),
        place,
        about,
        alerts_to,
        mode: if asks_by_itself { mode } else { Mode::Paused },
        subject: SubjectKind::Contact,
        places: Places {
            statuses: statuses.iter().flatten().map(|status| status.origin.at(1, 1)).collect(),
            stages: stages_at,
            ..Places::default()
        },
        statuses: match statuses {
            Some(statuses) => statuses.into_iter().map(|status| status.text.to_string()).collect(),
            None => vec!["active".into(), "trial".into()],
        },
        stages,
        on: None,
        schedule: schedule.unwrap_or_else(|| inline(path, place, DAILY)),
        timezone,
        when,
        holds_for: None,
        skip_existing: false,
        reentry: match every {
            Some(every) => Reentry::Again { once_per: None, gap: Some(Duration::Seconds(every)) },
            None => Reentry::Never,
        },
        mail_priority: mail_priority.and_then(|priority| u8::try_from(priority).ok()).unwrap_or(50),
        goal: None,
        goal_window: Duration::Seconds(30 * DAY),
        exit,
        suppress,
        holdout: None,
        guardrails,
        steps: vec![Step {
            id: STEP.to_owned(),
            kind: SURVEY_WORD.to_owned(),
            place,
            condition: None,
            body: StepBody::Action(text(&id)),
        }],
        tests,
        survey: Some(Arc::new(survey)),
    };
    Draft { playbook, is_whole }
}

fn id(fields: &mut Fields<'_, '_>) -> Option<String> {
    let id = fields.required_text(SURVEY_WORD)?.text;
    if renaming::is_id(&id) {
        return Some(id.to_string());
    }
    let at = fields.value_place(SURVEY_WORD);
    let message = format!("`{}` cannot be the id of a survey", short(&id));
    fields.error_with_help("KW0104", at, message, renaming::id_advice(&id));
    None
}

/// The scale of the answers, by `score` and `scale`.
fn scale(fields: &mut Fields<'_, '_>) -> Option<Scale> {
    let named = Scale::NAMED.map(|(word, scale)| (word, Some(scale)));
    let words = [named[0], named[1], named[2], (Scale::CUSTOM, None)];
    let score = fields.one_of("score", &words);
    let written = fields.text("scale");
    let at = fields.value_place("scale");
    match (score, written) {
        (Some(None), Some(text)) => {
            let scale = Scale::read(&text.text);
            if scale.is_none() {
                let message = format!("`scale` cannot be `{}`", short(&text.text));
                let help =
                    "write the lowest and the highest answer, such as `1..5`: at most eleven answers from 0 to 100";
                fields.error_with_help("KW0104", at, message, help);
            }
            scale
        }
        (Some(None), None) => {
            let (at, message) = (fields.value_place("score"), "a `custom` score needs a `scale`");
            fields.error_with_help("KW0104", at, message, "add the lowest and the highest answer: `scale: 1..5`");
            None
        }
        (Some(Some(scale)), None) => Some(scale),
        (Some(Some(scale)), Some(_)) => {
            let values = scale.values();
            let word = scale.score_name("");
            let message =
                format!("`scale` is for `score: custom`: `{word}` goes from {} to {}", values.start(), values.end());
            fields.error_with_help("KW0104", at, message, "remove it, or write `score: custom`");
            Some(scale)
        }
        (None, Some(_)) => {
            if !fields.has("score") {
                fields.error_with_help("KW0102", at, "`scale` needs `score: custom`", "add `score: custom`");
            }
            None
        }
        (None, None) => None,
    }
}

/// The score of a `custom` scale has the name of its survey, and those names mean
/// answers on scales of their own.
fn refuse_named_score(id: Option<&str>, scale: Option<Scale>, at: Position, fields: &mut Fields<'_, '_>) {
    if let (Some(id), Some(Scale::Custom { .. })) = (id, scale)
        && let Some((word, named)) = Scale::NAMED.iter().find(|(word, _)| *word == id)
    {
        let values = named.values();
        let message = format!(
            "a survey with a `custom` score cannot be called `{word}`: that score goes from {} to {}",
            values.start(),
            values.end()
        );
        fields.error_with_help("KW0104", at, message, format!("choose another name, or write `score: {word}`"));
    }
}

/// How often it asks one contact, in seconds.
fn every(fields: &mut Fields<'_, '_>) -> Option<i64> {
    let every = fields.elapsed("every")?;
    if every < DAY {
        let at = fields.value_place("every");
        let message = "nobody can be asked more often than once in a day";
        fields.error_with_help("KW0110", at, message, "write days, such as `every: 90d`");
        return None;
    }
    Some(every)
}

/// How many seconds a contact is left alone. Their own next turn must not fall into
/// that time: they would be asked a slot later each time, or every second time.
fn not_again_within(every: Option<i64>, fields: &mut Fields<'_, '_>) -> i64 {
    let by_default = every.map_or(LEFT_ALONE, |every| (every - DAY).clamp(0, LEFT_ALONE));
    let Some(written) = fields.elapsed("not_again_within") else { return by_default };
    if every.is_some_and(|every| written >= every) {
        let at = fields.value_place("not_again_within");
        let message = "`not_again_within` must be shorter than `every`: the survey would keep itself from asking";
        let help = format!("write fewer days, such as `not_again_within: {}d`", by_default / DAY);
        fields.error_with_help("KW0104", at, message, help);
    }
    written
}

/// The roles of those who are asked; empty for everybody.
fn roles<'n>(to: &'n Node, fields: &mut Fields<'_, '_>) -> Option<Vec<&'n Source>> {
    const HELP: &str = "write a role such as `champion`, a list such as `[champion, owner]`, or `all`";
    let one = std::slice::from_ref(to);
    let items = to.as_sequence().unwrap_or(one);
    let mut roles = Vec::new();
    for item in items {
        match &item.value {
            NodeValue::Text(source) if &*source.text == ALL && items.len() == 1 && to.as_sequence().is_none() => {
                return Some(Vec::new());
            }
            NodeValue::Text(source) if is_role(&source.text) => roles.push(source),
            NodeValue::Text(source) => {
                let message = format!("`{}` is no role: a survey asks contacts by their roles", short(&source.text));
                fields.error_with_help("KW0115", item.place, message, HELP);
            }
            _ => {
                let message = format!("`to` needs roles, not {}", item.describe());
                fields.error_with_help("KW0103", item.place, message, HELP);
            }
        }
    }
    if items.is_empty() {
        fields.error_with_help("KW0103", to.place, "`to` needs at least one role", HELP);
    }
    (!roles.is_empty()).then_some(roles)
}

/// Whether a text can stand in an expression as a role.
fn is_role(text: &str) -> bool {
    let odd = |c: char| c.is_control() || "\"'`\\@()[]{}<>=&|".contains(c);
    text != ALL && text.contains(char::is_alphabetic) && !text.contains(odd)
}

/// Who is asked: those with a role who can be reached and were left alone for long
/// enough, and for whom the author's own condition holds. That one begins on the second
/// line, so that what is said of it is said of its place.
fn condition(
    file: &Arc<str>,
    place: Position,
    roles: &[&Source],
    not_again_within: i64,
    own: Option<Source>,
) -> Source {
    let mut clauses = Vec::new();
    if !roles.is_empty() {
        let roles: Vec<String> = roles.iter().map(|role| format!("\"{}\"", role.text.trim())).collect();
        clauses.push(format!("contact.role in [{}]", roles.join(", ")));
    }
    clauses.push("contact.email != none".to_owned());
    if not_again_within > 0 {
        let days = (not_again_within + DAY - 1) / DAY;
        clauses.push(format!("(contact.days_since_survey() ?? {NEVER}) >= {days}"));
    }
    let clauses = clauses.join(" && ");
    let Some(own) = own else { return inline(file, place, &clauses) };
    let layout = match own.origin.layout {
        Layout::Inline => Layout::Block {
            first_line: own.origin.start.line.saturating_sub(1),
            indent: own.origin.start.column.saturating_sub(1),
            lead: 0,
        },
        Layout::Block { first_line, indent, lead } => {
            Layout::Block { first_line: first_line.saturating_sub(1), indent, lead }
        }
        Layout::Opaque => Layout::Opaque,
    };
    let text = format!("{clauses} && (\n{}\n)", own.text.trim_end());
    Source { text: text.into(), origin: Origin { file: file.clone(), start: own.origin.start, layout } }
}

/// Calls the step by its own name where a case names it by the survey's id.
fn name_step(case: &mut case::Case, id: &str) {
    let rename = |step: &mut String| {
        if step == id {
            *step = STEP.to_owned();
        }
    };
    for expectation in &mut case.expect {
        if let case::Expected::Step { id, .. } = &mut expectation.expected {
            rename(id);
        }
    }
    case.then.iter_mut().flat_map(|change| &mut change.answers).for_each(|answer| rename(&mut answer.step));
}

/// As many days as stand for never.
const NEVER: i64 = 36_500;
