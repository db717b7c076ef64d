//! Who takes a task or a notice: cover for those who are away, and pools by
//! load against capacity.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::clock::Instant;
use crate::facts::{Colleague, Csm};

/// Open tasks that somebody without a `capacity` can carry.
pub const USUAL_CAPACITY: i32 = 20;

/// All colleagues, and how much each has to do.
#[derive(Clone, Debug, Default)]
pub struct Staff {
    colleagues: Arc<BTreeMap<String, Colleague>>,
    open: HashMap<String, i64>,
}

/// The colleague who takes something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taker<'a> {
    pub csm: &'a Csm,
    /// Whom they cover for.
    pub covers: Option<Cover<'a>>,
}

/// An open task, as far as it matters who has it.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// A CSM's id or an address.
    pub holder: &'a str,
    /// The members of the pool that it was given to.
    pub pool: Option<&'a [String]>,
    pub due_at: Option<Instant>,
    /// The CSM whom the account has now.
    pub csm: Option<&'a str>,
}

/// To whom an open task goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    pub to: String,
    /// `covers for Kim until 5 March 2026`.
    pub reason: String,
}

/// Somebody who is away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cover<'a> {
    pub name: &'a str,
    /// The last day away, if it is known.
    pub until: Option<NaiveDate>,
}

impl std::fmt::Display for Cover<'_> {
    /// `Kim until 5 March 2026`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.until {
            Some(until) => write!(f, "{} until {}", self.name, until.format("%-d %B %Y")),
            None => write!(f, "{}", self.name),
        }
    }
}

impl Staff {
    /// `open` counts the open tasks by CSM id; it is only needed for pools.
    pub fn new(colleagues: impl IntoIterator<Item = Colleague>, open: HashMap<String, i64>) -> Staff {
        let by_id = |colleague: Colleague| (colleague.csm.id.clone(), colleague);
        Staff { colleagues: Arc::new(colleagues.into_iter().map(by_id).collect()), open }
    }

    /// The colleague with this id.
    pub fn find(&self, id: &str) -> Option<&Colleague> {
        self.colleagues.get(id)
    }

    /// One more open task: those that are decided together see each other.
    pub fn assign(&mut self, id: &str) {
        *self.open.entry(id.to_owned()).or_default() += 1;
    }

    /// The CSM, or while they are away the first along the chain of backups who
    /// is there; nobody there is the CSM after all. One who is not among the
    /// staff is taken to be there.
    pub fn taker<'a>(&'a self, csm: &'a Csm, now: Instant, zone: Tz) -> Taker<'a> {
        let alone = Taker { csm, covers: None };
        let Some(absent) = self.find(&csm.id).filter(|one| one.is_away(now, zone)) else { return alone };
        let mut seen = vec![csm.id.as_str()];
        let mut next = absent.backup_id.as_deref();
        while let Some(backup) = next.filter(|id| !seen.contains(id)).and_then(|id| self.find(id)) {
            if !backup.is_away(now, zone) {
                let cover = Cover { name: &absent.csm.name, until: absent.away_until };
                return Taker { csm: &backup.csm, covers: Some(cover) };
            }
            seen.push(&backup.csm.id);
            next = backup.backup_id.as_deref();
        }
        alone
    }

    /// The least loaded member of a pool who is there: open tasks against
    /// capacity, then the smallest id. When all are away, whoever covers for the
    /// least loaded. `None` when no member is a colleague.
    pub fn of_pool<'a>(&'a self, members: &[String], now: Instant, zone: Tz) -> Option<Taker<'a>> {
        let known = || members.iter().filter_map(|id| self.find(id));
        let least = |one: &&Colleague, other: &&Colleague| {
            let (a, b) = (self.load(one), self.load(other));
            (a.0 * b.1).cmp(&(b.0 * a.1)).then_with(|| one.csm.id.cmp(&other.csm.id))
        };
        match known().filter(|one| !one.is_away(now, zone)).min_by(least) {
            Some(free) => Some(Taker { csm: &free.csm, covers: None }),
            None => known().min_by(least).map(|absent| self.taker(&absent.csm, now, zone)),
        }
    }

    /// To whom an open task goes on because whoever has it is away and not back
    /// before it is due, or is no colleague any more; `None` leaves it where it
    /// is. It goes to whoever would get it anew and is there: the backups of
    /// somebody who is away, the pool's other members, the account's CSM. One
    /// without a due instant does not wait.
    pub fn handover(&self, task: &Held, now: Instant, zone: Tz) -> Option<Handover> {
        let absent = self.find(task.holder);
        match absent {
            Some(one) if !one.is_away(now, zone) => return None,
            Some(one) if task.due_at.is_some_and(|due| one.is_back_by(due, zone)) => return None,
            None if task.holder.contains('@') => return None,
            _ => {}
        }
        let person = absent.or_else(|| self.find(task.csm?));
        let of_pool = task.pool.and_then(|members| self.of_pool(members, now, zone));
        let taker = of_pool.or_else(|| person.map(|person| self.taker(&person.csm, now, zone)))?.csm;
        // Nobody is there; but somebody who is away is better than nobody.
        if absent.is_some() && self.find(&taker.id).is_some_and(|one| one.is_away(now, zone)) {
            return None;
        }
        let reason = match absent {
            Some(one) => format!("covers for {}", Cover { name: &one.csm.name, until: one.away_until }),
            None => format!("took over from {}", task.holder),
        };
        Some(Handover { to: taker.id.clone(), reason })
    }

    /// Open tasks and capacity, as a fraction. Somebody who can carry nothing
    /// comes after everybody who can.
    fn load(&self, one: &Colleague) -> (i128, i128) {
        let open = i128::from(self.open.get(&one.csm.id).copied().unwrap_or(0));
        match one.capacity.unwrap_or(USUAL_CAPACITY) {
            capacity if capacity > 0 => (open, capacity.into()),
            _ => (i128::from(u32::MAX) + open, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::UTC;

    fn colleague(id: &str, backup: Option<&str>, away: Option<&str>) -> Colleague {
        let day = |text: &str| text.parse().expect("a date");
        let (from, until) = away.and_then(|away| away.split_once("..")).unwrap_or_default();
        let csm = Csm {
            id: id.to_owned(),
            name: id.to_uppercase(),
            email: format!("{id}@acme.example"),
            manager_id: None,
            timezone: None,
            traits: Default::default(),
        };
        Colleague {
            csm,
            capacity: None,
            backup_id: backup.map(str::to_owned),
            away_from: Some(from).filter(|text| !text.is_empty()).map(day),
            away_until: Some(until).filter(|text| !text.is_empty()).map(day),
        }
    }

    fn now() -> Instant {
        "2026-03-04T09:00:00Z".parse().expect("an instant")
    }

    fn describe(taker: Taker) -> String {
        taker.covers.map_or(taker.csm.id.clone(), |cover| format!("{} for {cover}", taker.csm.id))
    }

    fn covered(staff: &Staff, id: &str) -> String {
        describe(staff.taker(&staff.find(id).expect("a colleague").csm, now(), UTC))
    }

    #[test]
    fn who_is_away_is_covered_for_by_the_first_who_is_there() {
        let staff = Staff::new(
            [
                colleague("a", Some("b"), Some("2026-03-01..2026-03-05")),
                colleague("b", Some("c"), Some("..2026-03-04")),
                colleague("c", None, None),
                colleague("d", Some("e"), Some("2026-03-04..")),
                colleague("e", Some("d"), Some("2026-03-04..")),
                colleague("f", Some("nobody"), Some("2026-03-04..2026-03-04")),
                colleague("g", Some("c"), Some("2026-03-05..")),
                colleague("h", Some("h"), Some("..2026-03-31")),
            ],
            HashMap::new(),
        );
        for (id, taker) in [
            ("a", "c for A until 5 March 2026"),
            ("b", "c for B until 4 March 2026"),
            ("c", "c"),
            // A circle of people who are away, a backup unknown, oneself.
            ("d", "d"),
            ("f", "f"),
            ("h", "h"),
            // Not yet.
            ("g", "g"),
        ] {
            assert_eq!(covered(&staff, id), taker, "{id}");
        }
    }

    #[test]
    fn an_open_task_goes_on_to_whom_it_would_be_given_now() {
        let staff = Staff::new(
            [
                colleague("a", Some("b"), Some("2026-03-04..2026-03-05")),
                colleague("b", Some("c"), Some("..2026-03-04")),
                colleague("c", None, None),
                colleague("d", None, Some("2026-03-01..")),
                colleague("e", Some("c"), Some("2026-03-01..")),
            ],
            HashMap::from([("c".to_owned(), 3)]),
        );
        let pool = |members: &[&str]| members.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let goes = |holder, pool: Option<&[String]>, due: Option<&str>, csm| {
            let due_at = due.map(|due| due.parse::<Instant>().expect("an instant"));
            let handed = staff.handover(&Held { holder, pool, due_at, csm }, now(), UTC);
            handed.map_or(String::new(), |Handover { to, reason }| format!("{to} {reason}"))
        };
        // Along the chain, and only what cannot wait for the one who is away.
        assert_eq!(goes("a", None, None, Some("a")), "c covers for A until 5 March 2026");
        assert_eq!(goes("a", None, Some("2026-03-05T23:00:00Z"), Some("a")), "c covers for A until 5 March 2026");
        assert_eq!(goes("a", None, Some("2026-03-06T00:00:00Z"), Some("a")), "");
        assert_eq!(goes("e", None, Some("2026-12-01T00:00:00Z"), None), "c covers for E");
        // There, nobody else there, and an address.
        assert_eq!(goes("c", None, None, Some("a")), "");
        assert_eq!(goes("d", None, None, Some("c")), "");
        assert_eq!(goes("d@acme.example", None, None, Some("c")), "");
        // A pool gives to those of it who are there; when none is, to a cover.
        assert_eq!(goes("a", Some(&pool(&["a", "b", "c"])), None, Some("d")), "c covers for A until 5 March 2026");
        assert_eq!(goes("d", Some(&pool(&["d", "e"])), None, None), "");
        assert_eq!(goes("d", Some(&pool(&["d", "b"])), None, None), "c covers for D");
        assert_eq!(goes("a", Some(&pool(&["unknown"])), None, None), "c covers for A until 5 March 2026");
        // No colleague any more.
        assert_eq!(goes("z", None, None, Some("e")), "c took over from z");
        assert_eq!(goes("z", None, None, Some("d")), "d took over from z");
        assert_eq!(goes("z", None, None, Some("z")), "");
        assert_eq!(goes("z", None, None, None), "");
    }

    #[test]
    fn days_away_are_those_of_ones_own_zone() {
        let mut kim = colleague("kim", None, Some("2026-03-04..2026-03-04"));
        let at = |text: &str| text.parse::<Instant>().expect("an instant");
        assert!(kim.is_away(at("2026-03-04T23:59:00Z"), UTC) && !kim.is_away(at("2026-03-05T00:00:00Z"), UTC));
        kim.csm.timezone = Some("Asia/Tokyo".to_owned());
        assert!(!kim.is_away(at("2026-03-04T15:00:00Z"), UTC) && kim.is_away(at("2026-03-03T15:00:00Z"), UTC));
    }

    #[test]
    fn a_pool_gives_to_the_least_loaded_who_is_there() {
        let sized = |id: &str, capacity, away| Colleague { capacity, ..colleague(id, Some("z"), away) };
        let pool = ["d", "c", "b", "a", "unknown"].map(str::to_owned);
        let pick = |colleagues: Vec<Colleague>, open: &[(&str, i64)]| {
            let open = open.iter().map(|(id, open)| ((*id).to_owned(), *open)).collect();
            Staff::new(colleagues, open).of_pool(&pool, now(), UTC).map(describe).unwrap_or_default()
        };
        let both = |a, b| vec![sized("a", a, None), sized("b", b, None)];
        assert_eq!(pick(both(None, None), &[]), "a");
        assert_eq!(pick(both(None, None), &[("a", 1)]), "b");
        // 3 of 4 against 5 of 10.
        assert_eq!(pick(both(Some(4), Some(10)), &[("a", 3), ("b", 5)]), "b");
        assert_eq!(pick(both(Some(20), None), &[("a", 3), ("b", 3)]), "a");
        // No capacity at all is only for when there is nobody else.
        assert_eq!(pick(both(Some(0), Some(1)), &[("b", 90)]), "b");
        assert_eq!(pick(vec![sized("a", Some(0), None)], &[]), "a");
        let away = Some("2026-03-01..2026-03-31");
        assert_eq!(pick(vec![sized("a", None, away), sized("b", None, None)], &[("b", 9)]), "b");
        let all_away = vec![sized("a", None, away), sized("b", None, away), colleague("z", None, None)];
        assert_eq!(pick(all_away, &[("a", 1)]), "z for B until 31 March 2026");
        assert_eq!(pick(vec![sized("a", None, away), sized("b", None, away)], &[]), "a");
        assert_eq!(pick(vec![colleague("z", None, None)], &[]), "");
    }
}
