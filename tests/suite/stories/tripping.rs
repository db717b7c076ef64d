//! A playbook whose mail is not wanted, or does not arrive, stops by itself.

use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::worker::messages::auto_stop;
use serde_json::json;

use crate::support::smtp::{At, Script};
use crate::support::world::{World, at, lines, playbook};

const KEYS: &str = "when: account.tier == \"A\"\nreentry: { gap: 1d }\nguardrails: { hold_above: off, unusual: off, store_change: off }";
const STEPS: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";

async fn company(world: &World, accounts: usize) {
    for number in 1..=accounts {
        world.customer(&format!("a{number:02}")).await;
    }
}

/// So many accounts that have been written to.
async fn greeted(accounts: usize) -> World {
    let world = World::new().await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    company(&world, accounts).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

fn target() -> StopTarget {
    StopTarget::Playbook("welcome".to_owned())
}

async fn is_stopped(world: &World) -> Option<String> {
    world.store().stopped().await.unwrap().stop_of("welcome").map(|stop| stop.to_string())
}

#[tokio::test]
async fn mail_that_comes_back_stops_it_once_until_a_person_resumes() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    world.playbook(&playbook("other", KEYS, STEPS));
    company(&world, 20).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(is_stopped(&world).await, None);
    let bounce = "update keepwell.messages set state = 'bounced'
                  where playbook = 'welcome' and account_id in ('a01', 'a02')";
    world.sql(bounce).await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:01:00Z").await;
    let reason = "2 of 20 mails came back, more than 5 %";
    assert_eq!(is_stopped(&world).await, Some(format!("the playbook welcome (by keepwell: {reason})")));
    let [notice] = &world.notices().await[..] else { panic!("one notice: {:#?}", world.notices().await) };
    assert_eq!(
        (&notice["to"], &notice["state"], &notice["subject"]),
        (&json!("ops@acme.example"), &json!("captured"), &json!("Stopped: welcome"))
    );
    let text = world.text(notice).await;
    assert!(text.contains(reason) && text.contains("keepwell resume --playbook welcome"), "{text}");
    // Its runs are skipped, and the other's are not.
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "playbook slot state reason"),
        [
            "other 03-02T09:00 done -",
            "other 03-04T09:00 done -",
            "welcome 03-02T09:00 done -",
            "welcome 03-04T09:00 skipped stopped"
        ]
    );
    // What was before does not stop it again.
    world.resume(target()).await;
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(is_stopped(&world).await, None);
    assert_eq!(world.run("welcome", "2026-03-05T09:00:00Z").await["enrolled"], json!(20));
}

#[tokio::test]
async fn one_that_came_back_for_a_while_does_not_count() {
    let world = greeted(20).await;
    world
        .sql(
            "update keepwell.messages set state = 'bounced' where account_id in ('a01', 'a02', 'a03');
             insert into keepwell.bounces (name, at, verdict, account_id, message)
             select id::text, '2026-03-02T09:30:00Z', 'soft', account_id, id from keepwell.messages where state = 'bounced'",
        )
        .await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(is_stopped(&world).await, None);
}

#[tokio::test]
async fn a_person_who_stopped_it_before_is_not_talked_over() {
    let world = greeted(20).await;
    world.stop(target(), "2026-03-02T09:30:00Z").await;
    world.sql("update keepwell.messages set state = 'complained'").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert!(is_stopped(&world).await.unwrap().contains("a test"));
    assert!(world.notices().await.is_empty());
}

#[tokio::test]
async fn whoever_unsubscribes_counts_for_what_came_last() {
    let world = greeted(50).await;
    // It says the same and is no new name of the one that is taken away.
    world.playbook(&playbook("other", &format!("{KEYS}\nwas: none"), STEPS));
    // Two of them got another one afterwards.
    world.sql("update customers.accounts set tier = 'B' where id not in ('a01', 'a02')").await;
    world.remove("welcome");
    world.run_at("2026-03-02T10:00:00Z").await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    for number in 1..=4 {
        let address = format!("ann@a{number:02}.example");
        let token = world.store().unsubscribe_token(&address, "lifecycle").await.unwrap();
        let said = crate::support::world::at("2026-03-02T11:00:00Z");
        assert!(world.store().suppress_by_token(&token, said).await.unwrap());
    }
    world.pass_at("2026-03-02T11:01:00Z").await;
    assert!(is_stopped(&world).await.unwrap().contains("2 of 50 recipients unsubscribed, more than 2 %"));
    let stopped = world.store().stopped().await.unwrap();
    assert!(stopped.stop_of("other").is_none(), "{stopped:?}");
}

#[tokio::test]
async fn a_relay_that_refuses_everything_stops_it_before_all_have_been_tried() {
    let refusing = Script::reply(At::Recipient, "550 5.1.1 no such user");
    let world = World::over_smtp("", refusing).await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    company(&world, 90).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let reason = is_stopped(&world).await.expect("it is stopped");
    assert!(reason.contains("mails of the last hour were refused, more than 10 %"), "{reason}");
    let waiting = world.mails().await.iter().filter(|mail| mail["state"] != json!("rejected")).count();
    assert!(waiting > 0, "all were tried");
}

#[tokio::test]
async fn nothing_is_stopped_without_a_word_or_let_go_halfway() {
    let world = greeted(20).await;
    world
        .sql(
            "update keepwell.messages set state = 'bounced' where account_id in ('a01', 'a02');
             create sequence words;
             create function mute() returns trigger language plpgsql as $$ begin
                 if nextval('words') in (1, 3) then raise exception 'no words'; end if; return new; end $$;
             create trigger mute before insert on keepwell.messages for each row execute function mute();
             create trigger mute before update on keepwell.trips for each row execute function mute()",
        )
        .await;
    let tick = async |when: &str| auto_stop::tick(&world.shared, at(when)).await;
    assert!(tick("2026-03-02T10:00:00Z").await.is_err());
    assert_eq!(is_stopped(&world).await, None);
    assert_eq!(tick("2026-03-02T10:01:00Z").await.unwrap(), 1);
    assert_eq!(lines(&world.notices().await, "subject"), ["Stopped: welcome"]);
    // Let go without being counted anew it would be stopped again at once.
    let resumed = at("2026-03-02T11:00:00Z");
    assert!(world.store().resume(&target(), keepwell::ids::Actor("dana"), resumed).await.is_err());
    assert!(is_stopped(&world).await.is_some());
    assert!(world.store().resume(&target(), keepwell::ids::Actor("dana"), resumed).await.unwrap());
    assert_eq!(tick("2026-03-02T11:01:00Z").await.unwrap(), 0);
}

#[tokio::test]
async fn an_author_changes_what_stops_a_playbook_or_turns_it_off() {
    let world = World::new().await;
    world.playbook(&playbook("strict", &KEYS.replace("unusual", "trips: { bounced: 4% }, unusual"), STEPS));
    world.playbook(&playbook("usual", KEYS, STEPS));
    world.playbook(&playbook("patient", &KEYS.replace("unusual", "trips: { bounced: off }, unusual"), STEPS));
    company(&world, 20).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update keepwell.messages set state = 'bounced' where account_id = 'a01' or playbook = 'patient'").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    let stops: Vec<String> = world.store().stopped().await.unwrap().stops.iter().map(ToString::to_string).collect();
    assert_eq!(stops, ["the playbook strict (by keepwell: 1 of 20 mails came back, more than 4 %)"]);
}
