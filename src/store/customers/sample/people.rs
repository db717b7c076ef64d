//! The people: four CSMs with their manager, and the contacts of the customers.

use std::collections::HashSet;

use super::accounts::country_of;
use super::rows::{SampleAccount, SampleContact, SampleCsm, SampleOwner, Story};
use super::signs::champion_left_at;
use super::spread::{Spread, Topic, seconds};
use super::words::{COUNTRIES, TITLES, ascii};
use crate::clock::Instant;

/// The colleagues; everybody reports to the same manager.
pub(crate) fn csms() -> Vec<SampleCsm> {
    let colleague = |id: &str, name: &str, email: &str, timezone: &str, capacity: Option<i32>| SampleCsm {
        id: id.to_owned(),
        name: name.to_owned(),
        email: email.to_owned(),
        manager_id: capacity.map(|_| "csm-lead".to_owned()),
        timezone: timezone.to_owned(),
        capacity,
    };
    vec![
        colleague("csm-lead", "Renate Ostermann", "renate@lumenboard.example", "Europe/Berlin", None),
        colleague("csm-1", "Jonas Falk", "jonas@lumenboard.example", "Europe/Berlin", Some(90)),
        colleague("csm-2", "Aoife Brennan", "aoife@lumenboard.example", "Europe/London", Some(100)),
        colleague("csm-3", "Marcus Bell", "marcus@lumenboard.example", "America/New_York", Some(90)),
        colleague("csm-4", "Mei-Lin Tan", "meilin@lumenboard.example", "Asia/Singapore", Some(60)),
    ]
}

/// Who looks after a larger account besides its CSM: the CSM visits, and the next
/// one writes and calls.
pub(crate) fn owners(row: usize, account: &SampleAccount) -> Vec<SampleOwner> {
    let Some(csm) = account.csm_id.as_ref().filter(|_| account.tier != "C") else { return Vec::new() };
    let ids = ["csm-1", "csm-2", "csm-3", "csm-4"];
    let inside = ids.into_iter().cycle().skip(row % ids.len()).find(|id| id != csm).unwrap_or(ids[0]);
    let owner = |role, csm_id: &str| SampleOwner { account_id: account.id.clone(), role, csm_id: csm_id.to_owned() };
    vec![owner("inside", inside), owner("outside", csm)]
}

/// Gives every account a mail domain of its own.
#[derive(Default)]
pub(crate) struct Domains {
    taken: HashSet<String>,
}

impl Domains {
    fn claim(&mut self, account: &SampleAccount) -> String {
        let slug = ascii(&account.name);
        // Names without Latin letters, and names that differ only in other letters.
        if slug.len() < 4 || !self.taken.insert(slug.clone()) {
            return format!("{}.example", account.id);
        }
        format!("{slug}.example")
    }
}

/// The contacts of one account: two to six, the most important first.
pub(crate) fn contacts(
    anchor: Instant,
    row: usize,
    account: &SampleAccount,
    domains: &mut Domains,
) -> Vec<SampleContact> {
    let spread = Spread::of(row);
    let domain = domains.claim(account);
    let country = &COUNTRIES[country_of(row)];
    let roles: &[&'static str] = match (account.tier, spread.whole(Topic::People, 0, 0, 2)) {
        ("A", 0) => &["champion", "owner", "admin", "billing"],
        ("A", 1) => &["champion", "owner", "admin", "billing", "user"],
        ("A", _) => &["champion", "owner", "admin", "billing", "user", "user"],
        ("B", 0) => &["champion", "owner", "user"],
        ("B", 1) => &["champion", "owner", "admin", "billing"],
        ("B", _) => &["champion", "owner", "admin", "billing", "user"],
        (_, 0) => &["owner", "user"],
        (_, 1) => &["champion", "owner"],
        (_, _) => &["owner", "admin", "billing"],
    };

    // A stride without a common factor walks the names without repeating a person.
    let first_start = spread.whole(Topic::PersonName, 0, 0, 59) as usize;
    let last_start = spread.whole(Topic::PersonName, 1, 0, 59) as usize;
    let mut local_parts = HashSet::new();
    roles
        .iter()
        .enumerate()
        .map(|(position, role)| {
            let first = country.first_names[(first_start + position) % country.first_names.len()];
            let last = country.last_names[(last_start + 2 * position) % country.last_names.len()];
            let name = match country.family_first {
                true => format!("{last}{first}"),
                false => format!("{first} {last}"),
            };
            let mut local = match (ascii(first), ascii(last)) {
                (first, last) if first.is_empty() || last.is_empty() => (*role).to_owned(),
                (first, last) => format!("{first}.{last}"),
            };
            if !local_parts.insert(local.clone()) {
                local = format!("{local}{}", position + 1);
                local_parts.insert(local.clone());
            }

            let created_at = match position {
                0 => account.signed_up_at,
                _ => {
                    let later = spread.between(Topic::PersonSince, position, 0.0, 40.0);
                    (account.signed_up_at + seconds(later)).min(anchor - seconds(0.05))
                }
            }
            .max(account.signed_up_at);
            let age_days = (anchor - created_at).num_seconds() as f64 / 86_400.0;
            // Who tells a story stays; elsewhere some have left and some have no address.
            let tells = account.story != Story::Ordinary || account.nps_fell_at.is_some();
            let can_be_missing = position > 0 || !tells;
            let has_left = can_be_missing && age_days > 60.0 && spread.chance(Topic::PersonState, position * 4, 0.06);
            let left_at = has_left.then(|| {
                let stayed = spread.between(Topic::PersonState, position * 4 + 1, 20.0, age_days);
                created_at + seconds(stayed)
            });
            let gone = champion_left_at(anchor, row, account).filter(|_| *role == "champion");
            let left_at = left_at.or(gone);
            let has_email = !can_be_missing || !spread.chance(Topic::PersonState, position * 4 + 2, 0.04);
            let is_remote = spread.chance(Topic::PersonState, position * 4 + 3, 0.1);
            let title = TITLES.iter().find(|(of, _)| of == role).map(|(_, title)| *title);

            SampleContact {
                account_id: account.id.clone(),
                id: format!("{}-p{}", account.id, position + 1),
                email: has_email.then(|| format!("{local}@{domain}")),
                name,
                // Imported address books rarely split every name.
                first_name: (!spread.chance(Topic::Trait, 10 + position, 0.04)).then(|| first.to_owned()),
                role,
                timezone: is_remote.then(|| {
                    spread.pick(Topic::Trait, 30 + position, &["Europe/Lisbon", "America/Chicago", "Asia/Singapore"])
                }),
                locale: country.locale,
                created_at,
                left_at,
                traits: serde_json::json!({
                    "title": title,
                    "consent": spread.chance(Topic::Trait, 20 + position, 0.7),
                }),
            }
        })
        .collect()
}
