//! What is about to leave: its words are kept, and its address is reserved,
//! for a whole batch at once.

use std::collections::HashSet;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use uuid::Uuid;

use super::gather::all_failed;
use super::line::Line;
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
    /// False for what is only recorded.
    pub leaves: bool,
    pub now: Instant,
}

impl Departure {
    /// Whether it wants its step's place at the address.
    fn reserves(&self) -> bool {
        self.leaves && self.message.channel == "email"
    }
}

/// Reserves the addresses of customer mail and makes sure that each has a row
/// for the marker to lock, then keeps the words of all that go.
const DEPART: &str = "
    with leaving as materialized (select * from ROWS),
    reserved as (
        insert into keepwell.address_guard as g (address_hash, playbook, step, message, at)
        select address_hash, playbook, step, id, at from leaving where reserves order by address_hash, playbook, step
        on conflict (address_hash, playbook, step) do update set message = excluded.message, at = excluded.at
        where g.message = excluded.message or g.at <= excluded.at - interval '24 hours'
        returning message),
    known as (
        insert into keepwell.recipients (address_hash)
        select distinct address_hash from leaving where id in (select message from reserved) order by address_hash
        on conflict (address_hash) do nothing),
    kept as (
        update keepwell.messages m
        set subject = l.subject, body_text = l.body_text, body_html = l.body_html, to_address = l.to_address
        from leaving l
        where m.account_id = l.account_id and m.id = l.id and m.token = l.token and (m.state = 'sending') is true
          and (not l.reserves or l.id in (select message from reserved)))
    select message from reserved";

impl Store {
    /// Keeps what is about to be sent, for the preview and the record, and
    /// makes sure that a mail's address has a row for the marker to lock. False
    /// when the same step mailed the address of a customer mail, under
    /// whatever contact, within the last 24 hours. The answers are in the order
    /// given; one that is at fault fails alone.
    pub async fn depart(&self, all: &[Departure]) -> Vec<sqlx::Result<bool>> {
        let mut line = self.together.departures.lock().await;
        match self.depart_over(&mut line, all).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if all.len() == 1 || !is_about_a_row(&error) => all_failed(error, all.len()),
            // One of them is at fault; the others shall not suffer.
            Err(_) => {
                let mut answers = Vec::with_capacity(all.len());
                for one in all {
                    let alone = self.depart_over(&mut line, std::slice::from_ref(one)).await;
                    answers.push(alone.map(|answers| answers.first().copied().unwrap_or_default()));
                }
                answers
            }
        }
    }

    async fn depart_over(&self, line: &mut Line, all: &[Departure]) -> sqlx::Result<Vec<bool>> {
        let mut leaving = Vec::with_capacity(all.len());
        for one in all {
            leaving.push((one, self.address_hash(&one.to).await?));
        }
        let (mut turn, mut going, mut seen) = (leaving, HashSet::new(), HashSet::new());
        while !turn.is_empty() {
            // One statement cannot write a row twice: of several mails that want
            // the same place the first has it, and the others another turn.
            seen.clear();
            let (now, later): (Vec<_>, Vec<_>) = turn.into_iter().partition(|(one, hash)| {
                let message = &one.message;
                !one.reserves() || seen.insert((hash.clone(), message.playbook.clone(), message.step.clone()))
            });
            going.extend(now.iter().filter(|(one, _)| !one.reserves()).map(|(one, _)| one.message.id));
            let depart = departing(&now)?;
            let reserved = line.carry(&self.pool().connect_options(), async |line| depart.fetch_all(line).await).await?;
            for row in reserved {
                going.insert(row.try_get::<Uuid, _>(0)?);
            }
            turn = later;
        }
        Ok(all.iter().map(|one| going.contains(&one.message.id)).collect())
    }
}

fn departing(leaving: &[(&Departure, String)]) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
    let each = || leaving.iter().map(|(one, _)| *one);
    Rows::steady()
        .column("account_id", each().map(|one| one.message.account_id.as_str()))
        .column("id", each().map(|one| one.message.id))
        .column("token", each().map(|one| one.message.token))
        .column("playbook", each().map(|one| one.message.playbook.as_str()))
        .column("step", each().map(|one| one.message.step.as_str()))
        .column("reserves", each().map(Departure::reserves))
        .column("address_hash", leaving.iter().map(|(_, hash)| hash.as_str()))
        .column("at", each().map(|one| one.now))
        .column("to_address", each().map(|one| one.to.as_str()))
        .column("subject", each().map(|one| one.rendered.subject.as_str()))
        .column("body_text", each().map(|one| one.rendered.text.as_str()))
        .column("body_html", each().map(|one| one.rendered.html.as_str()))
        .with(DEPART)
}
