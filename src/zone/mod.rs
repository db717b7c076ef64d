//! Time zones by the names that other programs give them.
//!
//! IANA's names count first, in any case of letters; then those of Windows
//! ([`windows`]) and of Rails ([`rails`]). An offset or an abbreviation beyond
//! IANA's own is no zone: it knows no summer time.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::{TZ_VARIANTS, Tz};

mod rails;
mod windows;

/// Every name in small letters.
static ZONES: LazyLock<HashMap<String, Tz>> = LazyLock::new(|| {
    let mut zones: HashMap<String, Tz> = TZ_VARIANTS.iter().map(|zone| (zone.name().to_lowercase(), *zone)).collect();
    for (name, zone) in windows::NAMES.iter().chain(rails::NAMES) {
        if let Ok(zone) = zone.parse() {
            zones.entry(name.to_lowercase()).or_insert(zone);
        }
    }
    zones
});

/// The zone that a name stands for: `Europe/Berlin`, `europe/berlin`, `W. Europe
/// Standard Time`, `Eastern Time (US & Canada)`, or one of these as a label,
/// such as `(GMT-05:00) Eastern Standard Time (America/New_York)`. `None` when it
/// is none; spaces around it do not count.
pub fn find_zone(name: &str) -> Option<Tz> {
    let name = name.trim();
    if let Ok(zone) = name.parse() {
        return Some(zone);
    }
    let by_name = |name: &str| ZONES.get(&name.trim().to_lowercase()).copied();
    // What stands in brackets at the end of a label is exact; what stands in
    // them at its beginning is an offset.
    let last = || by_name(name.strip_suffix(')')?.rsplit_once('(')?.1);
    let after_offset = || {
        let (offset, rest) = name.strip_prefix('(')?.split_once(')')?;
        ["GMT", "UTC"].iter().any(|start| offset.starts_with(start)).then(|| by_name(rest))?
    };
    by_name(name).or_else(|| by_name(&name.replace(' ', "_"))).or_else(last).or_else(after_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_tables_is_a_zone() {
        for (name, zone) in windows::NAMES.iter().chain(rails::NAMES) {
            assert!(zone.parse::<Tz>().is_ok(), "{name}: {zone}");
            assert!(find_zone(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_zone_is_found_by_the_names_of_several_programs() {
        for (name, zone) in [
            ("Europe/Berlin", Tz::Europe__Berlin),
            (" europe/berlin ", Tz::Europe__Berlin),
            ("AMERICA/NEW_YORK", Tz::America__New_York),
            ("America/New York", Tz::America__New_York),
            ("Eastern Standard Time", Tz::America__New_York),
            ("W. Europe Standard Time", Tz::Europe__Berlin),
            ("Eastern Time (US & Canada)", Tz::America__New_York),
            ("(GMT-05:00) Eastern Time (US & Canada)", Tz::America__New_York),
            ("(GMT-05:00) Eastern Standard Time (America/New_York)", Tz::America__New_York),
            ("(UTC+01:00) Berlin", Tz::Europe__Berlin),
            ("utc", Tz::UTC),
        ] {
            assert_eq!(find_zone(name), Some(zone), "{name}");
        }
        for name in ["", "Mars", "UTC+5:30", "PST", "(GMT-05:00)", "(Mars) Berlin", "Earth (Mars)", ")", "()"] {
            assert_eq!(find_zone(name), None, "{name}");
        }
    }
}
