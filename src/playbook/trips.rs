//! `trips:` among the guardrails: how much trouble a playbook's mail may make
//! before the playbook stops by itself.

use std::sync::Arc;

use super::reader::form::{OFF, SHARE};
use super::reader::{Fields, Form, Key, Shape, is_off, share};
use super::yaml::Node;
use crate::diagnostic::Diagnostic;

/// What can come of customer mail that stops its playbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Came back for good.
    Bounced,
    /// Its reader complained.
    Complaints,
    /// Its reader unsubscribed.
    Unsubscribed,
    /// The relay refused it for good.
    Refused,
    /// Nobody knows whether it arrived.
    Unknown,
    /// It could not be made, such as for a value that is missing.
    Unwritable,
}

impl Trouble {
    pub const ALL: [Trouble; 6] = [
        Trouble::Bounced,
        Trouble::Complaints,
        Trouble::Unsubscribed,
        Trouble::Refused,
        Trouble::Unknown,
        Trouble::Unwritable,
    ];

    /// Its key.
    pub fn name(self) -> &'static str {
        match self {
            Trouble::Bounced => "bounced",
            Trouble::Complaints => "complaints",
            Trouble::Unsubscribed => "unsubscribed",
            Trouble::Refused => "refused",
            Trouble::Unknown => "unknown",
            Trouble::Unwritable => "unwritable",
        }
    }

    /// The share (0..=1) of a playbook's mail where nobody says otherwise. The
    /// one for complaints is Google's and Yahoo's rule for senders.
    fn usual_share(self) -> f64 {
        match self {
            Trouble::Bounced => 0.05,
            Trouble::Complaints => 0.003,
            Trouble::Unsubscribed => 0.02,
            Trouble::Refused => 0.1,
            Trouble::Unknown | Trouble::Unwritable => 0.2,
        }
    }
}

/// The shares of mail that stop a playbook, as a playbook or the configuration
/// writes them. A kind of trouble that is not named is left to the next one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trips {
    /// `None` behind a kind is `off`.
    given: Vec<(Trouble, Option<f64>)>,
}

/// The shares that hold for one playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct TripLimits {
    shares: Vec<(Trouble, Option<f64>)>,
}

impl Trips {
    fn of(&self, trouble: Trouble) -> Option<Option<f64>> {
        self.given.iter().find(|(given, _)| *given == trouble).map(|(_, share)| *share)
    }

    /// What holds for a playbook that says this, where the configuration says `defaults`.
    pub fn over(&self, defaults: &Trips) -> TripLimits {
        let share =
            |trouble: Trouble| self.of(trouble).or_else(|| defaults.of(trouble)).unwrap_or(Some(trouble.usual_share()));
        TripLimits { shares: Trouble::ALL.into_iter().map(|trouble| (trouble, share(trouble))).collect() }
    }
}

impl TripLimits {
    /// The share (0..=1) above which this stops a playbook; `None` when it never does.
    pub fn share(&self, trouble: Trouble) -> Option<f64> {
        self.shares.iter().find(|(known, _)| *known == trouble).and_then(|(_, share)| *share)
    }
}

impl Default for TripLimits {
    fn default() -> TripLimits {
        Trips::default().over(&Trips::default())
    }
}

const SHARE_OR_OFF: Shape = Shape::Either(&[OFF, SHARE]);

/// The keys of `trips`.
pub(super) static TRIPS: Form = Form::new(
    "trips",
    &[&[
        Key::new("bounced", SHARE_OR_OFF, "The share of its mail that came back for good. Default: `5%`."),
        Key::new(
            "complaints",
            SHARE_OR_OFF,
            "The share of its mail about which its reader complained. Default: `0.3%`.",
        ),
        Key::new("unsubscribed", SHARE_OR_OFF, "The share of its mail whose reader unsubscribed. Default: `2%`."),
        Key::new("refused", SHARE_OR_OFF, "The share of its mail that the relay refused for good. Default: `10%`."),
        Key::new(
            "unknown",
            SHARE_OR_OFF,
            "The share of its mail of which nobody knows whether it arrived. Default: `20%`.",
        ),
        Key::new(
            "unwritable",
            SHARE_OR_OFF,
            "The share of its mail that could not be written, such as for a value that is missing. Default: `20%`.",
        ),
    ]],
);

/// Reads `off`, or a share or `off` for each kind of trouble.
pub(super) fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Trips> {
    const HELP: &str = "write `{ unsubscribed: 5% }`, or `off` for one or for all";
    if is_off(node) {
        return Some(Trips { given: Trouble::ALL.into_iter().map(|trouble| (trouble, None)).collect() });
    }
    if node.as_mapping().is_none() {
        let message = format!("`trips` needs a share for each kind of trouble, not {}", node.describe());
        problems.push(Diagnostic::error("KW0103", file, node.place, message).help(HELP));
        return None;
    }
    let mut trips = Trips::default();
    let mut fields = Fields::new(file, node, &TRIPS, problems);
    for trouble in Trouble::ALL {
        let Some(node) = fields.take(trouble.name()) else { continue };
        match (is_off(node), node.as_text().and_then(share)) {
            (true, _) => trips.given.push((trouble, None)),
            (false, Some(share)) if share > 0.0 => trips.given.push((trouble, Some(share))),
            (false, _) => {
                let message =
                    format!("`{}` cannot be {}: it is a percentage above `0%`", trouble.name(), node.describe());
                fields.error_with_help("KW0103", node.place, message, HELP);
            }
        }
    }
    fields.finish().then_some(trips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playbook_overrides_the_configuration_kind_by_kind() {
        let playbook = Trips { given: vec![(Trouble::Unsubscribed, None), (Trouble::Refused, Some(0.5))] };
        let configuration = Trips { given: vec![(Trouble::Refused, None), (Trouble::Bounced, Some(0.01))] };
        let limits = playbook.over(&configuration);
        let shares = Trouble::ALL.map(|trouble| limits.share(trouble));
        assert_eq!(shares, [Some(0.01), Some(0.003), None, Some(0.5), Some(0.2), Some(0.2)]);
        assert_eq!(TripLimits::default().share(Trouble::Bounced), Some(0.05));
    }
}
