//! Why an account, or its contacts, enter a playbook now or not, in words.

use chrono_tz::Tz;
use serde::Serialize;

use super::WebState;
use super::fact::{self, Fact};
use super::page::{Trouble, account_href, below, date, href, moment};
use crate::clock::Instant;
use crate::enrollment::Guard;
use crate::facts::{Contact, Subject, SubjectId};
use crate::rehearsal::explanation::{Boundary, EntryVerdict, ExplainedClause, Explanation, Truth};
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
        return Ok(WhyView { trouble: Some("it is about all accounts together".to_owned()), ..view });
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
        EntryVerdict::Enters => format!("{name} would enter {playbook} now"),
        EntryVerdict::Skipped => format!("{name} does not enter {playbook} now"),
        EntryVerdict::Active => format!("{name} is in {playbook}"),
        EntryVerdict::Held => format!("{name} would wait for a person’s approval to enter {playbook}"),
    };
    let nearest = explanation.nearest.as_ref().map(|Boundary { at, because, .. }| {
        let day = date(*at, zone);
        match explanation.decided_by {
            Guard::Clause => format!("It would be true from {day} on: {because}"),
            _ => format!("Over from {day} on: {because}"),
        }
    });
    let deciding = explanation.deciding;
    let clauses = explanation.clauses.iter().enumerate();
    let since = explanation.revision.published_at.map(|at| format!(", published {}", moment(at, zone)));
    WhyAnswer {
        headline,
        enters: explanation.verdict != EntryVerdict::Skipped,
        nearest,
        then: explanation.nearest.as_ref().and_then(|nearest| nearest.then.clone()),
        clauses: clauses.map(|(place, clause)| clause_view(clause, deciding == Some(place), zone)).collect(),
        next: explanation.next_slot.map(|slot| moment(slot, zone)),
        revision: format!(
            "{} of {}{}",
            explanation.revision.revision,
            explanation.revision.file,
            since.unwrap_or_default()
        ),
        reason: explanation.reason,
        notes: explanation.notes,
    }
}

fn clause_view(explained: &ExplainedClause, decides: bool, zone: Tz) -> ClauseView {
    let (truth, colour) = match &explained.truth {
        Truth::True => ("True", "done"),
        Truth::False => ("False", "failed"),
        Truth::Undecided(_) => ("Undecided", "held"),
        Truth::NotReached(_) => ("Not reached", "ghost"),
    };
    let more = match &explained.truth {
        Truth::Undecided(error) => Some(error.to_string()),
        Truth::NotReached(Some(alone)) => Some(format!("would be {alone}")),
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
