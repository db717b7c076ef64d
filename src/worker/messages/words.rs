//! What a customer's mail says, as things stand now.

use crate::action::Situation;
use crate::action::staff::Staff;
use crate::delivery::missing_words;
use crate::effect::{MailDraft, Words, Written};
use crate::facts::Contact;
use crate::worker::enrollments::snapshot::Snapshot;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// The words of a mail of a step, in the variant that was drawn for it: those that a script has written, else its
/// templates with the facts of this moment. An error says why it has none, or
/// what it lacks.
pub(crate) fn words(
    shared: &Shared,
    loaded: &Loaded,
    snapshot: &Snapshot,
    step: &str,
    variant: Option<&str>,
    written: Option<&Written>,
    contact: Option<&Contact>,
) -> Result<Words, String> {
    let email = loaded.ready.action(step).and_then(|action| action.email());
    let words = match (written, email) {
        (Some(written), _) => written.words.clone(),
        (None, Some(email)) => {
            // The words are of the account's own CSM, whoever covers.
            let staff = Staff::default();
            let situation = situation(shared, loaded, snapshot, &staff);
            let zone = snapshot.context.facts.account_zone();
            email.words(&situation, variant, contact, zone).map_err(|error| error.to_string())?
        }
        (None, None) => return Err(format!("its revision has no mail step {step}")),
    };
    missing_words(&words).map_or(Ok(words), |missing| Err(missing.to_owned()))
}

/// What the page of a step's survey asks a contact, where the mail's subject does not say
/// it. An error says why it cannot be written.
pub(crate) fn heading(
    shared: &Shared,
    loaded: &Loaded,
    snapshot: &Snapshot,
    step: &str,
    contact: Option<&Contact>,
) -> Result<Option<String>, String> {
    let Some(email) = loaded.ready.action(step).and_then(|action| action.email()) else { return Ok(None) };
    let staff = Staff::default();
    let situation = situation(shared, loaded, snapshot, &staff);
    email.heading(&situation, contact, snapshot.context.facts.account_zone()).map_err(|error| error.to_string())
}

fn situation<'a>(shared: &'a Shared, loaded: &'a Loaded, snapshot: &'a Snapshot, staff: &'a Staff) -> Situation<'a> {
    let alerts_to = loaded.ready.playbook.alerts_to.as_deref();
    Situation {
        sandbox: &loaded.ready.sandbox,
        context: &snapshot.context,
        people: &snapshot.people,
        staff,
        playbook: &loaded.ready.playbook.id,
        alerts_to: alerts_to.or(shared.config.alerts_to.as_deref()),
        zone: loaded.ready.zone,
        calendar: &shared.calendar,
        variants: None,
    }
}

/// The contact that a mail is for.
pub(crate) fn contact_of<'a>(snapshot: &'a Snapshot, draft: &MailDraft) -> Option<&'a Contact> {
    snapshot.people.contacts.iter().find(|known| !draft.contact.is_empty() && known.id == draft.contact)
}
