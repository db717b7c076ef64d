//! What all subjects together give: kept for everybody who asks, and gathered
//! from the members while a walk passes over them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Turn;

use crate::clock::{Instant, WorkStopwatch};
use crate::facts::{CellPath, Facts, Layout, PopulationCall, Subject};
use crate::rule::functions::UnknownCell;
use crate::rule::population::{PopulationCells, PopulationFigures, Sample, question_of};

/// The instants whose figures are kept.
const KEPT_INSTANTS: usize = 16;

/// How long the expressions inside may work in one pass, waiting not counted:
/// ten million members need less.
const MOST_WORK: Duration = Duration::from_secs(300);

/// The figures of the latest instants that were asked about.
#[derive(Debug, Default)]
pub(crate) struct KeptFigures {
    /// The instant that was asked about last stands last.
    instants: Mutex<Vec<(Instant, Arc<Turn<PopulationFigures>>)>>,
}

impl KeptFigures {
    /// Those of an instant. Whoever holds them fills them, and the others wait.
    pub(super) fn at(&self, instant: Instant) -> Arc<Turn<PopulationFigures>> {
        let mut instants = self.instants.lock().unwrap_or_else(PoisonError::into_inner);
        let known = instants.iter().position(|(known, _)| *known == instant);
        let entry = known.map_or_else(|| (instant, Arc::default()), |at| instants.remove(at));
        let figures = Arc::clone(&entry.1);
        instants.push(entry);
        if instants.len() > KEPT_INSTANTS {
            instants.remove(0);
        }
        figures
    }
}

/// The population functions of a layout by whose values they are.
pub(super) fn calls_by_subject(layout: &Layout) -> Result<BTreeMap<Subject, Vec<PopulationCall>>, UnknownCell> {
    let mut by_subject: BTreeMap<Subject, Vec<PopulationCall>> = BTreeMap::new();
    for cell in layout.cells() {
        if let CellPath::Population(call) = &cell.path {
            let question = question_of(call).ok_or_else(|| UnknownCell(cell.clone()))?;
            by_subject.entry(question.subject).or_default().push(call.clone());
        }
    }
    Ok(by_subject)
}

/// What the members gave so far, for each of some calls.
pub(super) struct MemberSamples {
    calls: Arc<[PopulationCall]>,
    /// The values now, and those of the earlier day.
    samples: Vec<(Sample, Sample)>,
    worked: Duration,
}

impl MemberSamples {
    pub(super) fn new(calls: &Arc<[PopulationCall]>) -> MemberSamples {
        let samples = vec![(Sample::default(), Sample::default()); calls.len()];
        MemberSamples { calls: Arc::clone(calls), samples, worked: Duration::ZERO }
    }

    /// Adds members, one list for each call, off the async threads.
    pub(super) async fn add(mut self, members: Vec<Vec<Facts>>) -> sqlx::Result<MemberSamples> {
        let added = tokio::task::spawn_blocking(move || {
            let watch = WorkStopwatch::start();
            for ((call, members), (now, earlier)) in self.calls.iter().zip(members).zip(&mut self.samples) {
                let Some(question) = question_of(call) else { continue };
                for value in members.into_iter().filter_map(|facts| question.member(facts)) {
                    now.add_member(earlier, &value, 1);
                }
            }
            self.worked += watch.elapsed();
            self
        });
        let samples = added.await.map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
        if samples.worked > MOST_WORK {
            let texts: Vec<&str> = samples.calls.iter().map(PopulationCall::text).collect();
            return Err(sqlx::Error::Protocol(format!(
                "{} took longer than {} s for all members; make what stands inside cheaper",
                texts.join(" and "),
                MOST_WORK.as_secs()
            )));
        }
        Ok(samples)
    }

    /// The figures, once all members were added.
    pub(super) fn figures(self) -> PopulationFigures {
        let figure = |(call, (now, earlier)): (&PopulationCall, (Sample, Sample))| {
            let figure = question_of(call)?.figure(now, earlier);
            Some((call.key().clone(), Arc::new(figure)))
        };
        self.calls.iter().zip(self.samples).filter_map(figure).collect()
    }
}

/// Fills the population functions of subjects in, off the async threads.
pub(super) async fn fill(
    cells: Option<&PopulationCells>,
    figures: &Arc<PopulationFigures>,
    subjects: Vec<Facts>,
) -> sqlx::Result<Vec<Facts>> {
    let Some(cells) = cells.filter(|_| !subjects.is_empty()) else { return Ok(subjects) };
    let (cells, figures) = (cells.clone(), Arc::clone(figures));
    let filled = tokio::task::spawn_blocking(move || {
        subjects.into_iter().map(|facts| cells.fill(facts, &figures)).collect::<Vec<Facts>>()
    });
    filled.await.map_err(|error| sqlx::Error::Protocol(error.to_string()))
}
