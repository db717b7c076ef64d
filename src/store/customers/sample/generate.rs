//! The whole company from one instant and a number.

use super::rows::SampleCompany;
use super::{accounts as sample_accounts, feedback, history, people, practice, usage};
use crate::clock::Instant;

impl SampleCompany {
    /// The company as it is at `anchor` with `accounts` customers.
    ///
    /// The stories are told by the first 320 accounts; with fewer, some are
    /// missing, and more adds ordinary ones only.
    pub fn generate(anchor: Instant, accounts: usize) -> SampleCompany {
        let mut company = SampleCompany {
            anchor,
            csms: people::csms(),
            accounts: sample_accounts::accounts(anchor, accounts),
            owners: Vec::new(),
            contacts: Vec::new(),
            events: Vec::new(),
            scores: Vec::new(),
            tickets: Vec::new(),
            changes: Vec::new(),
        };
        let mut domains = people::Domains::default();
        for (row, account) in company.accounts.iter().enumerate() {
            let contacts = people::contacts(anchor, row, account, &mut domains);
            let tickets = feedback::tickets(anchor, row, account, &contacts);
            company.events.extend(usage::events(anchor, row, account, &contacts));
            company.events.extend(practice::events(anchor, row, account, &contacts));
            company.scores.extend(feedback::scores(anchor, row, account, &contacts, &tickets));
            company.owners.extend(people::owners(row, account));
            company.contacts.extend(contacts);
            company.tickets.extend(tickets);
            company.changes.extend(history::changes(anchor, row, account));
        }
        company
    }
}
