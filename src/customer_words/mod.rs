//! What customers read and no author writes: the words of their pages, and of what
//! stands around their mail. One file for each language; a language is added by a file
//! and a line in [`LANGUAGES`].
//!
//! Invariant: each file has each word, and no other. The reader refuses one that does
//! not, and a test reads them all.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::playbook::language::{language_tag, primary};
use crate::playbook::scale::Scale;

/// The files; the first is for everybody whose language has none.
static LANGUAGES: LazyLock<Vec<CustomerWords>> = LazyLock::new(|| {
    [include_str!("en.yaml"), include_str!("de.yaml"), include_str!("zh.yaml")]
        .map(|text| serde_yaml::from_str(text).expect("the words are part of the program, and a test reads them all"))
        .into()
});

/// The words of one language.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerWords {
    /// The BCP 47 tag of the language.
    pub tag: String,
    /// `ltr` or `rtl`, as HTML writes it.
    pub direction: String,
    pub mail: MailWords,
    scales: ScaleWords,
    pub unsubscribe: UnsubscribeWords,
    pub preferences: PreferenceWords,
    pub survey: SurveyWords,
    pub plan: PlanWords,
    pub damaged: DamagedWords,
    pub unavailable: UnavailableWords,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident: $($field:ident),* $(,)?) => {
        $(#[$about])*
        #[derive(Debug, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(pub $field: String),*
        }
    };
}

words! {
    /// Links in mail.
    MailWords: unsubscribe, answer
}

words! {
    /// The page behind the link to unsubscribe.
    UnsubscribeWords: ask_title, ask, ask_about, button, keep, done_title, done, done_about, already, already_about,
    rest, choose
}

words! {
    /// The page on which somebody chooses kinds of mail.
    PreferenceWords: title, saved, nothing, legend, lifecycle, lifecycle_about, marketing, marketing_about, no_consent,
    consent_unknown,
    save, none, rest
}

words! {
    /// The page of a survey.
    SurveyWords: title, comment, answer, send, thanks, thanks_about, change, over, over_about, choose_one, write_one,
    too_long
}

words! {
    /// The page of a success plan.
    PlanWords: title, about, open, reached, missed, unmeasured, reached_on, now, target, start, due, milestones,
    milestone_open, changed, question, over, over_about, expired, expired_about
}

words! {
    /// The page behind a link of which a part was lost.
    DamagedWords: title, lost, lost_or_gone, lost_plan, not_unsubscribed, nothing_changed, no_answer, what_to_do,
    click_again, click_answer_again, reply_stop, reply_answer, reply_plan
}

words! {
    /// The page that there is while the database does not answer.
    UnavailableWords: title, about, send_again
}

/// What the lowest and the highest answer of a scale mean.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ScaleWords {
    nps: [String; 2],
    csat: [String; 2],
    ces: [String; 2],
}

impl CustomerWords {
    /// The words for readers of a locale; `None` where its language has none.
    pub fn of(locale: &str) -> Option<&'static CustomerWords> {
        let tag = language_tag(locale);
        LANGUAGES.iter().find(|words| words.tag == primary(&tag))
    }

    /// The words for everybody whose language has none.
    pub fn default_language() -> &'static CustomerWords {
        &LANGUAGES[0]
    }

    /// The words for the first of these locales whose language has any.
    pub fn first_of<'a>(locales: impl IntoIterator<Item = &'a str>) -> &'static CustomerWords {
        locales.into_iter().find_map(CustomerWords::of).unwrap_or(CustomerWords::default_language())
    }

    /// What the lowest and the highest answer of a scale mean; `None` where only the
    /// question says it.
    pub fn ends(&self, scale: Scale) -> Option<[&str; 2]> {
        let ends = match scale {
            Scale::Nps => &self.scales.nps,
            Scale::Csat => &self.scales.csat,
            Scale::Ces => &self.scales.ces,
            Scale::Custom { .. } => return None,
        };
        Some([ends[0].as_str(), ends[1].as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_each_word() {
        let tags: Vec<&str> = LANGUAGES.iter().map(|words| words.tag.as_str()).collect();
        assert_eq!(tags, ["en", "de", "zh"]);
        for words in LANGUAGES.iter() {
            let text = serde_json::to_string(words).expect("texts");
            assert!(!text.contains("\"\""), "{} lacks a word", words.tag);
            assert!(["ltr", "rtl"].contains(&words.direction.as_str()));
        }
    }

    #[test]
    fn the_first_language_that_there_is_is_taken() {
        let tag = |locales: &[&str]| CustomerWords::first_of(locales.iter().copied()).tag.as_str();
        assert_eq!(tag(&["de_AT", "en"]), "de");
        assert_eq!(tag(&["fr", "zh-Hans-CN", "en"]), "zh");
        assert_eq!(tag(&["fr", "xx"]), "en");
        assert_eq!(tag(&[]), "en");
        assert_eq!(tag(&["  ", "DE"]), "de");
    }
}
