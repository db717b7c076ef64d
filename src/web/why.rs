//! Why an account, or its contacts, enter a playbook now or not, in words.

use chrono_tz::Tz;
use serde::Serialize;

use super::WebState;
use super::fact::{self, Fact};
use super::language::{phrase, say};
use super::page::{Trouble, account_href, below, date, href, moment};
use crate::clock::Instant;
use crate::enrollment::Guard;
use crate::facts::{Contact, Subject, SubjectId};
use crate::rehearsal::explanation::{Boundary, EntryVerdict, ExplainedClause, Explanation, RevisionInForce, Truth};
use crate::worker::runs::explain::{explain_subject, in_force};

/// How many contacts are explained unless one is chosen.
const CONTACTS: usize = 3;

/// What `why.html` shows.
#[derive(Serialize)]
pub(super) struct WhyView {
    pub playbook: String,
    playbook_href: String,
    /// Why nobody can say.
    trouble: Option<String>,
    answers: Vec<WhyAnswer>,
    /// Contacts that are not explained here.
    others: Vec<OtherContact>,
    /// Whether it is about contacts and there are none.
    nobody: bool,
    close_href: String,
}

#[derive(Serialize)]
struct OtherContact {
    name: String,
    href: String,
}

#[derive(Serialize)]
struct WhyAnswer {
    headline: String,
    enters: bool,
    reason: String,
    /// When what is in the way is over by time alone.
    nearest: Option<String>,
    /// What would be in the way then.
    then: Option<String>,
    clauses: Vec<ClauseView>,
    notes: Vec<String>,
    next: Option<String>,
    revision: String,
}

#[derive(Serialize)]
struct ClauseView {
    text: String,
    truth: &'static str,
    /// The class of its colour.
    colour: &'static str,
    decides: bool,
    /// What it would say, where another decided before; or why it is undecided.
    more: Option<String>,
    values: Vec<Fact>,
}

/// Explains a published playbook at this moment: for the account, or for the
/// chosen contact, or else for the first of its contacts.
pub(super) async fn explain_playbook(
    web: &WebState,
    playbook: &str,
    (account, name): (&str, &str),
    chosen: Option<&str>,
    contacts: &[&Contact],
    now: Instant,
) -> Result<WhyView, Trouble> {
    let decided = in_force(&web.shared, playbook, now).await?;
    let decided = decided.ok_or(Trouble::NotFound("There is no such playbook."))?;
    let here = account_href(account);
    let mut view = WhyView {
        playbook_href: below("/playbooks", playbook),
        playbook: playbook.to_owned(),
        trouble: None,
        answers: Vec::new(),
        others: Vec::new(),
        nobody: false,
        close_href: here.clone(),
    };
    let decided = match decided {
        Ok(decided) => decided,
        Err(why) => return Ok(WhyView { trouble: Some(why), ..view }),
    };
    let named = |contact: &Contact| if contact.name.is_empty() { contact.id.clone() } else { contact.name.clone() };
    if decided.loaded.ready.portfolio.is_some() {
        return Ok(WhyView { trouble: Some(say!("it is about all accounts together")), ..view });
    }
    let explained: Vec<(String, String)> = match Subject::from(decided.loaded.ready.playbook.subject) {
        Subject::Account => vec![(String::new(), name.to_owned())],
        Subject::Contact => {
            let is_explained = |place: usize, contact: &Contact| match chosen {
                Some(chosen) => contact.id == chosen,
                None => place < CONTACTS,
            };
            let (these, others): (Vec<_>, Vec<_>) =
                contacts.iter().enumerate().partition(|(place, contact)| is_explained(*place, contact));
            view.others = others
                .iter()
                .map(|(_, contact)| OtherContact {
                    name: named(contact),
                    href: format!("{}#why", href(&here, &[("why", playbook), ("contact", &contact.id)])),
                })
                .collect();
            these.iter().map(|(_, contact)| (contact.id.clone(), named(contact))).collect()
        }
    };
    view.nobody = explained.is_empty();
    for (contact, name) in explained {
        let subject = SubjectId { account: account.to_owned(), contact };
        let explanation = explain_subject(&web.shared, &decided, &subject, now, now).await?;
        view.answers.push(answer(explanation, &name, web.zone));
    }
    Ok(view)
}

fn answer(explanation: Explanation, name: &str, zone: Tz) -> WhyAnswer {
    let playbook = &explanation.playbook;
    let headline = match explanation.verdict {
        EntryVerdict::Enters => say!("{name} would enter {playbook} now", name = name, playbook = playbook),
        EntryVerdict::Skipped => say!("{name} does not enter {playbook} now", name = name, playbook = playbook),
        EntryVerdict::Active => say!("{name} is in {playbook}", name = name, playbook = playbook),
        EntryVerdict::Held => {
            say!("{name} would wait for a person’s approval to enter {playbook}", name = name, playbook = playbook)
        }
    };
    let nearest = explanation.nearest.as_ref().map(|Boundary { at, because, .. }| {
        let day = date(*at, zone);
        match explanation.decided_by {
            Guard::Clause => say!("It would be true from {day} on: {why}", day = day, why = because),
            _ => say!("Over from {day} on: {why}", day = day, why = because),
        }
    });
    let deciding = explanation.deciding;
    let clauses = explanation.clauses.iter().enumerate();
    WhyAnswer {
        headline,
        enters: explanation.verdict != EntryVerdict::Skipped,
        nearest,
        then: explanation.nearest.as_ref().and_then(|nearest| nearest.then.clone()),
        clauses: clauses.map(|(place, clause)| clause_view(clause, deciding == Some(place), zone)).collect(),
        next: explanation.next_slot.map(|slot| moment(slot, zone)),
        revision: revision_in_words(&explanation.revision, zone),
        reason: explanation.reason,
        notes: explanation.notes,
    }
}

fn revision_in_words(in_force: &RevisionInForce, zone: Tz) -> String {
    let (revision, file) = (&in_force.revision, &in_force.file);
    match in_force.published_at.map(|at| moment(at, zone)) {
        Some(at) => say!("{revision} of {file}, published {at}", revision = revision, file = file, at = at),
        None => say!("{revision} of {file}", revision = revision, file = file),
    }
}

fn clause_view(explained: &ExplainedClause, decides: bool, zone: Tz) -> ClauseView {
    let (truth, colour) = match &explained.truth {
        Truth::True => (phrase!("True"), "done"),
        Truth::False => (phrase!("False"), "failed"),
        Truth::Undecided(_) => (phrase!("Undecided"), "held"),
        Truth::NotReached(_) => (phrase!("Not reached"), "ghost"),
    };
    let more = match &explained.truth {
        Truth::Undecided(error) => Some(error.to_string()),
        Truth::NotReached(Some(true)) => Some(say!("would be true")),
        Truth::NotReached(Some(false)) => Some(say!("would be false")),
        _ => None,
    };
    let value = |(text, value): &(String, crate::facts::Value)| match fact::is_fact(text) {
        true => fact::read(text, &value.to_json(), zone),
        false => Fact { label: text.clone(), value: fact::value(&value.to_json(), zone) },
    };
    ClauseView {
        text: explained.clause.text.clone(),
        truth,
        colour,
        decides,
        more,
        values: explained.values.iter().map(value).collect(),
    }
}
