//! Time zones by name, and what was meant by a wrong one.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::reader::{Fields, short};
use crate::diagnostic::{Diagnostic, nearest};
use crate::zone::find_zone;

/// An IANA time zone.
pub fn timezone(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Tz> {
    let source = fields.text(key)?;
    let name = &*source.text;
    if let Ok(zone) = name.parse::<Tz>() {
        if ["EST", "MST", "HST"].contains(&name) {
            let at = fields.value_place(key);
            let message = format!("`{name}` knows no summer time");
            let problem = Diagnostic::warning("KW0112", &fields.file(), at, message).help(zone_advice(name));
            fields.problems().push(problem);
        }
        return Some(zone);
    }
    let message = format!("`{}` is not a time zone", short(name));
    let at = fields.value_place(key);
    fields.error_with_help("KW0112", at, message, zone_advice(name));
    None
}

/// The zone that was meant: misspelt, or named by its city alone.
fn zone_advice(name: &str) -> String {
    // Abbreviations are near to others that are hours away, and know no summer time.
    if name.trim().len() <= 5 && name.trim().chars().all(|c| c.is_ascii_uppercase()) {
        let zone = match name.trim() {
            "PST" | "PDT" | "PT" => "America/Los_Angeles",
            "MST" | "MDT" | "MT" => "America/Denver",
            "CST" | "CDT" | "CT" => "America/Chicago",
            "EST" | "EDT" | "ET" => "America/New_York",
            "HST" => "Pacific/Honolulu",
            "GMT" | "BST" => "Europe/London",
            _ => "Europe/Berlin",
        };
        return format!("an abbreviation is no zone: write the zone's name, such as `{zone}`");
    }
    // As another program names it.
    if let Some(zone) = find_zone(name) {
        return format!("did you mean `{zone}`?");
    }
    if name.contains(['+', '-']) && name.contains(|c: char| c.is_ascii_digit()) {
        return "a zone is named by its city and knows its summer time, such as `Europe/Berlin`".to_owned();
    }
    let all = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let wanted = name.trim().replace(' ', "_");
    let city = |zone: &&str| zone.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(&wanted));
    match nearest(&wanted, all()).or_else(|| all().find(city)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write an IANA name, such as `Europe/Berlin` or `UTC`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_suggested() {
        assert_eq!(zone_advice("berlin"), "did you mean `Europe/Berlin`?");
        assert_eq!(zone_advice("Europe/Berln"), "did you mean `Europe/Berlin`?");
        assert_eq!(zone_advice("Eastern Standard Time"), "did you mean `America/New_York`?");
        assert_eq!(zone_advice("new york"), "did you mean `America/New_York`?");
        assert!(zone_advice("Nowhere").starts_with("write"));
    }
}
