//! How long a login waits after those that failed: nothing at first, then twice
//! as long with each, up to a limit, so that nobody is locked out for ever.

use std::net::IpAddr;

use chrono::Duration;

/// Failures older than this are forgotten.
pub const MEMORY: Duration = Duration::hours(1);

/// What attempts are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptScope {
    /// The name that is tried, whether or not there is such a user.
    User(String),
    /// Where the attempt comes from.
    Address(String),
}

impl AttemptScope {
    /// Of a name as somebody wrote it.
    pub fn of_user(name: &str) -> AttemptScope {
        AttemptScope::User(name.trim().to_lowercase().chars().take(super::LONGEST_NAME).collect())
    }

    /// Of an address. Who has one of IPv6 has its whole network of 64 bits.
    pub fn of_address(address: Option<IpAddr>) -> AttemptScope {
        AttemptScope::Address(match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::")
            }
            None => "unknown".to_owned(),
        })
    }

    /// What it is called in the database.
    pub fn key(&self) -> String {
        match self {
            AttemptScope::User(name) => format!("user:{name}"),
            AttemptScope::Address(address) => format!("address:{address}"),
        }
    }

    /// How long the next attempt waits after this many failures.
    pub fn delay(&self, failures: i32) -> Duration {
        let (free, most) = match self {
            AttemptScope::User(_) => (5, 60),
            // A whole company can come from one address.
            AttemptScope::Address(_) => (20, 300),
        };
        let beyond = failures - free;
        if beyond < 0 {
            return Duration::zero();
        }
        Duration::seconds(1_i64.checked_shl(beyond.unsigned_abs().min(20)).unwrap_or(most).min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end() {
        let user = AttemptScope::of_user(" Ines ");
        let seconds = |scope: &AttemptScope, failures| scope.delay(failures).num_seconds();
        let delays: Vec<i64> = (3..13).map(|failures| seconds(&user, failures)).collect();
        assert_eq!(delays, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(seconds(&user, i32::MAX), 60);
        let address = AttemptScope::of_address("192.0.2.7".parse().ok());
        assert_eq!((seconds(&address, 19), seconds(&address, 20), seconds(&address, 1000)), (0, 1, 300));
    }

    #[test]
    fn an_address_counts_with_its_network() {
        let key = |text: &str| AttemptScope::of_address(text.parse().ok()).key();
        assert_eq!(key("192.0.2.7"), "address:192.0.2.7");
        assert_eq!(key("::ffff:192.0.2.7"), "address:192.0.2.7");
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2:ffff::1"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(AttemptScope::of_user("INES").key(), "user:ines");
    }
}
