//! `report`: a value report of the account, by mail to the customer with a PDF, or
//! as a notice to the CSM who prepares a review.

use std::sync::Arc;

use super::email::{CLASS_WORDS, FROM_WORDS, NO_REPLY_TO, REPLY_TO, Text};
use super::email::{Email, addressed, addressees, answers_to, check_class, warn_of_budget};
use super::localized::{Localized, warn_of_halves};
use super::notice;
use super::recipient::TO;
use super::variants::{MailText, MailTexts};
use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::config::DEFAULT_LANGUAGE;
use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::effect::{EffectBody, From, MailDraft, MessageDraft, NoticeDraft, kind};
use crate::facts::{Subject, Type};
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::playbook::document::{Document, DocumentBody, Report, TextByLanguage};
use crate::playbook::reader::{Fields, Form, Key, Shape, inline};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::playbook::{Duration, Source, Step, StepForm};
use crate::rule::template::Escape;
use crate::rule::{EvalError, Wanted};
use crate::value_report::{ReportMaker, Sheet, summary_lines};

/// The kind `report`.
pub struct Kind;

const REPORT: Shape = Shape::Either(&[Shape::Text, Shape::Form(&REPORT_KEYS)]);

/// Whom `to` names where the report is for the review, and not for the customer.
const CSM: &str = "csm";

static REPORT_KEYS: Form = Form::new(
    "the step `report`",
    &[&[
        Key::required("report", Shape::Text, "The id of the report."),
        Key::new(
            "to",
            TO,
            "Who gets it: a role such as `champion`, a list, `{ first_of: [champion, owner] }`, `all`, an address, or an expression; `csm` tells the CSM, and no customer. Default: the champion, else the owner; in a playbook for contacts the enrolled one.",
        ),
        Key::new(
            "class",
            Shape::Words(CLASS_WORDS),
            "`lifecycle` (default), `marketing` (needs the contact's consent) or `transactional`.",
        ),
        Key::new("subject", Shape::Localized, "A template, or one for each language. Default: the report's title."),
        Key::new(
            "body",
            Shape::Localized,
            "What stands above the figures: a template in Markdown, or one for each language. Default: the report's intro.",
        ),
        Key::new("from", Shape::Words(FROM_WORDS), "`csm` (their name, our address) or `default`."),
        Key::new("reply_to", REPLY_TO, "Where answers go: `csm` (default) or an address."),
        Key::new("valid_for", Shape::Span, "Not sent after this. Default: `7d`."),
    ]],
);

/// A step that makes a report and sends it.
#[derive(Debug)]
struct SendReport {
    /// `None` where it does not matter what is named: then nothing is sent.
    report: Option<NamedReport>,
    audience: ReportAudience,
    /// The language of the configuration.
    language: String,
}

/// A report with its expressions.
#[derive(Debug)]
struct NamedReport {
    document: Arc<Document>,
    maker: ReportMaker,
}

/// Who gets a report.
#[derive(Debug)]
enum ReportAudience {
    Customer(Box<Email>),
    Csm,
}

/// What a step says beside the report.
#[derive(Default)]
struct ReportKeys<'n> {
    to: Option<&'n Node>,
    class: Option<(Class, Position)>,
    subject: Option<&'n Node>,
    body: Option<&'n Node>,
    from: From,
    reply_to: Option<Source>,
    valid_for: Option<Duration>,
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("report").expected("report", kind::MAIL, &[kind::NOTICE]).functions(&["sent"])
    }

    fn summary(&self) -> &'static str {
        "Sends a value report: what the account got, before and after, with a PDF; `to: csm` tells the CSM instead."
    }

    fn shape(&self) -> Shape {
        REPORT
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let (source, written) = match &body.value {
            NodeValue::Text(source) => (source.clone(), ReportKeys::default()),
            _ => {
                let mut problems = Vec::new();
                let mut fields = Fields::new(&compiler.file, body, &REPORT_KEYS, &mut problems).at(step.place);
                let report = fields.required_text("report");
                let class = fields.one_of("class", &Class::OF_MAIL);
                let class_place = fields.value_place("class");
                let written = ReportKeys {
                    to: fields.take("to"),
                    class: class.map(|class| (class, class_place)),
                    subject: fields.take("subject"),
                    body: fields.take("body"),
                    from: fields.one_of("from", &From::ALL).unwrap_or_default(),
                    reply_to: fields.text("reply_to"),
                    valid_for: fields.duration("valid_for"),
                };
                let fine = fields.finish();
                compiler.problems.extend(problems);
                (report.filter(|_| fine)?, written)
            }
        };
        let before = compiler.problems.len();
        let found = find(&source, compiler);
        let is_wrong = compiler.problems.len() > before;
        let report = found.as_ref().and_then(|document| match &document.body {
            DocumentBody::Report(report) => Some(Arc::new(report.clone())),
            _ => None,
        });
        let named = found.zip(report.as_ref()).map(|(document, report)| {
            let maker = maker(&document, report, &source, compiler);
            maker.map(|maker| NamedReport { document, maker })
        });
        let audience = match written.to.and_then(Node::as_text) {
            Some(CSM) => Some(ReportAudience::Csm),
            _ => {
                email(step, report.as_deref(), written, compiler).map(|email| ReportAudience::Customer(Box::new(email)))
            }
        };
        let language = compiler.config.language.clone().unwrap_or_else(|| DEFAULT_LANGUAGE.to_owned());
        let report = match named {
            Some(named) => Some(named?),
            None if is_wrong => return None,
            None => None,
        };
        Some(Arc::new(SendReport { report, audience: audience?, language }))
    }
}

/// The report of that id; what is wrong with naming it is reported. `None` without a word
/// where it does not matter what is named.
fn find(source: &Source, compiler: &mut Compiler) -> Option<Arc<Document>> {
    let id = source.text.trim();
    let reports = &compiler.neighbours.reports;
    if let Some(report) = reports.iter().find(|report| report.id == id) {
        return Some(report.clone());
    }
    compiler.neighbours.documents.as_ref()?;
    let is_this = |document: &&Document| document.id == id && matches!(document.body, DocumentBody::Report(_));
    let broken = compiler.neighbours.documents.iter().flatten().find(is_this);
    let problem = match broken {
        Some(broken) => {
            let message = format!("the report \"{id}\" cannot be sent: its file has errors");
            source.error("KW0108", 1, 1, message).help(format!("see {}", broken.file))
        }
        None => {
            let help = match nearest(id, reports.iter().map(|report| report.id.as_str())) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("write a file that begins with `report: {id}`"),
            };
            source.error("KW0108", 1, 1, format!("there is no report \"{id}\"")).help(help)
        }
    };
    compiler.problems.push(problem);
    None
}

/// Compiles the expressions of the report. What is wrong with them is said of its own
/// file; here, what is wrong with making it here.
fn maker(document: &Document, report: &Arc<Report>, source: &Source, compiler: &mut Compiler) -> Option<ReportMaker> {
    let zone = document.timezone.unwrap_or(compiler.config.timezone);
    let begin = compiler.schema.column(Subject::Account, "signed_up_at");
    let has_begin = begin.is_some_and(|column| column.ty == Type::Time);
    let before = compiler.problems.len();
    let maker = ReportMaker::compile(&document.id, report, zone, has_begin, |source| {
        compiler.expression(source, Wanted::Measure, false)
    });
    let said = compiler.problems.split_off(before);
    if let (None, Some(wrong)) = (&maker, said.into_iter().find(Diagnostic::is_error)) {
        let message = format!("the report \"{}\" cannot be made here: {}", document.id, wrong.message);
        let help = format!("see {}:{}", document.file, document.place.line);
        compiler.problems.push(source.error("KW0108", 1, 1, message).help(help));
    }
    maker
}

/// The mail of a report: its title is the subject, its intro the text that the step
/// does not have.
fn email(step: &Step, report: Option<&Report>, written: ReportKeys<'_>, compiler: &mut Compiler) -> Option<Email> {
    let file = compiler.file.clone();
    let (class, class_place) = written.class.unwrap_or((Class::Lifecycle, step.place));
    check_class(class, class_place, step.place, compiler);
    let answers = answers_to(written.reply_to.as_ref().map(|source| &*source.text));
    if let (None, Some(source)) = (&answers, &written.reply_to) {
        compiler.problems.push(source.error("KW0115", 1, 1, NO_REPLY_TO));
    }
    let default_to = first_of(&file, step.place, &["champion", "owner"]);
    let to_node = written.to.or((compiler.subject == Subject::Account).then_some(&default_to));
    let valid_for = written.valid_for.unwrap_or(Duration::Seconds(7 * 86_400));
    let to = addressees(to_node, compiler);
    if let Some(to) = &to {
        warn_of_budget(to, to_node.map_or(step.place, |node| node.place), class, valid_for, compiler);
    }
    let text = |text: Option<&TextByLanguage>| match text {
        Some(text) => node_of(&file, step.place, text),
        None => Node { place: step.place, value: NodeValue::Text(inline(&file, step.place, "?")) },
    };
    let title = text(report.map(|report| &report.title));
    let intro = text(report.map(|report| report.intro.as_ref().unwrap_or(&report.title)));
    let (subject, body) = (written.subject.unwrap_or(&title), written.body.unwrap_or(&intro));
    let body_place = body.place;
    let subject = Localized::parse(subject, "subject", compiler, Escape::Plain);
    let body = Localized::parse(body, "body", compiler, Escape::Markdown);
    let (subject, body) = (subject?, body?);
    if written.subject.is_some() == written.body.is_some() {
        warn_of_halves(&subject, &body, &Node { place: body_place, value: NodeValue::Null }, compiler);
    }
    Some(Email {
        to: to?,
        class,
        texts: MailTexts::Single(MailText { subject: Arc::new(subject), body: Arc::new(body) }),
        from: written.from,
        reply_to: answers?,
        ignores_quiet: false,
        sends_again: false,
        valid_for,
        language: compiler.config.language.clone(),
        asks: None,
    })
}

/// A text as an author could have written it at a place.
fn node_of(file: &Arc<str>, place: Position, text: &TextByLanguage) -> Node {
    let node = |text: &str| Node { place, value: NodeValue::Text(inline(file, place, text)) };
    if text.languages.is_empty() {
        return node(&text.default);
    }
    let entry = |key: &str, text: &str| Entry { key: key.to_owned(), key_place: place, node: node(text) };
    let languages = text.languages.iter().map(|(language, text)| entry(language, text));
    let entries = std::iter::once(entry("default", &text.default)).chain(languages).collect();
    Node { place, value: NodeValue::Mapping(entries) }
}

/// `{ first_of: […] }` with these roles.
fn first_of(file: &Arc<str>, place: Position, roles: &[&str]) -> Node {
    let role = |role: &&str| Node { place, value: NodeValue::Text(inline(file, place, role)) };
    let list = Node { place, value: NodeValue::Sequence(roles.iter().map(role).collect()) };
    let entry = Entry { key: "first_of".to_owned(), key_place: place, node: list };
    Node { place, value: NodeValue::Mapping(vec![entry]) }
}

impl SendReport {
    fn customer(&self) -> Option<&Email> {
        match &self.audience {
            ReportAudience::Customer(email) => Some(email),
            ReportAudience::Csm => None,
        }
    }
}

impl Action for SendReport {
    fn reads(&self, reads: &mut Reads) {
        if let Some(NamedReport { maker, .. }) = &self.report {
            reads.cells.extend(maker.cells());
            maker.rules().for_each(|rule| reads.rule(rule));
        }
        if let Some(email) = self.customer() {
            email.reads(reads);
        }
    }

    fn channel(&self) -> Channel {
        self.customer().map_or(Channel::OF_COLLEAGUES, Action::channel)
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let Some(NamedReport { maker, .. }) = &self.report else {
            return Err(EvalError::new("its report is not known"));
        };
        let report = Arc::new(maker.make(at.sandbox, &at.context.facts));
        let mut bodies = vec![EffectBody::Report(report.clone())];
        match &self.audience {
            ReportAudience::Customer(email) => {
                let to = email.to.resolve(at)?;
                let messages = addressed(at, &to, email.class, email.valid_for, Text::Step(email));
                bodies.extend(messages.into_iter().map(|body| match body {
                    EffectBody::Message(MessageDraft::Mail(mail)) => {
                        EffectBody::Message(MessageDraft::Mail(MailDraft { report: Some(report.clone()), ..mail }))
                    }
                    other => other,
                }));
            }
            ReportAudience::Csm => {
                let sheet = Sheet::of(&report, &self.language, &self.language);
                let subject = format!("{}{}{}", sheet.title, sheet.colon, sheet.account);
                let text = summary_lines(&sheet).join("\n");
                let text = format!("{}\n{}\n{text}", sheet.account, sheet.dates);
                let draft = notice::to_csm(at, subject, text);
                let draft = NoticeDraft { report: Some(report), ..draft };
                bodies.push(EffectBody::Message(MessageDraft::Notice(draft)));
            }
        }
        Ok(bodies)
    }

    fn email(&self) -> Option<&Email> {
        self.customer()
    }

    fn report(&self) -> Option<&Arc<Document>> {
        self.report.as_ref().map(|report| &report.document)
    }

    fn awaits_messages(&self) -> bool {
        self.customer().is_some()
    }

    fn roles(&self) -> Vec<String> {
        self.customer().map(Action::roles).unwrap_or_default()
    }
}
