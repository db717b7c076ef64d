//! A backtest over the customer store: the pasts of all accounts, a chunk at a
//! time, played off the async threads. Nothing is written.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::facts::AccountPast;
use crate::rehearsal::backtest::{Backtest, Tally};
use crate::store::Store;
use crate::store::customers::pasts::WantedPast;

/// Plays a backtest. `progress` hears after each chunk how many accounts are done.
///
/// It can be dropped at any time: then no more is read.
pub async fn run_backtest(
    store: &Store,
    backtest: Arc<Backtest>,
    touch_events: &[String],
    progress: &mut (dyn FnMut(u64) + Send),
) -> anyhow::Result<Tally> {
    let (from, until) = (backtest.reads_from(), backtest.reads_until());
    let wanted = WantedPast::new(&backtest.cells(), touch_events, from, until);
    let mut pasts = store.pasts(wanted).await?;
    let mut tally = Tally::default();
    // One chunk is read while as many are played as there are processors.
    let side_by_side = std::thread::available_parallelism().map_or(1, usize::from);
    let mut playing: VecDeque<JoinHandle<anyhow::Result<Tally>>> = VecDeque::new();
    loop {
        let mut chunk = pasts.next().await?;
        let is_over = chunk.is_empty();
        // Who can never fire by their columns alone needs no events.
        chunk.sort_by_cached_key(|past| !backtest.needs_all(past));
        let needing_all = chunk.partition_point(|past| backtest.needs_all(past));
        pasts.complete(&mut chunk[..needing_all]).await?;
        while playing.len() >= side_by_side || (is_over && !playing.is_empty()) {
            if let Some(played) = playing.pop_front() {
                tally.merge(played.await??);
                progress(tally.accounts);
            }
        }
        if is_over {
            break;
        }
        let (backtest, touches) = (Arc::clone(&backtest), touch_events.to_vec());
        playing.push_back(tokio::task::spawn_blocking(move || play(&backtest, chunk, &touches)));
    }
    pasts.close().await?;
    tally.firings.sort_unstable();
    Ok(tally)
}

fn play(backtest: &Backtest, chunk: Vec<AccountPast>, touch_events: &[String]) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for mut past in chunk {
        past.history.touch_events = touch_events.to_vec();
        backtest.play(&past, &mut tally).map_err(|error| anyhow::anyhow!("account {}: {error}", past.account))?;
    }
    Ok(tally)
}
