//! One mail for each colleague at the instants of the digest, instead of one
//! for each notice: new tasks, overdue tasks, tasks handed over, notices.

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;

use super::page_links::lead_to_pages;
use crate::clock::Instant;
use crate::facts::Colleague;
use crate::ids;
use crate::message::channel::Channel;
use crate::playbook::schedule::Schedule;
use crate::store::messages::digests::{Gathered, GatheredTask, Recipient};
use crate::worker::shared::Shared;
use crate::zone::find_zone;

/// The step that a digest's row names.
pub const STEP: &str = "digest";

/// Writes the digests that are due. Of those missed, one is written.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    if shared.config.notify_csm_digest.is_none() || !shared.config.notify_csm_email {
        return Ok(0);
    }
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    if halted.channels.contains(&Channel::OF_COLLEAGUES) {
        return Ok(0);
    }
    let recipients = recipients(shared, now).await?;
    let ids: Vec<String> = recipients.iter().map(|(recipient, _)| recipient.id.clone()).collect();
    let told: HashMap<String, Instant> = shared.store.told_until(&ids, now).await?.into_iter().collect();
    let mut written = 0;
    for (recipient, zone) in recipients {
        let Some(told_until) = told.get(&recipient.id).copied() else { continue };
        let Some(slot) = schedule(shared, zone).and_then(|schedule| schedule.next_after(told_until)) else { continue };
        if slot > now {
            continue;
        }
        let id = ids::notice(&["digest", &recipient.id, &slot.to_rfc3339()]);
        let url = shared.config.pages_url();
        let compose = |gathered: &Gathered| composed(gathered, &recipient, zone, url.as_deref(), now);
        shared.store.write_digest(&recipient, id, told_until, &halted, now, compose).await?;
        written += 1;
    }
    Ok(written)
}

/// When the next digest of a colleague is due.
pub(crate) fn next(shared: &Shared, colleague: &Colleague, now: Instant) -> Option<Instant> {
    schedule(shared, zone(shared, colleague))?.next_after(now)
}

fn schedule(shared: &Shared, zone: Tz) -> Option<Schedule> {
    Schedule::parse(shared.config.notify_csm_digest.as_deref()?, zone).ok()
}

fn zone(shared: &Shared, colleague: &Colleague) -> Tz {
    colleague.csm.timezone.as_deref().and_then(find_zone).unwrap_or(shared.config.timezone)
}

/// Every colleague who is there, and every other address that has tasks, with
/// their zones. What gathers for somebody who is away waits for them.
async fn recipients(shared: &Shared, now: Instant) -> anyhow::Result<Vec<(Recipient, Tz)>> {
    let colleagues = shared.store.colleagues().await?;
    let mut addresses = shared.store.task_addresses().await?;
    addresses.retain(|address| !colleagues.iter().any(|one| one.csm.email.trim().eq_ignore_ascii_case(address)));
    let there = colleagues.iter().filter(|one| !one.is_away(now, shared.config.timezone));
    let there = there.filter(|one| !one.csm.email.trim().is_empty());
    let mut all: Vec<(Recipient, Tz)> = there
        .map(|one| {
            let recipient = Recipient { id: one.csm.id.clone(), address: one.csm.email.trim().to_owned() };
            (recipient, zone(shared, one))
        })
        .collect();
    let bare = |address: String| (Recipient { id: address.clone(), address }, shared.config.timezone);
    all.extend(addresses.into_iter().map(bare));
    Ok(all)
}

/// Subject and text.
fn composed(gathered: &Gathered, recipient: &Recipient, zone: Tz, url: Option<&str>, now: Instant) -> (String, String) {
    let (new, overdue): (Vec<&GatheredTask>, Vec<&GatheredTask>) = gathered.tasks.iter().partition(|task| task.new);
    let mut counts = Vec::new();
    let mut text = String::new();
    for (tasks, one, many) in [(new, "new task", "new tasks"), (overdue, "overdue task", "overdue tasks")] {
        if tasks.is_empty() {
            continue;
        }
        let heading = format!("{} {}", tasks.len(), if tasks.len() == 1 { one } else { many });
        text.push_str(&format!("{heading}:\n\n"));
        counts.push(heading);
        for task in tasks {
            text.push_str(&line(task, zone, url, now));
        }
        text.push('\n');
    }
    if !gathered.handed.is_empty() {
        let heading = match gathered.handed.len() {
            1 => "1 task handed over".to_owned(),
            many => format!("{many} tasks handed over"),
        };
        text.push_str(&format!("{heading}:\n\n"));
        counts.push(heading);
        for task in &gathered.handed {
            let to = task.to.as_deref().unwrap_or("nobody");
            text.push_str(&format!("• {}: {}, now with {to}\n", task.title, task.account));
        }
        text.push('\n');
    }
    if !gathered.notices.is_empty() {
        let heading = match gathered.notices.len() {
            1 => "1 notice".to_owned(),
            many => format!("{many} notices"),
        };
        text.push_str(&format!("{heading}:\n\n"));
        counts.push(heading);
        for notice in &gathered.notices {
            let words = lead_to_pages(&notice.text, url.filter(|_| notice.is_markdown));
            text.push_str(&format!("{}\n{}\n\n", notice.subject, words.trim()));
        }
    }
    if let Some(url) = url {
        text.push_str(&format!("All of it: {url}/?csm={}\n", encoded(&recipient.id)));
    }
    (format!("Your day: {}", counts.join(", ")), text)
}

/// `• Call Acme: Acme, due 5 March 2026, high priority` and its address.
fn line(task: &GatheredTask, zone: Tz, url: Option<&str>, now: Instant) -> String {
    let mut line = format!("• {}: {}", task.title, task.account);
    if let Some(due) = task.due_at {
        let word = if due < now { "overdue since" } else { "due" };
        line.push_str(&format!(", {word} {}", due.with_timezone(&zone).format("%-d %B %Y")));
    }
    if task.priority != "normal" {
        line.push_str(&format!(", {} priority", task.priority));
    }
    if let Some(reason) = &task.reason {
        line.push_str(&format!(", {reason}"));
    }
    match url {
        Some(url) => format!("{line}\n{url}/tasks/{}\n", task.id),
        None => format!("{line}\n"),
    }
}

/// An id as it stands in a query.
fn encoded(id: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~@".contains(byte);
    id.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
