//! A row that says what a column of an account was, what it became, and when.

use serde_json::Value as Json;

use super::relation::{Column, Kind, Relation, letters};
use super::row::{Problem, Row};
use super::value::{Cell, from_text, quoted, trait_from_text};
use crate::clock::Instant;
use crate::diagnostic::nearest;

/// The change of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnChange {
    pub line: u64,
    pub account: String,
    pub column: ChangedColumn,
    pub at: Instant,
    /// What it was before, as far as the row says it.
    pub was: Option<Json>,
    pub became: Json,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangedColumn {
    Column(String),
    /// A key of the account's attributes.
    Trait(String),
}

/// Reads changes: knows the columns of accounts and what files call them.
#[derive(Clone, Debug)]
pub struct ChangeReader {
    accounts: Relation,
    /// Names of files, and what is meant.
    names: Vec<(String, ChangedColumn)>,
    ignore_unknown: bool,
    now: Instant,
}

impl ChangeReader {
    /// Of accounts with these columns; each pair is a column of accounts and
    /// its name in the files. Nothing has changed later than `now`.
    pub fn new(
        accounts: Relation,
        names: &[(String, String)],
        ignore_unknown: bool,
        now: Instant,
    ) -> Result<ChangeReader, String> {
        let mut reader = ChangeReader { accounts, names: Vec::new(), ignore_unknown, now };
        for (column, name) in names {
            let meant = reader.by_name(column).map_err(|why| format!("--map {column}={name}: `{column}` {why}"))?;
            if reader.names.iter().any(|(known, _)| known == name) {
                return Err(format!("--map names `{name}` twice"));
            }
            reader.names.push((name.clone(), meant));
        }
        Ok(reader)
    }

    /// The change that a row tells of; `None` when it is about no column of
    /// accounts and may be passed over.
    pub fn change(&self, row: &Row) -> Result<Option<ColumnChange>, Problem> {
        let wrong = |column: &str, message: String| Problem::new(row.line, Some(column), message);
        let [Cell::Text(account), Cell::Text(name), Cell::Time(at), was, became] = row.cells.as_slice() else {
            return Err(Problem::new(row.line, None, "is no change of an account"));
        };
        let name = name.trim();
        let renamed = self.names.iter().find(|(known, _)| known == name).map(|(_, meant)| meant.clone());
        let column = match renamed.map_or_else(|| self.by_name(name), Ok) {
            Ok(column) => column,
            Err(_) if self.ignore_unknown => return Ok(None),
            Err(why) => {
                let help = format!("; --map COLUMN={} says which it is, --ignore-unknown passes it over", quoted(name));
                return Err(wrong("column", format!("{} {why}{help}", quoted(name))));
            }
        };
        if *at > self.now {
            return Err(wrong("at", format!("{} is in the future: write when it changed", at.to_rfc3339())));
        }
        let value = |cell: &Cell, field: &str| match cell {
            Cell::Keep => Ok(None),
            Cell::Text(text) => self.value(&column, text).map(Some).map_err(|why| wrong(field, why)),
            _ => Ok(Some(Json::Null)),
        };
        let was = value(was, "was")?;
        let Some(became) = value(became, "became")? else {
            return Err(wrong("became", "is missing: --map became=HEADER says where the new value stands".to_owned()));
        };
        Ok(Some(ColumnChange { line: row.line, account: account.clone(), column, at: *at, was, became }))
    }

    fn value(&self, column: &ChangedColumn, text: &str) -> Result<Json, String> {
        let name = match column {
            ChangedColumn::Trait(_) => return trait_from_text(text),
            ChangedColumn::Column(name) => name,
        };
        let column = self.accounts.columns.iter().find(|column| column.name == *name);
        let cell = column.map_or(Ok(Cell::Keep), |column| from_text(column, text));
        cell.map(as_json).map_err(|why| format!("{why} (the value of `{name}`)"))
    }

    /// What a name means, or why it means nothing.
    fn by_name(&self, name: &str) -> Result<ChangedColumn, String> {
        if let Some(key) = name.strip_prefix("traits.").filter(|key| !key.is_empty()) {
            return Ok(ChangedColumn::Trait(key.to_owned()));
        }
        let column = |column: &&Column| column.name == name;
        let spelt = |column: &&Column| letters(&column.name) == letters(name);
        let mut columns = self.accounts.columns.iter();
        let found = columns.clone().find(column).or_else(|| columns.find(spelt));
        match found {
            Some(column) if column.name == "id" => {
                Err("never changes: an account with another id is another".to_owned())
            }
            Some(column) if column.kind == Kind::Object => {
                Err(format!("is changed key by key: write {}.KEY", column.name))
            }
            Some(column) => Ok(ChangedColumn::Column(column.name.to_string())),
            None => {
                let near = nearest(name, self.accounts.columns.iter().map(|column| &*column.name));
                let near = near.map(|word| format!(" (is {} meant?)", quoted(word))).unwrap_or_default();
                Err(format!("is no column of accounts{near}"))
            }
        }
    }
}

/// A value as the database reads it for its column.
fn as_json(cell: Cell) -> Json {
    match cell {
        Cell::Keep | Cell::Null => Json::Null,
        Cell::Text(text) | Cell::Amount(text) => text.into(),
        Cell::Int(number) => number.into(),
        Cell::Long(number) => number.into(),
        Cell::Bool(value) => value.into(),
        Cell::Float(number) => number.into(),
        Cell::Time(at) => at.to_rfc3339().into(),
        Cell::Date(date) => date.to_string().into(),
        Cell::Object(map) | Cell::Keys(map) => map.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(names: &[(&str, &str)], column: &str, became: &str) -> Result<(ChangedColumn, Json), String> {
        let names: Vec<_> = names.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let accounts = Relation::named("accounts").expect("there are accounts").clone();
        let now = "2026-03-02T09:00:00Z".parse().expect("an instant");
        let text = |text: &str| Cell::Text(text.to_owned());
        let cells = vec![text("a"), text(column), Cell::Time(now), Cell::Keep, text(became)];
        let change = ChangeReader::new(accounts, &names, false, now)?.change(&Row { line: 3, cells, padded: false });
        let change =
            change.map_err(|problem| format!("{}: {}", problem.column.unwrap_or_default(), problem.message))?;
        change.map(|change| (change.column, change.became)).ok_or_else(|| "passed over".to_owned())
    }

    #[test]
    fn values_are_those_of_the_column() {
        let column = |name: &str| ChangedColumn::Column(name.to_owned());
        assert_eq!(read(&[], "seats", " 12 "), Ok((column("seats"), json!(12))));
        assert_eq!(read(&[], "MRR", "120.5"), Ok((column("mrr"), json!("120.5"))));
        assert_eq!(
            read(&[], "Renewal At", "2027-01-01"),
            Ok((column("renewal_at"), json!("2027-01-01T00:00:00+00:00")))
        );
        assert_eq!(read(&[], "traits.size", "7"), Ok((ChangedColumn::Trait("size".to_owned()), json!(7))));
        assert_eq!(read(&[("mrr", "ARR/12")], "ARR/12", "9"), Ok((column("mrr"), json!("9"))));
        assert_eq!(read(&[("traits.size", "Employees")], "Employees", "9").map(|(_, value)| value), Ok(json!(9)));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        for (column, became, words) in [
            ("seats", "many", "became: `many` is not a whole number (the value of `seats`)"),
            ("status", "live", "became: `live` is not a status: it is active, trial or churned"),
            ("teir", "A", "column: `teir` is no column of accounts (is `tier` meant?); --map COLUMN=`teir`"),
            ("id", "b", "column: `id` never changes"),
            ("traits", "{}", "column: `traits` is changed key by key: write traits.KEY"),
        ] {
            let error = read(&[], column, became).expect_err(column);
            assert!(error.starts_with(words), "{error} / {words}");
        }
        assert!(read(&[("mrrr", "x")], "x", "1").is_err_and(|why| why.contains("--map mrrr=x: `mrrr` is no column")));
    }
}
