//! A customer's mail as it leaves, with its headers, its footer and its links.
//! What is about to be sent and what a plan shows are made by the same code.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::words::{heading, words};
use crate::address::parse_address;
use crate::clock::Instant;
use crate::config::{Config, DEFAULT_LANGUAGE};
use crate::customer_words::CustomerWords;
use crate::delivery::{
    Attachment, Composed, Footer, Mailbox, OutgoingMail, PDF, TextLanguage, Unsubscribe, compose, escape, layout,
    parse_mailbox, render_towards,
};
use crate::effect::{From, ReplyTo, Written};
use crate::facts::{Contact, Csm};
use crate::message::class::Class;
use crate::message::duplicate::{fingerprint, may_be_dropped};
use crate::playbook::scale::Scale;
use crate::store::messages::claimed::Rendered;
use crate::value_report::{Sheet, ValueReport, pdf, summary_lines};
use crate::worker::enrollments::snapshot::Snapshot;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// What a mail is made of, beside the facts of its enrollment.
pub(crate) struct CustomerMail<'a> {
    pub step: &'a str,
    pub class: Class,
    /// With its angle brackets.
    pub message_id: &'a str,
    /// Which of the step's texts it has; `None` where there is one for all.
    pub variant: Option<&'a str>,
    /// What a script wrote; `None` renders the step's templates.
    pub written: Option<&'a Written>,
    pub contact: Option<&'a Contact>,
    pub to: &'a str,
    /// By which its reader unsubscribes; `None` of mail that nobody may refuse.
    pub unsubscribe_token: Option<&'a str>,
    /// Where its survey is answered.
    pub survey: Option<&'a str>,
    /// What it shows and carries.
    pub report: Option<&'a ValueReport>,
    pub date: Instant,
}

/// A mail for the wire and for the record.
pub(crate) struct ComposedMail {
    pub composed: Composed,
    pub rendered: Rendered,
    /// What it has in common with its duplicates; `None` of one that has none.
    pub fingerprint: Option<Uuid>,
}

impl CustomerMail<'_> {
    /// Writes it. An error says why it has no words, or cannot be written.
    pub fn compose(self, shared: &Shared, loaded: &Loaded, snapshot: &Snapshot) -> Result<ComposedMail, String> {
        let step = loaded.ready.action(self.step);
        let action = step.and_then(|action| action.email());
        let mut words = words(shared, loaded, snapshot, self.step, self.variant, self.written, self.contact)?;
        let (from, reply_to) = match (self.written, action) {
            (Some(written), _) => (written.from, written.reply_to.clone()),
            (None, Some(email)) => (email.from, email.reply_to.clone()),
            (None, None) => return Err(format!("its revision has no mail step {}", self.step)),
        };
        let question = heading(shared, loaded, snapshot, self.step, self.contact)?;
        let fingerprint = may_be_dropped(self.class).then(|| fingerprint(&words.subject, &words.body));
        if let (Some(question), Some(link)) = (step.and_then(|action| action.question()), self.survey) {
            words.body.push_str(&answers(question.scale, link, CustomerWords::first_of(words.language.as_deref())));
        }
        let mut attachments = Vec::new();
        if let Some(report) = self.report {
            let own = shared.config.language.as_deref().unwrap_or(DEFAULT_LANGUAGE);
            let sheet = Sheet::of(report, words.language.as_deref().unwrap_or(own), own);
            words.body.push_str(&figures(&sheet));
            attachments.push(Attachment { name: report.file_name(), content: pdf(&sheet), content_type: PDF });
        }
        let csm = snapshot.people.csm.as_ref();
        let auto_submitted = from == From::Default;
        let from = sender(&shared.config.mail.from, from, csm)?;
        let reply_to = match reply_to {
            ReplyTo::Address(address) => Some(Mailbox { name: None, address }),
            // Not every store knows its colleagues' addresses; that keeps no customer's mail.
            ReplyTo::Csm => csm
                .filter(|csm| parse_address(&csm.email).is_ok())
                .map(|csm| Mailbox { name: Some(csm.name.clone()), address: csm.email.clone() }),
        };
        let link = self.unsubscribe_token.map(|token| format!("{}/u/{token}", shared.public_url));
        let language = TextLanguage::of(&words.body, words.language.as_deref());
        let body = render_towards(&words.body, language.direction);
        // In the language of the text above it.
        let standing = CustomerWords::first_of(words.language.as_deref());
        let footer = Footer {
            postal_address: shared.config.mail.postal_address.clone(),
            unsubscribe_url: link.clone(),
            unsubscribe_word: &standing.mail.unsubscribe,
        };
        let rendered = Rendered {
            subject: words.subject.clone(),
            text: layout::text(&body.text, &footer),
            html: layout::page(&body.html, &footer, &language),
            question,
            redirected_to: shared.config.mail.redirect_to.clone(),
        };
        let config = &shared.config.mail;
        let domain = from.address.rsplit('@').next().unwrap_or_default().to_owned();
        // Of redirected mail the colleague's mailbox would bounce.
        let envelope_from = bounces_to(&shared.config, self.message_id).filter(|_| config.redirect_to.is_none());
        let mail = OutgoingMail {
            message_id: self.message_id.to_owned(),
            envelope_from: envelope_from.clone(),
            from,
            reply_to,
            to_name: self.contact.map(|contact| contact.name.clone()),
            to: config.redirect_to.clone().unwrap_or_else(|| self.to.to_owned()),
            subject: words.subject,
            text: body.text,
            html: body.html,
            language,
            attachments,
            unsubscribe: link.map(|https_url| Unsubscribe {
                one_click: https_url.starts_with("https://"),
                https_url,
                address: envelope_from,
            }),
            list_id: self.class.may_be_refused().then(|| format!("{}.{domain}", self.class)),
            feedback_id: Some(feedback_id(&loaded.ready.playbook.id, self.class, &domain)),
            auto_submitted,
            date: self.date,
            footer,
        };
        let composed = compose(&mail).map_err(|error| error.to_string())?;
        Ok(ComposedMail { composed, rendered, fingerprint })
    }
}

/// The links of a survey, as Markdown: one for each answer, or one to write it.
fn answers(scale: Option<Scale>, link: &str, standing: &CustomerWords) -> String {
    let Some(scale) = scale else { return format!("\n\n[{}]({link})\n", standing.mail.answer) };
    let links: Vec<String> = scale.values().map(|value| format!("[{value}]({link}?answer={value})")).collect();
    let values = scale.values();
    let ends = standing
        .ends(scale)
        .map(|[low, high]| format!("\n\n{}: {low}, {}: {high}", values.start(), values.end()))
        .unwrap_or_default();
    format!("\n\n{}{ends}\n", links.join(" · "))
}

/// The figures of a report, as Markdown: which instants are compared, and a line for each.
fn figures(sheet: &Sheet) -> String {
    let lines = summary_lines(sheet);
    let lines: Vec<String> = lines.iter().map(|line| format!("- {}", escape(line))).collect();
    format!("\n\n{}\n\n{}\n", escape(&sheet.dates), lines.join("\n"))
}

/// From: our address, under the CSM's name where the step asks for it.
pub(crate) fn sender(configured: &str, from: From, csm: Option<&Csm>) -> Result<Mailbox, String> {
    let ours = parse_mailbox(configured).map_err(|error| error.to_string())?;
    Ok(match (from, csm) {
        (From::Csm, Some(csm)) => Mailbox { name: Some(csm.name.clone()), address: ours.address },
        _ => ours,
    })
}

/// The envelope's sender, where bounces are read.
pub(crate) fn bounces_to(config: &Config, message_id: &str) -> Option<String> {
    config.mail.bounces.as_ref().map(|bounces| bounces.envelope_from(message_id))
}

/// The playbook, the class and the sender as mailbox providers count
/// complaints. The playbook goes by a hash: its name is not for customers.
fn feedback_id(playbook: &str, class: Class, domain: &str) -> String {
    let short =
        |text: &str| -> String { Sha256::digest(text).iter().take(4).map(|byte| format!("{byte:02x}")).collect() };
    format!("{}:{}:kw{}", short(playbook), class, short(domain))
}
