//! An account's usage events in memory, in an order in which those of one name
//! and time are found without looking at the others.

use crate::clock::Instant;

#[derive(Clone, Debug)]
pub struct EventRecord {
    pub name: String,
    pub at: Instant,
    pub contact: Option<String>,
    pub properties: serde_json::Map<String, serde_json::Value>,
}

/// Events by name, then by time.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    events: Vec<EventRecord>,
}

impl EventLog {
    pub fn push(&mut self, event: EventRecord) {
        let place = self.events.partition_point(|known| key(known) <= key(&event));
        self.events.insert(place, event);
    }

    pub fn iter(&self) -> std::slice::Iter<'_, EventRecord> {
        self.events.iter()
    }

    /// The events of that name, by time.
    pub fn named(&self, name: &str) -> &[EventRecord] {
        let first = self.events.partition_point(|event| *event.name < *name);
        let end = self.events.partition_point(|event| *event.name <= *name);
        &self.events[first..end]
    }

    /// Those of them that happened from `since` on, where that is given, and before `until`.
    pub fn named_between(&self, name: &str, since: Option<Instant>, until: Instant) -> &[EventRecord] {
        let named = self.named(name);
        let first = since.map_or(0, |since| named.partition_point(|event| event.at < since));
        let end = named.partition_point(|event| event.at < until);
        named.get(first..end).unwrap_or_default()
    }
}

fn key(event: &EventRecord) -> (&str, Instant) {
    (&event.name, event.at)
}

impl FromIterator<EventRecord> for EventLog {
    fn from_iter<I: IntoIterator<Item = EventRecord>>(events: I) -> EventLog {
        let mut events: Vec<EventRecord> = events.into_iter().collect();
        events.sort_by(|one, other| key(one).cmp(&key(other)));
        EventLog { events }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn events_are_found_by_name_and_time() {
        let at = |hour: i64| Instant::UNIX_EPOCH + TimeDelta::hours(hour);
        let event = |name: &str, hour| EventRecord {
            name: name.to_owned(),
            at: at(hour),
            contact: None,
            properties: serde_json::Map::new(),
        };
        let mut log: EventLog = [event("b", 3), event("a", 2), event("b", 1)].into_iter().collect();
        log.push(event("b", 2));
        let hours = |events: &[EventRecord]| events.iter().map(|event| event.at.timestamp() / 3600).collect::<Vec<_>>();
        assert_eq!(hours(log.named("b")), [1, 2, 3]);
        assert_eq!(hours(log.named_between("b", Some(at(2)), at(3))), [2]);
        assert_eq!(hours(log.named_between("b", None, at(3))), [1, 2]);
        assert_eq!(hours(log.named_between("b", Some(at(9)), at(3))), Vec::<i64>::new());
        assert_eq!(hours(log.named("c")), Vec::<i64>::new());
    }
}
