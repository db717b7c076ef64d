//! Looking for the phrases of the table in words.

use super::BounceReason;
use super::phrases::{Phrases, TABLE};
use super::status::EnhancedStatus;

/// The first meaning in the table that words have, beside a code.
pub(super) fn find(words: &str, code: Option<EnhancedStatus>) -> Option<BounceReason> {
    let code = code.map(|code| (code.class, code.subject, code.detail));
    let applies = |row: &&Phrases| row.only.is_none() || row.only == code;
    let holds_one = |row: &&Phrases| row.phrases.iter().any(|phrase| holds(words, phrase));
    TABLE.iter().filter(applies).find(holds_one).map(|row| row.reason)
}

/// The most characters that ` … ` stands for.
const GAP: usize = 60;

/// Whether words hold a phrase.
pub(super) fn holds(words: &str, phrase: &str) -> bool {
    match phrase.split_once(" … ") {
        None => places(words, phrase).next().is_some(),
        Some((first, then)) => places(words, first).any(|end| {
            // One character more, to see where the last word ends.
            let near = words.floor_char_boundary(end + GAP + then.len() + 1);
            places(&words[end..near], then).next().is_some()
        }),
    }
}

/// Where each occurrence of a phrase in whole words ends.
fn places<'a>(words: &'a str, phrase: &'a str) -> impl Iterator<Item = usize> + 'a {
    let (text, open) = phrase.strip_suffix('*').map_or((phrase, false), |text| (text, true));
    words.match_indices(text).map(|(at, found)| (at, at + found.len())).filter_map(move |(at, end)| {
        let before = words[..at].chars().next_back();
        let after = words[end..].chars().next();
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        (!letter(before) && (open || !letter(after))).then_some(end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phrase_means_what_its_row_says() {
        let mut taken = Vec::new();
        for row in TABLE {
            assert!(!row.source.is_empty() && !row.phrases.is_empty());
            for phrase in row.phrases {
                assert_eq!(*phrase, phrase.to_lowercase().trim(), "written as it is compared");
                let words = phrase.trim_end_matches('*').replace('…', "x");
                let code = row.only.map(|(class, subject, detail)| EnhancedStatus { class, subject, detail });
                if find(&words, code) != Some(row.reason) {
                    taken.push(*phrase);
                }
            }
        }
        assert_eq!(taken, [""; 0], "an earlier row takes them");
    }

    #[test]
    fn phrases_are_whole_words() {
        assert!(holds("the user unknown here", "user unknown"));
        assert!(!holds("superuser unknown", "user unknown"));
        assert!(!holds("user unknowns", "user unknown"));
        assert!(holds("spamhaus.org", "spamhaus*"));
        assert!(holds("spamhauses", "spamhaus*"));
        assert!(holds("user x of y does not exist", "user … does not exist"));
        assert!(!holds(&format!("user {} does not exist", "x".repeat(80)), "user … does not exist"));
        assert!(holds(&format!("user {} does not exist", "x".repeat(50)), "user … does not exist"));
        assert!(!holds("", "user unknown"));
    }
}
