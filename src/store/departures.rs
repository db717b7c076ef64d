//! What is about to leave: its words are kept, and its address is reserved.
//! Messages that come at the same moment are written together.

use std::collections::{HashMap, HashSet};

use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::gather::all_failed;
use super::outbox::{Claimed, Rendered};
use super::rows::Rows;
use super::{Store, is_about_a_row};
use crate::clock::Instant;

/// A message right before it leaves.
#[derive(Clone, Debug)]
pub struct Departure {
    pub message: Claimed,
    /// Where it goes: an address, or the variable of a URL.
    pub to: String,
    pub rendered: Rendered,
    pub now: Instant,
}

/// One mail of a step to an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Place {
    address_hash: String,
    playbook: String,
    step: String,
}

impl Store {
    /// Keeps what is about to be sent, for the preview and the record, and
    /// makes sure that a mail's address has a row for the marker to lock. False
    /// when the same step mailed the address of a customer mail, under
    /// whatever contact, within the last 24 hours.
    pub async fn depart(&self, departure: Departure) -> sqlx::Result<bool> {
        self.together.departures.ask(departure, |all| self.depart_together(all)).await
    }

    async fn depart_together(&self, all: Vec<Departure>) -> Vec<sqlx::Result<bool>> {
        match self.depart_all(&all).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if all.len() == 1 || !is_about_a_row(&error) => all_failed(error, all.len()),
            // One of them is at fault; the others shall not suffer.
            Err(_) => {
                let mut answers = Vec::with_capacity(all.len());
                for one in &all {
                    let alone = self.depart_all(std::slice::from_ref(one)).await;
                    answers.push(alone.map(|answers| answers.first().copied().unwrap_or_default()));
                }
                answers
            }
        }
    }

    async fn depart_all(&self, all: &[Departure]) -> sqlx::Result<Vec<bool>> {
        let mut places = Vec::with_capacity(all.len());
        for one in all {
            let (playbook, step) = (one.message.playbook.clone(), one.message.step.clone());
            places.push(Place { address_hash: self.address_hash(&one.to).await?, playbook, step });
        }
        let mut tx = self.pool().begin().await?;
        let reserved = reserve(&mut tx, all, &places).await?;
        let goes = |one: &Departure| one.message.channel != "email" || reserved.contains(&one.message.id);
        know(&mut tx, all.iter().zip(&places).filter(|(one, _)| goes(one))).await?;
        keep(&mut tx, all.iter().filter(|one| goes(one))).await?;
        tx.commit().await?;
        Ok(all.iter().map(goes).collect())
    }
}

/// Reserves the addresses of customer mail; returns the messages that got
/// theirs. Of several that want the same place the first has it.
async fn reserve(tx: &mut PgConnection, all: &[Departure], places: &[Place]) -> sqlx::Result<HashSet<Uuid>> {
    let mut wanted: HashMap<&Place, Vec<&Departure>> = HashMap::new();
    for (one, place) in all.iter().zip(places).filter(|(one, _)| one.message.channel == "email") {
        wanted.entry(place).or_default().push(one);
    }
    let mut reserved = HashSet::new();
    // One statement cannot write a row twice: the seconds have another turn.
    while !wanted.is_empty() {
        let round: Vec<(&Place, &Departure)> =
            wanted.iter().filter_map(|(p, those)| Some((*p, *those.first()?))).collect();
        let each = || round.iter();
        let rows = Rows::default()
            .column("address_hash", each().map(|(place, _)| place.address_hash.as_str()))
            .column("playbook", each().map(|(place, _)| place.playbook.as_str()))
            .column("step", each().map(|(place, _)| place.step.as_str()))
            .column("message", each().map(|(_, one)| one.message.id))
            .column("at", each().map(|(_, one)| one.now));
        let insert = rows.insert(
            "keepwell.address_guard as g",
            "order by address_hash, playbook, step
             on conflict (address_hash, playbook, step) do update set message = excluded.message, at = excluded.at
             where g.message = excluded.message or g.at <= excluded.at - interval '24 hours'
             returning message",
        )?;
        for row in insert.fetch_all(&mut *tx).await? {
            reserved.insert(row.try_get::<Uuid, _>(0)?);
        }
        wanted.retain(|_, those| {
            those.remove(0);
            !those.is_empty()
        });
    }
    Ok(reserved)
}

/// Makes sure that addresses have a row, so that a marker can lock it.
async fn know(tx: &mut PgConnection, all: impl Iterator<Item = (&Departure, &Place)>) -> sqlx::Result<()> {
    let mails = all.filter(|(one, _)| one.message.channel == "email");
    let mut hashes: Vec<&str> = mails.map(|(_, place)| place.address_hash.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    if hashes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into keepwell.recipients (address_hash) select h from unnest($1::text[]) h order by h
         on conflict (address_hash) do nothing",
    )
    .bind(hashes)
    .execute(tx)
    .await?;
    Ok(())
}

/// Keeps the words.
async fn keep(tx: &mut PgConnection, all: impl Iterator<Item = &Departure>) -> sqlx::Result<()> {
    let all: Vec<&Departure> = all.collect();
    if all.is_empty() {
        return Ok(());
    }
    let each = || all.iter();
    let rows = Rows::default()
        .column("account_id", each().map(|one| one.message.account_id.as_str()))
        .column("id", each().map(|one| one.message.id))
        .column("token", each().map(|one| one.message.token))
        .column("to_address", each().map(|one| one.to.as_str()))
        .column("subject", each().map(|one| one.rendered.subject.as_str()))
        .column("body_text", each().map(|one| one.rendered.text.as_str()))
        .column("body_html", each().map(|one| one.rendered.html.as_str()));
    let update = format!(
        "update keepwell.messages m
         set subject = n.subject, body_text = n.body_text, body_html = n.body_html, to_address = n.to_address
         from {}
         where m.account_id = n.account_id and m.id = n.id and m.token = n.token and m.state = 'sending'",
        rows.relation("n")
    );
    rows.query(update)?.execute(tx).await?;
    Ok(())
}
