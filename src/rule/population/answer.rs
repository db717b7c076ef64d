//! The values of population functions among a subject's facts.

use std::sync::Arc;

use super::figure::{Figure, PopulationFigures};
use super::question::question_of;
use crate::facts::{CellPath, Facts, Layout, PopulationCall, Value};

/// Where population functions stand in a layout, and what each asks.
#[derive(Clone, Debug)]
pub struct PopulationCells {
    cells: Vec<(usize, PopulationCall)>,
}

impl PopulationCells {
    /// `None` where there are none.
    pub fn of(layout: &Layout) -> Option<PopulationCells> {
        let call = |(at, path): (usize, &CellPath)| match path {
            CellPath::Population(call) => Some((at, call.clone())),
            _ => None,
        };
        let paths = layout.cells().iter().map(|cell| &cell.path).enumerate();
        let cells: Vec<_> = paths.filter_map(call).collect();
        (!cells.is_empty()).then_some(PopulationCells { cells })
    }

    /// What they ask, each once.
    pub fn calls(&self) -> impl Iterator<Item = &PopulationCall> {
        self.cells.iter().map(|(_, call)| call)
    }

    /// Puts their values among the facts of a subject; missing where there is no
    /// figure. What a subject's own value is read from stands there already.
    pub fn fill(&self, facts: Facts, figures: &PopulationFigures) -> Facts {
        let facts = Arc::new(facts);
        let value = |call: &PopulationCall| {
            let number = match (&**figures.get(call.key())?, question_of(call)) {
                (Figure::Number(number), _) => *number,
                (Figure::Distribution(values), Some(question)) => values.percentile(question.own_value(&facts)?),
                (Figure::Distribution(_), None) => None,
            };
            number.map(Value::Float)
        };
        let values: Vec<_> = self.cells.iter().map(|(at, call)| (*at, value(call).unwrap_or(Value::Null))).collect();
        let mut facts = Arc::unwrap_or_clone(facts);
        for (at, value) in values {
            if let Some(place) = facts.values.get_mut(at) {
                *place = value;
            }
        }
        facts
    }
}
