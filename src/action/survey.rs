//! `survey`: a question by mail, answered on our page.

use std::sync::Arc;

use super::email::Email;
use super::recipient::TO;
use super::{Action, Compiler, Question, Reads, Situation, StepKind};
use crate::effect::{EffectBody, Score, kind};
use crate::facts::Type;
use crate::message::channel::Channel;
use crate::playbook::reader::form::words;
use crate::playbook::reader::{Fields, Form, Key, Shape};
use crate::playbook::yaml::Node;
use crate::playbook::{Duration, Step, StepForm};
use crate::rule::{EvalError, NamedStep};

/// The kind `survey`.
pub struct Kind;

const SCORE_WORDS: &[&str] = &words(&Score::ALL);

static SURVEY: Form = Form::new(
    "the step `survey`",
    &[&[
        Key::new(
            "score",
            Shape::Words(SCORE_WORDS),
            "`nps` (0 to 10), `csat` (1 to 5) or `ces` (1 to 7); without it, people answer in their own words.",
        ),
        Key::required(
            "question",
            Shape::Localized,
            "A template, or one for each language: the mail's subject and text, and the page's heading.",
        ),
        Key::new(
            "to",
            TO,
            "Who is asked: a role such as `champion`, a list, `{ first_of: [champion, owner] }`, `all`, an address, or an expression. In a playbook for contacts the default is the enrolled one.",
        ),
        Key::new("valid_for", Shape::Span, "How long an answer is awaited. Default: `7d`."),
    ]],
);

/// A survey step. Its mail holds the question; the gate adds the links.
#[derive(Debug)]
struct Survey {
    email: Email,
    question: Question,
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("survey").expected("survey", kind::MAIL, &[kind::NOTICE]).functions(&["answer", "sent"])
    }

    fn example(&self) -> Option<&'static str> {
        Some("survey: { score: nps, question: \"…\", to: champion }")
    }

    fn summary(&self) -> &'static str {
        "Asks people at the customer a question by mail and waits for the first answer."
    }

    fn shape(&self) -> Shape {
        Shape::Form(&SURVEY)
    }

    fn named(&self, id: &str, function: &str, body: &Node) -> NamedStep {
        if function != "answer" {
            return NamedStep::new(id);
        }
        let is_scored = body.as_mapping().is_some_and(|keys| keys.iter().any(|entry| entry.key == "score"));
        NamedStep { ty: if is_scored { Type::Int } else { Type::Text }, ..NamedStep::new(id) }
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let mut problems = Vec::new();
        let mut fields = Fields::new(&compiler.file, body, &SURVEY, &mut problems).at(step.place);
        let score = fields.one_of("score", &Score::ALL);
        let question = fields.required("question");
        let to = super::email::recipients(&mut fields, compiler.subject);
        let valid_for = fields.duration("valid_for").unwrap_or(Duration::Seconds(7 * 86_400));
        let fine = fields.finish();
        compiler.problems.extend(problems);
        let email = Email::question(question, to, valid_for, compiler);
        if !fine {
            return None;
        }
        Some(Arc::new(Survey { email: email?, question: Question { score, valid_for } }))
    }
}

impl Action for Survey {
    fn reads(&self, reads: &mut Reads) {
        self.email.reads(reads);
    }

    fn channel(&self) -> Channel {
        self.email.channel()
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        self.email.effects(at)
    }

    fn email(&self) -> Option<&Email> {
        Some(&self.email)
    }

    fn question(&self) -> Option<&Question> {
        Some(&self.question)
    }

    fn awaits_messages(&self) -> bool {
        true
    }

    fn roles(&self) -> Vec<String> {
        self.email.roles()
    }
}
