//! What is about to leave: its words are kept, and its address is reserved,
//! for a whole batch at once.

use std::collections::HashSet;
use std::sync::LazyLock;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row};
use uuid::Uuid;

use super::claimed::{Claimed, Rendered};
use super::transitions::among;
use crate::clock::Instant;
use crate::message::outcome::Fact;
use crate::message::state::State;
use crate::store::Store;
use crate::store::sql::bulk_rows::Rows;
use crate::store::sql::errors::is_about_a_row;
use crate::store::sql::kept_connection::KeptConnection;
use crate::store::sql::same_error::all_failed;

/// A message right before it leaves.
#[derive(Clone, Debug)]
pub struct Departure {
    pub message: Claimed,
    /// Where it goes: an address, or the variable of a URL.
    pub to: String,
    pub rendered: Rendered,
    /// False for what is only recorded.
    pub leaves: bool,
    /// What it has in common with its duplicates; `None` of one that has none.
    pub fingerprint: Option<Uuid>,
    pub now: Instant,
}

/// A mail that may leave, and what it would say.
#[derive(Clone, Copy, Debug)]
pub struct Saying<'a> {
    pub account: &'a str,
    pub to: &'a str,
    pub playbook: &'a str,
    pub step: &'a str,
    pub fingerprint: Uuid,
}

impl Departure {
    /// Whether it wants its step's place at the address.
    fn reserves(&self) -> bool {
        self.leaves && self.message.channel.reaches_customers()
    }
}

/// Reserves words at the addresses of customer mail, and makes sure that each mail
/// that goes has a row for the marker to lock.
const RESERVE: &str = "
    with leaving as materialized (select * from ROWS),
    said as (
        insert into keepwell.mail_guard as g (account_id, address_hash, playbook, step, fingerprint, message, at)
        select account_id, address_hash, playbook, step, fingerprint, message, at from leaving
        where fingerprint is not null order by account_id, address_hash, playbook, step, fingerprint
        on conflict (account_id, address_hash, playbook, step, fingerprint) do update
        set message = excluded.message, at = excluded.at
        where g.message = excluded.message or g.at <= excluded.at - interval '24 hours'
        returning message),
    going as (
        select * from leaving l
        where l.fingerprint is null or exists (select from said where said.message = l.message)),
    last as (
        insert into keepwell.address_guard as g (address_hash, playbook, step, message, at)
        select distinct on (address_hash, playbook, step) address_hash, playbook, step, message, at from going
        order by address_hash, playbook, step, message
        on conflict (address_hash, playbook, step) do update set message = excluded.message, at = excluded.at),
    known as (
        insert into keepwell.recipients (address_hash)
        select distinct address_hash from going order by address_hash
        on conflict (address_hash) do nothing)
    select message from going";

/// Gives words free that a mail has reserved which ended without having left. One
/// of which nobody knew whether it left keeps them, whatever a person has said.
static FREE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "delete from keepwell.mail_guard g using (select * from ROWS) as n, keepwell.messages m
         where (g.account_id, g.address_hash, g.playbook, g.step, g.fingerprint)
               = (n.account_id, n.address_hash, n.playbook, n.step, n.fingerprint)
           and m.account_id = g.account_id and m.id = g.message and {}",
        *NEVER_LEFT
    )
});

/// Whether a message `m` has ended without having left.
static NEVER_LEFT: LazyLock<String> = LazyLock::new(|| {
    let ended = |state: &State| state.is_final() && !state.has_left() && *state != State::Unknown;
    let states: Vec<State> = State::ALL.into_iter().filter(ended).collect();
    format!("m.state in {} and m.outcome is distinct from '{}'", among(&states), Fact::Unknown.name())
});

const KEEP: &str = "
    update keepwell.messages m
    set subject = n.subject, body_text = n.body_text, body_html = n.body_html, to_address = n.to_address,
        question = n.question, redirected_to = n.redirected_to, forgotten = false
    from (select * from ROWS) as n
    where m.account_id = n.account_id and m.id = n.id and m.token = n.token and (m.state = 'sending') is true";

impl Store {
    /// Keeps what is about to be sent, for the preview and the record, and
    /// makes sure that a mail's address has a row for the marker to lock. False
    /// when the same step said the same to the address of a customer mail, under
    /// whatever contact, within the last 24 hours, or is about to. The answers are
    /// in the order given; one that is at fault fails alone.
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

    /// Of mails that may leave at an instant, whether their step has said the
    /// same to their address within the day before it. In the order given;
    /// nothing is written.
    pub async fn were_said(&self, mails: &[Saying<'_>], now: Instant) -> sqlx::Result<Vec<bool>> {
        let mut hashes = Vec::with_capacity(mails.len());
        for mail in mails {
            hashes.push(self.address_hash(mail.to).await?);
        }
        let sql = format!(
            "select coalesce(g.at > $6 - interval '24 hours', false) and not coalesce({}, false)
             from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[])
                 with ordinality asked (account_id, address_hash, playbook, step, fingerprint, place)
             left join keepwell.mail_guard g using (account_id, address_hash, playbook, step, fingerprint)
             left join keepwell.messages m on m.account_id = g.account_id and m.id = g.message
             order by asked.place",
            *NEVER_LEFT
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(mails.iter().map(|mail| mail.account).collect::<Vec<_>>())
            .bind(hashes)
            .bind(mails.iter().map(|mail| mail.playbook).collect::<Vec<_>>())
            .bind(mails.iter().map(|mail| mail.step).collect::<Vec<_>>())
            .bind(mails.iter().map(|mail| mail.fingerprint).collect::<Vec<_>>())
            .bind(now)
            .fetch_all(self.pool())
            .await
    }

    async fn depart_over(&self, connection: &mut KeptConnection, all: &[Departure]) -> sqlx::Result<Vec<bool>> {
        let mut asking = Vec::new();
        for one in all.iter().filter(|one| one.reserves()) {
            asking.push((one, self.address_hash(&one.to).await?));
        }
        let mut going: HashSet<Uuid> = all.iter().filter(|one| !one.reserves()).map(|one| one.message.id).collect();
        let (options, mut asked_again) = (self.pool().connect_options(), HashSet::new());
        while !asking.is_empty() {
            // One statement cannot write a row twice: of several mails that want
            // the same place the first has it, and the others another turn.
            let mut seen = HashSet::new();
            let (turn, later): (Vec<_>, Vec<_>) = asking.into_iter().partition(|(one, hash)| {
                let Some(fingerprint) = one.fingerprint else { return true };
                let message = &one.message;
                seen.insert((message.account_id.as_str(), hash.clone(), &message.playbook, &message.step, fingerprint))
            });
            let reserve = rows_of(&turn).with(RESERVE)?;
            for row in connection.carry(&options, async |connection| reserve.fetch_all(connection).await).await? {
                going.insert(row.try_get::<Uuid, _>(0)?);
            }
            asking = later;
            // Once: whoever has the words then is about to leave.
            let mut refused: Vec<_> = turn
                .into_iter()
                .filter(|(one, _)| !going.contains(&one.message.id) && asked_again.insert(one.message.id))
                .collect();
            if !refused.is_empty() {
                let free = rows_of(&refused).with(&FREE)?;
                let freed = connection.carry(&options, async |connection| free.execute(connection).await).await?;
                if freed.rows_affected() > 0 {
                    refused.append(&mut asking);
                    asking = refused;
                }
            }
        }
        let goes = |one: &Departure| going.contains(&one.message.id);
        let keep = keeping(&all.iter().filter(|one| goes(one)).collect::<Vec<_>>())?;
        connection.carry(&options, async |connection| keep.execute(connection).await).await?;
        Ok(all.iter().map(goes).collect())
    }
}

/// The words and addresses of mails.
fn rows_of(asking: &[(&Departure, String)]) -> Rows {
    let each = || asking.iter().map(|(one, _)| *one);
    Rows::steady()
        .column("address_hash", asking.iter().map(|(_, hash)| hash.as_str()))
        .column("playbook", each().map(|one| one.message.playbook.as_str()))
        .column("step", each().map(|one| one.message.step.as_str()))
        .column("message", each().map(|one| one.message.id))
        .column("at", each().map(|one| one.now))
        .column("account_id", each().map(|one| one.message.account_id.as_str()))
        .column("fingerprint", each().map(|one| one.fingerprint))
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
        .column("question", each().map(|one| one.rendered.question.as_deref()))
        .column("redirected_to", each().map(|one| one.rendered.redirected_to.as_deref()))
        .with(KEEP)
}
