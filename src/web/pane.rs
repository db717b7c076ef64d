//! One task with all that somebody needs to do it: beside the list, and on its
//! own page.

use serde::Serialize;

use super::WebState;
use super::accounts::column;
use super::consequences::ChoicesView;
use super::fact::number;
use super::kpis::{HistoryLine, history_line};
use super::language::say;
use super::page::{Trouble, below, moment};
use super::task_view::{TaskForm, TaskView, views};
use super::visitor::actor_words;
use crate::clock::Instant;
use crate::facts::Contact;
use crate::store::tasks::notes::TaskNote;
use crate::store::views::web::{ReceivedMail, TaskRow, read_json};

/// How many contacts are shown.
const CONTACTS: usize = 6;
/// For how many days mail counts as received already, and how many are shown.
const DAYS: i64 = 30;
const MAILS: i64 = 8;
/// How many notes are shown.
const NOTES: i64 = 20;
/// How many weeks the line of events goes back.
const WEEKS: i32 = 16;

/// What `task_pane.html` shows.
#[derive(Serialize)]
pub(super) struct PaneView {
    pub task: TaskView,
    /// `None` where it is not open.
    choices: Option<ChoicesView>,
    around: Surroundings,
    /// To whom it can be given.
    colleagues: Vec<Colleague>,
    notes: Vec<NoteView>,
    given: TaskForm,
    /// The list to go back to.
    back: String,
}

/// The account as far as it matters for a task.
#[derive(Default, Serialize)]
struct Surroundings {
    tier: Option<String>,
    mrr: Option<String>,
    renewal: Option<String>,
    seats: Option<String>,
    usage: Option<HistoryLine>,
    /// The events of each week, the latest last.
    weeks: Vec<i64>,
    contacts: Vec<PaneContact>,
    /// What they got from us lately, the latest first.
    received: Vec<ReceivedView>,
    more_contacts: usize,
}

#[derive(Serialize)]
struct ReceivedView {
    href: String,
    subject: String,
    to: String,
    at: String,
    state: String,
}

#[derive(Serialize)]
struct NoteView {
    by: String,
    at: String,
    note: String,
}

#[derive(Serialize)]
struct PaneContact {
    name: String,
    role: Option<String>,
    email: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Colleague {
    pub id: String,
    pub name: String,
}

/// A task with what is around it.
pub(super) async fn pane(
    web: &WebState,
    row: TaskRow,
    now: Instant,
    given: TaskForm,
    back: String,
) -> Result<PaneView, Trouble> {
    let (id, account, contact) = (row.id, row.account_id.clone(), row.contact_id.clone());
    let around = surroundings(web, &account, &contact, now).await?;
    let task = views(web, vec![row], now).await?.pop().ok_or(Trouble::NotFound("There is no such task."))?;
    let choices = ChoicesView::of(web, id, now).await?;
    let colleagues = if choices.is_some() { colleagues(web).await? } else { Vec::new() };
    let notes = web.store.task_notes(&account, id, NOTES).await?;
    let note = |one: TaskNote| NoteView {
        by: actor_words(&one.by).into_owned(),
        at: moment(one.at, web.zone),
        note: one.note,
    };
    let notes = notes.into_iter().map(note).collect();
    Ok(PaneView { task, choices, around, colleagues, notes, given, back })
}

/// Everybody to whom a task can be given.
pub(super) async fn colleagues(web: &WebState) -> Result<Vec<Colleague>, Trouble> {
    let names = web.store.csm_names().await?;
    Ok(names.into_iter().map(|(id, name)| Colleague { id, name }).collect())
}

async fn surroundings(web: &WebState, account: &str, contact: &str, now: Instant) -> Result<Surroundings, Trouble> {
    let Some(header) = web.store.account_header(account).await? else { return Ok(Surroundings::default()) };
    let weeks = web.store.events_by_week(account, WEEKS, now).await?;
    let points: Vec<(Instant, f64)> = weeks
        .iter()
        .enumerate()
        .map(|(week, count)| (now - chrono::Duration::weeks(i64::from(WEEKS) - week as i64), *count as f64))
        .collect();
    let people = web.store.people(&[account.to_owned()]).await?.remove(account).unwrap_or_default();
    let mut contacts: Vec<Contact> =
        people.contacts.into_iter().filter(|one| one.left_at.is_none_or(|left| left > now)).collect();
    // Whom the task is about comes first, then those who have a role.
    contacts.sort_by_key(|one| (one.id != contact || contact.is_empty(), one.role.is_none()));
    let received = web.store.received_since(account, now - chrono::Duration::days(DAYS), MAILS).await?;
    let more_contacts = contacts.len().saturating_sub(CONTACTS);
    let count = |text: &Option<String>| read_json(text.as_deref()).as_f64().map(number);
    Ok(Surroundings {
        tier: column(&header.tier, web.zone),
        mrr: column(&header.mrr, web.zone),
        renewal: column(&header.renewal_at, web.zone),
        seats: match (count(&header.seats_used), count(&header.seats)) {
            (Some(used), Some(all)) => Some(say!("{n} of {all}", n = used, all = all)),
            (None, Some(all)) => Some(all),
            _ => None,
        },
        usage: if weeks.iter().any(|count| *count > 0) { history_line(&points, "count") } else { None },
        weeks,
        contacts: contacts.into_iter().take(CONTACTS).map(pane_contact).collect(),
        received: received.into_iter().map(|mail| received_view(web, mail)).collect(),
        more_contacts,
    })
}

fn received_view(web: &WebState, mail: ReceivedMail) -> ReceivedView {
    let to = mail.contact_name.filter(|name| !name.is_empty()).or(mail.to_address);
    ReceivedView {
        href: below("/messages", &mail.id.to_string()),
        subject: mail
            .subject
            .unwrap_or_else(|| say!("Step {step} of {playbook}", step = mail.step, playbook = mail.playbook)),
        to: to.unwrap_or_default(),
        at: moment(mail.sent_at, web.zone),
        state: mail.state,
    }
}

fn pane_contact(contact: Contact) -> PaneContact {
    PaneContact {
        name: if contact.name.is_empty() { contact.id } else { contact.name },
        role: contact.role,
        email: contact.email.map(|email| email.trim().to_owned()).filter(|email| !email.is_empty()),
    }
}
