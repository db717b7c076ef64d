//! `webhook`: a signed word to another system.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::effect::{EffectBody, MessageDraft, WebhookDraft};
use crate::facts::{Cell, CellPath, Subject};
use crate::message::channel::Channel;
use crate::playbook::reader::{Fields, Form, Key, Shape, is_variable};
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Duration, Source, Step, StepForm};
use crate::rule::EvalError;
use crate::rule::template::{Escape, Template};

/// The kind `webhook`.
pub struct Kind;

/// Until when it is tried, unless the step says so.
const VALID_FOR: Duration = Duration::Seconds(3 * 86_400);

static WEBHOOK: Form = Form::new(
    "the step `webhook`",
    &[&[
        Key::required(
            "url",
            Shape::text_like(r"^\s*env:[A-Za-z_][A-Za-z0-9_]*\s*$", "`env:` and the name of an environment variable"),
            "The environment variable that holds the URL, such as `env:CRM_WEBHOOK_URL`.",
        ),
        Key::required("body", Shape::Any, "A map or a list, sent as JSON, with templates in its texts; or a text."),
        Key::new("valid_for", Shape::Span, "How long it is tried. Default: `3d`."),
    ]],
);

#[derive(Debug)]
struct Webhook {
    /// The environment variable that holds the URL.
    variable: String,
    body: Body,
    valid_for: Duration,
}

#[derive(Debug)]
enum Body {
    /// Sent as it is rendered.
    Text { template: Template, json: bool },
    /// Sent as JSON, so that no value can break out of its place.
    Json(Part),
}

/// A part of a JSON body.
#[derive(Debug)]
enum Part {
    Fixed(Json),
    Text(Template),
    List(Vec<Part>),
    Map(Vec<(String, Part)>),
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("webhook").expected("webhook", "webhook", &[])
    }

    fn example(&self) -> Option<&'static str> {
        Some("webhook: { url: env:NAME, body: \"…\" }")
    }

    fn summary(&self) -> &'static str {
        "Posts a signed body to another system."
    }

    fn suits_portfolio(&self) -> bool {
        true
    }

    fn shape(&self) -> Shape {
        Shape::Form(&WEBHOOK)
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let mut problems = Vec::new();
        let mut fields = Fields::new(&compiler.file, body, &WEBHOOK, &mut problems).at(step.place);
        let url = fields.required_text("url");
        let node = fields.required("body");
        let valid_for = fields.duration("valid_for");
        let fine = fields.finish();
        compiler.problems.extend(problems);
        let variable = url.and_then(|source| variable(&source, compiler));
        let body = match node.map(|node| (&node.value, node)) {
            Some((NodeValue::Text(source), _)) => {
                let json = is_json(&source.text);
                let escape = if json { Escape::Json } else { Escape::Plain };
                compiler.template(source, escape, false).map(|template| Body::Text { template, json })
            }
            Some((_, node)) => part(node, compiler).map(Body::Json),
            None => None,
        };
        if !fine {
            return None;
        }
        Some(Arc::new(Webhook { variable: variable?, body: body?, valid_for: valid_for.unwrap_or(VALID_FOR) }))
    }
}

/// The name behind `env:`.
fn variable(source: &Source, compiler: &mut Compiler) -> Option<String> {
    let name = source.text.trim().strip_prefix("env:").filter(|name| is_variable(name));
    if name.is_none() {
        let problem = source.error("KW0104", 1, 1, "`url` names an environment variable that holds the URL");
        compiler.problems.push(problem.help("write `url: env:CRM_WEBHOOK_URL`; the URL itself is a secret"));
    }
    name.map(str::to_owned)
}

fn part(node: &Node, compiler: &mut Compiler) -> Option<Part> {
    Some(match &node.value {
        NodeValue::Null => Part::Fixed(Json::Null),
        NodeValue::Bool(value) => Part::Fixed(Json::from(*value)),
        NodeValue::Int(value) => Part::Fixed(Json::from(*value)),
        NodeValue::Float(number) => Part::Fixed(Json::from(number.value)),
        NodeValue::Text(source) => Part::Text(compiler.template(source, Escape::JsonValue, false)?),
        NodeValue::Sequence(items) => {
            // All of them are read, so that every problem is reported.
            let parts: Vec<Option<Part>> = items.iter().map(|item| part(item, compiler)).collect();
            Part::List(parts.into_iter().collect::<Option<_>>()?)
        }
        NodeValue::Mapping(entries) => {
            let parts: Vec<Option<(String, Part)>> =
                entries.iter().map(|entry| Some((entry.key.clone(), part(&entry.node, compiler)?))).collect();
            Part::Map(parts.into_iter().collect::<Option<_>>()?)
        }
    })
}

/// Whether a text is meant to be JSON: it begins so, and not with a placeholder.
fn is_json(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with(['{', '[']) && !text.starts_with("{{") && !text.starts_with("{%")
}

impl Part {
    fn reads(&self, reads: &mut Reads) {
        match self {
            Part::Fixed(_) => {}
            Part::Text(template) => reads.template(template),
            Part::List(parts) => parts.iter().for_each(|part| part.reads(reads)),
            Part::Map(parts) => parts.iter().for_each(|(_, part)| part.reads(reads)),
        }
    }

    fn render(&self, at: &Situation) -> Result<Json, EvalError> {
        Ok(match self {
            Part::Fixed(value) => value.clone(),
            Part::Text(template) => Json::from(at.render_internal(template)?),
            Part::List(parts) => parts.iter().map(|part| part.render(at)).collect::<Result<_, _>>()?,
            Part::Map(parts) => Json::Object(
                parts
                    .iter()
                    .map(|(key, part)| Ok((key.clone(), part.render(at)?)))
                    .collect::<Result<_, EvalError>>()?,
            ),
        })
    }
}

impl Action for Webhook {
    fn reads(&self, reads: &mut Reads) {
        match &self.body {
            Body::Text { template, .. } => reads.template(template),
            Body::Json(part) => part.reads(reads),
        }
        reads.cells.insert(Cell { subject: Subject::Account, path: CellPath::Column("name".to_owned()) });
    }

    fn channel(&self) -> Channel {
        Channel::Webhook
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let body = match &self.body {
            Body::Text { template, .. } => at.render_internal(template)?,
            Body::Json(part) => part.render(at)?.to_string(),
        };
        if matches!(self.body, Body::Text { json: true, .. })
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body)
        {
            return Err(EvalError::new(format!("its body is not JSON: {error}")));
        }
        let subject = format!("{}: {}", at.playbook, super::notice::account_name(at));
        let now = at.context.facts.as_of;
        let draft = WebhookDraft {
            channel: self.channel(),
            variable: format!("env:{}", self.variable),
            subject,
            body,
            valid_until: at.calendar.add(now, self.valid_for, at.zone),
        };
        Ok(vec![EffectBody::Message(MessageDraft::Webhook(draft))])
    }
}
