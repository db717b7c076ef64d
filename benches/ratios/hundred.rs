//! A hundred playbooks of one slot, which share a walk, against one of them,
//! and against a hundred walks.

use std::sync::Arc;
use std::time::Duration;

use keepwell::facts::Facts;
use keepwell::store::Relations;
use keepwell::store::customers::facts::{FactQuery, Walk};
use keepwell::worker::revision_cache::Loaded;

use crate::Options;
use crate::engine::{evaluate, holding, now, playbooks};
use crate::pairs::{Goal, heading, in_turns};
use crate::store::Store;

/// Three or four clauses on columns of the account, each true on a few accounts
/// in a thousand.
fn conditions() -> Vec<String> {
    let condition = |n: usize| {
        let tier = ["A", "B", "C"][n % 3];
        let stage = ["onboarding", "adoption", "renewal"][n / 3 % 3];
        let (low, high) = (n * 150, n * 150 + 700);
        match n % 2 {
            0 => format!(
                "account.tier == \"{tier}\" && account.mrr >= {low} && account.mrr < {high} \
                 && days_since(account.signed_up_at) >= {}",
                300 + n * 6
            ),
            _ => format!(
                "account.stage == \"{stage}\" && account.status != \"churned\" && account.mrr >= {low} \
                 && account.mrr < {high} && (account.seats_used ?? 0) < {}",
                100 + n
            ),
        }
    };
    (0..100).map(condition).collect()
}

pub async fn measure(store: &Store, options: &Options) -> anyhow::Result<()> {
    let playbooks = playbooks(&conditions())?;
    let queries: Vec<&FactQuery> = playbooks.iter().map(|playbook| &playbook.entry).collect();
    let walk = FactQuery::shared_walk(&queries, &Relations::default())?;
    let shared = together(store, &playbooks, &walk).await?;
    for (at, (playbook, found)) in playbooks.iter().zip(&shared).enumerate() {
        let alone = evaluate(store, playbook).await?;
        anyhow::ensure!(*found == alone, "playbook {at} finds {found} in the shared walk and {alone} alone");
    }
    println!("  together they find {}, the first finds {}", shared.iter().sum::<u64>(), shared[0]);
    heading("hundred", "other");
    // They find different numbers; that each finds its own was seen above.
    let all = async || together(store, &playbooks, &walk).await.map(|_| 0);
    let one = async || evaluate(store, &playbooks[0]).await.map(|_| 0);
    let outcome = in_turns("one", options.rounds, all, one).await?;
    outcome.print("100 in one walk, against one", Goal::AtMost(25.0, Duration::ZERO));
    let each = async || {
        for playbook in &playbooks {
            evaluate(store, playbook).await?;
        }
        Ok(0)
    };
    let outcome = in_turns("each", options.rounds.min(3), all, each).await?;
    outcome.print("100 in one walk, against 100 walks", Goal::Faster(4.0));
    Ok(())
}

/// On how many accounts each playbook's condition is true.
async fn together(store: &Store, playbooks: &[Arc<Loaded>], walk: &Walk) -> anyhow::Result<Vec<u64>> {
    let mut found = vec![0; playbooks.len()];
    let mut scan = walk.start(store.keepwell.pool(), now(), None).await?;
    loop {
        let dealt = scan.next_of_each().await?;
        if dealt.is_empty() {
            break;
        }
        let work: Vec<(usize, Arc<Loaded>, Vec<Facts>)> = dealt
            .into_iter()
            .enumerate()
            .filter(|(_, chunk)| !chunk.is_empty())
            .map(|(at, chunk)| (at, Arc::clone(&playbooks[at]), chunk))
            .collect();
        let decide = move || {
            work.into_iter().map(|(at, playbook, chunk)| (at, holding(&playbook, chunk))).collect::<Vec<(usize, u64)>>()
        };
        for (at, count) in tokio::task::spawn_blocking(decide).await? {
            found[at] += count;
        }
    }
    scan.close().await?;
    Ok(found)
}
