//! What a survey asks for on a scale.

/// The first key of a survey's file, and the kind of the step that asks.
pub const SURVEY_WORD: &str = "survey";

/// A scale of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// How likely somebody is to recommend us, 0 to 10.
    Nps,
    /// How satisfied somebody is, 1 to 5.
    Csat,
    /// How easy something was, 1 to 7.
    Ces,
    /// Whatever the question says, between two numbers.
    Custom { least: i32, most: i32 },
}

impl Scale {
    /// The scales that have a name of their own.
    pub const NAMED: [(&'static str, Scale); 3] = [("nps", Scale::Nps), ("csat", Scale::Csat), ("ces", Scale::Ces)];
    /// What authors call any other.
    pub const CUSTOM: &'static str = "custom";
    /// How many answers there are to choose from, at most.
    pub const MOST_ANSWERS: i32 = 11;

    /// From `1..5`; `None` where that is no scale that a person could choose on.
    pub fn read(text: &str) -> Option<Scale> {
        let (least, most) = text.split_once("..")?;
        let (least, most): (i32, i32) = (least.trim().parse().ok()?, most.trim().parse().ok()?);
        let fits = (0..=100).contains(&least) && least < most && most <= 100 && most - least < Scale::MOST_ANSWERS;
        fits.then_some(Scale::Custom { least, most })
    }

    /// The name of the score that answers to a survey of that id are.
    pub fn score_name(self, survey: &str) -> &str {
        match self {
            Scale::Nps => "nps",
            Scale::Csat => "csat",
            Scale::Ces => "ces",
            Scale::Custom { .. } => survey,
        }
    }

    /// A word for it that links can carry.
    pub fn code(self) -> String {
        match self {
            Scale::Custom { least, most } => format!("{least}-{most}"),
            named => named.score_name("").to_owned(),
        }
    }

    /// The scale of that code.
    pub fn of_code(code: &str) -> Option<Scale> {
        let named = Scale::NAMED.iter().find(|(word, _)| *word == code).map(|(_, scale)| *scale);
        named.or_else(|| Scale::read(&code.replacen('-', "..", 1)))
    }

    /// What can be answered.
    pub fn values(self) -> std::ops::RangeInclusive<i32> {
        match self {
            Scale::Nps => 0..=10,
            Scale::Csat => 1..=5,
            Scale::Ces => 1..=7,
            Scale::Custom { least, most } => least..=most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_few_answers_between_0_and_100() {
        assert_eq!(Scale::read("1..5"), Some(Scale::Custom { least: 1, most: 5 }));
        assert_eq!(Scale::read(" 0 .. 10 "), Some(Scale::Custom { least: 0, most: 10 }));
        for wrong in ["5", "5..1", "3..3", "0..11", "-1..3", "95..101", "a..b", "1..2..3"] {
            assert_eq!(Scale::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_link_says_which_scale_it_is() {
        for scale in [Scale::Nps, Scale::Csat, Scale::Ces, Scale::Custom { least: 0, most: 7 }] {
            assert_eq!(Scale::of_code(&scale.code()), Some(scale));
        }
        for other in ["text", "", "7", "0-20", "nps-"] {
            assert_eq!(Scale::of_code(other), None, "{other}");
        }
    }
}
