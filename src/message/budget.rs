//! Who may have a customer's attention: one budget per contact and per account
//! for all playbooks and human touches together, in rolling windows.
//!
//! Pure: the uses and the mails that ask are given, and so is now. The gate
//! asks it under the account's budget row, the rehearsal in memory.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::clock::Instant;
use crate::playbook::budget::{Budget, Limit};

/// How many users of a budget a reason names.
const NAMED: usize = 3;

/// Something that took a customer's attention, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Empty where no contact is known: then it counts for the account only.
    pub contact: String,
    pub at: Instant,
    /// What it was: `activation-rescue/nudge`, `the task rescue/call`.
    pub what: String,
}

/// The order in which mails get what is left: the higher priority first, then
/// the one that stays valid for less long, then the smaller id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    below: i32,
    valid_until: Instant,
    id: Uuid,
}

impl Rank {
    pub fn new(priority: i32, valid_until: Instant, id: Uuid) -> Rank {
        Rank { below: -priority, valid_until, id }
    }

    pub fn id(&self) -> Uuid {
        self.id
    }
}

/// A mail that would leave now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    pub rank: Rank,
    /// Empty for an address that belongs to no contact.
    pub contact: String,
    pub to: String,
    /// `playbook/step`.
    pub what: String,
    /// Not sent any more after this.
    pub valid_until: Instant,
    /// The end of the quiet hours that held it last.
    pub held_until: Option<Instant>,
    pub standing: Standing,
}

/// How far a contender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It passed everything else and asks.
    Asking,
    /// It is due or being looked at elsewhere; what it outranks waits for it.
    Expected,
    /// It passed the gate after its quiet hours, whatever came of it.
    Survived,
}

/// What a mail that asks is users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetAnswer {
    /// It may leave; its place is taken from now on.
    Go,
    /// It looks again at this instant; these used the budget up.
    Later { at: Instant, reason: String, used_by: Vec<String> },
    /// A better one that was held with it is being looked at; it looks again at
    /// this instant.
    StepBack { at: Instant, reason: String },
    /// Of several held mails another one survived.
    Outranked { reason: String },
}

/// How soon a mail looks again that waits only for one that goes first.
const STEP_BACK: chrono::Duration = chrono::Duration::seconds(10);

/// Answers every contender of one account that asks, best first.
///
/// Of several mails to one contact that were held by the same quiet hours only
/// the first in rank goes on. Never more uses than a limit allows lie within
/// its window, uses at future instants included.
pub fn allot(
    budget: &Budget,
    account: &str,
    uses: &[Use],
    contenders: &[Contender],
    now: Instant,
) -> Vec<(Uuid, BudgetAnswer)> {
    let mut ranked: Vec<&Contender> = contenders.iter().collect();
    // Who survived before stands before whoever asks now.
    ranked.sort_by_key(|one| (one.standing != Standing::Survived, one.rank));
    let mut survivors: Vec<&Contender> = Vec::new();
    let mut taken = uses.to_vec();
    let mut expected = BTreeSet::new();
    let mut answers = Vec::new();
    for contender in ranked {
        if contender.standing == Standing::Survived {
            survivors.push(contender);
            continue;
        }
        let asks = contender.standing == Standing::Asking;
        if let Some(first) = survivors.iter().find(|first| first.stands_for(contender)) {
            if asks {
                answers.push((contender.rank.id, contender.outranked(first, now)));
            }
            continue;
        }
        if contender.held_until.is_some() {
            survivors.push(contender);
        }
        let answer = match first_exceeded(budget, account, &taken, &contender.contact, &contender.to, now) {
            Some(exceeded) => {
                let waits_for_another = exceeded.used_by.iter().any(|used| expected.contains(used));
                let at = if waits_for_another { exceeded.until.min(now + STEP_BACK) } else { exceeded.until };
                let reason = exceeded.reason();
                BudgetAnswer::Later { at: contender.no_later(at), reason, used_by: exceeded.used_by }
            }
            None => {
                taken.push(Use { contact: contender.contact.clone(), at: now, what: contender.what.clone() });
                if !asks {
                    expected.insert(contender.what.clone());
                }
                BudgetAnswer::Go
            }
        };
        if asks {
            answers.push((contender.rank.id, answer));
        }
    }
    answers
}

impl Contender {
    /// Whether it stands for another one that was held with it.
    fn stands_for(&self, other: &Contender) -> bool {
        let same = if other.contact.is_empty() {
            self.contact.is_empty() && self.to.eq_ignore_ascii_case(&other.to)
        } else {
            self.contact == other.contact
        };
        self.rank.id != other.rank.id && same && other.held_until.is_some() && self.held_until == other.held_until
    }

    fn outranked(&self, first: &Contender, now: Instant) -> BudgetAnswer {
        match first.standing {
            Standing::Expected => BudgetAnswer::StepBack {
                at: self.no_later(now + STEP_BACK),
                reason: format!("quiet hours: {} to {} goes first", first.what, first.to),
            },
            Standing::Asking | Standing::Survived => BudgetAnswer::Outranked {
                reason: format!("quiet hours: of several held mails to {}, {} was kept", self.to, first.what),
            },
        }
    }

    /// An instant to look again, but not long after it has expired.
    fn no_later(&self, at: Instant) -> Instant {
        just_after(self.valid_until).min(at)
    }
}

/// The first instant at which a mail that was valid until `valid_until` has expired.
pub fn just_after(valid_until: Instant) -> Instant {
    valid_until + chrono::Duration::microseconds(1)
}

/// Why a mail cannot go now, and when it can.
struct Exceeded {
    limit: Limit,
    of: String,
    until: Instant,
    used_by: Vec<String>,
    users: String,
}

impl Exceeded {
    fn reason(&self) -> String {
        format!("budget: {} of {} used by {}", self.limit, self.of, self.users)
    }
}

/// The limit that keeps a mail from going longest; `None` when it fits.
fn first_exceeded(
    budget: &Budget,
    account: &str,
    uses: &[Use],
    contact: &str,
    to: &str,
    now: Instant,
) -> Option<Exceeded> {
    let of_contact: Vec<&Use> = uses.iter().filter(|used| !contact.is_empty() && used.contact == contact).collect();
    let of_account: Vec<&Use> = uses.iter().collect();
    let contact_limits = budget.contact.iter().map(|limit| exceeded(limit, &of_contact, to.to_owned(), now));
    let account_limits =
        budget.account.iter().map(|limit| exceeded(limit, &of_account, format!("the account {account}"), now));
    // Of several, the first that was written among those that last longest.
    contact_limits
        .chain(account_limits)
        .flatten()
        .reduce(|one, other| if other.until > one.until { other } else { one })
}

/// Whether a limit is used up now. A use counts until exactly a window later.
fn exceeded(limit: &Limit, uses: &[&Use], of: String, now: Instant) -> Option<Exceeded> {
    let mut within: Vec<&Use> =
        uses.iter().copied().filter(|used| used.at > now - limit.window && used.at < now + limit.window).collect();
    within.sort_by(|one, other| (other.at, &other.what).cmp(&(one.at, &one.what)));
    // Once this one is a window ago, fewer than `most` are left.
    let until = within.get(limit.most - 1)?.at + limit.window;
    let named: Vec<String> = within
        .iter()
        .take(limit.most.min(NAMED))
        .map(|used| format!("{} at {}", used.what, used.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)))
        .collect();
    let more = match within.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let users = format!("{}{more}", named.join(", "));
    let used_by = within.iter().take(limit.most).map(|used| used.what.clone()).collect();
    Some(Exceeded { limit: limit.clone(), of, until, used_by, users })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    fn budget(contact: &[&str], account: &[&str]) -> Budget {
        let limits = |texts: &[&str]| texts.iter().map(|text| Limit::parse(text).expect("a limit")).collect();
        Budget { contact: limits(contact), account: limits(account) }
    }

    fn used(contact: &str, when: &str, what: &str) -> Use {
        Use { contact: contact.to_owned(), at: at(when), what: what.to_owned() }
    }

    fn asking(contact: &str, priority: i32, id: u128) -> Contender {
        let valid_until = at("2026-03-05T09:00:00Z");
        Contender {
            rank: Rank::new(priority, valid_until, Uuid::from_u128(id)),
            contact: contact.to_owned(),
            to: format!("{contact}@a1.example"),
            what: format!("p{id}/mail"),
            valid_until,
            held_until: None,
            standing: Standing::Asking,
        }
    }

    fn answer(budget: &Budget, uses: &[Use], contenders: &[Contender]) -> Vec<(u128, BudgetAnswer)> {
        let answers = allot(budget, "a1", uses, contenders, at("2026-03-02T09:00:00Z"));
        answers.into_iter().map(|(id, answer)| (id.as_u128(), answer)).collect()
    }

    #[test]
    fn a_window_frees_exactly_when_it_has_passed() {
        let limit = budget(&["1 per 1d"], &[]);
        let before = [used("ann", "2026-03-01T09:00:00Z", "p/nudge")];
        assert_eq!(answer(&limit, &before, &[asking("ann", 50, 1)]), [(1, BudgetAnswer::Go)]);
        let just = [used("ann", "2026-03-01T09:00:01Z", "p/nudge")];
        let reason = "budget: 1 per 1d of ann@a1.example used by p/nudge at 2026-03-01T09:00:01Z".to_owned();
        let used_by = vec!["p/nudge".to_owned()];
        let later = BudgetAnswer::Later { at: at("2026-03-02T09:00:01Z"), reason, used_by };
        assert_eq!(answer(&limit, &just, &[asking("ann", 50, 1)]), [(1, later)]);
    }

    #[test]
    fn the_limit_that_lasts_longest_is_told_and_names_its_users() {
        let limit = budget(&["1 per 1d", "2 per 2d"], &["3 per 3d"]);
        let uses = [
            used("ann", "2026-03-02T08:00:00Z", "p/three"),
            used("ann", "2026-03-01T08:00:00Z", "p/two"),
            used("", "2026-02-28T08:00:00Z", "the task p/call"),
        ];
        let [(1, BudgetAnswer::Later { at: until, reason, .. })] = &answer(&limit, &uses, &[asking("ann", 50, 1)])[..]
        else {
            panic!("deferred");
        };
        assert_eq!(*until, at("2026-03-03T08:00:00Z"));
        assert_eq!(reason, "budget: 1 per 1d of ann@a1.example used by p/three at 2026-03-02T08:00:00Z");
        // A colleague has the account's limit alone.
        let [(1, BudgetAnswer::Later { at: until, reason, .. })] = &answer(&limit, &uses, &[asking("bob", 50, 1)])[..]
        else {
            panic!("deferred");
        };
        assert_eq!(*until, at("2026-03-03T08:00:00Z"));
        assert!(reason.starts_with("budget: 3 per 3d of the account a1 used by p/three at"), "{reason}");
        // And so has an address of no contact.
        assert!(matches!(answer(&limit, &uses[..2], &[asking("", 50, 1)])[..], [(1, BudgetAnswer::Go)]));
    }

    #[test]
    fn the_first_in_rank_gets_what_is_left() {
        let limit = budget(&["1 per 1d"], &[]);
        let contenders = [asking("ann", 10, 1), asking("ann", 90, 2), asking("bob", 10, 3)];
        let answers = answer(&limit, &[], &contenders);
        assert_eq!((answers[0].0, &answers[0].1), (2, &BudgetAnswer::Go));
        assert_eq!(answers.iter().find(|(id, _)| *id == 3), Some(&(3, BudgetAnswer::Go)));
        assert!(matches!(&answers.iter().find(|(id, _)| *id == 1), Some((_, BudgetAnswer::Later { at: next, .. }))
            if *next == at("2026-03-03T09:00:00Z")));
        let mut sooner = asking("ann", 50, 9);
        sooner.rank = Rank::new(50, at("2026-03-03T09:00:00Z"), Uuid::from_u128(9));
        assert_eq!(answer(&limit, &[], &[asking("ann", 50, 1), sooner])[0], (9, BudgetAnswer::Go));
    }

    #[test]
    fn one_that_is_looked_at_elsewhere_keeps_its_place() {
        let limit = budget(&["1 per 1d"], &[]);
        let better = Contender { standing: Standing::Expected, ..asking("ann", 90, 2) };
        let [(1, BudgetAnswer::Later { at: next, reason, .. })] =
            &answer(&limit, &[], &[asking("ann", 10, 1), better])[..]
        else {
            panic!("it waits");
        };
        assert_eq!(*next, at("2026-03-02T09:00:10Z"));
        assert!(reason.contains("p2/mail"), "{reason}");
        let worse = Contender { standing: Standing::Expected, ..asking("ann", 5, 2) };
        assert_eq!(answer(&limit, &[], &[asking("ann", 10, 1), worse]), [(1, BudgetAnswer::Go)]);
    }

    #[test]
    fn of_several_held_mails_to_one_contact_one_survives() {
        let held = Some(at("2026-03-02T08:00:00Z"));
        let of = |contact, priority, id| Contender { held_until: held, ..asking(contact, priority, id) };
        let answers = answer(&Budget::OFF, &[], &[of("ann", 10, 1), of("ann", 90, 2), of("bob", 5, 3)]);
        let reason = "quiet hours: of several held mails to ann@a1.example, p2/mail was kept".to_owned();
        assert_eq!(answers, [(2, BudgetAnswer::Go), (1, BudgetAnswer::Outranked { reason }), (3, BudgetAnswer::Go)]);
        // Another night's mail is no matter of this one, nor is a mail that never waited.
        let other = Contender { held_until: Some(at("2026-03-01T08:00:00Z")), ..asking("ann", 1, 4) };
        let answers = answer(&Budget::OFF, &[], &[of("ann", 90, 2), other, asking("ann", 1, 5)]);
        assert!(answers.iter().all(|(_, answer)| *answer == BudgetAnswer::Go), "{answers:?}");
        // While the better one is looked at elsewhere, the other one waits for the outcome.
        let better = Contender { standing: Standing::Expected, ..of("ann", 90, 2) };
        assert!(matches!(
            answer(&Budget::OFF, &[], &[of("ann", 10, 1), better])[..],
            [(1, BudgetAnswer::StepBack { .. })]
        ));
        // Who survived before stays the one, whatever it is worth.
        let before = Contender { standing: Standing::Survived, ..of("ann", 1, 6) };
        assert!(matches!(
            answer(&Budget::OFF, &[], &[of("ann", 90, 2), before])[..],
            [(2, BudgetAnswer::Outranked { .. })]
        ));
    }

    #[test]
    fn what_cannot_go_while_it_is_valid_expires_on_time() {
        let limit = budget(&["1 per 7d"], &[]);
        let uses = [used("ann", "2026-03-01T09:00:00Z", "p/nudge")];
        let [(1, BudgetAnswer::Later { at: next, .. })] = &answer(&limit, &uses, &[asking("ann", 50, 1)])[..] else {
            panic!("deferred");
        };
        assert_eq!(*next, at("2026-03-05T09:00:00.000001Z"));
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_its_limit(
            steps in prop::collection::vec((0i64..2_000, 0usize..3, 0i32..3), 1..40),
            most in 1usize..4,
            hours in 1i64..48,
        ) {
            let of = |most| format!("{most} per {hours}h");
            let budget = budget(&[&of(most)], &[&of(most + 1)]);
            let mut uses: Vec<Use> = Vec::new();
            let mut now = at("2026-03-02T09:00:00Z");
            for (id, (minutes, contact, priority)) in steps.into_iter().enumerate() {
                now += TimeDelta::minutes(minutes);
                let contact = ["ann", "bob", ""][contact];
                let valid = |one| Contender { valid_until: now + TimeDelta::days(9), ..one };
                let (one, other) = (asking(contact, priority, id as u128), asking("ann", 1, 1_000 + id as u128));
                let asks = [valid(one), valid(other)];
                for (granted, answer) in allot(&budget, "a1", &uses, &asks, now) {
                    let asked = asks.iter().find(|one| one.rank.id() == granted).expect("it asked");
                    match answer {
                        BudgetAnswer::Go => uses.push(Use { contact: asked.contact.clone(), at: now, what: "m".to_owned() }),
                        BudgetAnswer::Later { at, .. } => prop_assert!(at > now),
                        BudgetAnswer::StepBack { .. } | BudgetAnswer::Outranked { .. } => prop_assert!(false, "nothing was held"),
                    }
                }
            }
            for start in uses.iter().map(|used| used.at) {
                let within = |used: &&Use| used.at >= start && used.at < start + TimeDelta::hours(hours);
                let all: Vec<&Use> = uses.iter().filter(within).collect();
                prop_assert!(all.len() <= most + 1);
                for contact in ["ann", "bob"] {
                    prop_assert!(all.iter().filter(|used| used.contact == contact).count() <= most);
                }
            }
        }
    }
}
