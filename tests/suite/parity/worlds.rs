//! Random playbooks, and a few random customers for them.

use sqlx::{Executor, PgPool};

use crate::functions::histories::Dice;
use crate::prefilter::accounts;
pub use crate::prefilter::conditions::SCRIPT;
use crate::prefilter::conditions::{Writer, of_our_own};
use crate::support::world::{World, playbook};

pub const STORES: u64 = 3;
pub const ACCOUNTS: usize = 6;
pub const PLAYBOOKS: usize = 30;
pub const SLOTS: i64 = 3;

/// The name of the module that conditions call.
pub const MODULE: &str = "lib";

/// What comes of them comes at once: what a later step does, a plan of a slot
/// behind it cannot know.
const STEPS: [&str; 5] = [
    "  - wait: 30h",
    "  - wait: 30h",
    "  - task: { id: call, title: \"Call {{ account.name }}\", to: csm }\n  - wait: 30h",
    "  - email: { id: hello, to: all, subject: Hello, body: Hi }\n  - wait: 30h",
    "  - set: { risk: pro }\n  - wait: 12h\n  - wait: { until: account.mrr >= 100, at_most: 3d }",
];

/// Random keys of a playbook.
fn keys(dice: &mut Dice) -> String {
    let depth = dice.roll(3);
    // Some that hold for many, so that the guards have something to decide.
    let condition = match dice.roll(3) {
        0 => "account.mrr >= 0".to_owned(),
        _ => of_our_own(Writer(dice).condition(depth)),
    };
    let mut keys = format!("statuses: [A, trial, pro]\nwhen: |\n  {condition}\n");
    let mut either = |choices: &[&str]| {
        let chosen = *dice.pick(choices);
        keys.push_str(chosen);
    };
    either(&[
        "",
        "reentry: on_rematch\n",
        "reentry: { gap: 3d }\n",
        "reentry: { once_per: account.tier }\n",
        "reentry: { once_per: account.stage, gap: 1d }\n",
    ]);
    either(&["", "", "holds_for: 1d\n", "existing: skip\n"]);
    either(&["", "", "goal: account.tier == \"A\"\n", "goal: account.traits.vip == true\n"]);
    either(&["", "", "exit: account.seats == none\n", "suppress: account.traits.score == 5\n"]);
    either(&["", "", "holdout: 40%\n", "stages: [A, pro]\n"]);
    either(&["", "", "", "mode: shadow\n"]);
    either(&[
        "guardrails: { hold_above: off }",
        "guardrails: { hold_above: off }",
        "guardrails: { hold_above: off, max_per_day: 1 }",
        "guardrails: { hold_above: { count: 1, share: 0% } }",
        "guardrails: { first_run: hold }",
    ]);
    keys
}

/// That many playbooks `p0`, `p1` and so on, and `rescue`, about which their
/// conditions ask. An author could have written them, and the check refuses some.
pub fn playbooks(count: usize, dice: &mut Dice) -> Vec<(String, String)> {
    let rescue = playbook("rescue", "when: account.mrr > 1000000000", "  - wait: 1d");
    let mut texts = vec![("rescue".to_owned(), rescue)];
    for number in 0..count {
        let id = format!("p{number}");
        let (keys, steps) = (keys(dice), *dice.pick(&STEPS));
        let text = playbook(&id, &keys, steps);
        texts.push((id, text));
    }
    texts
}

/// Writes the customers. Some of their contacts can be reached.
pub async fn customers(pool: &PgPool, dice: &mut Dice) -> Vec<String> {
    accounts::write(pool, ACCOUNTS, dice).await;
    pool.execute("update customers.contacts set email = id || '@' || account_id || '.example' where email is not null")
        .await
        .unwrap();
    (0..ACCOUNTS).map(|number| format!("a{number:04}")).collect()
}

/// A world of these customers and playbooks, with the ids of the accounts.
pub async fn world(seed: u64) -> (World, Vec<String>) {
    let dice = &mut Dice(seed);
    let world = World::new().await;
    let accounts = customers(world.store().pool(), dice).await;
    world.script(MODULE, SCRIPT);
    for (_, text) in playbooks(PLAYBOOKS, dice) {
        world.playbook(&text);
    }
    world.expect_mistakes();
    (world, accounts)
}

/// The seed of a test; `KEEPWELL_TEST_SEED` repeats another one.
pub fn seed() -> u64 {
    std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026)
}
