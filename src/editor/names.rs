//! Names that can be proposed: of this file, of the installation, of its store.

use super::candidate::{Candidate, CandidateKind};
use super::surroundings::{Surroundings, Written};
use crate::playbook::reader::form::STEP_ID;
use crate::playbook::reader::{NameOf, Shape};

/// The names of a kind; steps are those of the file.
pub(super) fn candidates(of: NameOf, surroundings: &Surroundings, written: &Written) -> Vec<Candidate> {
    let name = |name: String| {
        let mut candidate = Candidate::new(CandidateKind::Name, name, "");
        candidate.detail = surroundings.describe(of, &candidate.name).unwrap_or_default();
        candidate
    };
    match of {
        NameOf::Step => steps(written),
        NameOf::Goto => {
            // The words for where to go are those that no step may be called.
            let Shape::Pattern { but, .. } = STEP_ID else { return steps(written) };
            let words = but.iter().map(|word| Candidate::new(CandidateKind::Word, *word, ""));
            words.chain(steps(written)).collect()
        }
        NameOf::Label => surroundings.labels().iter().cloned().map(name).collect(),
        NameOf::Playbook => {
            surroundings.names(of).into_iter().filter(|id| written.id() != Some(id.as_str())).map(name).collect()
        }
        _ => surroundings.names(of).into_iter().map(name).collect(),
    }
}

fn steps(written: &Written) -> Vec<Candidate> {
    let candidate = |step: &crate::playbook::Step| {
        let mut candidate = Candidate::new(CandidateKind::Name, step.id.clone(), "");
        candidate.detail = format!("step of the kind {}, line {}", step.kind, step.place.line);
        candidate
    };
    written.steps().into_iter().map(candidate).collect()
}
