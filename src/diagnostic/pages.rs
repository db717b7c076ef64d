//! The page of each code: what it means, with a wrong and a right example.
//!
//! The pages stand in `docs/diagnostics.md` and nowhere else: one section for
//! each of [`CODES`], whose heading is the code and its title.

use super::CODES;

const DOCUMENT: &str = include_str!("../../docs/diagnostics.md");

/// What begins and ends an example.
const FENCE: &str = "```";

/// What the documentation says of one code.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub code: &'static str,
    pub title: &'static str,
    /// Markdown, without the heading.
    pub text: &'static str,
}

/// Every page, in the order of the document.
pub fn pages() -> impl Iterator<Item = Page> {
    DOCUMENT.split("\n## ").skip(1).filter_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        let (code, title) = heading.split_once(": ")?;
        Some(Page { code, title, text: text.trim() })
    })
}

/// The page of that exact code.
pub fn page(code: &str) -> Option<Page> {
    pages().find(|page| page.code == code)
}

/// The code that a word means: in small or capital letters, with or without
/// `KW` and its zeros. Else, as an error, the nearest code.
pub fn find_code(word: &str) -> Result<&'static str, &'static str> {
    let codes = || CODES.iter().map(|(code, _)| *code);
    let word = word.trim().to_uppercase();
    let digits = word.trim_start_matches("KW");
    let spelt = match digits.chars().all(|c| c.is_ascii_digit()) {
        true => format!("KW{digits:0>4}"),
        false => word,
    };
    match codes().find(|code| *code == spelt) {
        Some(code) => Ok(code),
        None => Err(codes().min_by_key(|code| strsim::damerau_levenshtein(code, &spelt)).unwrap_or_default()),
    }
}

impl Page {
    /// For a terminal: examples are indented, without their fences.
    pub fn render(&self) -> String {
        let mut out = format!("{}: {}\n\n", self.code, self.title);
        let mut in_example = false;
        for line in self.text.lines() {
            if line.starts_with(FENCE) {
                in_example = !in_example;
                continue;
            }
            let indent = if in_example && !line.is_empty() { "    " } else { "" };
            out.push_str(&format!("{indent}{line}\n"));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_page_and_each_page_a_code() {
        let pages: Vec<(&str, &str)> = pages().map(|page| (page.code, page.title)).collect();
        assert_eq!(pages, CODES, "write a section in docs/diagnostics.md for each code, with the title of the list");
    }

    #[test]
    fn a_code_is_found_as_people_write_it() {
        for word in ["KW0207", "kw0207", " 0207", "207", "KW207"] {
            assert_eq!(find_code(word), Ok("KW0207"), "{word}");
        }
        for (word, near) in [("KW0270", "KW0207"), ("KW02077", "KW0207"), ("KW0901", "KW0001")] {
            assert_eq!(find_code(word), Err(near), "{word}");
        }
    }

    #[test]
    fn a_page_is_printed_without_fences() {
        let page = page("KW0207").map(|page| page.render()).unwrap_or_default();
        assert!(page.starts_with("KW0207: a value that can be missing is used without a guard\n\n"), "{page}");
        assert!(page.contains("\nWrong:\n\n    when: account.score(\"nps\") < 7\n\nRight:\n\n    when:"), "{page}");
        assert!(!page.contains(FENCE), "{page}");
    }
}
