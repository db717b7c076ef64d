//! The mail that asks the question of a survey.

use std::sync::Arc;

use super::Compiler;
use super::email::{Asks, Email, addressees, warn_of_budget};
use super::localized::{Localized, warn_of_halves};
use super::variants::{MailText, MailTexts};
use crate::effect::{From, ReplyTo};
use crate::message::class::Class;
use crate::playbook::Duration;
use crate::playbook::yaml::Node;
use crate::rule::template::Escape;

/// What the mail of a survey is made of.
pub(super) struct QuestionMail<'n> {
    /// The survey's id; empty of a step's own question.
    pub survey: &'n str,
    pub question: Option<&'n Node>,
    pub subject: Option<&'n Node>,
    pub body: Option<&'n Node>,
    /// `None` asks the enrolled contact of a contact playbook.
    pub to: Option<&'n Node>,
    pub valid_for: Duration,
}

impl QuestionMail<'_> {
    /// The mail of a survey: its question is the subject and the text that it does
    /// not have.
    pub fn compile(self, compiler: &mut Compiler) -> Option<Email> {
        let QuestionMail { survey, question, subject, body, to, valid_for } = self;
        let to_place = to.or(question).map(|node| node.place);
        let to = addressees(to, compiler);
        if let (Some(to), Some(place)) = (&to, to_place) {
            warn_of_budget(to, place, Class::Lifecycle, valid_for, compiler);
        }
        let question = question?;
        let heading = Localized::parse(question, "question", compiler, Escape::Plain);
        let own_subject = subject.map(|node| Localized::parse(node, "subject", compiler, Escape::Plain));
        let body_place = body.unwrap_or(question);
        let body = match body {
            Some(node) => Localized::parse(node, "text", compiler, Escape::Markdown),
            None => Localized::parse(question, "question", compiler, Escape::Markdown),
        };
        let (subject, heading) = match own_subject {
            Some(subject) => (subject?, Some(heading?)),
            None => (heading?, None),
        };
        let body = body?;
        warn_of_halves(&subject, &body, body_place, compiler);
        let (class, from, reply_to) = (Class::Lifecycle, From::Default, ReplyTo::Csm);
        let text = MailText { subject: Arc::new(subject), body: Arc::new(body) };
        Some(Email {
            to: to?,
            class,
            texts: MailTexts::Single(text),
            from,
            reply_to,
            ignores_quiet: false,
            sends_again: false,
            valid_for,
            language: compiler.config.language.clone(),
            asks: Some(Asks { survey: survey.to_owned(), heading }),
        })
    }
}
