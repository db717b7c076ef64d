//! The commands of `benches/ratios`, as its sources name them.

/// The texts of a list in Rust's source, such as `const PARTS: [&str; 1] = ["evaluate"];`.
pub fn listed(source: &str, name: &str) -> Vec<String> {
    let start = source.find(&format!("const {name}:")).expect("the list");
    let values = source[start..].split_once('=').expect("its values").1;
    let values = values.split_once(';').expect("its end").0;
    values.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The options that a source matches, such as `--accounts`.
pub fn options(source: &str) -> Vec<String> {
    let texts = source.split('"').skip(1).step_by(2);
    texts.filter(|text| text.starts_with("--") && !text.contains(' ')).map(str::to_owned).collect()
}

/// Every `cargo bench` of a page, with its arguments: in blocks and in the text.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let ends = ['#', '`', '\n'];
    let after = text.match_indices("cargo bench").map(|(at, name)| &text[at + name.len()..]);
    after
        .map(|rest| rest.split(ends).next().unwrap_or_default().split_whitespace().map(str::to_owned).collect())
        .collect()
}

/// The words of a command that are neither names nor options, nor an option's value.
pub fn unknown(words: &[String], names: &[String], options: &[String]) -> Vec<String> {
    let mut words = words.iter();
    let mut found = Vec::new();
    match words.next() {
        Some(first) if first != "--" => found.push(first.clone()),
        _ => {}
    }
    while let Some(word) = words.next() {
        if options.contains(word) {
            words.next();
        } else if !names.contains(word) {
            found.push(word.clone());
        }
    }
    found
}

#[test]
fn unknown_bench_commands_are_found() {
    let source = "/// Parts.\nconst PARTS: [&str; 2] = [\"evaluate\",\n    \"deliver\"];\nmatch x { \"--accounts\" => 1, \"-- no\" => 2 }";
    let (names, options) = (listed(source, "PARTS"), options(source));
    assert_eq!(names, ["evaluate", "deliver"]);
    assert_eq!(options, ["--accounts"]);
    let page = "```sh\ncargo bench       # all\ncargo bench -- evaluate --accounts 10   # some\n```\n\
                See `cargo bench -- evaluat` and `cargo bench -- deliver --account 5`, or `cargo bench deliver`.\n";
    let found: Vec<_> = commands(page).iter().map(|words| unknown(words, &names, &options)).collect();
    assert_eq!(found, [vec![], vec![], vec!["evaluat"], vec!["--account", "5"], vec!["deliver"]]);
}
