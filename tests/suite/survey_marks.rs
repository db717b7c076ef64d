//! Two surveys that are about to ask one contact: one of them does.

use keepwell::message::channel::Channel;
use keepwell::message::refusal::Refusal;
use keepwell::message::state::State;
use keepwell::store::Store;
use keepwell::store::messages::claimed::Claimed;
use keepwell::store::messages::mark_request::{MarkRequest, Marked};

use super::outcomes::{Outbox, TO, ended};

/// The mails among what is claimed.
async fn mails(outbox: &Outbox) -> Vec<Claimed> {
    outbox.claim().await.into_iter().filter(|one| one.channel == Channel::Email).collect()
}

/// Two daemons with one survey mail each to the same contacts: whichever mark comes
/// first keeps the other back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_surveys_that_leave_at_once_one_asks_a_contact() {
    const CONTACTS: i32 = 60;
    let outbox = Outbox::of(2 * CONTACTS).await;
    outbox
        .sql(
            "update keepwell.messages set survey = 's' || n % 2, contact_id = 'zoe', account_id = 'a' || n / 2
             from (select id as of, ltrim(right(id::text, 12), '0')::int - 1 as n from keepwell.messages
                   where channel = 'email') numbered
             where id = of",
        )
        .await;
    let mut claimed = mails(&outbox).await;
    claimed.extend(mails(&outbox).await);
    let other = Store::connect(outbox.pool.connect_options().as_ref().clone(), 4);
    let asks = |message| MarkRequest { left_alone: Some(30 * 86_400), ..MarkRequest::new(message, TO) };
    let mut kept_back: Vec<(&Claimed, &Claimed)> = Vec::new();
    for number in 0..CONTACTS {
        let account = format!("a{number}");
        let [one, two] = claimed.iter().filter(|one| one.account_id == account).collect::<Vec<_>>()[..] else {
            panic!("two mails to {account}")
        };
        let (first, second) = tokio::join!(outbox.store.mark(asks(one), outbox.now), other.mark(asks(two), outbox.now));
        match (first.unwrap(), second.unwrap()) {
            (Marked::Go, Marked::No(Refusal::OtherSurvey)) => kept_back.push((one, two)),
            (Marked::No(Refusal::OtherSurvey), Marked::Go) => kept_back.push((two, one)),
            both => panic!("{account}: {both:?}"),
        }
    }
    let mark = async |asked| outbox.store.mark(asked, outbox.now).await.unwrap();
    let (left, waits) = kept_back[0];
    assert_eq!(mark(asks(waits)).await, Marked::No(Refusal::OtherSurvey), "as long as nobody knows what became of it");
    assert!(outbox.settle(left, ended(State::Accepted)).await);
    assert_eq!(mark(asks(waits)).await, Marked::No(Refusal::OtherSurvey));
    // What was not taken has asked nobody.
    let (left, waits) = kept_back[1];
    assert!(outbox.settle(left, ended(State::Rejected)).await);
    assert_eq!(mark(asks(waits)).await, Marked::Go);
    // One that leaves nobody alone asks whoever was asked.
    assert_eq!(mark(MarkRequest::new(kept_back[2].1, TO)).await, Marked::Go);
}

#[tokio::test]
async fn of_two_surveys_in_one_transaction_one_asks_a_contact() {
    let outbox = Outbox::of(4).await;
    outbox
        .sql(
            "update keepwell.messages set survey = 's', account_id = 'a', contact_id = 'c' || right(id::text, 1)::int % 2
             where channel = 'email'",
        )
        .await;
    let claimed: Vec<Claimed> = outbox.claim().await.into_iter().filter(|one| one.channel == Channel::Email).collect();
    let asks = |message| MarkRequest { left_alone: Some(86_400), ..MarkRequest::new(message, TO) };
    let asked: Vec<MarkRequest<'_>> = claimed.iter().map(asks).collect();
    let answers = outbox.store.mark_all(&asked, outbox.now).await.unwrap();
    let mut gone: Vec<&str> = claimed
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| **answer == Marked::Go)
        .map(|(message, _)| message.contact_id.as_str())
        .collect();
    gone.sort_unstable();
    assert_eq!(gone, ["c0", "c1"]);
    assert_eq!(answers.iter().filter(|answer| **answer == Marked::No(Refusal::OtherSurvey)).count(), 2);
}
