//! A list mail: the step `email` of a playbook for the portfolio. It goes to
//! colleagues, leaves as their notices do, and can list the accounts that match.

use std::sync::Arc;

use super::localized::{Localized, choose, warn_of_halves};
use super::notice::{Audience, addressed, to_address};
use super::{Action, Compiler, Reads, Situation};
use crate::address::parse_address;
use crate::config::DEFAULT_LANGUAGE;
use crate::effect::{EffectBody, MessageDraft, NoticeDraft};
use crate::message::channel::Channel;
use crate::playbook::reader::{Fields, Form, Key, Shape};
use crate::playbook::yaml::Node;
use crate::playbook::{Source, Step};
use crate::rule::EvalError;
use crate::rule::template::Escape;

static LIST_MAIL: Form = Form::new(
    "the step `email` of a playbook for the portfolio",
    &[&[
        Key::required("to", Shape::Text, "Who gets it: `csm`, `manager`, `alerts_to` or an address."),
        Key::required("subject", Shape::Localized, "A template, or one for each language: `{ default: …, de: … }`."),
        Key::required(
            "body",
            Shape::Localized,
            "A template in Markdown, or one for each language; `{% for account in matching %}` lists accounts.",
        ),
    ]],
);

/// A list mail, ready to be written.
#[derive(Debug)]
struct ListMail {
    to: Reader,
    subject: Localized,
    body: Localized,
    /// The language of the configuration, which colleagues read.
    language: String,
}

/// Who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reader {
    Person(Audience),
    Address(String),
}

/// Reads the fields of a list mail.
pub(super) fn parse(step: &Step, node: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
    let mut problems = Vec::new();
    let mut fields = Fields::new(&compiler.file, node, &LIST_MAIL, &mut problems).at(step.place);
    let to = fields.required_text("to");
    let (subject, body) = (fields.required("subject"), fields.required("body"));
    let fine = fields.finish();
    compiler.problems.extend(problems);
    let to = to.and_then(|source| reader(&source, compiler));
    let subject = subject.and_then(|node| Localized::parse(node, "subject", compiler, Escape::Plain));
    let text = body.and_then(|node| Localized::parse(node, "text", compiler, Escape::Markdown));
    if let (Some(subject), Some(text), Some(node)) = (&subject, &text, body) {
        warn_of_halves(subject, text, node, compiler);
    }
    if !fine {
        return None;
    }
    let language = compiler.config.language.as_deref().unwrap_or(DEFAULT_LANGUAGE).to_owned();
    Some(Arc::new(ListMail { to: to?, subject: subject?, body: text?, language }))
}

fn reader(source: &Source, compiler: &mut Compiler) -> Option<Reader> {
    let word = source.text.trim();
    compiler.no_colleague_of_all(source);
    let address = || parse_address(word).ok().map(Reader::Address);
    let reader = Audience::parse(word).map(Reader::Person).or_else(address);
    if reader.is_none() {
        let message = format!("a list mail cannot go to `{word}`: it is for colleagues");
        let help = "write csm, manager, alerts_to or an address";
        compiler.problems.push(source.error("KW0115", 1, 1, message).help(help));
    }
    reader
}

impl Action for ListMail {
    fn reads(&self, reads: &mut Reads) {
        self.subject.all().chain(self.body.all()).for_each(|template| reads.template(template));
    }

    fn channel(&self) -> Channel {
        Channel::Notice
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let texts = choose(&self.subject, &self.body, &self.language, Some(&self.language));
        let zone = at.assignee_zone(at.people.csm.as_ref());
        let write = |template: &crate::rule::template::Template| {
            template.render(&at.render_context(None, zone, &texts.locale)).map_err(EvalError::from)
        };
        let subject = write(texts.subject)?.trim().to_owned();
        let text = write(texts.body)?;
        let draft = match &self.to {
            Reader::Person(audience) => addressed(at, *audience, subject, text),
            Reader::Address(address) => to_address(at, address, subject, text),
        };
        Ok(vec![EffectBody::Message(MessageDraft::Notice(NoticeDraft { is_markdown: true, ..draft }))])
    }
}
