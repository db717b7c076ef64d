//! `notify`: a notice to a colleague by mail, or a post to a channel.

use std::sync::Arc;

use super::notice::{Audience, NoticeAddress};
use super::owner::Owner;
use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::effect::{EffectBody, MessageDraft};
use crate::facts::{Cell, CellPath, Subject};
use crate::message::channel::Channel;
use crate::playbook::reader::{Fields, Form, Key, Shape};
use crate::playbook::yaml::Node;
use crate::playbook::{Step, StepForm};
use crate::rule::EvalError;
use crate::rule::template::{Escape, Template};

/// The kind `notify`.
pub struct Kind;

static NOTIFY: Form = Form::new(
    "the step `notify`",
    &[&[
        Key::required(
            "channel",
            Shape::Either(&[
                Shape::Words(&Audience::WORDS),
                Shape::text_like(
                    "^[a-z]+:[A-Za-z_][A-Za-z0-9_]*$",
                    "a channel and an environment variable, such as `slack:NAME`",
                ),
                OWNER,
            ]),
            "Who hears of it: `csm`, `manager`, `alerts_to`, `owner(\"ROLE\")`, or `slack:NAME` with the environment variable that holds the URL.",
        ),
        Key::required("text", Shape::Template, "What is said: a template."),
    ]],
);

/// `owner("inside")`.
const OWNER: Shape = Shape::text_like(r#"^\s*owner\(.+\)\s*$"#, "`owner(\"ROLE\")`");

#[derive(Debug)]
struct Notify {
    to: NoticeAddress,
    text: Template,
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("notify").expected("notice", "notify", &[])
    }

    fn example(&self) -> Option<&'static str> {
        Some("notify: { channel: csm, text: \"…\" }")
    }

    fn summary(&self) -> &'static str {
        "Tells the CSM, the manager or the playbook's owners by mail, or a Slack channel."
    }

    fn suits_portfolio(&self) -> bool {
        true
    }

    fn shape(&self) -> Shape {
        Shape::Form(&NOTIFY)
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let mut problems = Vec::new();
        let mut fields = Fields::new(&compiler.file, body, &NOTIFY, &mut problems).at(step.place);
        let channel = fields.required_text("channel");
        let text = fields.required_text("text");
        let fine = fields.finish();
        compiler.problems.extend(problems);
        let to = channel.and_then(|source| {
            compiler.no_colleague_of_all(&source);
            let owner = || Owner::parse(&source.text).map(NoticeAddress::Owner);
            let to = NoticeAddress::parse(&source.text).or_else(owner);
            if let Some(NoticeAddress::Owner(owner)) = &to {
                owner.check(&source, compiler);
            }
            if to.is_none() {
                let problem = source.error("KW0104", 1, 1, format!("`channel` cannot be `{}`", source.text));
                let help = format!(
                    "write {}, NAME being an environment variable, or owner(\"ROLE\")",
                    NoticeAddress::expected()
                );
                compiler.problems.push(problem.help(help));
            }
            to
        });
        let text = text.and_then(|source| compiler.template(&source, Escape::Plain, false));
        if !fine {
            return None;
        }
        Some(Arc::new(Notify { to: to?, text: text? }))
    }
}

impl Action for Notify {
    fn reads(&self, reads: &mut Reads) {
        if let NoticeAddress::Owner(owner) = &self.to {
            owner.reads(reads);
        }
        reads.template(&self.text);
        reads.cells.insert(Cell { subject: Subject::Account, path: CellPath::Column("name".to_owned()) });
    }

    fn channel(&self) -> Channel {
        self.to.channel()
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let text = at.render_internal(&self.text)?;
        Ok(vec![EffectBody::Message(MessageDraft::Notice(self.to.notice(at, text)))])
    }
}
