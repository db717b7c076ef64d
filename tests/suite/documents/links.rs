//! Links between the pages, and the anchors that they may name.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What a path of the repository leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Missing,
    /// A folder, or a file that is no page.
    Other,
    /// A page, with its text.
    Page(String),
}

/// The relative links of a page that lead nowhere, each with the reason.
/// `look` finds a path that is relative to the repository.
pub fn broken(page: &str, text: &str, look: impl Fn(&str) -> Place) -> Vec<String> {
    let mut findings = Vec::new();
    for (line, target) in relative_links(text) {
        let (path, anchor) = match target.split_once('#') {
            Some((path, anchor)) => (path, Some(anchor)),
            None => (target.as_str(), None),
        };
        let place = match resolve(page, path) {
            _ if path.is_empty() => Place::Page(text.to_owned()),
            Some(path) => look(&path),
            None => Place::Missing,
        };
        let reason = match (place, anchor) {
            (Place::Missing, _) => "there is no such file",
            (Place::Other, Some(_)) => "only a page has anchors",
            (Place::Page(text), Some(anchor)) if !anchors(&text).iter().any(|known| known == anchor) => {
                "the page has no such heading"
            }
            _ => continue,
        };
        findings.push(format!("{page}:{line}: {target}: {reason}"));
    }
    findings
}

/// The links that stay in the repository, with their lines.
pub fn relative_links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
            let is_elsewhere = ["http://", "https://", "mailto:"].iter().any(|scheme| dest_url.starts_with(scheme));
            if !is_elsewhere {
                found.push((text[..range.start].matches('\n').count() + 1, dest_url.into_string()));
            }
        }
    }
    found
}

/// The paths of sources that a page names in backticks and that lead nowhere.
/// A path begins with a top-level folder of sources, or with one of `src`.
pub fn missing_sources(page: &str, text: &str, look: impl Fn(&str) -> Place) -> Vec<String> {
    let mut findings = Vec::new();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let Event::Code(code) = event else { continue };
        let is_path = code.contains('/')
            && (code.ends_with(".rs") || code.ends_with('/'))
            && code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        if !is_path {
            continue;
        }
        let places = [code.to_string(), format!("src/{code}")];
        if places.iter().all(|place| look(place.trim_end_matches('/')) == Place::Missing) {
            findings.push(format!("{page}:{}: {code}", text[..range.start].matches('\n').count() + 1));
        }
    }
    findings
}

/// A link of a page as a path of the repository; `None` when it leaves it.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            // An absolute path.
            "" if link.starts_with('/') => return None,
            "" => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a page's headings, as hosting pages make them.
fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap_or_default());
                let repeated = |known: &&String| {
                    known.strip_prefix(&anchor).is_some_and(|rest| {
                        rest.is_empty() || rest.strip_prefix('-').is_some_and(|n| n.parse::<u8>().is_ok())
                    })
                };
                match found.iter().filter(repeated).count() {
                    0 => found.push(anchor),
                    before => found.push(format!("{anchor}-{before}")),
                }
            }
            _ => {}
        }
    }
    found
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn broken_links_are_found() {
    let look = |path: &str| match path {
        "docs/there.md" => Place::Page("# One\n\n## What `check` finds, and why\n\n## One\n".to_owned()),
        "docs" | "LICENSE" => Place::Other,
        _ => Place::Missing,
    };
    let findings = |text: &str| broken("docs/page.md", text, look);
    let good = "[a](there.md) [b](there.md#what-check-finds-and-why) [c](there.md#one-1) [d](../LICENSE) [e](.)\n\n\
                [f](#here) <https://example.com> `[g](nowhere.md)`\n\n```text\n[h](nowhere.md)\n```\n\n## Here\n";
    assert_eq!(findings(good), Vec::<String>::new());
    for (bad, reason) in [
        ("[a](nowhere.md)", "there is no such file"),
        ("[a](../../LICENSE)", "there is no such file"),
        ("[a](/LICENSE)", "there is no such file"),
        ("[a](there.md#two)", "the page has no such heading"),
        ("[a](there.md#one-2)", "the page has no such heading"),
        ("[a](#two)", "the page has no such heading"),
        ("[a](../LICENSE#one)", "only a page has anchors"),
        ("| a |\n|---|\n| [b](nowhere.md) |", "there is no such file"),
    ] {
        let found = findings(bad);
        assert!(found.len() == 1 && found[0].ends_with(reason), "{bad}: {found:?}");
    }
    assert_eq!(findings("one\n\n[a](no.md)\n"), ["docs/page.md:3: no.md: there is no such file"]);
}

#[test]
fn missing_sources_are_found() {
    let look = |path: &str| match path {
        "src/rule" | "src/rule/mod.rs" | "tests" => Place::Other,
        _ => Place::Missing,
    };
    let findings = |text: &str| missing_sources("docs/page.md", text, look);
    assert_eq!(findings("`rule/mod.rs` `src/rule/` `tests/` `.keepwell/x y/` `a/b` `/u/`\n"), ["docs/page.md:1: /u/"]);
    assert_eq!(findings("one\n`src/rule/gone.rs` `gone/`\n").len(), 2);
}
