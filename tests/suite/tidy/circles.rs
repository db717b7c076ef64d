//! Which file uses which, inside one top-level folder: files that use each other
//! in a circle can only be read, and changed, together.
//!
//! A path in a `use` or in code belongs to the file of its longest module
//! prefix. A `mod.rs` is the face of its folder: what it names of the files below
//! it is no use, and a path through its re-exports belongs to the file that the
//! item comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;
use super::{Finding, module_path};

type Path = Vec<String>;

/// Who uses whom, and by which names.
pub struct Graph {
    files: BTreeMap<Path, String>,
    reexports: BTreeMap<Path, Path>,
    uses: BTreeMap<Path, BTreeMap<Path, BTreeSet<String>>>,
}

impl Graph {
    pub fn read(sources: &[Source]) -> Graph {
        let files = sources.iter().map(|source| (module_path(&source.file), source.file.clone())).collect();
        let mut graph = Graph { files, reexports: BTreeMap::new(), uses: BTreeMap::new() };
        let mut paths = Vec::new();
        for source in sources {
            let module = module_path(&source.file);
            for path in graph.paths(&module, &source.code.join("\n")) {
                paths.push((module.clone(), path));
            }
        }
        for (module, path) in paths {
            graph.add(&module, path);
        }
        graph
    }

    /// The circles of each top-level folder, each with one way around it.
    pub fn circles(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut seen = BTreeSet::new();
        for start in self.files.keys() {
            if seen.contains(start) {
                continue;
            }
            if let Some(way) = self.way_back(start) {
                let names: Vec<&str> = way.iter().filter_map(|step| self.files.get(step)).map(String::as_str).collect();
                let taken = way.windows(2).filter_map(|two| self.uses.get(&two[0])?.get(&two[1])?.first());
                let taken: Vec<&str> = taken.map(String::as_str).collect();
                let what = format!("is in a circle: {} (by {})", names.join(" -> "), taken.join(", "));
                findings.push(Finding { file: names.first().copied().unwrap_or_default().to_owned(), line: 1, what });
                seen.extend(way);
            }
        }
        findings
    }

    /// The shortest way from a file back to itself within its top-level folder.
    fn way_back(&self, start: &Path) -> Option<Vec<Path>> {
        let mut ways = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        while !ways.is_empty() {
            let mut longer = Vec::new();
            for way in ways {
                for next in way.last().and_then(|last| self.uses.get(last)).into_iter().flat_map(BTreeMap::keys) {
                    let mut further = way.clone();
                    further.push(next.clone());
                    if next == start {
                        return Some(further);
                    }
                    if next.first() == start.first() && seen.insert(next.clone()) {
                        longer.push(further);
                    }
                }
            }
            ways = longer;
        }
        None
    }

    /// All paths of a file that lead into the program, from its root on.
    fn paths(&mut self, module: &Path, code: &str) -> Vec<Path> {
        let tokens = tokens(code);
        let (mut imports, mut rest, mut at) = (Vec::new(), Vec::new(), 0);
        while at < tokens.len() {
            if tokens[at] == "use" {
                at = import(&tokens, at + 1, &[], &mut imports);
            } else {
                rest.push(tokens[at]);
                at += 1;
            }
        }
        let mut names: BTreeMap<String, Path> = BTreeMap::new();
        // An import may begin with what another one brought in.
        for _ in 0..2 {
            for (path, name) in &imports {
                if let Some(path) = self.absolute(module, path, &names) {
                    if self.files.contains_key(&path) {
                        names.insert(name.clone(), path);
                    } else if path.starts_with(module) {
                        self.reexports.insert([module.as_slice(), std::slice::from_ref(name)].concat(), path);
                    }
                }
            }
        }
        let mut found: Vec<Path> = imports.iter().filter_map(|(path, _)| self.absolute(module, path, &names)).collect();
        let mut at = 0;
        while at < rest.len() {
            let mut path = vec![rest[at].to_owned()];
            let starts = is_name(rest[at]) && (at == 0 || rest[at - 1] != "::");
            at += 1;
            while starts && at + 1 < rest.len() && rest[at] == "::" && is_name(rest[at + 1]) {
                path.push(rest[at + 1].to_owned());
                at += 2;
            }
            if path.len() > 1 {
                found.extend(self.absolute(module, &path, &names));
            }
        }
        found
    }

    fn absolute(&self, module: &Path, path: &[String], names: &BTreeMap<String, Path>) -> Option<Path> {
        let (head, mut rest) = path.split_first()?;
        let child = [module.as_slice(), std::slice::from_ref(head)].concat();
        let mut base = match head.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            name if names.contains_key(name) => names.get(name)?.clone(),
            _ if self.files.contains_key(&child) => child,
            _ => return None,
        };
        while let [first, others @ ..] = rest
            && first == "super"
        {
            base.pop()?;
            rest = others;
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The longest prefix of a path that is a file.
    fn file_of(&self, path: &Path) -> Option<Path> {
        (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|prefix| self.files.contains_key(prefix))
    }

    fn add(&mut self, module: &Path, mut path: Path) {
        // What only names a file is an alias; it counts where it is used.
        if self.files.contains_key(&path) {
            return;
        }
        let Some(mut file) = self.file_of(&path) else { return };
        for _ in 0..4 {
            let through = path[..(file.len() + 1).min(path.len())].to_vec();
            let Some(origin) = self.reexports.get(&through).cloned() else { break };
            path = [origin, path[through.len()..].to_vec()].concat();
            match self.file_of(&path) {
                Some(origin) => file = origin,
                None => return,
            }
        }
        let is_face = self.files.get(module).is_some_and(|file| file.ends_with("/mod.rs"));
        if file == *module || module.is_empty() || is_face && file.starts_with(module) {
            return;
        }
        let name = path[file.len()..].join("::");
        self.uses.entry(module.clone()).or_default().entry(file).or_default().insert(name);
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Reads one tree of a `use`: each path in it with the name it has here.
/// Returns where the tree ends.
fn import(tokens: &[&str], mut at: usize, before: &[String], found: &mut Vec<(Path, String)>) -> usize {
    let mut path = before.to_vec();
    while at < tokens.len() {
        match tokens[at] {
            "::" => at += 1,
            "{" => {
                at += 1;
                while at < tokens.len() && tokens[at] != "}" {
                    at = import(tokens, at, &path, found);
                    at += usize::from(tokens.get(at) == Some(&","));
                }
                return at + 1;
            }
            "as" => {
                found.push((path, tokens.get(at + 1).copied().unwrap_or_default().to_owned()));
                return at + 2;
            }
            "*" => return at + 1,
            "self" if !path.is_empty() => at += 1,
            name if is_name(name) => {
                path.push(name.to_owned());
                at += 1;
            }
            _ => break,
        }
    }
    if let Some(name) = path.last().cloned() {
        found.push((path, name));
    }
    at
}

/// The types of each top-level folder that share a name. Some names are asked
/// for by a list: each of its files has one.
pub fn twins(sources: &[Source]) -> Vec<Finding> {
    const LISTED: [(&str, &str); 3] = [("action", "Kind"), ("rule", "Fact"), ("cli", "Options")];
    let mut types: BTreeMap<(String, String), Vec<(String, usize)>> = BTreeMap::new();
    for source in sources {
        for (line, code) in source.numbered() {
            // An associated type of an impl is indented.
            let words: Vec<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            for two in words.windows(2) {
                let declares = matches!(two[0], "struct" | "enum" | "trait" | "union")
                    || two[0] == "type" && !code.starts_with([' ', '\t']);
                if declares && two[1].starts_with(char::is_uppercase) {
                    let key = (source.module().to_owned(), two[1].to_owned());
                    types.entry(key).or_default().push((source.file.clone(), line));
                }
            }
        }
    }
    let mut findings = Vec::new();
    for ((module, name), places) in types {
        let [(file, line), others @ ..] = places.as_slice() else { continue };
        let listed = LISTED.contains(&(module.as_str(), name.as_str()));
        if let Some((other, _)) = others.iter().find(|(other, _)| other != file).filter(|_| !listed) {
            let what = format!("the type `{name}` stands in {other} too: say of what it is one");
            findings.push(Finding { file: file.clone(), line: *line, what });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files.iter().map(|(file, text)| Source::read(file, text)).collect();
        Graph::read(&sources).circles().iter().map(Finding::to_string).collect()
    }

    #[test]
    fn circles_are_found() {
        let two = [
            ("src/rule/a.rs", "use super::b::B;\npub struct A;"),
            ("src/rule/b.rs", "fn f() { crate::rule::a::g(); }"),
        ];
        assert_eq!(
            circles(&two),
            ["src/rule/a.rs:1: is in a circle: src/rule/a.rs -> src/rule/b.rs -> src/rule/a.rs (by B, g)"]
        );
        let by_name = [
            ("src/rule/a.rs", "use crate::rule::{b, c::C};\nfn f() -> b::B {}"),
            ("src/rule/b.rs", "use super::a::A as X;"),
            ("src/rule/c.rs", ""),
        ];
        assert_eq!(circles(&by_name).len(), 1);
        let through_the_face = [
            ("src/rule/mod.rs", "mod a;\nmod b;\npub use a::A;"),
            ("src/rule/a.rs", "use super::b::B;"),
            ("src/rule/b.rs", "use super::A;"),
        ];
        assert_eq!(circles(&through_the_face).len(), 1);
        let of_three = [
            ("src/x/a.rs", "use super::b::B;"),
            ("src/x/b.rs", "use super::c::C;"),
            ("src/x/c.rs", "use super::a::A;"),
        ];
        assert_eq!(circles(&of_three).len(), 1);
    }

    #[test]
    fn a_folder_and_its_face_are_no_circle() {
        let face = [
            ("src/rule/mod.rs", "mod a;\npub struct Rule;\nfn f() { a::g(); }"),
            (
                "src/rule/a.rs",
                "use super::Rule;\n// use super::b;\n#[cfg(test)]\nmod tests {\n    use crate::rule::b::B;\n}",
            ),
            ("src/rule/b.rs", "use super::a::g;\nlet x = \"super::c::d\";"),
            ("src/facts/b.rs", "use crate::rule::a::g;"),
        ];
        assert_eq!(circles(&face), Vec::<String>::new());
    }

    #[test]
    fn types_with_one_name_are_found() {
        let find = |files: &[(&str, &str)]| {
            let sources: Vec<Source> = files.iter().map(|(file, text)| Source::read(file, text)).collect();
            twins(&sources).len()
        };
        assert_eq!(find(&[("src/store/a.rs", "pub struct Row {}"), ("src/store/b/c.rs", "enum Row {}")]), 1);
        assert_eq!(find(&[("src/store/a.rs", "pub struct Row {}"), ("src/web/a.rs", "struct Row {}")]), 0);
        assert_eq!(find(&[("src/store/a.rs", "    type Item = X;"), ("src/store/b.rs", "    type Item = Y;")]), 0);
        assert_eq!(find(&[("src/action/a.rs", "struct Kind;"), ("src/action/b.rs", "struct Kind;")]), 0);
    }
}
