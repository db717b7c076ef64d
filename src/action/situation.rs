//! What an action may look at: one subject at one step, and the people around it.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::staff::{Staff, Taker};
use crate::facts::{Contact, Csm};
use crate::playbook::calendar::Calendar;
use crate::rule::template::{RenderContext, Template};
use crate::rule::{Context, EvalError, Sandbox};

/// One subject at one step: all that an action may look at.
#[derive(Debug)]
pub struct Situation<'a> {
    pub sandbox: &'a Sandbox,
    pub context: &'a Context,
    pub people: &'a People,
    /// Who covers for whom, and how much each has to do.
    pub staff: &'a Staff,
    pub playbook: &'a str,
    /// The address that gets alerts; may be nobody.
    pub alerts_to: Option<&'a str>,
    /// The zone of the playbook.
    pub zone: Tz,
    pub calendar: &'a Calendar,
    /// The variants of mail steps, by step, that a test case says; `None` draws them.
    pub variants: Option<&'a BTreeMap<String, String>>,
}

/// The people around an account.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// In order of creation, then id.
    pub contacts: Vec<Contact>,
    pub csm: Option<Csm>,
    pub manager: Option<Csm>,
}

impl Situation<'_> {
    /// Fills a template for a colleague, in the language of the configuration.
    pub fn render_internal(&self, template: &Template) -> Result<String, EvalError> {
        let zone = self.assignee_zone(self.people.csm.as_ref());
        Ok(template.render(&self.render_context(None, zone, template.language()))?)
    }

    pub fn render_context<'b>(
        &'b self,
        recipient: Option<&'b Contact>,
        zone: Tz,
        locale: &'b str,
    ) -> RenderContext<'b> {
        RenderContext {
            sandbox: self.sandbox,
            context: self.context,
            recipient,
            csm: self.people.csm.as_ref(),
            playbook: self.playbook,
            zone,
            locale,
            is_mail: false,
        }
    }

    /// The enrolled contact, if it can be reached; never one in an account playbook.
    pub fn enrolled(&self) -> Option<&Contact> {
        let facts = &self.context.facts;
        let is = |contact: &&Contact| !facts.contact.is_empty() && contact.id == facts.contact;
        self.people.contacts.iter().find(is).filter(|contact| contact.is_reachable(facts.as_of))
    }

    /// The colleague, or whoever covers for them.
    pub fn taker<'b>(&'b self, csm: &'b Csm) -> Taker<'b> {
        self.staff.taker(csm, self.context.facts.as_of, self.zone)
    }

    /// A colleague's own zone, else the playbook's.
    pub fn assignee_zone(&self, colleague: Option<&Csm>) -> Tz {
        colleague.and_then(|csm| csm.timezone.as_deref()).and_then(|zone| zone.parse().ok()).unwrap_or(self.zone)
    }
}
