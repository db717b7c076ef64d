//! What a history may lead to, worked out by other means than the program's:
//! full hours are counted, entries, sends and touches are lined up by their
//! instants.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta, Timelike};
use keepwell::clock::Instant;
use keepwell::store::Store;

/// A missed slot younger than this still runs.
pub const CATCH_UP: TimeDelta = TimeDelta::minutes(20);
/// More entries of one run wait for a person.
pub const HOLD_ABOVE: usize = 1;
pub const MOST_PER_DAY: usize = 2;
/// The first batch of what was approved; each later one is twice as large.
pub const RAMP_EVERY: TimeDelta = TimeDelta::minutes(15);
pub const APPROVAL_HOLDS: TimeDelta = TimeDelta::hours(24);
/// Mails and touches of a contact, and of an account.
pub const LIMITS: [(usize, TimeDelta); 2] = [(1, TimeDelta::days(1)), (2, TimeDelta::days(7))];

/// One account as the history has made it so far.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub matches: bool,
    /// Whether it has matched while anybody looked.
    pub matched: bool,
    pub period: u32,
    /// Its renewals so far, as entry keys.
    pub periods: BTreeSet<String>,
    pub touches: Vec<Instant>,
}

/// What the history says must and may be.
#[derive(Debug)]
pub struct Model {
    pub accounts: Vec<Account>,
    /// The last full hour that is behind everybody.
    settled: Instant,
    /// What may be said of a slot; all slots so far.
    slots: BTreeMap<Instant, BTreeSet<&'static str>>,
    /// All rounds so far.
    rounds: Vec<Instant>,
    /// A person's words: the slot, when, and how many were held.
    pub approvals: Vec<(Instant, Instant, usize)>,
    pub stopped: bool,
}

#[derive(sqlx::FromRow)]
struct Run {
    playbook: String,
    slot: Instant,
    state: String,
    reason: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Entry {
    playbook: String,
    account_id: String,
    entry_key: String,
    started_at: Instant,
    run_slot: Instant,
}

impl Model {
    pub fn new(accounts: usize, published: Instant) -> Model {
        Model {
            accounts: vec![Account::default(); accounts],
            settled: published,
            slots: BTreeMap::new(),
            rounds: Vec::new(),
            approvals: Vec::new(),
            stopped: false,
        }
    }

    /// A round at `now`, which somebody has seen through to its end or not.
    pub fn round(&mut self, now: Instant, survived: bool) {
        for account in &mut self.accounts {
            account.matched |= account.matches;
        }
        self.rounds.push(now);
        let mut hours = Vec::new();
        let mut hour = full_hour(self.settled) + TimeDelta::hours(1);
        while hour <= now {
            hours.push(hour);
            hour += TimeDelta::hours(1);
        }
        let Some(latest) = hours.last().copied() else { return };
        for slot in hours {
            let said = match self.stopped {
                true => "stopped",
                false if slot == latest && now - slot <= CATCH_UP => "ran",
                false => "missed",
            };
            self.slots.entry(slot).or_default().insert(said);
        }
        if survived {
            self.settled = latest;
        }
    }

    /// Compares it with what is in the database at `now`.
    pub async fn check(&self, store: &Store, now: Instant) -> Result<(), String> {
        let pool = store.pool();
        let runs: Vec<Run> =
            sqlx::query_as("select playbook, slot, state, reason from keepwell.runs").fetch_all(pool).await.unwrap();
        self.slots_ran_once(&runs)?;
        let entries: Vec<Entry> = sqlx::query_as(
            "select playbook, account_id, entry_key, started_at, run_slot from keepwell.enrollments
             where state <> 'held'",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        self.keys_were_used_once(&entries)?;
        self.no_more_entered_than_allowed(&entries, now)?;
        let mails: Vec<(String, String, Option<Instant>)> = sqlx::query_as(
            "select account_id, enrollment_id::text, sent_at from keepwell.messages where channel = 'email'",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        let planned: BTreeSet<&str> = mails.iter().map(|(_, enrollment, _)| enrollment.as_str()).collect();
        if planned.len() < mails.len() {
            return Err("P2: a step has planned two mails".to_owned());
        }
        self.nobody_hears_too_much(&mails)
    }

    fn slots_ran_once(&self, runs: &[Run]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for Run { playbook, slot, state, reason } in runs {
            let said = match (state.as_str(), reason.as_deref()) {
                ("skipped", Some("missed")) => "missed",
                ("skipped", Some("stopped")) => "stopped",
                ("skipped", Some("superseded" | "discarded")) | ("running" | "done" | "held", _) => "ran",
                other => return Err(format!("P3: {playbook} at {slot} is {other:?}")),
            };
            if full_hour(*slot) != *slot || !seen.insert((playbook, *slot)) {
                return Err(format!("P3: {playbook} has a second run beside {slot}"));
            }
            match self.slots.get(slot) {
                Some(may) if may.contains(said) => {}
                may => return Err(format!("P12: {playbook} at {slot} {said}, and it should be {may:?}")),
            }
        }
        for slot in self.slots.keys().filter(|slot| **slot <= self.settled) {
            for playbook in ["welcome", "renewal"] {
                if !runs.iter().any(|run| run.playbook == playbook && run.slot == *slot) {
                    return Err(format!("P12: nothing is said of {playbook} at {slot}"));
                }
            }
        }
        Ok(())
    }

    fn keys_were_used_once(&self, entries: &[Entry]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for entry in entries {
            let account = &self.accounts[number(&entry.account_id)];
            let fits = match entry.playbook.as_str() {
                "welcome" => entry.entry_key.is_empty(),
                _ => account.periods.contains(&entry.entry_key),
            };
            if !fits || !account.matched {
                return Err(format!("P2: {} entered {} as `{}`", entry.account_id, entry.playbook, entry.entry_key));
            }
            if !seen.insert((&entry.playbook, &entry.account_id, &entry.entry_key)) {
                let Entry { playbook, account_id, entry_key, .. } = entry;
                return Err(format!("P2: {account_id} entered {playbook} twice as `{entry_key}`"));
            }
        }
        Ok(())
    }

    fn no_more_entered_than_allowed(&self, entries: &[Entry], now: Instant) -> Result<(), String> {
        let mut by_run: BTreeMap<Instant, Vec<&Entry>> = BTreeMap::new();
        let mut by_day: BTreeMap<NaiveDate, usize> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.playbook == "renewal") {
            by_run.entry(entry.run_slot).or_default().push(entry);
        }
        for (slot, entered) in by_run {
            let words: Vec<_> = self.approvals.iter().filter(|(of, ..)| *of == slot).collect();
            entered.iter().for_each(|entry| *by_day.entry(entry.started_at.date_naive()).or_default() += 1);
            if words.is_empty() {
                if entered.len() > HOLD_ABOVE {
                    return Err(format!("P8: {} entered at {slot}, and nobody approved it", entered.len()));
                }
                continue;
            }
            let good = self.good(words.iter().map(|(_, word, _)| *word));
            let in_time = |at: Instant| good.iter().any(|due| *due <= at && at - *due <= APPROVAL_HOLDS);
            if let Some(late) = entered.iter().find(|entry| !in_time(entry.started_at)) {
                return Err(format!("P8: {} entered at {} without a word", late.account_id, late.started_at));
            }
            let held = words.iter().map(|(.., held)| *held).max().unwrap_or_default();
            let batches: i64 =
                words.iter().map(|(_, at, _)| (now - *at).num_minutes() / RAMP_EVERY.num_minutes() + 1).sum();
            // 1 + 2 + 4 + …
            let ramp = (1usize << batches.clamp(0, 20)) - 1;
            if entered.len() > held.min(ramp) {
                return Err(format!("P8: {} of {held} entered of {slot}, and {ramp} may", entered.len()));
            }
        }
        match by_day.iter().find(|(_, entered)| **entered > MOST_PER_DAY) {
            Some((day, entered)) => Err(format!("P8: {entered} entered on {day}")),
            None => Ok(()),
        }
    }

    /// When an approved run was due: from the word on, and again after each round
    /// that may have let a batch go, or left the rest to the next day.
    fn good(&self, words: impl Iterator<Item = Instant>) -> Vec<Instant> {
        let mut due: Vec<Instant> = words.collect();
        for round in &self.rounds {
            if due.iter().any(|at| at <= round && *round - *at <= APPROVAL_HOLDS) {
                let midnight = (round.date_naive() + TimeDelta::days(1)).and_time(chrono::NaiveTime::MIN).and_utc();
                due.extend([*round + RAMP_EVERY, midnight]);
            }
        }
        due
    }

    fn nobody_hears_too_much(&self, mails: &[(String, String, Option<Instant>)]) -> Result<(), String> {
        for (name, sent) in self.accounts.iter().enumerate().map(|(at, account)| (format!("a{at}"), account)) {
            let sends: Vec<Instant> =
                mails.iter().filter(|(account, ..)| *account == name).filter_map(|(.., sent)| *sent).collect();
            for (most, window) in LIMITS {
                for at in &sends {
                    let heard =
                        |times: &[Instant]| times.iter().filter(|time| **time <= *at && **time > *at - window).count();
                    let heard = heard(&sends) + heard(&sent.touches);
                    if heard > most {
                        return Err(format!("P11: {name} heard {heard} times within {window} before {at}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// What must be there when everybody has had time.
    pub async fn check_the_end(&self, store: &Store) -> Result<(), String> {
        let pool = store.pool();
        let open: i64 = sqlx::query_scalar(
            "select (select count(*) from keepwell.runs where state = 'running')
                  + (select count(*) from keepwell.messages where state = 'sending')",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        if open > 0 {
            return Err(format!("P1: {open} things are never finished"));
        }
        let welcomed: Vec<(String, i64)> = sqlx::query_as(
            "select e.account_id, count(m.id) from keepwell.enrollments e
             left join keepwell.messages m on m.account_id = e.account_id and m.enrollment_id = e.id
             where e.playbook = 'welcome' group by e.account_id",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        for (at, account) in self.accounts.iter().enumerate() {
            let mails = welcomed.iter().find(|(name, _)| *name == format!("a{at}")).map(|(_, mails)| *mails);
            if account.matches && mails != Some(1) {
                return Err(format!("P1: a{at} matches, and its welcome is {mails:?}"));
            }
        }
        Ok(())
    }
}

pub fn full_hour(at: Instant) -> Instant {
    let since = i64::from(at.minute()) * 60 + i64::from(at.second());
    at - TimeDelta::seconds(since) - TimeDelta::nanoseconds(i64::from(at.nanosecond()))
}

fn number(account: &str) -> usize {
    account[1..].parse().unwrap()
}
