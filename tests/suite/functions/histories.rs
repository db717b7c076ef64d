//! Generated pasts of accounts, and how they are written to a store.

use keepwell::ids::{AccountId, ContactId, PlaybookId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, SecondsFormat};
use keepwell::clock::Instant;
use keepwell::facts::history::{
    ChangeRecord, ContactRecord, EnrollmentRecord, LabelRecord, MailRecord, OwnScore, ScoreRecord, TaskRecord,
    TicketRecord,
};
use keepwell::facts::{EventRecord, History, Schema, Value};
use serde_json::{Value as Json, json};
use sqlx::PgPool;

use super::{answers, plans, standings};

/// The instant that all histories crowd around.
pub fn now() -> Instant {
    DateTime::parse_from_rfc3339("2026-03-29T09:00:00.123456Z").expect("a fixed instant").to_utc()
}

/// A small deterministic generator (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }

    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Dice) -> T) -> Option<T> {
        (self.roll(3) > 0).then(|| make(self))
    }

    /// An instant on, just before or just after a boundary, or anywhere.
    pub fn instant(&mut self, marks: &[Instant]) -> Instant {
        let around = match self.roll(4) {
            0 => return now() - Duration::microseconds(self.roll(90 * 86_400_000_000) as i64),
            1 => now() - Duration::days(*self.pick(&[0, 1, 2, 7, 14, 30, 60])),
            2 => {
                let day = now() - Duration::days(self.roll(30) as i64);
                day.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
            }
            _ => *self.pick(marks),
        };
        around + Duration::microseconds(*self.pick(&[-1, 0, 0, 1]))
    }
}

pub struct Account {
    pub id: String,
    pub history: History,
    pub since_entry: Option<Instant>,
    pub since_step: Option<Instant>,
}

fn text(value: Option<&str>) -> Value {
    value.map_or(Value::Null, Value::text)
}

pub fn account(number: usize, dice: &mut Dice) -> Account {
    let since_entry = dice.maybe(|dice| dice.instant(&[now()]).min(now()));
    let since_step = dice.maybe(|dice| dice.instant(&[now()]).min(now()));
    let mut marks = vec![now()];
    for start in [since_entry, since_step].into_iter().flatten() {
        marks.extend([start, start - (now() - start)]);
    }
    let marks = &marks;
    let mut history = History::default();
    let time = |at: Option<Instant>| at.map_or(Value::Null, Value::Time);
    history.account = BTreeMap::from([
        ("name".into(), Value::text("It's \"one\"")),
        ("status".into(), Value::text("active")),
        ("tier".into(), text(dice.maybe(|dice| *dice.pick(&["A", "B"])))),
        ("mrr".into(), Value::Float(dice.roll(1_000_000) as f64 / 100.0)),
        ("seats".into(), Value::Int(dice.roll(50) as i64)),
        ("signed_up_at".into(), Value::Time(dice.instant(marks))),
        ("renewal_at".into(), time(dice.maybe(|dice| dice.instant(marks)))),
    ]);
    if let Json::Object(traits) = json!({
        "plan": dice.pick(&["pro", "free"]), "it's": dice.roll(9), "nothing": null, "list": [1, "a"],
    }) {
        history.traits = traits;
    }
    let contact = |dice: &mut Dice| dice.maybe(|dice| format!("c{}", dice.roll(3)));
    for id in 0..dice.roll(6) {
        let columns = BTreeMap::from([
            ("account_id".to_owned(), Value::text(&format!("account-{number}"))),
            ("name".to_owned(), Value::text("Someone")),
            ("role".to_owned(), text(dice.maybe(|dice| *dice.pick(&["champion", "owner"])))),
            ("email".to_owned(), text(*dice.pick(&[None, Some(" "), Some(""), Some("a@b.example")]))),
            ("created_at".to_owned(), Value::Time(dice.instant(marks))),
            ("left_at".to_owned(), time(dice.maybe(|dice| dice.instant(marks)))),
            ("timezone".to_owned(), text(dice.maybe(|dice| *dice.pick(&["Europe/Berlin", "Asia/Tokyo"])))),
        ]);
        let traits = match json!({ "plan": dice.pick(&["pro", "free"]), "nothing": null }) {
            Json::Object(traits) => traits,
            _ => serde_json::Map::new(),
        };
        history.contacts.push(ContactRecord { id: format!("c{id}"), columns, traits });
    }
    // Of their own, as are others below, so that the rest is as it is without them.
    let plans = &mut Dice(dice.0 ^ 0x9A11);
    for role in ["inside", "csm"] {
        plans.maybe(|plans| history.owners.insert(role.to_owned(), format!("csm-{}", plans.roll(3))));
    }
    for _ in 0..dice.roll(60) {
        let rows = match dice.roll(9) {
            0 => json!({}),
            1 => json!({ "rows": "12" }),
            2 => json!({ "rows": null }),
            3 => json!({ "rows": -3 }),
            4 => json!({ "rows": 1e15 }),
            5 => json!({ "rows": 1e15 + 1.0 }),
            6 => json!({ "rows": 1234567.12345650 }),
            _ => json!({ "rows": dice.roll(50) as f64 / 10.0 }),
        };
        let Json::Object(mut properties) = rows else {
            continue;
        };
        let plan = match plans.roll(8) {
            0 => json!(null),
            1 => json!(["pro"]),
            2 => json!(3),
            3 => json!("it's"),
            4 => json!("Pro"),
            _ => json!("pro"),
        };
        properties.insert("plan".to_owned(), plan);
        if plans.roll(2) == 0 {
            properties.insert("it's".to_owned(), plans.pick(&[json!(true), json!("true"), json!(1)]).clone());
        }
        history.events.push(EventRecord {
            name: (*dice.pick(&["login", "import", "rare"])).to_owned(),
            at: dice.instant(marks),
            contact: contact(dice),
            properties,
        });
    }
    for index in 0..dice.roll(12) {
        // Ids whose order differs between languages and bytes.
        let id = format!("{}{index}", dice.pick(&["a", "B", "é", "_", "10", "9"]));
        history.scores.push(ScoreRecord {
            id,
            name: (*dice.pick(&["nps", "health"])).to_owned(),
            value: dice.roll(101) as f64 / 10.0 - 2.0,
            at: dice.instant(marks),
            contact: contact(dice).filter(|_| number.is_multiple_of(2) || dice.roll(4) > 0),
            own: None,
        });
    }
    let mut made = BTreeSet::new();
    for _ in 0..dice.roll(8) {
        let (at, whose) = (dice.instant(marks), contact(dice).filter(|_| dice.roll(3) == 0));
        let name = *dice.pick(&["health", "fit"]);
        if !made.insert((name, whose.clone(), at)) {
            continue;
        }
        let mut factors = BTreeMap::new();
        for factor in ["usage", "it's"] {
            if dice.roll(3) > 0 {
                factors.insert(factor.to_owned(), dice.roll(1001) as f64 / 10.0);
            }
        }
        let band = dice.maybe(|dice| (*dice.pick(&["red", "green"])).to_owned());
        history.scores.push(ScoreRecord {
            id: whose.clone().unwrap_or_default(),
            name: name.to_owned(),
            value: dice.roll(1001) as f64 / 10.0,
            at,
            contact: whose,
            own: Some(OwnScore { factors, band }),
        });
    }
    let topics = &mut Dice(dice.0 ^ 0x70F1);
    for _ in 0..dice.roll(10) {
        history.tickets.push(TicketRecord {
            contact: contact(dice),
            opened_at: dice.instant(marks),
            closed_at: dice.maybe(|dice| dice.instant(marks)),
            severity: dice.maybe(|dice| (*dice.pick(&["urgent", "low"])).to_owned()),
            topic: topics.maybe(|dice| (*dice.pick(&["billing", "it's"])).to_owned()),
            subject: topics.maybe(|dice| (*dice.pick(&["CSV Export", "100 % Ärger", "export", "x"])).to_owned()),
        });
    }
    for _ in 0..dice.roll(5) {
        let started_at = dice.instant(marks);
        let ended_at = dice.maybe(|dice| dice.instant(marks).max(started_at));
        history.enrollments.push(EnrollmentRecord {
            playbook: (*dice.pick(&["renewal", "rescue"])).to_owned(),
            contact: contact(dice),
            started_at,
            ended_at,
            // After the end as well, where it still counted.
            goal_at: ended_at.filter(|_| dice.roll(2) == 0).map(|ended| dice.instant(marks).max(ended)),
        });
    }
    for _ in 0..dice.roll(6) {
        let created_at = dice.instant(marks);
        let ended_at = dice.maybe(|dice| dice.instant(marks).max(created_at));
        let contact = contact(dice);
        history.tasks.push(TaskRecord { contact, created_at, ended_at, done: ended_at.is_some() && dice.roll(2) == 0 });
    }
    for index in 0..dice.roll(4) {
        let (contact, sent_at) = (contact(dice), dice.instant(marks));
        history.mails.push(MailRecord { contact, sent_at, asks: index % 2 == 1 });
    }
    answers::give(&mut history, number, &mut Dice(dice.0 ^ 0xA5CED), contact, marks);
    let words = &mut Dice(dice.0 ^ 0x1ABE1);
    for _ in 0..words.roll(9) {
        history.labels.push(LabelRecord {
            contact: contact(words),
            name: (*words.pick(&["risk", "it's"])).to_owned(),
            value: words.maybe(|words| (*words.pick(&["high", "low", "it's"])).to_owned()),
            at: words.instant(marks),
        });
    }
    for _ in 0..dice.roll(6) {
        let sets: [&[&str]; 4] = [&["tier"], &["mrr", "seats"], &["tier", "renewal_at"], &["seats", "traits"]];
        let before = |dice: &mut Dice, column: &str| match column {
            "mrr" => Value::Float(dice.roll(900) as f64 / 10.0),
            "seats" => Value::Int(dice.roll(50) as i64),
            "tier" => text(dice.maybe(|dice| *dice.pick(&["A", "B", "C"]))),
            "renewal_at" => time(dice.maybe(|dice| dice.instant(marks))),
            _ => Value::Json(Arc::new(json!({ "plan": dice.pick(&["old", "older"]), "nothing": null }))),
        };
        let columns = *dice.pick(&sets);
        let was = columns.iter().map(|column| ((*column).to_owned(), before(dice, column))).collect();
        history.changes.push(ChangeRecord { at: dice.instant(marks), was });
    }
    // Of their own, so that the rest is as it is without them.
    standings::generate(&mut history, &mut Dice(dice.0 ^ 0x57A6E), marks);
    plans::generate(&mut history, &mut Dice(dice.0 ^ 0x601A), marks);
    history.changes.sort_by_key(|change| change.at);
    history.recorded_at = dice.maybe(|dice| dice.instant(marks));
    let recorded_at = history.recorded_at;
    history.changes.retain(|change| recorded_at.is_none_or(|created| created < change.at));
    Account { id: format!("account-{number}"), history, since_entry, since_step }
}

pub fn stamp(at: Instant) -> Json {
    at.to_rfc3339_opts(SecondsFormat::Micros, true).into()
}

/// A relation's rows as JSON objects; a key that is absent is null.
pub async fn insert(pool: &PgPool, relation: &str, rows: Vec<Json>) {
    let columns =
        rows.first().and_then(Json::as_object).map(|row| row.keys().map(String::as_str).collect::<Vec<_>>().join(", "));
    let Some(columns) = columns else { return };
    let sql = format!(
        "insert into {relation} ({columns})
         select {columns} from jsonb_populate_recordset(null::{relation}, $1)"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(Json::Array(rows))
        .execute(pool)
        .await
        .unwrap_or_else(|error| panic!("{relation}: {error}"));
}

/// Tasks, mails and changes of an account, and beside them those that do not
/// count: of shadow mode, not delivered, insertions and deletions.
fn write_own(account: &str, history: &History, count: &mut u32, add: &mut impl FnMut(&'static str, Json)) {
    let mut task = |state: &str, contact: Option<&str>, from: Instant, to: Option<Instant>| {
        *count += 1;
        let id = uuid(*count);
        add(
            "keepwell.tasks",
            json!({
                "account_id": account, "contact_id": contact.unwrap_or(""), "id": id, "enrollment_id": id, "playbook": "rescue",
                "revision": "r", "step": id, "ordinal": 0, "title": "Call", "priority": "normal", "checklist": [],
                "outcomes": [], "keep": false, "state": state, "evidence": {}, "created_at": stamp(from),
                "refreshed_at": stamp(from), "ended_at": to.map(stamp),
            }),
        );
    };
    for (index, record) in history.tasks.iter().enumerate() {
        let ended = ["dismissed", "closed"][index % 2];
        let state = match (record.ended_at, record.done) {
            (None, _) => "open",
            (Some(_), true) => "done",
            (Some(_), false) => ended,
        };
        task(state, record.contact.as_deref(), record.created_at, record.ended_at);
    }
    let lately = now() - Duration::hours(1);
    task("shadow", Some("c0"), lately, None);
    let label = |name: &str, contact: Option<&str>, value: Option<&str>, at: Instant, shadow: bool| {
        let id = uuid(0);
        json!({
            "account_id": account, "contact_id": contact.unwrap_or(""), "name": name, "value": value, "at": stamp(at),
            "shadow": shadow, "enrollment_id": id, "playbook": "rescue", "step": "set-1",
        })
    };
    // Of those at one instant the last remains.
    let mut labels = BTreeMap::new();
    for LabelRecord { contact, name, value, at } in &history.labels {
        let row = label(name, contact.as_deref(), value.as_deref(), *at, false);
        labels.insert((contact, name, at), row);
    }
    let rows = labels.into_values().chain([label("risk", Some("c0"), Some("shadow"), lately, true)]);
    rows.for_each(|row| add("keepwell.labels", row));
    let mut mail = |channel: &str, state: &str, asks: Option<&str>, contact: Option<&str>, sent: Option<Instant>| {
        let shadow = asks == Some("in shadow");
        *count += 1;
        let id = uuid(*count);
        add(
            "keepwell.messages",
            json!({
                "account_id": account, "contact_id": contact.unwrap_or(""), "id": id, "playbook": "rescue", "step": "nudge",
                "channel": channel, "class": if channel == "email" { "lifecycle" } else { "internal" },
                "state": state, "attempts": 1, "priority": 50, "valid_until": stamp(now()), "next_at": stamp(now()),
                "message_id": id, "shadow": shadow, "survey": asks, "created_at": stamp(lately), "sent_at": sent.map(stamp),
                "marked_at": sent.map(stamp), "ended_at": sent.map(stamp),
            }),
        );
    };
    for (index, record) in history.mails.iter().enumerate() {
        let state = ["accepted", "captured"][index % 2];
        mail("email", state, record.asks.then_some("quarterly"), record.contact.as_deref(), Some(record.sent_at));
    }
    mail("notice", "accepted", None, Some("c0"), Some(lately));
    mail("email", "accepted", Some("in shadow"), Some("c0"), Some(lately));
    mail("email", "bounced", Some("quarterly"), Some("c0"), Some(lately));
    mail("email", "planned", None, Some("c0"), None);
    answers::rows(account, history).into_iter().for_each(|row| add("keepwell.answers", row));
    let mut change = |at: Instant, was: Json, became: Json| {
        add(
            "customers.account_changes",
            json!({ "account_id": account, "at": stamp(at), "was": was, "became": became }),
        );
    };
    let mut row = json!({ "id": account, "traits": history.traits });
    for (column, value) in &history.account {
        row[column] = value.to_json();
    }
    // Backwards from how it is now.
    let mut changes = Vec::new();
    for record in history.changes.iter().rev() {
        let was: serde_json::Map<String, Json> =
            record.was.iter().map(|(column, value)| (column.clone(), value.to_json())).collect();
        let became = row.clone();
        was.iter().for_each(|(column, value)| row[column] = value.clone());
        changes.push((record.at, Json::Object(was), became));
    }
    changes.extend(history.recorded_at.map(|at| (at, Json::Null, row)));
    for (at, was, became) in changes.into_iter().rev() {
        change(at, was, became);
    }
    change(lately, Json::Null, json!({ "id": account, "tier": "A" }));
    change(lately, json!({ "id": account, "tier": "A" }), Json::Null);
}

pub fn uuid(number: u32) -> String {
    keepwell::ids::enrollment(PlaybookId("other"), AccountId(""), ContactId(""), &number.to_string()).to_string()
}

/// Writes accounts with their histories to the store, and beside each
/// enrollment those that do not count: held, shadow and holdout.
pub async fn write(pool: &PgPool, accounts: &[Account]) {
    // More active ones of a contact than can be, so that those that do not
    // count stand beside those that do.
    sqlx::raw_sql("drop index keepwell.enrollments_one_active").execute(pool).await.expect("it is there");
    // The histories say what is on record.
    sqlx::raw_sql("alter table customers.accounts disable trigger record_account_change")
        .execute(pool)
        .await
        .expect("it is there");
    let mut rows: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    let mut add = |relation, row| rows.entry(relation).or_default().push(row);
    let mut count = 0;
    for Account { id, history, .. } in accounts {
        let column = |name: &str| history.account.get(name).unwrap_or(&Value::Null).to_json();
        let mut row = json!({ "id": id, "traits": history.traits });
        for schema in Schema::default_store().account {
            if schema.name != "id" {
                row[&schema.name] = column(&schema.name);
            }
        }
        add("customers.accounts", row);
        for contact in &history.contacts {
            let mut row = json!({ "account_id": id, "id": contact.id, "traits": contact.traits });
            for (name, value) in &contact.columns {
                row[name] = value.to_json();
            }
            add("customers.contacts", row);
        }
        for (index, event) in history.events.iter().enumerate() {
            add(
                "customers.events",
                json!({
                    "account_id": id, "id": format!("e{index}"), "name": event.name,
                    "at": stamp(event.at), "contact_id": event.contact, "properties": event.properties,
                }),
            );
        }
        standings::rows(id, history).into_iter().for_each(|row| add("keepwell.standings", row));
        plans::plan_rows(id, history).into_iter().for_each(|row| add("keepwell.plans", row));
        plans::goal_rows(id, history).into_iter().for_each(|row| add("keepwell.goals", row));
        for (role, csm) in &history.owners {
            add("customers.account_owners", json!({ "account_id": id, "role": role, "csm_id": csm }));
        }
        let answered = |id: &String| history.answers.iter().any(|answer| answer.id == *id);
        for score in history.scores.iter().filter(|score| !answered(&score.id)) {
            if let Some(own) = &score.own {
                let contact = score.contact.as_deref().unwrap_or_default();
                add(
                    "keepwell.scores",
                    json!({
                        "account_id": id, "contact_id": contact, "name": score.name, "at": stamp(score.at),
                        "value": score.value, "band": own.band, "factors": own.factors,
                    }),
                );
                continue;
            }
            add(
                "customers.scores",
                json!({
                    "account_id": id, "id": score.id, "name": score.name, "value": score.value,
                    "at": stamp(score.at), "contact_id": score.contact,
                }),
            );
        }
        for (index, ticket) in history.tickets.iter().enumerate() {
            add(
                "customers.tickets",
                json!({
                    "account_id": id, "id": format!("t{index}"), "opened_at": stamp(ticket.opened_at),
                    "closed_at": ticket.closed_at.map(stamp), "severity": ticket.severity, "contact_id": ticket.contact,
                    "topic": ticket.topic, "subject": ticket.subject,
                }),
            );
        }
        write_own(id, history, &mut count, &mut add);
        let mut enroll = |playbook: &str,
                          contact: Option<&str>,
                          state: &str,
                          shadow: bool,
                          from: Instant,
                          to: (Option<Instant>, Option<Instant>)| {
            count += 1;
            let key = format!("test-{count}");
            add(
                "keepwell.enrollments",
                json!({
                    "id": keepwell::ids::enrollment(PlaybookId(playbook), AccountId(id), ContactId(""), &key), "account_id": id,
                    "contact_id": contact.unwrap_or(""), "playbook": playbook, "state": state,
                    "revision": "r", "entry_key": key, "phase": "begin", "entry": {}, "evidence": {}, "version": 0,
                    "step_at": stamp(from), "run_slot": stamp(from),
                    "shadow": shadow, "started_at": stamp(from), "ended_at": to.0.map(stamp),
                    "goal_at": to.1.map(stamp),
                    "arm": (state == "ghost").then_some("ghost"),
                }),
            );
        };
        for enrollment in &history.enrollments {
            let state = match (enrollment.ended_at, enrollment.goal_at.is_some()) {
                (None, _) => "active",
                (Some(_), true) => "goal",
                (Some(_), false) => "exited",
            };
            let contact = enrollment.contact.as_deref();
            let to = (enrollment.ended_at, enrollment.goal_at);
            enroll(&enrollment.playbook, contact, state, false, enrollment.started_at, to);
        }
        let (long_ago, lately) = (now() - Duration::days(2), now() - Duration::hours(1));
        for playbook in ["renewal", "rescue"] {
            enroll(playbook, Some("c0"), "held", false, long_ago, (None, None));
            enroll(playbook, Some("c0"), "ghost", false, long_ago, (None, None));
            enroll(playbook, Some("c0"), "active", true, long_ago, (None, None));
            enroll(playbook, Some("c0"), "goal", true, long_ago, (Some(lately), Some(lately)));
        }
    }
    // The file of this plan is gone.
    let gone = json!({ "id": "gone", "kind": "plan", "revision": "r", "file": "gone.yaml", "present": false,
        "slots_after": stamp(now()), "published_at": stamp(now()), "problems": [] });
    rows.entry("keepwell.playbooks").or_default().push(gone);
    for (relation, rows) in rows {
        insert(pool, relation, rows).await;
    }
}
