//! Which shipped playbook is nearest to what somebody wishes in one line.
//!
//! It counts words. A word that stands in the id or the keywords of a playbook
//! counts more than one in the sentence that says what it is for, and that more
//! than one in the remark at its top; a word that many playbooks have says
//! little. Nothing of a wish is understood, so what was found is said.

use std::collections::BTreeMap;

use super::ShippedPlaybook;
use crate::playbook::document::{PLAYBOOK_WORD, SURVEY_WORD};

/// The line of a shipped playbook with the words that people look for it by.
pub const KEYWORDS: &str = "# Keywords:";

/// Less than this is chance: one word that another playbook has as well.
const LEAST: f64 = 1.5;

/// Words that say nothing about a playbook.
const EMPTY: &[&str] = &[
    "the", "and", "for", "who", "whom", "have", "has", "had", "not", "with", "when", "that", "this", "them", "they",
    "their", "there", "from", "into", "then", "than", "are", "was", "were", "been", "will", "would", "should", "can",
    "our", "you", "your", "its", "all", "any", "each", "every", "some", "more", "most", "less", "per", "after",
    "before", "about", "but", "does", "did", "yet", "want", "wish", "new", "playbook",
];

/// A playbook that fits a wish.
#[derive(Clone, Debug)]
pub struct Fit {
    pub playbook: ShippedPlaybook,
    /// Why, the word that says most first.
    pub reasons: Vec<Reason>,
    weight: f64,
}

/// A word of the wish that a playbook has.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// As it was wished.
    pub word: String,
    weight: f64,
}

/// The playbooks nearest to a wish: none if nothing fits, several if they fit
/// equally well.
pub fn fits(wish: &str, playbooks: Vec<ShippedPlaybook>) -> Vec<Fit> {
    let words = words(wish);
    let weights: Vec<BTreeMap<String, f64>> = playbooks.iter().map(weights).collect();
    let kinds: Vec<&str> = playbooks.iter().map(|playbook| playbook.first_key).collect();
    let of = |playbook: ShippedPlaybook, own: &BTreeMap<String, f64>| {
        let is_playbook = asks_or_acts(playbook.first_key);
        let mut reasons = Vec::new();
        for (root, word) in &words {
            let Some(weight) = own.get(root) else { continue };
            // A playbook among playbooks: that many figures are about churn does not say
            // less of a playbook that is.
            let alike = kinds.iter().zip(&weights).filter(|(kind, _)| asks_or_acts(kind) == is_playbook);
            let sharers = alike.filter(|(_, weights)| weights.contains_key(root)).count();
            reasons.push(Reason { word: word.clone(), weight: weight / sharers as f64 });
        }
        reasons.sort_by(|one, other| other.weight.total_cmp(&one.weight));
        let weight = reasons.iter().map(|reason| reason.weight).sum();
        Fit { playbook, reasons, weight }
    };
    let mut fits: Vec<Fit> = playbooks.into_iter().zip(&weights).map(|(playbook, own)| of(playbook, own)).collect();
    fits.retain(|fit| fit.weight >= LEAST);
    let best = fits.iter().map(|fit| fit.weight).fold(0.0, f64::max);
    fits.retain(|fit| best - fit.weight < 1e-9);
    fits
}

/// Whether it is a playbook, as a survey is as well.
fn asks_or_acts(first_key: &str) -> bool {
    [PLAYBOOK_WORD, SURVEY_WORD].contains(&first_key)
}

/// What each word of a playbook says about it.
fn weights(playbook: &ShippedPlaybook) -> BTreeMap<String, f64> {
    let header = || playbook.text.lines().take_while(|line| !line.starts_with(&format!("{}:", playbook.first_key)));
    let is_keywords = |line: &&str| line.starts_with(KEYWORDS);
    let remark: String = header().filter(|line| !is_keywords(line)).collect::<Vec<_>>().join(" ");
    let keywords = header().filter(is_keywords).filter_map(|line| line.strip_prefix(KEYWORDS)).collect::<String>();
    let mut weights = BTreeMap::new();
    for (text, weight) in [(&remark, 1.0), (&playbook.about, 2.0), (&keywords, 3.0), (&playbook.id, 3.0)] {
        for (root, _) in words(text) {
            weights.insert(root, weight);
        }
    }
    weights
}

/// The words of a text that say something, each once: its root, and as written.
fn words(text: &str) -> Vec<(String, String)> {
    let mut words: Vec<(String, String)> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let lower = word.to_lowercase();
        let says_something = lower.chars().count() >= 3 && !EMPTY.contains(&lower.as_str());
        let root = root(&lower);
        if says_something && !words.iter().any(|(known, _)| *known == root) {
            words.push((root, word.to_owned()));
        }
    }
    words
}

/// A word without its ending, roughly: `drops`, `dropped` and `dropping` are one.
fn root(word: &str) -> String {
    let word = match word.strip_suffix('s') {
        Some(single) if !single.ends_with('s') && single.len() >= 3 => single,
        _ => word,
    };
    let endings = ["ion", "ing", "ed", "e"];
    let cut = endings.into_iter().find_map(|ending| word.strip_suffix(ending).filter(|rest| rest.len() >= 3));
    let Some(rest) = cut else { return word.to_owned() };
    let mut letters = rest.chars().rev();
    match (letters.next(), letters.next()) {
        // `dropped`, `logging`; but `call` and `miss` end so by themselves.
        (Some(last), Some(before)) if last == before && !"ls".contains(last) => {
            rest[..rest.len() - last.len_utf8()].to_owned()
        }
        _ => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::shipped::playbooks;

    fn fitting_playbooks(wish: &str) -> Vec<String> {
        fits(wish, playbooks()).into_iter().map(|fit| fit.playbook.id).collect()
    }

    #[test]
    fn endings_do_not_matter() {
        for (one, other) in [
            ("renewals", "renewal"),
            ("dropped", "drop"),
            ("activation", "activated"),
            ("invite", "invited"),
            ("calls", "call"),
        ] {
            assert_eq!(root(one), root(other), "{one} {other}");
        }
        assert_ne!(root("miss"), root("mis"));
    }

    #[test]
    fn a_wish_finds_the_nearest() {
        for (wish, id) in [
            ("mail champions who have not logged in for 14 days", "usage-drop"),
            ("remind us 90 days before a contract expires", "renewal"),
            ("call unhappy customers after a bad NPS score", "nps-drop"),
            ("a welcome series for new trials in their first week", "onboarding-tips"),
            ("Invite colleagues who never signed in", "first-login"),
            ("a business review every quarter", "quarterly-review"),
            ("help accounts that are stuck before activation", "no-activation"),
            ("NRR", "net-revenue-retention"),
        ] {
            assert_eq!(fitting_playbooks(wish), [id], "{wish}");
        }
    }

    #[test]
    fn what_nothing_has_to_do_with_finds_nothing() {
        for wish in ["", "the and for", "birthday cake", "order new printers"] {
            assert!(fitting_playbooks(wish).is_empty(), "{wish}: {:?}", fitting_playbooks(wish));
        }
    }

    #[test]
    fn words_are_reasons_and_equals_are_all_there() {
        let text =
            |keywords: &str| -> &'static str { Box::leak(format!("# Keywords: {keywords}.\nplaybook: p\n").into()) };
        let one = |id: &str, keywords: &str| ShippedPlaybook {
            id: id.to_owned(),
            area: "",
            about: "What it is.".to_owned(),
            alerts_to: String::new(),
            first_key: PLAYBOOK_WORD,
            text: text(keywords),
        };
        let all = vec![one("a", "apple, pear"), one("b", "apple, plum"), one("c", "pear")];
        let fits = |wish: &str| -> Vec<(String, Vec<String>)> {
            let found = super::fits(wish, all.clone()).into_iter();
            found.map(|fit| (fit.playbook.id, fit.reasons.into_iter().map(|reason| reason.word).collect())).collect()
        };
        let fit =
            |id: &str, words: &[&str]| (id.to_owned(), words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(fits("Apples and plums"), [fit("b", &["plums", "Apples"])]);
        assert_eq!(fits("an apple"), [fit("a", &["apple"]), fit("b", &["apple"])]);
        assert!(fits("cherries").is_empty());
    }
}
