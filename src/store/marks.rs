//! The marker: the last look between a server's "go ahead" and the first byte
//! of a body. Behind it the body may leave, and only once.
//!
//! Connections that wait for theirs at the same moment share a transaction.
//! Each of them has one message at the most, so that a crash leaves no more
//! outcomes unknown than if each had a transaction of its own.

use std::collections::{HashMap, HashSet};

use sqlx::Row;
use uuid::Uuid;

use super::control::{ITSELF, Target, insert};
use super::epoch::{Mark, SET_BACK};
use super::gather::all_failed;
use super::outbox::Claimed;
use super::rows::Rows;
use super::suppressions::covers;
use super::{Store, is_about_a_row};
use crate::clock::Instant;

/// So much of a lease has to be left: what is still on its way through the
/// network when it ends would be taken for lost.
const LEASE_LEFT: chrono::Duration = chrono::Duration::seconds(30);

/// The answer of the marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marked {
    Go,
    /// Not now, and why: stopped, suppressed, no longer ours.
    No(&'static str),
}

const NOT_OURS: Marked = Marked::No("no longer ours");

/// The same, as long as nobody has carried it out.
pub(super) struct Asked {
    message: Claimed,
    to: String,
    now: Instant,
}

/// What a connection asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub message: &'a Claimed,
    /// The recipient's address.
    pub to: &'a str,
}

impl Store {
    /// Marks one message, together with those that ask at the same moment; see
    /// [`Store::mark_all`].
    pub async fn mark(&self, message: &Claimed, to: &str, now: Instant) -> sqlx::Result<Marked> {
        let asked = Asked { message: message.clone(), to: to.to_owned(), now };
        self.together.marks.ask(asked, |all| self.mark_together(all)).await
    }

    async fn mark_together(&self, all: Vec<Asked>) -> Vec<sqlx::Result<Marked>> {
        let asking: Vec<Asking<'_>> = all.iter().map(|one| Asking { message: &one.message, to: &one.to }).collect();
        let Some(now) = all.iter().map(|one| one.now).max() else { return Vec::new() };
        match self.mark_all(&asking, now).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if all.len() == 1 || !is_about_a_row(&error) => all_failed(error, all.len()),
            // One of them is at fault, and none was marked.
            Err(_) => {
                let mut answers = Vec::with_capacity(all.len());
                for one in &asking {
                    let alone = self.mark_all(std::slice::from_ref(one), now).await;
                    answers.push(alone.map(|answers| answers.into_iter().next().unwrap_or(NOT_OURS)));
                }
                answers
            }
        }
    }

    /// Marks messages in one short transaction: what is stopped and the lease
    /// clock are read in a statement of their own; the recipients' rows are
    /// locked against a suppression that is being acknowledged; then each
    /// message is marked that is still ours and still valid. The answers are in
    /// the order given. After an error nobody knows what was marked.
    pub async fn mark_all(&self, asked: &[Asking<'_>], now: Instant) -> sqlx::Result<Vec<Marked>> {
        let mut hashes = Vec::with_capacity(asked.len());
        for one in asked {
            hashes.push(self.address_hash(one.to).await?);
        }
        let last = self.last_mark();
        let mut tx = self.pool().begin().await?;
        let scopes: Vec<String> = asked.iter().flat_map(|one| scopes(one.message)).collect();
        let (lease_now, epoch, number, stopped): (Instant, i64, i64, Vec<String>) = sqlx::query_as(
            "select clock_timestamp(), (extract(epoch from epoch) * 1000000)::bigint, nextval('keepwell.marks'),
                    array(select scope from keepwell.stops where scope = 'all' or scope = any($1))
             from keepwell.installation",
        )
        .bind(&scopes)
        .fetch_one(&mut *tx)
        .await?;
        // Another may have taken the database's place since the last look.
        if (Mark { epoch, number }) <= last {
            insert(&mut tx, &Target::All, ITSELF, Some(SET_BACK), now).await?;
            tx.commit().await?;
            return Ok(vec![Marked::No("stopped"); asked.len()]);
        }
        let mut customers: Vec<&String> = asked
            .iter()
            .zip(&hashes)
            .filter(|(one, _)| one.message.class != "internal")
            .map(|(_, hash)| hash)
            .collect();
        customers.sort_unstable();
        customers.dedup();
        let suppressed: HashMap<String, serde_json::Value> = match customers.is_empty() {
            true => HashMap::new(),
            false => sqlx::query_as(
                "select address_hash, suppressed from keepwell.recipients where address_hash = any($1)
                 order by address_hash for share",
            )
            .bind(&customers)
            .fetch_all(&mut *tx)
            .await?
            .into_iter()
            .collect(),
        };
        let stopped: HashSet<String> = stopped.into_iter().collect();
        let refusal = |one: &Asking<'_>, hash: &String| {
            if stopped.contains("all") || scopes_of(one).any(|scope| stopped.contains(&scope)) {
                return Some(Marked::No("stopped"));
            }
            let classes = suppressed.get(hash).filter(|_| one.message.class != "internal");
            classes.is_some_and(|classes| covers(classes, &one.message.class)).then_some(Marked::No("suppressed"))
        };
        let refusals: Vec<Option<Marked>> = asked.iter().zip(&hashes).map(|(one, hash)| refusal(one, hash)).collect();
        let free = || asked.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none()).map(|(one, _)| one.message);
        let mut marked = HashSet::new();
        if free().next().is_some() {
            let rows = Rows::default()
                .column("account_id", free().map(|one| one.account_id.as_str()))
                .column("id", free().map(|one| one.id))
                .column("token", free().map(|one| one.token))
                .column("at", free().map(|_| lease_now))
                .column("left_at", free().map(|_| lease_now + LEASE_LEFT))
                .column("now", free().map(|_| now));
            let update = format!(
                "update keepwell.messages m set marked_at = n.at, outcome = null
                 from {}
                 where m.account_id = n.account_id and m.id = n.id and m.token = n.token and m.state = 'sending'
                   and m.marked_at is null and m.lease_until >= n.left_at and m.valid_until >= n.now
                 returning m.id",
                rows.relation("n")
            );
            for row in rows.query(update)?.fetch_all(&mut *tx).await? {
                marked.insert(row.try_get::<Uuid, _>(0)?);
            }
        }
        if marked.is_empty() {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
            self.remember(Mark { epoch, number });
        }
        let answer = |(one, refusal): (&Asking<'_>, Option<Marked>)| match refusal {
            Some(refusal) => refusal,
            None if marked.contains(&one.message.id) => Marked::Go,
            None => NOT_OURS,
        };
        Ok(asked.iter().zip(refusals).map(answer).collect())
    }
}

/// What stops a message.
pub(super) fn scopes(message: &Claimed) -> [String; 3] {
    [
        format!("playbook:{}", message.playbook),
        format!("channel:{}", message.channel),
        format!("account:{}", message.account_id),
    ]
}

fn scopes_of(one: &Asking<'_>) -> impl Iterator<Item = String> {
    scopes(one.message).into_iter()
}
