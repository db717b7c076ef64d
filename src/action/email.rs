//! `email`: a mail to customers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::list_mail;
use super::localized::{Localized, choose};
use super::recipient::{Recipient, Recipients, TO};
use super::variants::{MailTexts, VARIANTS};
use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::address::parse_address;
use crate::diagnostic::{Diagnostic, Position};
use crate::effect::{
    EffectBody, From, MailDraft, MessageDraft, QUIET, ReplyTo, SENT_AGAIN_AFTER, Words, Written, kind,
};
use crate::facts::{Cell, CellPath, Contact, Subject, Value};
use crate::message::channel::Channel;
use crate::message::class::Class;
use crate::message::duplicate;
use crate::message::recipient::{has_consented, recipient_zone};
use crate::playbook::calendar::Calendar;
use crate::playbook::reader::form::{ADDRESS, words};
use crate::playbook::reader::{Fields, Form, Key, KeyRule, Shape};
use crate::playbook::yaml::Node;
use crate::playbook::{Duration, Step, StepForm};
use crate::rule::EvalError;
use crate::rule::template::RenderContext;

/// The kind `email`.
pub struct Kind;

/// Whether a mail leaves once more when nobody knows what became of it.
const IF_UNKNOWN: [(&str, bool); 2] = [("leave", false), ("send_again", true)];
pub(super) const CLASS_WORDS: &[&str] = &words(&Class::OF_MAIL);
pub(super) const FROM_WORDS: &[&str] = &words(&From::ALL);
const QUIET_WORDS: &[&str] = &words(&QUIET);
const IF_UNKNOWN_WORDS: &[&str] = &words(&IF_UNKNOWN);

/// The key `reply_to`.
pub(super) const REPLY_TO: Shape =
    Shape::Either(&[Shape::Words(&["csm"]), ADDRESS, Shape::text_like(r"^\s*csm\s*$", "`csm` or an address")]);

static EMAIL: Form = Form::new(
    "the step `email`",
    &[&[
        Key::new(
            "to",
            TO,
            "Who gets it: a role such as `champion`, a list, `{ first_of: [champion, owner] }`, `all`, an address, or an expression. In a playbook for contacts the default is the enrolled one.",
        ),
        Key::new(
            "class",
            Shape::Words(CLASS_WORDS),
            "`lifecycle` (default), `marketing` (needs the contact's consent) or `transactional`.",
        ),
        Key::new("subject", Shape::Localized, "A template, or one for each language: `{ default: …, de: … }`."),
        Key::new(
            "body",
            Shape::Localized,
            "A template in Markdown, or one for each language: `{ default: …, de: … }`.",
        ),
        Key::new(
            "variants",
            VARIANTS,
            "Texts to compare, by name: `{ a: { subject: … }, b: { subject: … } }`. Each account is drawn one; what a variant leaves out is that of the step.",
        ),
        Key::new("from", Shape::Words(FROM_WORDS), "`csm` (their name, our address) or `default`."),
        Key::new(
            "reply_to",
            REPLY_TO,
            "Where answers go: `csm` (default) or an address.",
        ),
        Key::new(
            "quiet",
            Shape::Words(QUIET_WORDS),
            "`hold` (default): waits for the end of quiet hours; `ignore`: for transactional mail only.",
        ),
        Key::new("valid_for", Shape::Span, "Not sent after this. Default: `3d`."),
        Key::new(
            "if_unknown",
            Shape::Words(IF_UNKNOWN_WORDS),
            "When nobody knows whether the mail arrived: `leave` (default) or `send_again`, once.",
        ),
    ]],
)
.rules(&[KeyRule::AnyOf(&[&["subject", "body"], &["variants"]])]);

/// A mail step, ready to be addressed and rendered.
#[derive(Debug)]
pub struct Email {
    pub(super) to: Recipients,
    pub class: Class,
    pub(super) texts: MailTexts,
    pub from: From,
    pub reply_to: ReplyTo,
    /// Whether it leaves in quiet hours too; only transactional mail may.
    pub ignores_quiet: bool,
    /// Whether it leaves once more when nobody knows what became of it.
    pub sends_again: bool,
    pub(super) valid_for: Duration,
    /// The language of the configuration.
    pub(super) language: Option<String>,
    /// What it asks, if it does.
    pub(super) asks: Option<Asks>,
}

/// What a mail asks.
#[derive(Debug)]
pub(super) struct Asks {
    /// The survey's id; empty of a step's own question.
    pub survey: String,
    /// The heading of the page, where it is not the mail's subject.
    pub heading: Option<Localized>,
}

/// What is said of other mail that would ignore quiet hours, and the help.
pub(super) const NOT_QUIET: (&str, &str) =
    ("`quiet: ignore` is for transactional mail", "only `class: transactional` may ignore quiet hours");

/// What is wrong with a `reply_to`.
pub(super) const NO_REPLY_TO: &str = "`reply_to` is `csm` or an address";

/// Where answers go, as authors say it: to the CSM unless an address is named.
/// `None` when that is none.
pub(super) fn answers_to(reply_to: Option<&str>) -> Option<ReplyTo> {
    match reply_to.map(str::trim) {
        None | Some("csm") => Some(ReplyTo::Csm),
        Some(address) => parse_address(address).ok().map(ReplyTo::Address),
    }
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("email").expected("mail", kind::MAIL, &[kind::NOTICE]).functions(&["sent"])
    }

    fn example(&self) -> Option<&'static str> {
        Some("email: { to: champion, subject: \"…\", body: \"…\" }")
    }

    fn summary(&self) -> &'static str {
        "Sends a mail to people at the customer."
    }

    fn suits_portfolio(&self) -> bool {
        true
    }

    fn shape(&self) -> Shape {
        Shape::Form(&EMAIL)
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        if compiler.portfolio.is_some() {
            return list_mail::parse(step, body, compiler);
        }
        let mut problems = Vec::new();
        let mut fields = Fields::new(&compiler.file, body, &EMAIL, &mut problems).at(step.place);
        let to = recipients(&mut fields, compiler.subject);
        let class = fields.one_of("class", &Class::OF_MAIL).unwrap_or(Class::Lifecycle);
        let class_place = fields.value_place("class");
        let subject = fields.take("subject");
        let body = fields.take("body");
        let variants = fields.take("variants");
        if variants.is_none() {
            for (key, _) in [("subject", subject), ("body", body)].iter().filter(|(_, node)| node.is_none()) {
                fields.missing(key);
            }
        }
        let from = fields.one_of("from", &From::ALL).unwrap_or_default();
        let reply_to = fields.text("reply_to");
        let ignores_quiet = fields.one_of("quiet", &QUIET).unwrap_or(false);
        if ignores_quiet && class != Class::Transactional {
            let at = fields.key_place("quiet").unwrap_or(step.place);
            fields.error_with_help("KW0104", at, NOT_QUIET.0, NOT_QUIET.1);
        }
        let valid_for = fields.duration("valid_for").unwrap_or(Duration::Seconds(3 * 86_400));
        if valid_for == Duration::Seconds(0) {
            let problem = Diagnostic::warning(
                "KW0110",
                &fields.file(),
                fields.value_place("valid_for"),
                "with `valid_for: 0d` a mail expires before it can leave",
            );
            fields.problems().push(problem.help("write how long it is worth sending, such as `3d`"));
        }
        let sends_again = fields.one_of("if_unknown", &IF_UNKNOWN).unwrap_or(false);
        let again_at = fields.key_place("if_unknown").unwrap_or(step.place);
        if sends_again && class == Class::Marketing {
            let help = "leave it out: an advertisement that comes twice does more harm than one that does not come";
            fields.error_with_help("KW0104", again_at, "`if_unknown: send_again` is not for marketing mail", help);
        }
        if sends_again && matches!(valid_for, Duration::Seconds(span) if span <= SENT_AGAIN_AFTER.num_seconds()) {
            let help = "a mail leaves again after an hour: give it a longer `valid_for`";
            fields.error_with_help("KW0104", again_at, "`if_unknown: send_again` comes after `valid_for`", help);
        }
        let fine = fields.finish();
        compiler.problems.extend(problems);
        check_class(class, class_place, step.place, compiler);
        let answers = answers_to(reply_to.as_ref().map(|source| &*source.text));
        if let (None, Some(source)) = (&answers, &reply_to) {
            compiler.problems.push(source.error("KW0115", 1, 1, NO_REPLY_TO));
        }
        let to_place = to.map_or(step.place, |node| node.place);
        let to = addressees(to, compiler);
        if let Some(to) = &to {
            warn_of_budget(to, to_place, class, valid_for, compiler);
        }
        let texts = MailTexts::parse(step, subject, body, variants, compiler);
        if !fine {
            return None;
        }
        Some(Arc::new(Email {
            to: to?,
            class,
            texts: texts?,
            from,
            reply_to: answers?,
            ignores_quiet,
            sends_again,
            valid_for,
            language: compiler.config.language.clone(),
            asks: None,
        }))
    }
}

/// Reports a class that the playbook, or the store, is not fit for.
pub(super) fn check_class(class: Class, class_place: Position, at: Position, compiler: &mut Compiler) {
    if class == Class::Transactional {
        compiler.no_transactional_mail(class_place);
    }
    if class == Class::Marketing && compiler.schema.lacks("contacts", "traits") {
        let message =
            "marketing mail needs consent, `contact.traits.consent`, and the customer store has no `contacts.traits`";
        let help = "name the column in the configuration: `store: { contacts: { columns: { traits: … } } }`";
        compiler.error("KW0214", at, message, Some(help));
    }
}

/// The field `to`, which a playbook for contacts may leave out.
pub(super) fn recipients<'n>(fields: &mut Fields<'n, '_>, enrolled: Subject) -> Option<&'n Node> {
    match enrolled {
        Subject::Account => fields.required("to"),
        Subject::Contact => fields.take("to"),
    }
}

/// Whom `to` names; in a playbook for contacts nobody but the enrolled one,
/// unless it says otherwise.
pub(super) fn addressees(to: Option<&Node>, compiler: &mut Compiler) -> Option<Recipients> {
    match to {
        Some(node) => Recipients::parse(node, compiler),
        None => (compiler.subject == Subject::Contact).then_some(Recipients::Contact),
    }
}

/// Warns when the account's budget cannot let all mails of one step leave while
/// they are valid, however little else is sent.
pub(super) fn warn_of_budget(
    to: &Recipients,
    at: Position,
    class: Class,
    valid_for: Duration,
    compiler: &mut Compiler,
) {
    let (true, Duration::Seconds(span)) = (class.may_be_refused(), valid_for) else { return };
    for limit in &compiler.config.budget.account {
        let windows = usize::try_from(span / limit.window.num_seconds().max(1)).unwrap_or_default();
        let fits = limit.most.saturating_mul(windows.saturating_add(1));
        let never_fits = match to.most() {
            Some(most) => most > fits,
            // How many people an account has is not known here. Whoever lets mail
            // wait for longer than a window lets it wait for the budget.
            None => windows == 0,
        };
        if never_fits {
            let message = format!(
                "at most {fits} people of an account can get this while it is valid ({valid_for}): \
                 its budget is {limit}; the others never get it"
            );
            let help =
                "write fewer roles, a longer `valid_for`, or a larger `budget: { account: … }` in the configuration";
            let problem = Diagnostic::warning("KW0219", &compiler.file, at, message);
            compiler.problems.push(problem.help(help));
            return;
        }
    }
}

impl Email {
    /// What the page of its survey asks one recipient, where that is not the subject.
    pub fn heading(
        &self,
        at: &Situation,
        recipient: Option<&Contact>,
        account_zone: Option<&str>,
    ) -> Result<Option<String>, EvalError> {
        let Some(heading) = self.asks.as_ref().and_then(|asks| asks.heading.as_ref()) else { return Ok(None) };
        let locale = locale(at, recipient);
        let chosen = choose(heading, heading, &locale, self.language.as_deref());
        let zone = recipient_zone(recipient, account_zone, at.zone);
        Ok(Some(chosen.subject.render(&at.render_context(recipient, zone, &chosen.locale))?.trim().to_owned()))
    }

    /// The variant of its texts that the account gets; `None` where all get the same.
    pub fn variant(&self, at: &Situation) -> Option<&str> {
        self.texts.variant(at.playbook, &at.context.facts.account, at.variants)
    }

    /// The words of a variant for one recipient, now. One that its revision does
    /// not have is drawn anew.
    pub fn words(
        &self,
        at: &Situation,
        variant: Option<&str>,
        recipient: Option<&Contact>,
        account_zone: Option<&str>,
    ) -> Result<Words, EvalError> {
        let variant = variant.filter(|name| self.texts.has(name)).or_else(|| self.variant(at));
        let Some(text) = self.texts.text(variant) else { return Err(EvalError::new("the step has no text")) };
        let zone = recipient_zone(recipient, account_zone, at.zone);
        let locale = locale(at, recipient);
        let texts = choose(&text.subject, &text.body, &locale, self.language.as_deref());
        let context = RenderContext { is_mail: true, ..at.render_context(recipient, zone, &texts.locale) };
        let subject = texts.subject.render(&context)?.trim().to_owned();
        Ok(Words { subject, body: texts.body.render(&context)?, language: Some(texts.language) })
    }
}

/// What language a recipient reads: their own, else their account's.
fn locale(at: &Situation, recipient: Option<&Contact>) -> String {
    let of_account = match at.context.facts.column("locale") {
        Some(Value::Text(locale)) => locale.to_string(),
        _ => "en".to_owned(),
    };
    recipient.and_then(|contact| contact.locale.clone()).unwrap_or(of_account)
}

impl Action for Email {
    fn reads(&self, reads: &mut Reads) {
        self.to.reads(reads);
        self.texts.all().into_iter().for_each(|template| reads.template(template));
        let heading = self.asks.iter().filter_map(|asks| asks.heading.as_ref());
        heading.flat_map(Localized::all).for_each(|template| reads.template(template));
        for column in ["name", "locale", "timezone"] {
            reads.cells.insert(Cell { subject: Subject::Account, path: CellPath::Column(column.to_owned()) });
        }
    }

    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let recipients = self.to.resolve(at)?;
        Ok(addressed(at, &recipients, self.class, self.valid_for, Text::Step(self)))
    }

    fn email(&self) -> Option<&Email> {
        Some(self)
    }

    fn awaits_messages(&self) -> bool {
        true
    }

    fn roles(&self) -> Vec<String> {
        self.to.roles()
    }
}

/// What the mails of one step say.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    /// The step's templates, for each reader.
    Step(&'a Email),
    /// What a script wrote.
    Written(&'a Written),
}

impl Text<'_> {
    /// What it says to a recipient now; `None` where it cannot be rendered.
    fn words(self, at: &Situation, recipient: &Recipient) -> Option<Words> {
        match self {
            Text::Written(written) => Some(written.words.clone()),
            Text::Step(email) => {
                email.words(at, email.variant(at), contact(at, recipient), at.context.facts.account_zone()).ok()
            }
        }
    }
}

/// Finds the mails of one step that say the same to one address under several
/// contacts.
struct Duplicates<'a> {
    text: Text<'a>,
    shared_addresses: BTreeSet<String>,
    seen: BTreeSet<(String, String, String)>,
}

impl<'a> Duplicates<'a> {
    fn among(recipients: &[Recipient], text: Text<'a>) -> Duplicates<'a> {
        let mut once = BTreeSet::new();
        let addresses = recipients.iter().map(|recipient| recipient.address.to_lowercase());
        let shared_addresses = addresses.filter(|address| !once.insert(address.clone())).collect();
        Duplicates { text, shared_addresses, seen: BTreeSet::new() }
    }

    /// Whether an earlier recipient hears the same at the same address. Only what
    /// shares its address is rendered for this.
    fn repeats(&mut self, at: &Situation, recipient: &Recipient) -> bool {
        let address = recipient.address.to_lowercase();
        if !self.shared_addresses.contains(&address) {
            return false;
        }
        let words = self.text.words(at, recipient);
        words.is_some_and(|words| !self.seen.insert((address, words.subject, words.body)))
    }
}

/// One message per recipient; nobody is a row that says so and a word to the CSM.
pub(super) fn addressed(
    at: &Situation,
    recipients: &[Recipient],
    class: Class,
    valid_for: Duration,
    text: Text<'_>,
) -> Vec<EffectBody> {
    let now = at.context.facts.as_of;
    let valid_until = Calendar::add(at.calendar, now, valid_for, at.zone);
    let (written, variant, survey) = match text {
        Text::Step(email) => (None, email.variant(at).map(str::to_owned), email.asks.as_ref().map(|asks| &asks.survey)),
        Text::Written(written) => (Some(written), None, None),
    };
    if recipients.is_empty() {
        let skipped = MessageDraft::Skipped {
            contact: String::new(),
            to: None,
            class,
            variant: variant.clone(),
            reason: "no recipient",
        };
        let account = match at.context.facts.column("name") {
            Some(Value::Text(name)) => name.to_string(),
            _ => at.context.facts.account.clone(),
        };
        let text = format!(
            "A mail of the playbook {} to {account} was not sent: there is no reachable contact for it. \
             Please see who could be added.",
            at.playbook
        );
        let notice = super::notice::to_csm(at, format!("Nobody to write to at {account}"), text);
        return vec![EffectBody::Message(skipped), EffectBody::Message(MessageDraft::Notice(notice))];
    }
    let mut bodies = Vec::new();
    let mut duplicates = Duplicates::among(recipients, text);
    for recipient in recipients {
        let skip = |reason| MessageDraft::Skipped {
            contact: recipient.contact.clone(),
            to: Some(recipient.address.clone()),
            class,
            variant: variant.clone(),
            reason,
        };
        let consents = || contact(at, recipient).is_some_and(has_consented);
        let draft = if class.needs_consent() && !consents() {
            skip("no consent")
        } else if duplicate::may_be_dropped(class) && duplicates.repeats(at, recipient) {
            skip(duplicate::REASON)
        } else {
            MessageDraft::Mail(MailDraft {
                contact: recipient.contact.clone(),
                to: recipient.address.clone(),
                class,
                valid_until,
                variant: variant.clone(),
                written: written.cloned(),
                survey: survey.cloned(),
                report: None,
            })
        };
        bodies.push(EffectBody::Message(draft));
    }
    bodies
}

/// The contact behind an address; an address without one has none.
fn contact<'a>(at: &'a Situation, recipient: &Recipient) -> Option<&'a Contact> {
    let id = &recipient.contact;
    at.people.contacts.iter().find(|known| !id.is_empty() && known.id == *id)
}
