//! How many accounts are in each stage or tier, how long they have been there, how
//! they moved, and what attention they got. Where each stands is what playbooks
//! read: the customer store's column, else what a document has found.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::catalog;
use crate::clock::Instant;
use crate::facts::{Cell, CellPath, Facts, Layout, Standing, Subject, Type, Value};
use crate::playbook::document::{DocumentBody, FileDraft};
use crate::playbook::source::SourceFile;
use crate::store::Store;
use crate::store::customers::facts::{FactQuery, scan};
use crate::store::documents::attention::Attention;

/// The accounts in one stage or tier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunnelStep {
    /// `None`: those that are in none.
    pub id: Option<String>,
    pub accounts: u64,
    /// Whole days in the stage, of those in the middle; `None` where of no account is known since when.
    pub median_days: Option<f64>,
    /// How many came from elsewhere, and how many went elsewhere, since the beginning of the period.
    pub came: u64,
    pub left: u64,
    /// What they pay together; `None` where the store does not say it in numbers.
    pub mrr: Option<f64>,
    pub attention: Attention,
}

/// Accounts that moved from one to another.
#[derive(Clone, Debug, PartialEq)]
pub struct FunnelMove {
    pub from: Option<String>,
    pub to: Option<String>,
    pub accounts: u64,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Funnel {
    /// In the order of the document, then those that only the store knows, then those in none.
    pub steps: Vec<FunnelStep>,
    /// Where accounts stand now that stood elsewhere when the period began; the most first.
    pub moves: Vec<FunnelMove>,
    /// The accounts that were counted.
    pub accounts: u64,
}

/// What a published document says of the accounts that it is for.
struct Frame {
    ids: Vec<String>,
    statuses: Vec<String>,
}

/// Counts the accounts in their stages or tiers at an instant, and what changed in the
/// `days` before it, with one walk over the accounts. Counted are those that the
/// document is for; without one, the active ones and those on trial.
pub async fn count<const N: usize>(
    store: &Store,
    standings: [Standing; N],
    at: Instant,
    days: i64,
) -> anyhow::Result<[Funnel; N]> {
    let attention = store.attention_by_account(at - TimeDelta::days(days), at).await?;
    let mut layout = Layout::of(Subject::Account);
    let mut counters = Vec::new();
    for standing in standings {
        let cells = Cells::new(store, standing, days);
        layout.merge(&cells.all());
        counters.push(Counter::new(frame(store, standing).await?, standing, cells));
    }
    let query = FactQuery::new(Arc::new(layout), store.relations())?;
    let mut walk = scan(store.customers_pool(), &query, at).await?;
    loop {
        let chunk = walk.next().await?;
        if chunk.is_empty() {
            break;
        }
        for facts in &chunk {
            counters.iter_mut().for_each(|counter| counter.add(facts, attention.get(&facts.account)));
        }
    }
    walk.close().await?;
    let mut funnels = counters.into_iter().map(Counter::finish);
    Ok(standings.map(|_| funnels.next().unwrap_or_default()))
}

/// What is asked of each account.
struct Cells {
    status: Cell,
    status_then: Cell,
    place: Cell,
    place_then: Cell,
    days_in_stage: Cell,
    /// `None` where the store does not have it in numbers.
    mrr: Option<Cell>,
}

impl Cells {
    fn new(store: &Store, standing: Standing, days: i64) -> Cells {
        let now = |name: &str| Cell::column(Subject::Account, name);
        let then = |name: &str| {
            let Cell { subject, path } = now(name);
            Cell { subject, path: path.ago(Some(days)) }
        };
        let in_stage = CellPath::Call { function: "days_in_stage", args: Vec::new() };
        let mrr = store.schema().column(Subject::Account, "mrr");
        Cells {
            status: now("status"),
            status_then: then("status"),
            place: now(standing.name()),
            place_then: then(standing.name()),
            days_in_stage: Cell { subject: Subject::Account, path: in_stage },
            mrr: mrr.filter(|mrr| matches!(mrr.ty, Type::Int | Type::Float)).map(|_| now("mrr")),
        }
    }

    fn all(&self) -> Vec<Cell> {
        let always = [&self.status, &self.status_then, &self.place, &self.place_then, &self.days_in_stage];
        always.into_iter().chain(&self.mrr).cloned().collect()
    }
}

/// The stages or tiers of the published document, in its order; none without one.
pub async fn levels(store: &Store, standing: Standing) -> anyhow::Result<Vec<String>> {
    Ok(frame(store, standing).await?.ids)
}

/// What the published document says. A revision that cannot be read says nothing.
async fn frame(store: &Store, standing: Standing) -> anyhow::Result<Frame> {
    let published = store.published_documents().await?;
    let published = published.iter().find(|document| document.present && document.kind == standing.document());
    let mut frame = Frame { ids: Vec::new(), statuses: ["active", "trial"].map(str::to_owned).into() };
    let Some(published) = published else { return Ok(frame) };
    let Some(revision) = store.revision_text(&published.id, &published.revision).await? else { return Ok(frame) };
    let file = SourceFile { path: revision.file.as_str().into(), text: revision.text.as_str().into() };
    if let Some(FileDraft::Document(draft)) = catalog::read(&file, &mut Vec::new()) {
        let (DocumentBody::Lifecycle(standings) | DocumentBody::Tiers(standings)) = &draft.document.body else {
            return Ok(frame);
        };
        frame = Frame {
            ids: standings.levels.iter().map(|level| level.id.clone()).collect(),
            statuses: standings.statuses.iter().map(|(status, _)| status.clone()).collect(),
        };
    }
    Ok(frame)
}

/// The sums while accounts are passed.
struct Counter {
    frame: Frame,
    standing: Standing,
    cells: Cells,
    steps: BTreeMap<Option<String>, (FunnelStep, Vec<i64>)>,
    moves: BTreeMap<(Option<String>, Option<String>), u64>,
    accounts: u64,
}

impl Counter {
    fn new(frame: Frame, standing: Standing, cells: Cells) -> Counter {
        let steps = frame.ids.iter().map(|id| (Some(id.clone()), Default::default())).collect();
        Counter { frame, standing, cells, steps, moves: BTreeMap::new(), accounts: 0 }
    }

    fn add(&mut self, facts: &Facts, attention: Option<&Attention>) {
        let text = |cell: &Cell| match facts.get(cell)? {
            Value::Text(text) => Some(text.to_string()),
            // A tier of the store may be a number.
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            _ => None,
        };
        let is_of = |status: Option<&String>| status.is_some_and(|status| self.frame.statuses.contains(status));
        let status = text(&self.cells.status);
        let is_meant = is_of(status.as_ref());
        // An account whose status of then is on no record had that of today.
        let was_meant = is_of(text(&self.cells.status_then).or(status).as_ref());
        let now = text(&self.cells.place).filter(|_| is_meant);
        let then = text(&self.cells.place_then).filter(|_| was_meant);
        if then != now && (then.is_some() || now.is_some()) {
            *self.moves.entry((then.clone(), now.clone())).or_default() += 1;
            if then.is_some() {
                self.steps.entry(then).or_default().0.left += 1;
            }
            if is_meant {
                self.steps.entry(now.clone()).or_default().0.came += 1;
            }
        }
        if !is_meant {
            return;
        }
        self.accounts += 1;
        let (step, stays) = self.steps.entry(now).or_default();
        step.accounts += 1;
        if let Some(Value::Int(days)) = facts.get(&self.cells.days_in_stage) {
            stays.push(*days);
        }
        let mrr = match self.cells.mrr.as_ref().and_then(|cell| facts.get(cell)) {
            Some(Value::Int(whole)) => Some(*whole as f64),
            Some(Value::Float(number)) => Some(*number),
            _ => None,
        };
        step.mrr = step.mrr.into_iter().chain(mrr).reduce(|sum, more| sum + more);
        if let Some(attention) = attention {
            step.attention.touches += attention.touches;
            step.attention.tasks += attention.tasks;
            step.attention.mails += attention.mails;
        }
    }

    fn finish(self) -> Funnel {
        let order = |id: &Option<String>| match id {
            Some(id) => self.frame.ids.iter().position(|known| known == id).unwrap_or(self.frame.ids.len()),
            None => usize::MAX,
        };
        let is_stage = self.standing == Standing::Stage;
        let mut steps: Vec<FunnelStep> = self
            .steps
            .into_iter()
            .map(|(id, (step, stays))| FunnelStep { id, median_days: median(stays).filter(|_| is_stage), ..step })
            .collect();
        // Of the others the order is that of their names, which they have already.
        steps.sort_by_key(|step| order(&step.id));
        let mut moves: Vec<FunnelMove> =
            self.moves.into_iter().map(|((from, to), accounts)| FunnelMove { from, to, accounts }).collect();
        moves.sort_by_key(|moved| std::cmp::Reverse(moved.accounts));
        Funnel { steps, moves, accounts: self.accounts }
    }
}

/// The middle of some numbers, between two of them where there is no middle one.
fn median(mut values: Vec<i64>) -> Option<f64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle] as f64),
        _ => Some((values[middle - 1] + values[middle]) as f64 / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![5]), Some(5.0));
        assert_eq!(median(vec![9, 1, 2]), Some(2.0));
        assert_eq!(median(vec![9, 1, 2, 4]), Some(3.0));
    }
}
