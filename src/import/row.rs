//! Rows as they come from a file, and where its fields go.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::relation::{Kind, Need, Relation};
use super::value::{Cell, quoted};
use crate::diagnostic::nearest;

/// A row that is well formed; whether a new one is complete is seen later.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it begins, from 1.
    pub line: u64,
    /// One for each column of the relation, in its order.
    pub cells: Vec<Cell>,
    /// Whether an id of its key had spaces around it, which are not kept.
    pub padded: bool,
}

/// A mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: u64,
    /// The column, or the header where no column is meant.
    pub column: Option<String>,
    pub message: String,
}

impl Problem {
    pub fn new(line: u64, column: Option<&str>, message: impl Into<String>) -> Problem {
        Problem { line, column: column.map(str::to_owned), message: message.into() }
    }
}

/// Where a field of a file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldTarget {
    /// To the column at this position.
    Column(usize),
    /// To this key of the relation's object.
    Key(String),
    Ignored,
}

/// Which header means which column.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub relation: Arc<Relation>,
    /// Headers that a person gave another meaning.
    renamed: Vec<(String, FieldTarget)>,
    ignore_unknown: bool,
}

impl Mapping {
    /// A mapping with pairs of a column and the header that stands for it. A
    /// column may be `traits.KEY` or `properties.KEY`. An unknown header is an
    /// error unless they are to be ignored.
    pub fn new(relation: Arc<Relation>, pairs: &[(String, String)], ignore_unknown: bool) -> Result<Mapping, String> {
        let mut mapping = Mapping { relation, renamed: Vec::new(), ignore_unknown };
        for (column, header) in pairs {
            let target = mapping
                .by_name(column)
                .map_err(|near| format!("--map {column}={header}: no column `{column}`{near}"))?;
            if mapping.renamed.iter().any(|(known, _)| known == header) {
                return Err(format!("--map names the header `{header}` twice"));
            }
            if mapping.renamed.iter().any(|(_, known)| *known == target) {
                return Err(format!("--map names the column `{column}` twice"));
            }
            mapping.renamed.push((header.clone(), target));
        }
        Ok(mapping)
    }

    /// Where a header's fields go; an error says what could be meant.
    pub fn target(&self, header: &str) -> Result<FieldTarget, String> {
        if let Some((_, target)) = self.renamed.iter().find(|(known, _)| known == header) {
            return Ok(target.clone());
        }
        if header.is_empty() {
            return self.unknown("a column has no header; --ignore-unknown passes it over".to_owned());
        }
        match self.by_name(header) {
            // The column comes from another header.
            Ok(target) if self.renamed.iter().any(|(_, taken)| *taken == target) => {
                self.unknown("is not used, since --map takes this column from another header".to_owned())
            }
            Ok(target) => Ok(target),
            Err(near) => {
                let other = match self.relation.object() {
                    Some(object) => format!("; --map COLUMN={header} gives it one, also {}.KEY", object.name),
                    None => format!("; --map COLUMN={header} gives it one"),
                };
                self.unknown(format!("is no column of {}{near}{other}", self.relation.name))
            }
        }
    }

    /// The targets of a header line, and what is wrong with it.
    pub fn targets(&self, line: u64, headers: &[String]) -> (Vec<FieldTarget>, Vec<Problem>) {
        let (mut targets, mut problems) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for header in headers {
            if !header.is_empty() && !seen.insert(header.as_str()) {
                problems.push(Problem::new(line, Some(header), "stands in the header line twice"));
            }
            match self.target(header) {
                Ok(target @ FieldTarget::Column(at)) if targets.contains(&target) => {
                    let message = format!("is a second column for `{}`", self.relation.columns[at].name);
                    problems.push(Problem::new(line, Some(header), message));
                }
                Ok(target) => targets.push(target),
                Err(message) => problems.push(Problem::new(line, Some(header), message)),
            }
        }
        for (header, _) in self.renamed.iter().filter(|(header, _)| !seen.contains(header.as_str())) {
            let near = near(nearest(header, seen.iter().copied()));
            problems.push(Problem::new(line, Some(header), format!("is named by --map and not in the file{near}")));
        }
        if problems.is_empty() {
            for (at, key) in self.relation.keys().enumerate() {
                if !targets.contains(&FieldTarget::Column(at)) {
                    let name = &*key.name;
                    let message =
                        format!("is missing: it is part of the key; --map {name}=HEADER names another header");
                    problems.push(Problem::new(line, Some(name), message));
                }
            }
        }
        (targets, problems)
    }

    fn unknown(&self, message: String) -> Result<FieldTarget, String> {
        if self.ignore_unknown { Ok(FieldTarget::Ignored) } else { Err(message) }
    }

    /// A column by its name, or what else could be meant.
    fn by_name(&self, name: &str) -> Result<FieldTarget, String> {
        if let Some(at) = self.relation.position(name).or_else(|| self.relation.position_spelt(name)) {
            return Ok(FieldTarget::Column(at));
        }
        if let (Some(object), Some((before, key))) = (self.relation.object(), name.split_once('.'))
            && before == object.name
            && !key.is_empty()
        {
            return Ok(FieldTarget::Key(key.to_owned()));
        }
        Err(near(nearest(name, self.relation.columns.iter().map(|column| &*column.name))))
    }
}

fn near(found: Option<&str>) -> String {
    found.map(|word| format!(" (is {} meant?)", quoted(word))).unwrap_or_default()
}

/// A row that is being put together.
#[derive(Debug)]
pub struct Draft<'r> {
    pub line: u64,
    /// See [`Row::padded`].
    pub padded: bool,
    relation: &'r Relation,
    cells: Vec<Cell>,
    keys: Map<String, Json>,
    problem: Option<Problem>,
}

impl<'r> Draft<'r> {
    pub fn new(relation: &'r Relation, line: u64) -> Draft<'r> {
        Draft {
            line,
            padded: false,
            relation,
            cells: vec![Cell::Keep; relation.columns.len()],
            keys: Map::new(),
            problem: None,
        }
    }

    /// Keeps a column's value, or the first mistake.
    pub fn column(&mut self, at: usize, value: Result<Cell, String>) {
        match value {
            Ok(cell) => self.cells[at] = cell,
            Err(message) => self.wrong(Some(&self.relation.columns[at].name), message),
        }
    }

    /// Keeps a key of the object, or the first mistake.
    pub fn key(&mut self, key: &str, value: Result<Json, String>) {
        match value {
            Ok(value) => {
                self.keys.insert(key.to_owned(), value);
            }
            Err(message) => {
                let object = self.relation.object().map_or("", |column| &*column.name);
                self.wrong(Some(&format!("{object}.{key}")), message);
            }
        }
    }

    /// Notes a mistake; the first one counts.
    pub fn wrong(&mut self, column: Option<&str>, message: impl Into<String>) {
        if self.problem.is_none() {
            self.problem = Some(Problem::new(self.line, column, message));
        }
    }

    /// The row, if it has no mistake and its key is complete.
    pub fn finish(mut self) -> Result<Row, Problem> {
        let relation = self.relation;
        for (at, column) in relation.columns.iter().enumerate() {
            if column.need == Need::Key && self.cells[at] == Cell::Keep {
                self.wrong(Some(&column.name), "is missing, and it is part of the key");
            }
            if column.kind == Kind::Object && !self.keys.is_empty() {
                let keys = std::mem::take(&mut self.keys);
                match &mut self.cells[at] {
                    Cell::Object(whole) => {
                        for (key, value) in keys {
                            // A key that is null is no key.
                            if value.is_null() {
                                whole.remove(&key);
                            } else {
                                whole.insert(key, value);
                            }
                        }
                    }
                    cell => *cell = Cell::Keys(keys),
                }
            }
        }
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok(Row { line: self.line, cells: self.cells, padded: self.padded }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(relation: &str, pairs: &[(&str, &str)], ignore: bool) -> Result<Mapping, String> {
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Mapping::new(Arc::new(Relation::named(relation).unwrap().clone()), &pairs, ignore)
    }

    fn problem_texts(mapping: &Mapping, headers: &[&str]) -> Vec<String> {
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        let (_, problems) = mapping.targets(1, &headers);
        problems.into_iter().map(|problem| format!("{}: {}", problem.column.unwrap(), problem.message)).collect()
    }

    #[test]
    fn headers_find_their_columns() {
        let plain = mapping("accounts", &[], false).unwrap();
        assert_eq!(problem_texts(&plain, &["id", "tier", "traits.plan"]), [""; 0]);
        let unknown = problem_texts(&plain, &["id", "teir"]);
        assert!(unknown[0].contains("teir: is no column of accounts (is `tier` meant?); --map"), "{unknown:?}");
        assert!(problem_texts(&plain, &["id", "id"])[0].contains("twice"));
        assert!(problem_texts(&plain, &["name"])[0].starts_with("id: is missing"));
        assert!(problem_texts(&mapping("scores", &[], false).unwrap(), &["traits.x"])[0].contains("is no column"));
        assert_eq!(problem_texts(&mapping("accounts", &[], true).unwrap(), &["id", "Owner"]), [""; 0]);
    }

    #[test]
    fn a_mapping_renames_headers() {
        let map = mapping("accounts", &[("id", "Account ID"), ("traits.plan", "Plan")], false).unwrap();
        assert_eq!(map.target("Account ID"), Ok(FieldTarget::Column(0)));
        assert_eq!(map.target("Plan"), Ok(FieldTarget::Key("plan".to_owned())));
        assert_eq!(problem_texts(&map, &["Account ID", "Plan"]), [""; 0]);
        assert!(problem_texts(&map, &["Account Id", "Plan"])[1].contains("(is `Account Id` meant?)"));
        assert!(problem_texts(&map, &["Account ID", "Plan", "id"])[0].contains("is not used"));
        assert!(mapping("accounts", &[("idd", "x")], false).is_err());
        assert!(mapping("accounts", &[("id", "x"), ("id", "y")], false).is_err());
        assert!(mapping("accounts", &[("id", "x"), ("name", "x")], false).is_err());
    }
}
