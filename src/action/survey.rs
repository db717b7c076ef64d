//! `survey`: a question by mail, answered on our page. A map asks a question of its
//! own; a text names a survey of the playbooks' folder.

use std::sync::Arc;

use super::email::Email;
use super::question_mail::QuestionMail;
use super::recipient::TO;
use super::{Action, Compiler, Question, Reads, Situation, StepKind};
use crate::diagnostic::{Diagnostic, nearest};
use crate::effect::{EffectBody, kind};
use crate::facts::{Subject, Type};
use crate::message::channel::Channel;
use crate::playbook::document::Survey;
use crate::playbook::reader::form::words;
use crate::playbook::reader::{Fields, Form, Key, NameOf, Shape};
use crate::playbook::scale::Scale;
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Duration, Source, Step, StepForm};
use crate::rule::{EvalError, NamedStep};

/// The kind `survey`.
pub struct Kind;

const SCORE_WORDS: &[&str] = &words(&Scale::NAMED);
const SURVEY: Shape = Shape::Either(&[Shape::Name(NameOf::Playbook), Shape::Form(&SURVEY_KEYS)]);

static SURVEY_KEYS: Form = Form::new(
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
struct Ask {
    email: Email,
    question: Question,
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("survey").expected("survey", kind::MAIL, &[kind::NOTICE]).functions(&["answer", "sent"])
    }

    fn summary(&self) -> &'static str {
        "Asks people at the customer a question by mail and waits for the first answer; `survey: ID` asks that of a survey."
    }

    fn shape(&self) -> Shape {
        SURVEY
    }

    fn named(&self, id: &str, function: &str, body: &Node, surveys: &[Arc<Survey>]) -> NamedStep {
        if function != "answer" {
            return NamedStep::new(id);
        }
        let is_scored = match (body.as_text(), body.as_mapping()) {
            (Some(named), _) => surveys.iter().any(|survey| survey.id == named.trim() && survey.scale.is_some()),
            (None, keys) => keys.is_some_and(|keys| keys.iter().any(|entry| entry.key == "score")),
        };
        NamedStep { ty: if is_scored { Type::Int } else { Type::Text }, ..NamedStep::new(id) }
    }

    fn own_score(&self, body: &Node) -> Option<&'static str> {
        let score = body.as_mapping()?.iter().find(|entry| entry.key == "score")?;
        let word = score.node.as_text()?.trim();
        Scale::NAMED.iter().map(|(name, _)| *name).find(|name| *name == word)
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        if let NodeValue::Text(source) = &body.value {
            return named_survey(source, compiler);
        }
        let mut problems = Vec::new();
        let mut fields = Fields::new(&compiler.file, body, &SURVEY_KEYS, &mut problems).at(step.place);
        let scale = fields.one_of("score", &Scale::NAMED);
        let question = fields.required("question");
        let to = super::email::recipients(&mut fields, compiler.subject);
        let valid_for = fields.duration("valid_for").unwrap_or(Duration::Seconds(7 * 86_400));
        let fine = fields.finish();
        compiler.problems.extend(problems);
        let mail = QuestionMail { survey: "", question, subject: None, body: None, to, valid_for };
        let email = mail.compile(compiler);
        if !fine {
            return None;
        }
        Some(Arc::new(Ask { email: email?, question: Question { scale, survey: None, valid_for } }))
    }
}

/// The step that asks a survey of the folder: in a playbook for contacts the enrolled
/// one, else those of its roles.
fn named_survey(source: &Source, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
    let id = source.text.trim();
    let Some(survey) = compiler.surveys.iter().find(|survey| survey.id == id).cloned() else {
        let mut problem = source.error("KW0108", 1, 1, format!("there is no survey \"{id}\""));
        let known = compiler.surveys.iter().map(|survey| survey.id.as_str());
        problem.help = Some(match nearest(id, known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write a file that begins with `survey:`, or ask here: `survey: { question: …, to: champion }`"
                .to_owned(),
        });
        compiler.problems.push(problem);
        return None;
    };
    if !survey.is_whole {
        // Its own file is where that is said.
        if survey.file != compiler.file {
            let problem =
                source.error("KW0108", 1, 1, format!("the survey \"{id}\" cannot be asked: its file has errors"));
            compiler.problems.push(problem.help(format!("see {}", survey.file)));
        }
        return None;
    }
    let mail = QuestionMail {
        survey: &survey.id,
        question: Some(&survey.question),
        subject: survey.subject.as_ref(),
        body: survey.body.as_ref(),
        to: (compiler.subject == Subject::Account).then_some(&survey.to),
        valid_for: survey.valid_for,
    };
    let before = compiler.problems.len();
    let email = mail.compile(compiler);
    if survey.file != compiler.file {
        // The check of its own file says what is wrong there; here is said what is
        // wrong with asking it here.
        let said = compiler.problems.split_off(before);
        if let Some(wrong) = said.into_iter().find(Diagnostic::is_error) {
            let message = format!("the survey \"{id}\" cannot be asked here: {}", wrong.message);
            let help = format!("see {}:{}", survey.file, survey.place.line);
            compiler.problems.push(source.error("KW0108", 1, 1, message).help(help));
            return None;
        }
    }
    let email = email?;
    let question = Question { scale: survey.scale, valid_for: survey.valid_for, survey: Some(survey) };
    Some(Arc::new(Ask { email, question }))
}

impl Action for Ask {
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
