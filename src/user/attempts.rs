//! How long a login waits after those that failed: nothing at first, then twice
//! as long with each, up to a limit, so that nobody is locked out for ever.

use std::net::IpAddr;

use chrono::Duration;

/// Failures older than this are forgotten.
pub const MEMORY: Duration = Duration::hours(1);

/// What attempts are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptScope {
    /// The name that is tried from one network, whether or not there is such a user.
    UserFrom { name: String, network: String },
    /// The name that is tried, from wherever. Its limit is loose: who tries from many
    /// networks must not lock the user out.
    User(String),
    /// Where the attempt comes from.
    Network(String),
}

impl AttemptScope {
    /// All that an attempt counts for: a name as somebody wrote it, and an address.
    pub fn of_login(name: &str, address: Option<IpAddr>) -> [AttemptScope; 3] {
        let name: String = name.trim().to_lowercase().chars().take(super::LONGEST_NAME).collect();
        let network = network(address);
        let from = AttemptScope::UserFrom { name: name.clone(), network: network.clone() };
        [from, AttemptScope::User(name), AttemptScope::Network(network)]
    }

    /// What it is called in the database.
    pub fn key(&self) -> String {
        match self {
            AttemptScope::UserFrom { name, network } => format!("user-from:{network} {name}"),
            AttemptScope::User(name) => format!("user:{name}"),
            AttemptScope::Network(network) => format!("address:{network}"),
        }
    }

    /// How long the next attempt waits after this many failures.
    pub fn delay(&self, failures: i32) -> Duration {
        let (free, most) = match self {
            AttemptScope::UserFrom { .. } => (5, 60),
            AttemptScope::User(_) => (100, 2),
            // A whole company can come from one address.
            AttemptScope::Network(_) => (20, 300),
        };
        let beyond = failures - free;
        if beyond < 0 {
            return Duration::zero();
        }
        Duration::seconds(1_i64.checked_shl(beyond.unsigned_abs().min(20)).unwrap_or(most).min(most))
    }
}

/// The network of an address. Who has one of IPv6 has its whole network of 64 bits.
fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::")
        }
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end() {
        let [from, user, network] = AttemptScope::of_login(" Ines ", "192.0.2.7".parse().ok());
        let seconds = |scope: &AttemptScope, failures| scope.delay(failures).num_seconds();
        let delays: Vec<i64> = (3..13).map(|failures| seconds(&from, failures)).collect();
        assert_eq!(delays, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(seconds(&from, i32::MAX), 60);
        assert_eq!((seconds(&user, 99), seconds(&user, 100), seconds(&user, i32::MAX)), (0, 1, 2));
        assert_eq!((seconds(&network, 19), seconds(&network, 20), seconds(&network, 1000)), (0, 1, 300));
    }

    #[test]
    fn an_address_counts_with_its_network() {
        let keys = |text: &str| AttemptScope::of_login("INES", text.parse().ok()).map(|scope| scope.key());
        assert_eq!(keys("192.0.2.7"), ["user-from:192.0.2.7 ines", "user:ines", "address:192.0.2.7"]);
        assert_eq!(keys("::ffff:192.0.2.7"), keys("192.0.2.7"));
        assert_eq!(keys("2001:db8:1:2:3:4:5:6"), keys("2001:db8:1:2:ffff::1"));
        assert_ne!(keys("2001:db8:1:2::1")[2], keys("2001:db8:1:3::1")[2]);
    }
}
