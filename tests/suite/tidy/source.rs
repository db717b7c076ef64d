//! A Rust file as the rules read it: code, comments and texts apart, with the
//! code of tests left out. Not a parser; enough for this repository.

/// One file.
pub struct Source {
    pub file: String,
    /// Every line as it is.
    pub lines: Vec<String>,
    /// Every line without comments and the insides of texts; empty in tests.
    pub code: Vec<String>,
    /// The texts in quotes, joined over lines, with the line each starts on;
    /// none from tests.
    pub texts: Vec<(usize, String)>,
}

impl Source {
    pub fn read(file: &str, text: &str) -> Source {
        let (mut code, mut texts) = split(text);
        let is_test_file = file.contains("/tests/") || file.ends_with("/tests.rs");
        let tests: Vec<bool> = in_tests(&code).into_iter().map(|inside| inside || is_test_file).collect();
        for (line, inside) in code.iter_mut().zip(&tests) {
            if *inside {
                line.clear();
            }
        }
        texts.retain(|(line, _)| !tests.get(line - 1).copied().unwrap_or(false));
        Source { file: file.to_owned(), lines: text.lines().map(str::to_owned).collect(), code, texts }
    }

    /// The first folder below `src`, or the file's own name.
    pub fn module(&self) -> &str {
        let path = self.file.strip_prefix("src/").unwrap_or(&self.file);
        path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
    }

    /// Every line of code with its 1-based number.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.iter().enumerate().map(|(at, line)| (at + 1, line.as_str()))
    }
}

/// Code without comments and texts, line by line, and the texts.
fn split(text: &str) -> (Vec<String>, Vec<(usize, String)>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut texts) = (vec![String::new()], Vec::new());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let before = at.checked_sub(1).map(|at| chars[at]);
        let length = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => rest.windows(2).position(|two| two == ['*', '/']).map_or(rest.len(), |end| end + 2),
            ['"', ..] => {
                let length = quoted(rest);
                texts.push((code.len(), rest[1..length.max(2) - 1].iter().collect()));
                length
            }
            ['r', '"' | '#', ..] if before.is_none_or(|c| !c.is_alphanumeric() && c != '_') => match raw(rest) {
                Some((length, inside)) => {
                    texts.push((code.len(), inside));
                    length
                }
                None => 1,
            },
            ['\'', '\\', ..] => 2 + rest[2..].iter().skip(1).position(|c| *c == '\'').map_or(0, |end| end + 2),
            ['\'', _, '\'', ..] => 3,
            _ => {
                if rest[0] == '\n' {
                    code.push(String::new());
                } else if let Some(line) = code.last_mut() {
                    line.push(rest[0]);
                }
                at += 1;
                continue;
            }
        };
        for _ in rest[..length].iter().filter(|c| **c == '\n') {
            code.push(String::new());
        }
        if let (Some(line), ['"' | 'r' | '\'', ..]) = (code.last_mut(), rest) {
            line.push_str(if length == 1 { "r" } else { "\"\"" });
        }
        at += length;
    }
    (code, texts)
}

fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length and the inside of `r#"…"#`.
fn raw(rest: &[char]) -> Option<(usize, String)> {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    let start = hashes + 2;
    if rest.get(hashes + 1) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let length = rest[start..].windows(end.len()).position(|window| window == end)?;
    Some((start + length + end.len(), rest[start..start + length].iter().collect()))
}

/// Which lines belong to `#[cfg(test)]` items.
fn in_tests(code: &[String]) -> Vec<bool> {
    let mut inside = vec![false; code.len()];
    let mut at = 0;
    while at < code.len() {
        if !code[at].contains("#[cfg(test)]") {
            at += 1;
            continue;
        }
        let mut depth = 0i32;
        while at < code.len() {
            inside[at] = true;
            let opened = code[at].matches('{').count() as i32;
            depth += opened - code[at].matches('}').count() as i32;
            let ended = code[at].trim_end().ends_with([';', '}']);
            at += 1;
            if depth <= 0 && (opened > 0 || ended) {
                break;
            }
        }
    }
    inside
}

#[test]
fn code_comments_texts_and_tests_are_told_apart() {
    let text = concat!(
        "use a::b; // c::d\n/* e::f\n g */ let x = \"h::i\\\" j\";\nlet y = r#\"k \"l\" m\"#; let c = '\"';\n",
        "#[cfg(test)]\nmod tests {\n    fn n() { let o = \"p\"; }\n}\nfn q<'a>(r: &'a str) {}\n",
        "#[cfg(test)]\nmod tests;\nfn s() {}\n",
    );
    let source = Source::read("src/playbook/x.rs", text);
    assert_eq!(source.module(), "playbook");
    assert_eq!(source.code[0].trim(), "use a::b;");
    assert_eq!(source.code[2].trim(), "let x = \"\";");
    assert_eq!(source.code[3], "let y = \"\"; let c = \"\";");
    assert_eq!(source.texts, [(3, "h::i\\\" j".to_owned()), (4, "k \"l\" m".to_owned())]);
    assert!(source.code[4..8].iter().all(String::is_empty));
    assert_eq!(source.code[8], "fn q<'a>(r: &'a str) {}");
    assert_eq!(source.code[11], "fn s() {}");
    assert_eq!(source.code.len(), source.lines.len() + 1);
}
