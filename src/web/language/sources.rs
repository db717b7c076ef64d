//! Reads the templates and the code of the pages, and holds the catalogue against them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Words that are the same in all languages.
const NAMES: &[&str] = &["Keepwell"];

/// A text that is said, and its second form where a number decides.
#[derive(Debug)]
struct Phrase {
    place: String,
    text: String,
    other: Option<String>,
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files(&entry, extension, found);
        } else if entry.extension().is_some_and(|known| known == extension) {
            found.push(entry);
        }
    }
    found.sort();
}

/// The files of the pages with their texts; tests within them are left out.
fn sources(extension: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut found = Vec::new();
    files(&folder, extension, &mut found);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&folder).expect("below it").display().to_string();
        let text = fs::read_to_string(&path).expect("readable");
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
        let is_catalogue = ["language/mod.rs", "language/sources.rs", "language/catalogue.rs"].contains(&&*name);
        (!is_catalogue).then_some((name, text))
    };
    found.into_iter().filter_map(read).collect()
}

/// The string literal that a text begins with, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let (mut said, mut rest) = (String::new(), &text[1..]);
    loop {
        let letter = rest.chars().next()?;
        rest = &rest[letter.len_utf8()..];
        match letter {
            _ if letter == quote => return Some((said, rest)),
            // The line goes on at the next word.
            '\\' if rest.starts_with('\n') => rest = rest.trim_start(),
            '\\' => {
                let escaped = rest.chars().next()?;
                rest = &rest[escaped.len_utf8()..];
                said.push(if escaped == 'n' { '\n' } else { escaped });
            }
            _ => said.push(letter),
        }
    }
}

/// A file beside this one.
fn own_file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/language");
    fs::read_to_string(folder.join(name)).expect("readable")
}

fn said_in_code() -> Vec<Phrase> {
    let mut all = Vec::new();
    for (name, text) in sources("rs") {
        for marker in ["say!(", "phrase!(", "NotFound(", "refusal("] {
            for (at, _) in text.match_indices(marker) {
                let after = text[at + marker.len()..].trim_start();
                let place = format!("{name}:{}", text[..at].lines().count());
                if marker == "NotFound(" || marker == "refusal(" {
                    // A variable may stand there, of a text that is said elsewhere.
                    let arguments = after.split([')', '{', ';']).next().unwrap_or_default();
                    if let Some((text, _)) = arguments.find('"').and_then(|begin| literal(&after[begin..])) {
                        all.push(Phrase { place, text, other: None });
                    }
                    continue;
                }
                let by_count = !after.starts_with('"');
                let begin = after.find('"').unwrap_or_else(|| panic!("{place}: no text"));
                let (text, rest) = literal(&after[begin..]).unwrap_or_else(|| panic!("{place}: no end"));
                let other = by_count.then(|| {
                    let rest = rest.trim_start_matches([',', ' ', '\n']);
                    literal(rest).unwrap_or_else(|| panic!("{place}: no second text")).0
                });
                all.push(Phrase { place, text, other });
            }
        }
    }
    all
}

fn said_in_templates() -> Vec<Phrase> {
    let mut all = Vec::new();
    for (name, text) in sources("html") {
        let text = without(&text, "{#", "#}");
        for (at, _) in text.match_indices("say(") {
            let Some((said, rest)) = literal(&text[at + 4..]) else { continue };
            let rest = rest.split("}}").next().unwrap_or_default();
            let other = rest.split_once("other=").filter(|(before, _)| !before.contains("say("));
            let other = other.and_then(|(_, text)| literal(text)).map(|(text, _)| text);
            all.push(Phrase { place: name.clone(), text: said, other });
        }
    }
    all
}

/// The text without what stands between two marks.
fn without(text: &str, begin: &str, end: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, inner)) = rest.split_once(begin) {
        kept.push_str(before);
        rest = inner.split_once(end).map_or("", |(_, after)| after);
    }
    kept + rest
}

fn names_in_braces(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect()
}

#[test]
fn the_catalogue_has_what_is_said_and_no_more() {
    let catalogue = own_file("catalogue.rs");
    let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (file, text) in sources("yaml") {
        let file = file.trim_start_matches("language/zh/").trim_end_matches(".yaml").to_owned();
        if !catalogue.contains(&format!("\"{file}\"")) {
            wrong.push(format!("{file}.yaml is not read: name it in catalogue.rs"));
        }
        let entries: BTreeMap<String, String> = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        for (english, chinese) in entries {
            if chinese.trim().is_empty() {
                wrong.push(format!("{file}: {english:?} has no translation"));
            }
            if let Some((other, _)) = known.insert(english.clone(), (file.clone(), chinese)) {
                wrong.push(format!("{file}: {english:?} stands in {other}, too"));
            }
        }
    }
    let mut unused: BTreeSet<&String> =
        known.iter().filter(|(_, (file, _))| *file != "words").map(|(english, _)| english).collect();
    for said in said_in_code().into_iter().chain(said_in_templates()) {
        let Some((file, chinese)) = known.get(&said.text) else {
            wrong.push(format!("{}: {:?} is not in the catalogue", said.place, said.text));
            continue;
        };
        unused.remove(&said.text);
        let mut names = names_in_braces(&said.text);
        names.extend(said.other.iter().flat_map(|other| names_in_braces(other)));
        if names != names_in_braces(chinese) {
            wrong.push(format!("{file}: {:?} has other names in braces than {:?}", chinese, said.text));
        }
    }
    wrong.extend(unused.into_iter().map(|english| format!("nobody says {english:?}")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The words of a template that it does not say by the catalogue.
fn words_beside_it(text: &str) -> Vec<String> {
    let text = without(text, "{#", "#}");
    let mut words = Vec::new();
    // Literals of expressions: the arguments of `say` are of the catalogue.
    for part in text.split("{{").skip(1).chain(text.split("{%").skip(1)) {
        let expression = part.split("}}").next().unwrap_or_default().split("%}").next().unwrap_or_default();
        let mut rest = expression;
        while let Some(at) = rest.find(['"', '\'']) {
            let is_said = ["say(", "other=", "include ", "extends "].iter().any(|before| rest[..at].ends_with(before));
            let Some((text, after)) = literal(&rest[at..]) else { break };
            let is_word = text.starts_with(char::is_uppercase) || text.trim().contains(' ');
            if !is_said && is_word && text.contains(char::is_alphabetic) {
                words.push(text);
            }
            rest = after;
        }
    }
    let markup = without(&without(&text, "{{", "}}"), "{%", "%}");
    for name in ["title", "aria-label", "placeholder", "alt", "data-label"] {
        for (at, _) in markup.match_indices(&format!(" {name}=\"")) {
            let value = markup[at + name.len() + 3..].split('"').next().unwrap_or_default();
            words.extend(Some(value.to_owned()).filter(|text| text.contains(char::is_alphabetic)));
        }
    }
    let shown = without(&without(&markup, "<code>", "</code>"), "<", ">");
    words.extend(shown.lines().map(|line| without(line, "&", ";").trim().to_owned()).filter(|line| {
        let line = NAMES.iter().fold(line.clone(), |line, name| line.replace(name, ""));
        line.contains(char::is_alphabetic)
    }));
    words
}

#[test]
fn no_template_has_words_beside_the_catalogue() {
    let mut wrong = Vec::new();
    for (name, text) in sources("html") {
        wrong.extend(words_beside_it(&text).iter().map(|word| format!("{name}: {word:?}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn words_of_a_template_are_found() {
    let of = |text: &str| words_beside_it(text);
    assert_eq!(
        of("{# Words #}<h1>{{ say(\"Today\") }}</h1> – <code>keepwell</code> Keepwell &amp;"),
        Vec::<String>::new()
    );
    assert_eq!(of("<h1>Today</h1>"), ["Today"]);
    assert_eq!(of("<nav aria-label=\"Pages\" class=\"pages\">"), ["Pages"]);
    assert_eq!(of("{{ \"Overdue\" if late else say(\"Due\") }}"), ["Overdue"]);
    assert_eq!(of("{% if kind == \"done\" %}{% include \"A.html\" %}{% endif %}"), Vec::<String>::new());
}

#[test]
fn a_literal_is_read_as_it_is_compiled() {
    assert_eq!(literal("\"a \\\"b\\\" \\\n     c\", d"), Some(("a \"b\" c".to_owned(), ", d")));
}
