use std::collections::{HashMap, HashSet};

use chrono::Duration;

use super::*;
use crate::clock::Instant;

fn anchors() -> [Instant; 3] {
    // A Monday, a Saturday after 29 February, and an instant within a second.
    ["2026-03-02T09:00:00Z", "2028-03-04T21:30:00Z", "2025-11-20T12:34:56.789012Z"]
        .map(|text| text.parse().expect("a fixed instant"))
}

fn company() -> SampleCompany {
    SampleCompany::generate(anchors()[0], 320)
}

/// Login instants by account.
fn logins(company: &SampleCompany) -> HashMap<&str, Vec<Instant>> {
    let mut found: HashMap<&str, Vec<Instant>> = HashMap::new();
    for event in &company.events {
        if event.name == "login" {
            found.entry(&event.account_id).or_default().push(event.at);
        }
    }
    found
}

/// The latest NPS answer of an account with its change against the same contact's one before.
fn latest_nps(company: &SampleCompany, account: &SampleAccount) -> Option<(Instant, f64, Option<f64>)> {
    let mut answers: Vec<&SampleScore> =
        company.scores.iter().filter(|score| score.account_id == account.id && score.name == "nps").collect();
    answers.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let last = answers.pop()?;
    let before = answers.iter().rev().find(|score| score.contact_id == last.contact_id);
    Some((last.at, last.value, before.map(|score| last.value - score.value)))
}

fn has_open_urgent(company: &SampleCompany, account: &SampleAccount) -> bool {
    company
        .tickets
        .iter()
        .any(|ticket| ticket.account_id == account.id && ticket.severity == "urgent" && ticket.closed_at.is_none())
}

#[test]
fn the_same_anchor_gives_the_same_company() {
    assert_eq!(company(), company());
    assert_ne!(company(), SampleCompany::generate(anchors()[1], 320));
}

#[test]
fn more_accounts_leave_the_first_ones_as_they_were() {
    let small = SampleCompany::generate(anchors()[0], 40);
    let large = SampleCompany::generate(anchors()[0], 60);
    assert_eq!(small.accounts, large.accounts[..40]);
}

#[test]
fn it_is_as_large_as_a_small_company() {
    for anchor in anchors() {
        let company = SampleCompany::generate(anchor, 320);
        assert_eq!(company.accounts.len(), 320);
        assert_eq!(company.csms.len(), 5);
        let of_tier = |tier| company.accounts.iter().filter(|account| account.tier == tier).count();
        assert_eq!((of_tier("A"), of_tier("B"), of_tier("C")), (48, 112, 160));
        let events = company.events.len();
        assert!((150_000..250_000).contains(&events), "{events} events");
        let churned = company.accounts.iter().filter(|account| account.status == "churned").count();
        assert!((15..40).contains(&churned), "{churned} churned");
        let trials = company.accounts.iter().filter(|account| account.status == "trial").count();
        assert!((8..30).contains(&trials), "{trials} trials");
        for account in &company.accounts {
            let people = company.contacts.iter().filter(|contact| contact.account_id == account.id).count();
            assert!((2..=6).contains(&people), "{} has {people} contacts", account.id);
        }
    }
}

#[test]
fn nothing_has_happened_at_or_after_the_anchor() {
    for anchor in anchors() {
        let company = SampleCompany::generate(anchor, 320);
        assert!(company.events.iter().all(|event| event.at < anchor));
        assert!(company.scores.iter().all(|score| score.at < anchor));
        for ticket in &company.tickets {
            assert!(ticket.opened_at < anchor && ticket.closed_at.is_none_or(|closed| closed < anchor));
        }
        for contact in &company.contacts {
            assert!(contact.created_at < anchor && contact.left_at.is_none_or(|left| left < anchor));
        }
        for account in &company.accounts {
            assert!(account.signed_up_at < anchor && account.signed_up_at > anchor - Duration::days(548));
            assert!(account.activated_at.is_none_or(|at| at < anchor && at > account.signed_up_at));
            assert!(account.churned_at.is_none_or(|at| at < anchor));
            assert!(account.renewal_at.is_none_or(|at| at > anchor && at < anchor + Duration::days(367)));
        }
    }
}

#[test]
fn ids_names_and_addresses_are_unique_and_reserved() {
    let company = company();
    let names: HashSet<_> = company.accounts.iter().map(|account| &account.name).collect();
    assert_eq!(names.len(), company.accounts.len());
    let emails: Vec<_> = company.contacts.iter().filter_map(|contact| contact.email.as_deref()).collect();
    assert_eq!(emails.iter().collect::<HashSet<_>>().len(), emails.len());
    for email in emails.into_iter().chain(company.csms.iter().map(|csm| csm.email.as_str())) {
        assert!(email.ends_with(".example") && email.is_ascii(), "{email}");
        assert!(!email.contains("..") && !email.contains(".@") && !email.starts_with('.'), "{email}");
    }
    let events: HashSet<_> = company.events.iter().map(|event| (&event.account_id, &event.id)).collect();
    assert_eq!(events.len(), company.events.len());
    assert!(company.contacts.iter().any(|contact| contact.email.is_none()));
    assert!(company.contacts.iter().any(|contact| contact.left_at.is_some()));
    assert!(company.accounts.iter().any(|account| account.csm_id.is_none()));
}

/// What the shipped playbooks look for, told apart from everybody else.
#[test]
fn every_story_is_there_and_nobody_else_looks_like_it() {
    for anchor in anchors() {
        let company = SampleCompany::generate(anchor, 320);
        let days = |at: Instant| (anchor - at).num_days();
        let ids = |wanted: &dyn Fn(&SampleAccount) -> bool| -> Vec<&str> {
            company
                .accounts
                .iter()
                .filter(|one| one.status != "churned" && wanted(one))
                .map(|one| one.id.as_str())
                .collect()
        };
        let logins = logins(&company);
        let count = |one: &SampleAccount, from: i64, to: i64| {
            let window = anchor - Duration::days(from)..anchor - Duration::days(to);
            let all = logins.get(one.id.as_str()).map_or(&[][..], Vec::as_slice);
            all.iter().filter(|at| window.contains(at)).count()
        };
        let told = |story| ids(&|one| one.story == story);

        let stalled = ids(&|one| one.activated_at.is_none() && days(one.signed_up_at) >= 30 && count(one, 30, 0) < 5);
        assert_eq!(stalled, told(Story::NeverActivated));
        assert_eq!(stalled.len(), 12);

        let dropped = ids(&|one| {
            let (now, before) = (count(one, 30, 0), count(one, 60, 30));
            days(one.signed_up_at) >= 90
                && now + before >= 20
                && (now as f64 - before as f64) / before as f64 * 100.0 <= -40.0
        });
        assert_eq!(dropped, told(Story::UsageDrop));
        assert_eq!(dropped.len(), 10);

        let disappointed = ids(&|one| {
            latest_nps(&company, one).is_some_and(|(at, value, change)| {
                days(at) <= 7 && value <= 6.0 && change.is_some_and(|change| change <= -3.0)
            })
        });
        assert_eq!(disappointed, told(Story::NpsDrop));
        assert_eq!(disappointed.len(), 8);

        let new = ids(&|one| one.activated_at.is_none() && days(one.signed_up_at) <= 3);
        assert_eq!(new, told(Story::NewSignup));
        assert_eq!(new.len(), 10);

        let renewing = ids(&|one| one.renewal_at.is_some_and(|at| (at - anchor).num_days() <= 95));
        assert!((12..=25).contains(&renewing.len()), "{} renew", renewing.len());

        let reviewed = ids(&|one| one.tier != "C" && days(one.signed_up_at) >= 90);
        assert!(reviewed.len() > 60, "{} are reviewed", reviewed.len());

        let urgent = ids(&|one| has_open_urgent(&company, one));
        assert_eq!(urgent.len(), 7);
    }
}

#[test]
fn the_practice_has_what_its_facts_ask_for() {
    for anchor in anchors() {
        let company = SampleCompany::generate(anchor, 320);
        let named = |name: &str| company.events.iter().filter(|event| event.name == name).collect::<Vec<_>>();
        assert_eq!(named("signed_up").len(), company.accounts.len());
        let (planned, held) = (named("visit_planned").len(), named("meeting_held").len());
        assert!(held * 10 > planned * 6 && held < planned, "{held} of {planned} visits");
        let amount =
            |name: &str| named(name).iter().filter_map(|event| event.properties["amount"].as_i64()).sum::<i64>();
        let (issued, paid) = (amount("invoice_issued"), amount("invoice_paid"));
        assert!(paid < issued && paid * 100 > issued * 85, "{paid} of {issued} are paid");
        assert!((8..40).contains(&named("referral_made").len()));
        let orders = named("order_placed");
        let buyers: HashSet<&str> = orders.iter().map(|event| event.account_id.as_str()).collect();
        assert!(
            buyers.len() > 100 && orders.len() * 2 > buyers.len() * 3,
            "{} orders of {}",
            orders.len(),
            buyers.len()
        );
        assert!(company.owners.len() > 200 && company.owners.iter().any(|owner| owner.role == "inside"));
        let lately =
            |ticket: &&SampleTicket| ticket.topic == "export" && anchor - ticket.opened_at < Duration::days(21);
        let writers: HashSet<&str> =
            company.tickets.iter().filter(lately).map(|ticket| ticket.account_id.as_str()).collect();
        assert!(writers.len() >= 20, "{} accounts write about exports", writers.len());
        assert!(company.tickets.iter().any(|ticket| ticket.subject.contains("导出")));
    }
}

#[test]
fn there_are_signs_of_trouble_at_a_few_accounts() {
    for anchor in anchors() {
        let company = SampleCompany::generate(anchor, 320);
        let active: HashSet<&str> =
            company.accounts.iter().filter(|one| one.status == "active").map(|one| one.id.as_str()).collect();
        let days = |at: Instant| (anchor - at).num_days();
        let champions =
            company.contacts.iter().filter(|one| one.role == "champion" && active.contains(&*one.account_id));
        let gone = champions.filter(|one| one.left_at.is_some_and(|left| days(left) < 30)).count();
        assert!((1..=6).contains(&gone), "{gone} champions have left");
        let heavy = |id: &&&str| {
            let of = company.tickets.iter().filter(|one| one.account_id == ***id && days(one.opened_at) < 60);
            of.filter(|one| ["high", "urgent"].contains(&one.severity)).count() >= 3
        };
        let piled = active.iter().filter(heavy).count();
        assert!((1..=8).contains(&piled), "tickets pile up at {piled}");
        let errors: HashSet<&str> =
            company.events.iter().filter(|one| one.name == "error").map(|one| one.account_id.as_str()).collect();
        assert!((2..=10).contains(&errors.len()), "errors at {}", errors.len());
        let mut last: HashMap<&str, Vec<Instant>> = logins(&company);
        last.retain(|id, at| {
            let account = company.accounts.iter().find(|one| one.id == *id).expect("an account");
            let age = days(account.signed_up_at);
            account.activated_at.is_none() && (9..26).contains(&age) && at.iter().all(|at| days(*at) + 2 >= age)
        });
        assert!((1..=8).contains(&last.len()), "{} never came back", last.len());
    }
}

#[test]
fn use_follows_the_week() {
    use chrono::{Datelike, Weekday};
    let company = company();
    let on = |day| company.events.iter().filter(|event| event.at.weekday() == day).count();
    assert!(on(Weekday::Sun) * 4 < on(Weekday::Tue));
}

/// The changes of each account, in order.
fn histories(company: &SampleCompany) -> HashMap<&str, Vec<&SampleChange>> {
    let mut found: HashMap<&str, Vec<&SampleChange>> = HashMap::new();
    for change in &company.changes {
        found.entry(change.account.id.as_str()).or_default().push(change);
    }
    found
}

#[test]
fn replaying_the_history_gives_the_present() {
    for anchor in anchors() {
        let company = SampleCompany::generate(anchor, 320);
        let histories = histories(&company);
        for account in &company.accounts {
            let changes = &histories[account.id.as_str()];
            assert_eq!(changes[0].at, account.signed_up_at, "{}", account.id);
            assert!(changes.iter().all(|change| change.at < anchor), "{}", account.id);
            assert!(changes.windows(2).all(|pair| pair[0].at < pair[1].at && pair[0].account != pair[1].account));
            assert_eq!(changes.last().map(|change| &change.account), Some(account));
            for SampleChange { at, account: then } in changes {
                assert_eq!(then.status == "churned", then.churned_at.is_some_and(|end| end <= *at));
                assert_eq!(then.status == "active", then.mrr > 0, "{then:?}");
                assert!(then.activated_at.is_none_or(|first| first <= *at));
                assert!(then.renewal_at.is_none_or(|renewal| renewal > *at));
                assert!(then.seats_used >= 1 && then.seats_used <= then.seats, "{then:?}");
            }
        }
    }
}

/// How many accounts changed a column after their sign-up.
fn count_changed<V: PartialEq>(company: &SampleCompany, column: impl Fn(&SampleAccount) -> V) -> usize {
    let histories = histories(company);
    let changed = |changes: &&Vec<&SampleChange>| {
        changes.windows(2).any(|pair| column(&pair[0].account) != column(&pair[1].account))
    };
    histories.values().filter(changed).count()
}

#[test]
fn every_kind_of_change_is_in_the_history() {
    let company = company();
    assert!(count_changed(&company, |account| account.mrr) > 150);
    assert!(count_changed(&company, |account| account.seats) > 100);
    assert!(count_changed(&company, |account| account.status) > 150);
    assert!(count_changed(&company, |account| account.tier) > 15);
    assert!(count_changed(&company, |account| account.csm_id.clone()) > 250);
    assert!(count_changed(&company, |account| account.renewal_at) > 60);
    let oldest = company.changes.iter().map(|change| change.at).min();
    assert!(oldest.is_some_and(|at| company.anchor - at > Duration::days(500)));
}

/// What a playbook found in the past: the accounts in which it could first see
/// a fall, each with the instant.
type Found<'a> = HashMap<&'a str, Instant>;

/// The mornings from Monday to Friday of the period in which the falls lie.
fn mornings(anchor: Instant) -> Vec<Instant> {
    use chrono::{Datelike, NaiveTime, Weekday};
    let (first, last) = PLANTED.days_ago;
    (last..=first)
        .rev()
        .map(|days| (anchor - Duration::days(days)).date_naive())
        .filter(|date| !matches!(date.weekday(), Weekday::Sat | Weekday::Sun))
        .map(|date| date.and_time(NaiveTime::MIN + Duration::hours(7)).and_utc())
        .collect()
}

fn first_morning<'a>(company: &'a SampleCompany, shows: impl Fn(&SampleAccount, Instant) -> bool) -> Found<'a> {
    let histories = histories(company);
    let mut found = Found::new();
    for account in &company.accounts {
        let changes = &histories[account.id.as_str()];
        let active = |at: Instant| {
            changes.iter().rev().find(|change| change.at < at).is_some_and(|change| change.account.status == "active")
        };
        let seen = mornings(company.anchor).into_iter().find(|at| active(*at) && shows(account, *at));
        found.extend(seen.map(|at| (account.id.as_str(), at)));
    }
    found
}

/// That a fall foretold churn as often as the rates say.
fn assert_rates(company: &SampleCompany, found: &Found<'_>, rates: &FallRates, counts: (usize, usize, usize)) {
    let churns: Vec<(&str, Instant)> =
        company.accounts.iter().filter_map(|one| Some((one.id.as_str(), one.churned_at?))).collect();
    let within = Duration::days(PLANTED.within_days);
    let mut leads: Vec<f64> = churns
        .iter()
        .filter_map(|(id, end)| found.get(id).map(|seen| *end - *seen))
        .filter(|lead| *lead <= within)
        .map(|lead| lead.num_hours() as f64 / 24.0)
        .collect();
    leads.sort_by(f64::total_cmp);
    assert_eq!((leads.len(), found.len(), churns.len()), counts);
    let precision = leads.len() as f64 / found.len() as f64;
    let recall = leads.len() as f64 / churns.len() as f64;
    assert!((precision - rates.precision).abs() < 0.02, "precision {precision}");
    assert!((recall - rates.recall).abs() < 0.02, "recall {recall}");
    let (shortest, longest) = (rates.lead_days.start(), rates.lead_days.end());
    assert!(leads[0] > shortest - 8.0 && leads[leads.len() - 1] < longest + 8.0, "{leads:?}");
    let median = leads[leads.len() / 2];
    assert!((median - (shortest + longest) / 2.0).abs() < 8.0, "{leads:?}");
}

/// Counted by hand, without the playbooks.
#[test]
fn falls_of_the_past_foretell_churn_at_the_planted_rates() {
    for anchor in anchors() {
        let company = SampleCompany::generate(anchor, 320);
        let logins = logins(&company);
        let count = |one: &SampleAccount, from: Instant, to: Instant| {
            let all = logins.get(one.id.as_str()).map_or(&[][..], Vec::as_slice);
            all.partition_point(|at| *at < to) - all.partition_point(|at| *at < from)
        };
        let month = Duration::days(30);
        let fell = first_morning(&company, |one, at| {
            let (now, before) = (count(one, at - month, at), count(one, at - month * 2, at - month));
            one.activated_at.is_some_and(|first| first < at)
                && at - one.signed_up_at >= Duration::days(90)
                && now + before >= 20
                && now as f64 <= before as f64 * 0.6
        });
        assert_rates(&company, &fell, &PLANTED.usage_drop, (13, 20, 26));

        let disappointed = first_morning(&company, |one, at| {
            let mut answers: Vec<&SampleScore> = company
                .scores
                .iter()
                .filter(|score| score.account_id == one.id && score.name == "nps" && score.at < at)
                .collect();
            answers.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
            let Some(last) = answers.pop() else { return false };
            let before = answers.iter().rev().find(|score| score.contact_id == last.contact_id);
            at - last.at < Duration::days(8)
                && last.value <= 6.0
                && before.is_some_and(|before| last.value - before.value <= -3.0)
        });
        assert_rates(&company, &disappointed, &PLANTED.nps_drop, (8, 20, 26));
    }
}

#[test]
fn the_rates_hold_for_any_number_of_accounts() {
    let company = SampleCompany::generate(anchors()[0], 1_000);
    for (rates, fell) in [
        (&PLANTED.usage_drop, &(|one: &SampleAccount| one.usage_fall.is_some()) as &dyn Fn(&SampleAccount) -> bool),
        (&PLANTED.nps_drop, &|one: &SampleAccount| one.nps_fell_at.is_some()),
    ] {
        let count =
            |wanted: &dyn Fn(&SampleAccount) -> bool| company.accounts.iter().filter(|one| wanted(one)).count() as f64;
        let both = count(&|one| fell(one) && one.churned_at.is_some());
        assert!((both / count(fell) - rates.precision).abs() < 0.02);
        assert!((both / count(&|one| one.churned_at.is_some()) - rates.recall).abs() < 0.02);
    }
}
