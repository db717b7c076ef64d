//! The functions that look at all subjects together.

/// What is made of the values of all members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Where the subject's own value stands among them, from 0 to 100.
    Percentile,
    Median,
    /// The share of those for whom a condition holds, from 0 to 100.
    Share,
    /// By how much their mean changed, in percent.
    Trend,
}

impl Measure {
    pub const ALL: [Measure; 4] = [Measure::Percentile, Measure::Median, Measure::Share, Measure::Trend];

    /// What authors call it.
    pub const fn name(self) -> &'static str {
        match self {
            Measure::Percentile => "percentile_of",
            Measure::Median => "median_of",
            Measure::Share => "share_of",
            Measure::Trend => "trend_of",
        }
    }

    /// The one of that exact name.
    pub fn named(name: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// What to write, for authors.
    pub const fn help(self) -> &'static str {
        match self {
            Measure::Percentile => {
                "write `percentile_of(account.events(\"login\", 30))`, or with `, account.tier == \"A\"` behind it"
            }
            Measure::Median => "write `median_of(account.mrr)`, or with `, account.tier == \"A\"` behind it",
            Measure::Share => {
                "write `share_of(account.events(\"login\", 30) == 0)`, or with `, account.tier == \"A\"` behind it"
            }
            Measure::Trend => {
                "write `trend_of(account.events(\"login\", 30), 30)`, or with `, account.tier == \"A\"` behind it"
            }
        }
    }
}
