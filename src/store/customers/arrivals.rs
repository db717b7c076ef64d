//! Events that became due for playbooks with `on:`: one look for all of them.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Row};

use super::reader_role::{begin, limit_statements};
use crate::clock::Instant;
use crate::facts::{Subject, SubjectId};
use crate::store::{Relation, Store};

/// How many events are taken over at once.
const CHUNK: usize = 5_000;

/// Postgres ends each statement of a look that takes longer: the next look is near.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event that some playbook waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct EventWatch {
    pub playbook: String,
    pub event: String,
    /// Whose event it is. One without a contact is no contact's.
    pub subject: Subject,
    /// It happened after this …
    pub after: Instant,
    /// … and not later than that.
    pub until: Instant,
    /// The slot of the run that looks; what it has looked at itself counts as new.
    pub slot: Option<Instant>,
    /// Whether those are looked at again that something kept out which may have ended.
    pub again: bool,
}

/// An event of somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    pub subject: SubjectId,
    pub at: Instant,
}

impl Store {
    /// The events of each watch, in its order, that no run has looked at yet.
    pub async fn arrivals(&self, watches: &[EventWatch]) -> sqlx::Result<Vec<Vec<Arrival>>> {
        let mut found = self.first_arrivals(watches, usize::MAX).await?;
        for arrivals in &mut found {
            arrivals.sort();
            arrivals.dedup();
        }
        Ok(found)
    }

    /// Whether each watch has such an event.
    pub async fn have_arrivals(&self, watches: &[EventWatch]) -> sqlx::Result<Vec<bool>> {
        let found = self.first_arrivals(watches, 1).await?;
        Ok(found.into_iter().map(|arrivals| !arrivals.is_empty()).collect())
    }

    /// At most so many events of each watch, in no order; two of a subject at one instant
    /// may both be there.
    async fn first_arrivals(&self, watches: &[EventWatch], most: usize) -> sqlx::Result<Vec<Vec<Arrival>>> {
        let mut found = vec![Vec::new(); watches.len()];
        if watches.is_empty() {
            return Ok(found);
        }
        let relations = self.relations();
        let (events, account) = (relations.of(Relation::Events), relations.key().to_text("e.account_id"));
        let declare = format!(
            "declare arrivals no scroll cursor for
             select w.place, {account}, case when w.of_contacts then e.contact_id::text else '' end, e.at
             from unnest($1::text[], $2::bool[], $3::timestamptz[], $4::timestamptz[])
                 with ordinality as w (name, of_contacts, after, until, place)
             cross join lateral (
                 select e.account_id, e.contact_id, e.at from {events} e
                 where e.name = w.name and e.at > w.after and e.at <= w.until offset 0) e
             where not w.of_contacts or e.contact_id is not null"
        );
        let mut transaction = begin(self.customers_pool(), relations.read_as()).await?;
        limit_statements(&mut transaction, PATIENCE).await?;
        // Safe: our own words and the text of a mapped relation; values are bound.
        sqlx::query(AssertSqlSafe(declare))
            .persistent(false)
            .bind(watches.iter().map(|watch| watch.event.clone()).collect::<Vec<_>>())
            .bind(watches.iter().map(|watch| watch.subject == Subject::Contact).collect::<Vec<_>>())
            .bind(watches.iter().map(|watch| watch.after).collect::<Vec<_>>())
            .bind(watches.iter().map(|watch| watch.until).collect::<Vec<_>>())
            .execute(&mut *transaction)
            .await?;
        loop {
            let fetch = format!("fetch {CHUNK} from arrivals");
            let rows = sqlx::query(AssertSqlSafe(fetch)).persistent(false).fetch_all(&mut *transaction).await?;
            let mut chunk = Vec::with_capacity(rows.len());
            for row in &rows {
                let place: i64 = row.try_get(0)?;
                let subject = SubjectId { account: row.try_get(1)?, contact: row.try_get(2)? };
                let place = usize::try_from(place - 1).map_err(|error| sqlx::Error::Decode(error.into()))?;
                if found[place].len() < most {
                    chunk.push((place, Arrival { subject, at: row.try_get(3)? }));
                }
            }
            for (place, arrival) in self.unseen_arrivals(watches, chunk).await? {
                if found[place].len() < most {
                    found[place].push(arrival);
                }
            }
            if rows.len() < CHUNK || found.iter().all(|arrivals| arrivals.len() >= most) {
                break;
            }
        }
        transaction.rollback().await?;
        Ok(found)
    }

    /// Those of some events that no run has looked at, each with the place of its watch.
    async fn unseen_arrivals(
        &self,
        watches: &[EventWatch],
        arrivals: Vec<(usize, Arrival)>,
    ) -> sqlx::Result<Vec<(usize, Arrival)>> {
        if arrivals.is_empty() {
            return Ok(arrivals);
        }
        let of = |(place, _): &(usize, Arrival)| &watches[*place];
        let unseen: Vec<i64> = sqlx::query_scalar(
            "select w.place from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bool[])
                 with ordinality as w (account_id, contact_id, playbook, at, slot, again, place)
             where not exists (
                 select from keepwell.event_looks k
                 where k.account_id = w.account_id and k.playbook = w.playbook and k.contact_id = w.contact_id
                   and k.at = w.at and k.slot is distinct from w.slot and not (k.again and w.again))
             order by w.place",
        )
        .bind(arrivals.iter().map(|(_, arrival)| arrival.subject.account.clone()).collect::<Vec<_>>())
        .bind(arrivals.iter().map(|(_, arrival)| arrival.subject.contact.clone()).collect::<Vec<_>>())
        .bind(arrivals.iter().map(|one| of(one).playbook.clone()).collect::<Vec<_>>())
        .bind(arrivals.iter().map(|(_, arrival)| arrival.at).collect::<Vec<_>>())
        .bind(arrivals.iter().map(|one| of(one).slot).collect::<Vec<_>>())
        .bind(arrivals.iter().map(|one| of(one).again).collect::<Vec<_>>())
        .fetch_all(self.pool())
        .await?;
        let mut arrivals: Vec<Option<(usize, Arrival)>> = arrivals.into_iter().map(Some).collect();
        let taken = |place: i64| arrivals.get_mut(usize::try_from(place - 1).ok()?)?.take();
        Ok(unseen.into_iter().filter_map(taken).collect())
    }
}
