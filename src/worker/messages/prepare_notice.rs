//! A notice to a colleague right before it leaves: whether it waits for their
//! digest, and how it looks.

use super::customer_mail::{bounces_to, sender};
use super::digester;
use super::page_links::lead_to_pages;
use super::prepare_mail::Prepared;
use crate::clock::Instant;
use crate::delivery::{Composed, Footer, OutgoingMail, TextLanguage, compose, layout, render};
use crate::effect::From;
use crate::message::channel::Channel;
use crate::message::gate::has_expired;
use crate::message::state::State;
use crate::store::messages::claimed::{Claimed, Rendered};
use crate::value_report::path;
use crate::worker::shared::Shared;

/// A notice to a colleague: its words are final.
pub(crate) async fn notice(shared: &Shared, message: &Claimed, now: Instant) -> anyhow::Result<Prepared> {
    if has_expired(message.valid_until, now) {
        return Ok(Prepared::expired(message));
    }
    let Some(to) = message.to_address.clone() else {
        return Ok(Prepared::ended(State::Skipped, "nobody to tell"));
    };
    let mut text = shared.store.notice_text(message).await?;
    if let (Some(report), Some(at), Some(url)) = (&message.report, message.report_at, shared.config.pages_url()) {
        let link = format!("{url}{}", path(&message.account_id, report, at));
        // What was tried before has it already.
        if !text.contains(&link) {
            text = format!("{text}\n\n{link}");
        }
    }
    let pages = shared.config.pages_url().filter(|_| message.words.is_some());
    text = lead_to_pages(&text, pages.as_deref());
    let subject = message.subject.clone().unwrap_or_default();
    let rendered = Rendered { subject: subject.clone(), text: text.clone(), ..Rendered::default() };
    if message.shadow {
        return Ok(Prepared::Shadow { rendered, to });
    }
    // The owners always get their mail; it is the colleagues who may have chosen.
    let quiet = !shared.config.notify_csm_email || shared.config.notify_csm_digest.is_some();
    let personal = matches!(message.audience.as_deref(), Some("csm" | "manager"));
    if quiet
        && personal
        && message.step != digester::STEP
        && let Some(colleague) = shared.store.colleague_at(&to).await?
    {
        return Ok(match digester::next(shared, &colleague, now) {
            // Taken by the digest before; should there be none any more, it goes alone.
            Some(slot) if shared.config.notify_csm_email => {
                Prepared::retry(slot + chrono::Duration::minutes(15), "waits for the next digest".to_owned())
            }
            _ => {
                also_in_slack(shared, message, &text, now).await?;
                Prepared::Shadow { rendered, to }
            }
        });
    }
    also_in_slack(shared, message, &text, now).await?;
    let (message_id, is_markdown) = (&message.message_id, message.words.is_some());
    let written = NoticeMail { message_id, to: &to, subject: &subject, text: &text, is_markdown, date: now };
    Ok(match written.compose(shared) {
        Ok((composed, html)) => {
            let rendered = Rendered { html, ..rendered };
            Prepared::Mail {
                composed: Box::new(composed),
                rendered,
                to,
                sends_again: false,
                left_alone: None,
                fingerprint: None,
            }
        }
        Err(reason) => Prepared::ended(State::Failed, reason),
    })
}

/// What the mail of a notice is made of.
pub(crate) struct NoticeMail<'a> {
    /// With its angle brackets.
    pub message_id: &'a str,
    pub to: &'a str,
    pub subject: &'a str,
    /// Final.
    pub text: &'a str,
    /// Whether the text is Markdown; else it is shown as it stands.
    pub is_markdown: bool,
    pub date: Instant,
}

impl NoticeMail<'_> {
    /// Writes it; gives its page, too. An error says why it cannot be written.
    pub fn compose(self, shared: &Shared) -> Result<(Composed, String), String> {
        let from = sender(&shared.config.mail.from, From::Default, None)?;
        let body = match self.is_markdown {
            true => render(self.text),
            false => render(&plain(self.text)),
        };
        let language = TextLanguage::of(self.text, None);
        let footer = Footer::default();
        let page = layout::page(&body.html, &footer, &language);
        let mail = OutgoingMail {
            message_id: self.message_id.to_owned(),
            envelope_from: bounces_to(&shared.config, self.message_id),
            from,
            reply_to: None,
            to_name: None,
            to: self.to.to_owned(),
            subject: self.subject.to_owned(),
            text: body.text,
            html: body.html,
            language,
            attachments: Vec::new(),
            unsubscribe: None,
            list_id: None,
            feedback_id: None,
            auto_submitted: true,
            date: self.date,
            footer,
        };
        compose(&mail).map(|composed| (composed, page)).map_err(|error| error.to_string())
    }
}

/// A CSM's notice goes to the Slack channel of the configuration as well.
async fn also_in_slack(shared: &Shared, message: &Claimed, text: &str, now: Instant) -> anyhow::Result<()> {
    if let Some(variable) = &shared.config.notify_csm_slack
        && message.audience.as_deref() == Some("csm")
    {
        shared.store.also_by(Channel::Slack, message, variable, text, now).await?;
    }
    Ok(())
}

/// A notice's text as Markdown that prints it literally, line by line.
fn plain(text: &str) -> String {
    text.lines().map(crate::delivery::escape).collect::<Vec<_>>().join("\n\n")
}
