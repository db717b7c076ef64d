//! A backtest over the customer store: the pasts of all accounts, a chunk at a
//! time, played off the async threads. Nothing is written.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::facts::{AccountPast, Cell, CellPath, Layout, Subject};
use crate::rehearsal::backtest::{PastPlay, PastSum};
use crate::rule::population::PopulationFigures;
use crate::store::Store;
use crate::store::customers::facts::FactQuery;
use crate::store::customers::pasts::WantedPast;

/// Plays a backtest. `progress` hears after each chunk how many accounts are done.
///
/// It can be dropped at any time: then no more is read.
pub async fn run_backtest<P: PastPlay>(
    store: &Store,
    backtest: Arc<P>,
    touch_events: &[String],
    progress: &mut (dyn FnMut(u64) + Send),
) -> anyhow::Result<P::Sum> {
    let (from, until) = (backtest.reads_from(), backtest.reads_until());
    let wanted = WantedPast::new(&backtest.cells(), touch_events, from, until);
    let figures = Arc::new(figures(store, &*backtest).await?);
    let mut pasts = store.pasts(wanted).await?;
    let mut tally = P::Sum::default();
    // One chunk is read while as many are played as there are processors.
    let side_by_side = std::thread::available_parallelism().map_or(1, usize::from);
    let mut playing: VecDeque<JoinHandle<anyhow::Result<P::Sum>>> = VecDeque::new();
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
                progress(tally.accounts());
            }
        }
        if is_over {
            break;
        }
        let (backtest, figures, touches) = (Arc::clone(&backtest), Arc::clone(&figures), touch_events.to_vec());
        playing.push_back(tokio::task::spawn_blocking(move || play(&*backtest, chunk, &figures, &touches)));
    }
    pasts.close().await?;
    tally.finish();
    Ok(tally)
}

/// What is asked about all accounts together, at the end of the period.
async fn figures<P: PastPlay>(store: &Store, backtest: &P) -> anyhow::Result<PopulationFigures> {
    let asked = |subject: Subject| {
        let mut layout = Layout::of(subject);
        let cells = backtest.cells().into_iter();
        let asks = |cell: &Cell| cell.subject == subject && matches!(cell.path, CellPath::Population(_));
        layout.merge(&cells.filter(asks).collect::<Vec<_>>());
        Arc::new(layout)
    };
    let mut figures = PopulationFigures::default();
    for subject in [Subject::Account, Subject::Contact] {
        let query = FactQuery::new(asked(subject), store.relations())?;
        figures.extend(query.figures(store.customers_pool(), backtest.period().to).await?);
    }
    Ok(figures)
}

fn play<P: PastPlay>(
    backtest: &P,
    chunk: Vec<AccountPast>,
    figures: &PopulationFigures,
    touch_events: &[String],
) -> anyhow::Result<P::Sum> {
    let mut tally = P::Sum::default();
    for mut past in chunk {
        past.history.touch_events = touch_events.to_vec();
        backtest
            .play(&past, figures, &mut tally)
            .map_err(|error| anyhow::anyhow!("account {}: {error}", past.account))?;
    }
    Ok(tally)
}
