//! How a column of theirs is read: by its type, never with a cast that raises.

use super::introspect::FoundColumn;
use crate::facts::Type;
use crate::store::Key;

/// What a column of ours has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An account's id.
    Key,
    /// Text, or an id of another type, as text.
    Text,
    /// Whatever theirs is.
    Any,
    Number,
    /// A whole number that fits into four bytes, or is made to.
    Whole,
    Time,
    /// A day, as a date.
    Day,
    Json,
}

/// A column that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Its value, of the relation `t`.
    pub sql: String,
    pub ty: Type,
    /// What a reader of the report should know.
    pub note: Option<&'static str>,
    /// Whether the text is the column itself.
    pub bare: bool,
}

/// A name as an identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// How a column is read as a kind, or why it cannot be; `version` is the server's.
pub(crate) fn reading(column: &FoundColumn, kind: Kind, version: i32) -> Result<Reading, String> {
    let at = format!("t.{}", quoted(&column.name));
    let bare = |ty| Ok(Reading { sql: at.clone(), ty, note: None, bare: true });
    let made = |sql: String, ty, note| Ok(Reading { sql, ty, note, bare: false });
    let no = |needed: &str| Err(format!("{needed}, and it is {}", spelt(column)));
    let own = own_type(column);
    match kind {
        Kind::Key => bare(Type::Text),
        Kind::Text => match own {
            Some(Type::Text) if column.ty == "text" => bare(Type::Text),
            Some(Type::Text | Type::Int) => made(format!("{at}::text"), Type::Text, None),
            _ => no("it has to be text"),
        },
        Kind::Number => match own {
            Some(Type::Int) => made(format!("{at}::float8"), Type::Float, None),
            Some(Type::Float) if column.ty == "float8" => bare(Type::Float),
            // Functions calculate with it, and a `numeric` would calculate otherwise.
            Some(Type::Float) => {
                number(column, &at).and_then(|read| made(format!("({})::float8", read.sql), read.ty, None))
            }
            _ => no("it has to be a number"),
        },
        Kind::Whole => match own {
            Some(Type::Int) if column.ty == "int4" => bare(Type::Int),
            Some(Type::Int) => made(format!("least(greatest({at}, -2147483648), 2147483647)::int4"), Type::Int, None),
            _ => no("it has to be a whole number"),
        },
        Kind::Time => match own {
            Some(Type::Time) => time(column, &at),
            _ => no("it has to be a time"),
        },
        Kind::Day => match column.ty.as_str() {
            "date" => bare(Type::Time),
            _ => no("it has to be a date"),
        },
        Kind::Json => match column.ty.as_str() {
            "jsonb" => bare(Type::Json),
            // What such a column holds need not be what `jsonb` can.
            "json" if version >= 160_000 => {
                made(format!("case when pg_input_is_valid({at}::text, 'jsonb') then {at}::jsonb end"), Type::Json, None)
            }
            "json" => Err("`json` is read from Postgres 16 on; make it `jsonb`".to_owned()),
            _ => no("it has to be JSON"),
        },
        Kind::Any => match own {
            Some(Type::Text) => reading(column, Kind::Text, version),
            Some(Type::Float) => number(column, &at),
            Some(Type::Time) => time(column, &at),
            Some(ty) => bare(ty),
            None if column.is_array => Err("arrays cannot be compared".to_owned()),
            None if matches!(column.ty.as_str(), "json" | "jsonb") => {
                Err("attributes are read from one column: map it as `traits`".to_owned())
            }
            None => Err(format!("{} has no counterpart in conditions", spelt(column))),
        },
    }
}

/// How an account's id is read where `accounts.id` is a key.
pub(crate) fn key_reading(column: &FoundColumn, key: Key, several: bool) -> Result<Reading, String> {
    let at = format!("t.{}", quoted(&column.name));
    let cast = Some("is converted, so an index on it is not used");
    let reading = |sql: String, note, bare| Ok(Reading { sql, ty: Type::Text, note, bare });
    let own = key_of(column).ok_or_else(|| format!("{} cannot be an account's id", spelt(column)))?;
    match (key, own) {
        (Key::Text, Key::Text) if column.ty == "text" => reading(at, None, true),
        (Key::Text, Key::Text) if column.ty == "varchar" => reading(format!("{at}::text"), None, false),
        (Key::Text, _) => reading(format!("{at}::text"), cast, false),
        // Relations put together must agree to the byte.
        (Key::Int, Key::Int) if several && column.ty != "int8" => reading(format!("{at}::int8"), cast, false),
        (Key::Int, Key::Int) | (Key::Uuid, Key::Uuid) => reading(at, None, true),
        (Key::Int | Key::Uuid, Key::Text) => reading(key.of_text(&format!("{at}::text")), cast, false),
        (Key::Int, Key::Uuid) | (Key::Uuid, Key::Int) => {
            Err(format!("it is {}, and can never be the id of an account", spelt(column)))
        }
    }
}

/// What a column is as an account's id.
pub(crate) fn key_of(column: &FoundColumn) -> Option<Key> {
    match column.ty.as_str() {
        "int2" | "int4" | "int8" => Some(Key::Int),
        "uuid" => Some(Key::Uuid),
        _ => (own_type(column) == Some(Type::Text)).then_some(Key::Text),
    }
}

/// The type conditions know it as.
fn own_type(column: &FoundColumn) -> Option<Type> {
    Some(match column.ty.as_str() {
        "bool" => Type::Bool,
        "int2" | "int4" | "int8" => Type::Int,
        "numeric" | "float4" | "float8" => Type::Float,
        "text" | "varchar" | "bpchar" | "citext" | "name" | "uuid" => Type::Text,
        "timestamptz" | "timestamp" | "date" => Type::Time,
        _ if column.is_enum => Type::Text,
        _ => return None,
    })
}

fn number(column: &FoundColumn, at: &str) -> Result<Reading, String> {
    let fits = column.digits().is_some_and(|(before, after)| before <= 300 && after <= 300);
    if column.ty != "numeric" || fits {
        return Ok(Reading { sql: at.to_owned(), ty: Type::Float, note: None, bare: true });
    }
    // What a float cannot hold would raise an error, too large or too small.
    let sql = format!("case when abs({at}) < 1e300 or {at} = 'NaN' then round({at}, 200)::float8 end");
    Ok(Reading { sql, ty: Type::Float, note: None, bare: false })
}

fn time(column: &FoundColumn, at: &str) -> Result<Reading, String> {
    let (sql, note) = match column.ty.as_str() {
        "timestamp" => (format!("({at} at time zone 'UTC')"), Some("has no zone and is read as UTC")),
        "date" => (
            format!("case when {at} between '0001-01-01' and '9999-12-31' then {at}::timestamp at time zone 'UTC' end"),
            Some("is a date and is read as its midnight in UTC"),
        ),
        _ => (at.to_owned(), None),
    };
    Ok(Reading { sql, ty: Type::Time, note, bare: note.is_none() })
}

/// The type as people write it.
fn spelt(column: &FoundColumn) -> String {
    let name = column.ty.as_str();
    match name.strip_prefix('_') {
        Some(item) if column.is_array => format!("`{item}[]`"),
        _ => format!("`{name}`"),
    }
}
