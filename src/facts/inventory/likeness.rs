//! Which known name is meant by one that is not known. Names are compared by
//! their words, and words by their stems, so that `login` is `Logged In`.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::known_name::KnownName;

/// The known name that is most similar, if one is similar at all; of several
/// the most frequent.
pub(super) fn nearest<'n>(name: &str, known: &'n [KnownName]) -> Option<&'n KnownName> {
    let wanted = stems(name);
    known
        .iter()
        .filter_map(|known| distance(&wanted, &stems(&known.name)).map(|distance| (distance, known)))
        .min_by_key(|(distance, known)| (*distance, Reverse(known.rows), known.name.clone()))
        .map(|(_, known)| known)
}

/// How far two names are apart; `None` where they have nothing in common.
fn distance(one: &[String], other: &[String]) -> Option<usize> {
    const SHORTEST_PART: usize = 4;
    let (one_joined, other_joined) = (one.concat(), other.concat());
    if one_joined.is_empty() || other_joined.is_empty() {
        return None;
    }
    let words = |stems: &[String]| stems.iter().cloned().collect::<BTreeSet<String>>();
    let (one_words, other_words) = (words(one), words(other));
    if one_joined == other_joined || one_words == other_words {
        return Some(0);
    }
    let is_part = |part: &str, whole: &str| part.len() >= SHORTEST_PART && whole.contains(part);
    if one_words.is_subset(&other_words)
        || other_words.is_subset(&one_words)
        || is_part(&one_joined, &other_joined)
        || is_part(&other_joined, &one_joined)
    {
        return Some(1);
    }
    let letters = one_joined.chars().count().max(other_joined.chars().count());
    let edits = strsim::damerau_levenshtein(&one_joined, &other_joined);
    if edits <= (letters / 4).clamp(1, 3) {
        return Some(1 + edits);
    }
    let has_common = one_words.intersection(&other_words).any(|word| word.len() >= SHORTEST_PART);
    has_common.then_some(9)
}

/// The words of a name without their endings: `Logged In` is `log` and `in`.
fn stems(name: &str) -> Vec<String> {
    words(name).iter().map(|word| stem(word)).collect()
}

/// The words in lower case: divided by signs, by digits and where a small
/// letter meets a capital.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last: Option<char> = None;
    for letter in name.chars() {
        let is_new = last.is_none_or(|last| {
            !last.is_alphanumeric()
                || last.is_lowercase() && letter.is_uppercase()
                || last.is_numeric() != letter.is_numeric()
        });
        last = Some(letter);
        if !letter.is_alphanumeric() {
            continue;
        }
        match words.last_mut() {
            Some(word) if !is_new => word.extend(letter.to_lowercase()),
            _ => words.push(letter.to_lowercase().collect()),
        }
    }
    words
}

/// A word without the usual endings of English.
fn stem(word: &str) -> String {
    let cut = |ending: &str, least: usize| word.strip_suffix(ending).filter(|rest| rest.chars().count() >= least);
    let (root, was_cut) = if let Some(root) = cut("ied", 2).or_else(|| cut("ies", 2)) {
        return format!("{root}i");
    } else if let Some(root) = cut("ing", 3).or_else(|| cut("ed", 2)) {
        (root, true)
    } else if let Some(root) = cut("s", 2).filter(|root| !root.ends_with('s')) {
        (root, false)
    } else {
        (word, false)
    };
    let mut letters: Vec<char> = root.chars().collect();
    // `logged` is from `log`.
    if was_cut && letters.len() >= 4 && letters[letters.len() - 1] == letters[letters.len() - 2] {
        letters.pop();
    }
    if letters.len() > 3 && letters.last() == Some(&'e') {
        letters.pop();
    }
    if letters.len() > 2 && letters.last() == Some(&'y') {
        letters.pop();
        letters.push('i');
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(name: &str, known: &[&str]) -> Option<String> {
        let rows = |index: usize| 100 - index as u64;
        let known: Vec<KnownName> = known
            .iter()
            .enumerate()
            .map(|(index, name)| KnownName { name: (*name).to_owned(), rows: rows(index), shapes: Vec::new() })
            .collect();
        nearest(name, &known).map(|known| known.name.clone())
    }

    #[test]
    fn a_name_is_recognized_in_other_spellings() {
        for (name, spelling) in [
            ("login", "Logged In"),
            ("login", "log_in"),
            ("login", "user.login"),
            ("login", "LoggedIn"),
            ("logins", "Login"),
            ("signup", "Signed Up"),
            ("report_created", "Created Report"),
            ("report_created", "ReportCreate"),
            ("report created", "create-reports"),
            ("champion", "Champions"),
            ("nps", "NPS"),
            ("urgent", "Urgnet"),
            ("company_tried", "company trying"),
            ("económico", "Económico Comprador"),
        ] {
            let known = ["Export", "Page Viewed", spelling];
            assert_eq!(meant(name, &known).as_deref(), Some(spelling), "{name}");
        }
    }

    #[test]
    fn of_several_the_nearest_then_the_most_frequent_is_meant() {
        assert_eq!(meant("login", &["login failed", "Logged In"]).as_deref(), Some("Logged In"));
        assert_eq!(meant("login", &["Logged In", "log in"]).as_deref(), Some("Logged In"));
        assert_eq!(meant("login", &["Export", "Page Viewed"]), None);
        assert_eq!(meant("", &["Export"]), None);
        assert_eq!(meant("!", &["?"]), None);
    }
}
