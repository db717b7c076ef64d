//! Which contacts other surveys ask, or have asked lately.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::transitions::among;
use crate::clock::Instant;
use crate::message::gate::OtherSurvey;
use crate::message::state::State;
use crate::store::Store;

/// A survey mail that is about to leave.
#[derive(Clone, Copy, Debug)]
pub struct SurveyRequest<'a> {
    pub account: &'a str,
    /// Empty of an address that belongs to no contact, whom no other survey is known to ask.
    pub contact: &'a str,
    pub message: Uuid,
    /// How many seconds the survey leaves a contact alone after another one.
    pub left_alone: i64,
}

/// Whether the survey mail `m` has asked its contact. One that has begun its body counts
/// as having asked: nobody can call it back.
pub(super) static HAS_ASKED: LazyLock<String> = LazyLock::new(|| {
    let asked = among(&[State::Accepted, State::Captured, State::Complained, State::Unknown]);
    format!("(m.state in {asked} or m.state = '{}' and m.marked_at is not null)", State::Sending)
});

/// When it asked.
pub(super) const ASKED_AT: &str = "coalesce(m.sent_at, m.marked_at, m.created_at)";

/// Of each mail when another survey asked its contact within that time, and whether
/// one that was planned before it is on its way.
static OTHERS: LazyLock<String> = LazyLock::new(|| {
    let has_asked = &*HAS_ASKED;
    let waiting = among(&State::WAITING);
    format!(
        "select o.asked_at, coalesce(o.first, false)
         from unnest($1::text[], $2::text[], $3::uuid[], $4::int8[])
             with ordinality as w (account_id, contact_id, id, seconds, place)
         left join keepwell.messages own on own.account_id = w.account_id and own.id = w.id
         cross join lateral (
             select max({ASKED_AT})
                        filter (where {has_asked} and {ASKED_AT} > $5 - make_interval(secs => w.seconds)) as asked_at,
                    bool_or((m.state in {waiting} or m.state = '{sending}' and m.marked_at is null)
                        and m.valid_until >= $5
                        and (m.created_at, m.id) < (coalesce(own.created_at, $5), w.id)) as first
             from keepwell.messages m
             where w.contact_id <> '' and m.account_id = w.account_id and m.contact_id = w.contact_id
               and m.survey is not null and m.id <> w.id and not m.shadow) o
         order by w.place",
        sending = State::Sending
    )
});

impl Store {
    /// What other surveys have to do with the contact of each mail, in the order
    /// given; a step's own question is a survey as well.
    pub async fn other_surveys(
        &self,
        mails: &[SurveyRequest<'_>],
        now: Instant,
    ) -> sqlx::Result<Vec<Option<OtherSurvey>>> {
        if mails.is_empty() {
            return Ok(Vec::new());
        }
        let each = || mails.iter();
        let rows: Vec<(Option<Instant>, bool)> = sqlx::query_as(AssertSqlSafe(OTHERS.as_str()))
            .persistent(false)
            .bind(each().map(|mail| mail.account).collect::<Vec<_>>())
            .bind(each().map(|mail| mail.contact).collect::<Vec<_>>())
            .bind(each().map(|mail| mail.message).collect::<Vec<_>>())
            .bind(each().map(|mail| mail.left_alone).collect::<Vec<_>>())
            .bind(now)
            .fetch_all(self.pool())
            .await?;
        let other = |(asked, first): (Option<Instant>, bool)| match asked {
            Some(at) => Some(OtherSurvey::HasAsked { at }),
            None => first.then_some(OtherSurvey::AsksFirst),
        };
        Ok(rows.into_iter().map(other).collect())
    }
}
