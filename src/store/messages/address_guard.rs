//! What is about to leave: its words are kept, and its address is reserved,
//! for a whole batch at once.

use std::collections::HashSet;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use uuid::Uuid;

use super::claimed::{Claimed, Rendered};
use crate::clock::Instant;
use crate::store::Store;
use crate::store::sql::bulk_rows::Rows;
use crate::store::sql::errors::is_about_a_row;
use crate::store::sql::group_commit::all_failed;
use crate::store::sql::kept_connection::KeptConnection;

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
        self.leaves && self.message.channel.reaches_customers()
    }
}

/// Reserves the addresses of customer mail and makes sure that each that goes
/// has a row for the marker to lock.
const RESERVE: &str = "
    with leaving as materialized (select * from ROWS),
    reserved as (
        insert into keepwell.address_guard as g (address_hash, playbook, step, message, at)
        select address_hash, playbook, step, message, at from leaving order by address_hash, playbook, step
        on conflict (address_hash, playbook, step) do update set message = excluded.message, at = excluded.at
        where g.message = excluded.message or g.at <= excluded.at - interval '24 hours'
        returning message, address_hash),
    known as (
        insert into keepwell.recipients (address_hash)
        select distinct address_hash from reserved order by address_hash
        on conflict (address_hash) do nothing)
    select message from reserved";

const KEEP: &str = "
    update keepwell.messages m
    set subject = n.subject, body_text = n.body_text, body_html = n.body_html, to_address = n.to_address,
        forgotten = false
    from (select * from ROWS) as n
    where m.account_id = n.account_id and m.id = n.id and m.token = n.token and (m.state = 'sending') is true";

impl Store {
    /// Keeps what is about to be sent, for the preview and the record, and
    /// makes sure that a mail's address has a row for the marker to lock. False
    /// when the same step mailed the address of a customer mail, under
    /// whatever contact, within the last 24 hours. The answers are in the order
    /// given; one that is at fault fails alone.
    pub async fn depart(&self, all: &[Departure]) -> Vec<sqlx::Result<bool>> {
        let mut connection = self.shared.departures.lock().await;
        match self.depart_over(&mut connection, all).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if all.len() == 1 || !is_about_a_row(&error) => all_failed(error, all.len()),
            // One of them is at fault; the others shall not suffer.
            Err(_) => {
                let mut answers = Vec::with_capacity(all.len());
                for one in all {
                    let alone = self.depart_over(&mut connection, std::slice::from_ref(one)).await;
                    answers.push(alone.map(|answers| answers.first().copied().unwrap_or_default()));
                }
                answers
            }
        }
    }

    async fn depart_over(&self, connection: &mut KeptConnection, all: &[Departure]) -> sqlx::Result<Vec<bool>> {
        let mut asking = Vec::new();
        for one in all.iter().filter(|one| one.reserves()) {
            asking.push((one, self.address_hash(&one.to).await?));
        }
        let mut going: HashSet<Uuid> = all.iter().filter(|one| !one.reserves()).map(|one| one.message.id).collect();
        let options = self.pool().connect_options();
        while !asking.is_empty() {
            // One statement cannot write a row twice: of several mails that want
            // the same place the first has it, and the others another turn.
            let mut seen = HashSet::new();
            let (turn, later): (Vec<_>, Vec<_>) = asking.into_iter().partition(|(one, hash)| {
                seen.insert((hash.clone(), one.message.playbook.as_str(), one.message.step.as_str()))
            });
            let reserve = reserving(&turn)?;
            for row in connection.carry(&options, async |connection| reserve.fetch_all(connection).await).await? {
                going.insert(row.try_get::<Uuid, _>(0)?);
            }
            asking = later;
        }
        let goes = |one: &Departure| going.contains(&one.message.id);
        let keep = keeping(&all.iter().filter(|one| goes(one)).collect::<Vec<_>>())?;
        connection.carry(&options, async |connection| keep.execute(connection).await).await?;
        Ok(all.iter().map(goes).collect())
    }
}

fn reserving(asking: &[(&Departure, String)]) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
    let each = || asking.iter().map(|(one, _)| *one);
    Rows::steady()
        .column("address_hash", asking.iter().map(|(_, hash)| hash.as_str()))
        .column("playbook", each().map(|one| one.message.playbook.as_str()))
        .column("step", each().map(|one| one.message.step.as_str()))
        .column("message", each().map(|one| one.message.id))
        .column("at", each().map(|one| one.now))
        .with(RESERVE)
}

fn keeping(going: &[&Departure]) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
    let each = || going.iter();
    Rows::steady()
        .column("account_id", each().map(|one| one.message.account_id.as_str()))
        .column("id", each().map(|one| one.message.id))
        .column("token", each().map(|one| one.message.token))
        .column("to_address", each().map(|one| one.to.as_str()))
        .column("subject", each().map(|one| one.rendered.subject.as_str()))
        .column("body_text", each().map(|one| one.rendered.text.as_str()))
        .column("body_html", each().map(|one| one.rendered.html.as_str()))
        .with(KEEP)
}
