//! Accounts whose values crowd around what conditions compare them with.

use chrono::Duration;
use keepwell::clock::Instant;
use keepwell::ids::{AccountId, ContactId, PlaybookId};
use serde_json::{Value as Json, json};
use sqlx::PgPool;

use crate::functions::histories::{Dice, insert, now, stamp};

fn time(dice: &mut Dice) -> Instant {
    let days = *dice.pick(&[0, 0, 1, 7, 7, 30, 31, 60, -1, -7, -8, 400]);
    let exact = now() - Duration::days(days);
    exact + Duration::microseconds(*dice.pick(&[0, 0, 1, -1, 1_000_000, -1_000_000, 3_600_000_000, 3_599_999_999]))
}

fn maybe(dice: &mut Dice, value: Json) -> Json {
    if dice.roll(3) == 0 { Json::Null } else { value }
}

fn maybe_time(dice: &mut Dice) -> Json {
    let at = stamp(time(dice));
    maybe(dice, json!(at))
}

fn attributes(dice: &mut Dice) -> Json {
    let plan = dice.pick(&[json!("pro"), json!("A"), json!(""), json!(5), json!(null), json!(["pro"])]).clone();
    let score = dice
        .pick(&[json!(5), json!(5.0), json!(4.5), json!(0.1), json!(0.3), json!(0), json!(-3), json!("5"), json!(null)])
        .clone();
    let vip = dice.pick(&[json!(true), json!(false), json!("true"), json!(1), json!(null)]).clone();
    let instant = stamp(time(dice));
    let ends = dice.pick(&[json!(instant), json!("soon"), json!(7)]).clone();
    let extra = dice.pick(&[json!({ "a": 1 }), json!([]), json!(0), json!(false), json!("x"), json!(null)]).clone();
    let mut all = json!({});
    for (key, value) in [("plan", plan), ("score", score), ("vip", vip), ("ends", ends), ("extra", extra)] {
        if dice.roll(5) > 0 {
            all[key] = value;
        }
    }
    all
}

/// What Keepwell itself knows of some accounts and contacts.
async fn own_state(pool: &PgPool, count: usize, seed: u64) {
    let dice = &mut Dice(seed ^ 0x0133);
    let (mut enrollments, mut tasks, mut messages, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (standings, places) = (&mut Vec::new(), &mut Dice(seed ^ 0x57A6E));
    for number in 0..count {
        let account = format!("a{number:04}");
        let id = keepwell::ids::enrollment(PlaybookId("rescue"), AccountId(&account), ContactId(""), "").to_string();
        let contact = |dice: &mut Dice| json!(*dice.pick(&["", "", "c0", "c1"]));
        if dice.roll(2) == 0 {
            let (from, to) = (time(dice), time(dice));
            let ended = dice.roll(3) > 0;
            enrollments.push(json!({
                "account_id": account, "contact_id": contact(dice), "id": id, "playbook": "rescue", "revision": "r",
                "entry_key": "", "state": if ended { "goal" } else { "active" }, "phase": "begin", "entry": {},
                "evidence": {}, "shadow": dice.roll(4) == 0, "version": 0, "step_at": stamp(from), "run_slot": stamp(from),
                "started_at": stamp(from), "ended_at": if ended { json!(stamp(from.max(to))) } else { Json::Null },
            }));
        }
        if dice.roll(2) == 0 {
            let (from, to) = (time(dice), time(dice));
            let state = *dice.pick(&["open", "done", "shadow"]);
            tasks.push(json!({
                "account_id": account, "contact_id": contact(dice), "id": id, "enrollment_id": id, "playbook": "rescue",
                "revision": "r", "step": "call", "ordinal": 0, "title": "Call", "priority": "normal", "checklist": [],
                "outcomes": [], "keep": false, "state": state, "evidence": {}, "created_at": stamp(from),
                "refreshed_at": stamp(from), "ended_at": if state == "done" { json!(stamp(from.max(to))) } else { Json::Null },
            }));
        }
        if dice.roll(2) == 0 {
            let at = stamp(time(dice));
            messages.push(json!({
                "account_id": account, "contact_id": contact(dice), "id": id, "playbook": "rescue", "step": "nudge",
                "channel": "email", "class": "lifecycle", "state": dice.pick(&["accepted", "captured", "bounced"]),
                "attempts": 1, "priority": 50, "valid_until": at, "next_at": at, "message_id": id,
                "shadow": dice.roll(5) == 0, "created_at": at, "sent_at": at, "marked_at": at, "ended_at": at,
            }));
        }
        for (standing, words) in [("stage", ["A", "pro", "a"]), ("tier", ["B", "É", "none"])] {
            let found = (0..places.roll(4)).map(|_| (time(places), json!(places.pick(&words))));
            for (at, word) in found.collect::<std::collections::BTreeMap<_, _>>() {
                standings.push(json!({
                    "account_id": account, "standing": standing, "at": stamp(at), "value": maybe(places, word),
                    "document": "customer", "clause": "enter", "reason": "",
                }));
            }
        }
        for turn in 0..dice.roll(4) {
            let word = json!(dice.pick(&["A", "B", "a", "É", "pro"]));
            let value = maybe(dice, word);
            labels.push(json!({
                "account_id": account, "contact_id": contact(dice), "name": "risk", "value": value,
                "at": stamp(time(dice) + Duration::microseconds(turn as i64)), "shadow": dice.roll(5) == 0,
                "enrollment_id": id, "playbook": "rescue", "step": format!("set-{turn}"),
            }));
        }
    }
    // Of two at one instant there is one.
    let key = |row: &Json| format!("{} {} {} {}", row["account_id"], row["contact_id"], row["at"], row["shadow"]);
    let mut seen = std::collections::HashSet::new();
    labels.retain(|row| seen.insert(key(row)));
    let standings = std::mem::take(standings);
    let rows = [
        ("enrollments", enrollments),
        ("tasks", tasks),
        ("messages", messages),
        ("labels", labels),
        ("standings", standings),
    ];
    for (relation, rows) in rows {
        insert(pool, &format!("keepwell.{relation}"), rows).await;
    }
}

/// Writes that many accounts with what belongs to them, contacts included;
/// every fortieth has values that cannot be read. Returns the ids of the others.
pub async fn write(pool: &PgPool, count: usize, dice: &mut Dice) -> Vec<String> {
    let (mut accounts, mut contacts) = (Vec::new(), Vec::new());
    let (mut events, mut scores, mut tickets) = (Vec::new(), Vec::new(), Vec::new());
    let mut plain = Vec::new();
    // Of their own, so that a seed gives the same accounts as without contacts.
    let people = &mut Dice(dice.0 ^ 0x5EED);
    for number in 0..count {
        let id = format!("a{number:04}");
        let number_or = |dice: &mut Dice, value: i64| maybe(dice, json!(value));
        let tier = json!(dice.pick(&["A", "B", "a", "É", "", "none"]));
        let stage = json!(dice.pick(&["A", "B", "pro", "a"]));
        let seats = *dice.pick(&[0, 1, 2, 5, 5, 30, 100]);
        let used = *dice.pick(&[0, 1, 2, 5, 5, 30, 100]);
        accounts.push(json!({
            "id": id, "name": dice.pick(&["A", "Ab", "a", "É"]), "tier": maybe(dice, tier),
            "status": dice.pick(&["A", "trial", "pro"]), "stage": maybe(dice, stage),
            "locale": maybe(dice, json!("É")),
            "mrr": dice.pick(&[json!(0), json!(0.1), json!(0.3), json!(5), json!(99.99), json!(100), json!(100.01), json!(1e6)]),
            "seats": number_or(dice, seats), "seats_used": number_or(dice, used),
            "signed_up_at": stamp(time(dice)),
            "activated_at": maybe_time(dice),
            "renewal_at": maybe_time(dice),
            "churned_at": maybe_time(dice),
            "traits": attributes(dice),
        }));
        for contact in 0..people.roll(6) {
            let (role, first) = (json!(people.pick(&["A", "B", "É", ""])), json!(people.pick(&["A", "pro", "a"])));
            contacts.push(json!({
                "account_id": id, "id": format!("c{contact}"), "name": people.pick(&["A", "Ab", "a", "É"]),
                "email": maybe(people, json!("A")), "first_name": maybe(people, first), "role": maybe(people, role),
                "locale": maybe(people, json!("É")), "created_at": stamp(time(people)), "left_at": maybe_time(people),
                "traits": attributes(people),
            }));
        }
        // Some of nobody, some of somebody who is not known.
        let whose = |people: &mut Dice| match people.roll(6) {
            0 => Json::Null,
            other => json!(format!("c{}", other - 1)),
        };
        for event in 0..dice.roll(7) {
            let name = dice.pick(&["login", "login", "import"]);
            let rows = dice.pick(&[json!(0.1), json!(0.2), json!(5), json!(-3), json!("5")]).clone();
            events.push(json!({
                "account_id": id, "id": format!("e{event}"), "name": name,
                "at": stamp(time(dice)), "properties": { "rows": rows }, "contact_id": whose(people),
            }));
        }
        for score in 0..dice.roll(4) {
            scores.push(json!({
                "account_id": id, "id": format!("s{score}"), "name": "nps", "at": stamp(time(dice)),
                "contact_id": whose(people),
                "value": dice.pick(&[0.0, 1.0, 2.0, 3.0, 4.5, 5.0, 0.1, 0.3]),
            }));
        }
        for ticket in 0..dice.roll(3) {
            tickets.push(json!({
                "account_id": id, "id": format!("t{ticket}"), "opened_at": stamp(time(dice)),
                "closed_at": maybe_time(dice), "contact_id": whose(people),
            }));
        }
        if number % 40 != 0 {
            plain.push(id);
        }
    }
    own_state(pool, count, dice.0).await;
    for (relation, rows) in
        [("accounts", accounts), ("contacts", contacts), ("events", events), ("scores", scores), ("tickets", tickets)]
    {
        insert(pool, &format!("customers.{relation}"), rows).await;
    }
    sqlx::raw_sql(
        r#"update customers.accounts
              set signed_up_at = case when right(id, 2) in ('00', '40') then 'infinity'::timestamptz else '-infinity' end,
                  activated_at = '-infinity', renewal_at = 'infinity', churned_at = '200000-01-01',
                  traits = case when right(id, 2) in ('00', '80')
                           then '{"score": 1e400, "extra": 1e400, "plan": {"a": 1e400}, "vip": [1e400]}'::jsonb
                           else '[1, 2]' end
            where right(id, 2) in ('00', '20', '40', '60', '80') and substr(id, 2)::int % 40 = 0;
           update customers.contacts
              set created_at = '-infinity', left_at = case id when 'c0' then 'infinity'::timestamptz end,
                  traits = case id when 'c1' then '{"score": 1e400, "vip": [1e400]}'::jsonb else '[1]' end
            where substr(account_id, 2)::int % 40 = 0"#,
    )
    .execute(pool)
    .await
    .expect("the store takes them");
    // What some of them were a month ago.
    sqlx::query(
        "insert into customers.account_changes (account_id, at, became)
         select id, $1, to_jsonb(a) || case when seats > 2 then '{\"tier\": \"B\", \"mrr\": 5}' else '{}' end::jsonb
           from customers.accounts a where right(id, 1) < '7'",
    )
    .bind(super::now() - chrono::Duration::days(30))
    .execute(pool)
    .await
    .expect("the store takes them");
    plain
}
