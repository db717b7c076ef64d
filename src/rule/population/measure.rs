//! The functions that look at all subjects together.

/// What is made of the values of all members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Where the subject's own value stands among them, from 0 to 100.
    Percentile,
    Median,
    /// The value that so many percent of them do not exceed.
    Quantile,
    Mean,
    /// All of them added up; 0 of nobody.
    Sum,
    /// How many members there are.
    Count,
    /// How many different values they have.
    Distinct,
    /// The share of those for whom a condition holds, from 0 to 100.
    Share,
    /// By how much their mean changed, in percent.
    Trend,
}

impl Measure {
    pub const ALL: [Measure; 9] = [
        Measure::Percentile,
        Measure::Median,
        Measure::Quantile,
        Measure::Mean,
        Measure::Sum,
        Measure::Count,
        Measure::Distinct,
        Measure::Share,
        Measure::Trend,
    ];

    /// What authors call it.
    pub const fn name(self) -> &'static str {
        match self {
            Measure::Percentile => "percentile_of",
            Measure::Median => "median_of",
            Measure::Quantile => "quantile_of",
            Measure::Mean => "mean_of",
            Measure::Sum => "sum_of",
            Measure::Count => "count_of",
            Measure::Distinct => "distinct_of",
            Measure::Share => "share_of",
            Measure::Trend => "trend_of",
        }
    }

    /// The one of that exact name.
    pub fn named(name: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// Whether a whole number stands behind its expression: the days of a trend,
    /// the percent of a quantile.
    pub const fn takes_number(self) -> bool {
        matches!(self, Measure::Quantile | Measure::Trend)
    }

    /// Whether what stands in its parentheses first is a condition.
    pub const fn takes_condition(self) -> bool {
        matches!(self, Measure::Share | Measure::Count)
    }

    /// Whether it is missing where nobody has a value.
    pub const fn can_be_missing(self) -> bool {
        !matches!(self, Measure::Sum | Measure::Count | Measure::Distinct)
    }

    /// What to write, for authors.
    pub const fn help(self) -> &'static str {
        match self {
            Measure::Percentile => {
                "write `percentile_of(account.events(\"login\", 30))`, or with `, account.tier == \"A\"` behind it"
            }
            Measure::Median => "write `median_of(account.mrr)`, or with `, account.tier == \"A\"` behind it",
            Measure::Quantile => "write `quantile_of(account.mrr, 90)`, or with `, account.tier == \"A\"` behind it",
            Measure::Mean => "write `mean_of(account.mrr)`, or with `, account.tier == \"A\"` behind it",
            Measure::Sum => "write `sum_of(account.mrr)`, or with `, account.tier == \"A\"` behind it",
            Measure::Count => "write `count_of(account.tier == \"A\")`",
            Measure::Distinct => "write `distinct_of(account.csm_id)`, or with `, account.tier == \"A\"` behind it",
            Measure::Share => {
                "write `share_of(account.events(\"login\", 30) == 0)`, or with `, account.tier == \"A\"` behind it"
            }
            Measure::Trend => {
                "write `trend_of(account.events(\"login\", 30), 30)`, or with `, account.tier == \"A\"` behind it"
            }
        }
    }
}
