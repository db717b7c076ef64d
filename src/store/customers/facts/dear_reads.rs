//! Tables that a query reads from end to end although it needs few of their
//! rows, and the index that would help: as the database itself plans it.

use std::time::Duration;

use serde_json::Value as Json;
use sqlx::{PgPool, Postgres, Row, Transaction};

use super::query::FactQuery;
use super::statement::Statement;
use super::window::SubjectWindow;
use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::store::customers::reader_role::{begin, limit_statements};

/// A table of fewer rows is read from end to end at no cost to speak of.
const LARGE: f64 = 20_000.0;

/// The share of its rows up to which an index is better.
const FEW: f64 = 0.01;

/// A table that is read from end to end for few of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DearRead {
    /// `schema.table`
    pub table: String,
    /// How many rows it has, as the database's statistics say.
    pub rows: u64,
    /// The columns of an index that would help, in order.
    pub columns: Vec<String>,
    /// Whether it is read for every single subject.
    pub for_each: bool,
}

impl FactQuery {
    /// Those of its walk over all subjects and of a look at one of them. What
    /// was never analyzed is passed over.
    pub async fn dear_reads(&self, pool: &PgPool, as_of: Instant, patience: Duration) -> sqlx::Result<Vec<DearRead>> {
        let mut transaction = begin(pool, self.walk().read_as).await?;
        limit_statements(&mut transaction, patience).await?;
        let anybody = SubjectWindow::from(SubjectId { account: String::new(), contact: String::new() });
        let walk = explain(&mut transaction, self.walk().look_ups(), as_of, &[]).await?;
        let look = explain(&mut transaction, self.look(), as_of, &[anybody]).await?;
        let mut scans = Vec::new();
        collect(&walk, false, &mut scans);
        // What the walk asks about each subject the look asks, too.
        scans.retain(|(_, for_each)| !for_each);
        collect(&look, true, &mut scans);
        let mut found: Vec<DearRead> = Vec::new();
        for (node, for_each) in scans {
            if let Some(read) = dear(&mut transaction, node, for_each).await?
                && !found.iter().any(|known| known.table == read.table && known.columns == read.columns)
            {
                found.push(read);
            }
        }
        transaction.rollback().await?;
        Ok(found)
    }
}

/// The plan of a statement.
async fn explain(
    transaction: &mut Transaction<'static, Postgres>,
    statement: &Statement,
    as_of: Instant,
    subjects: &[SubjectWindow],
) -> sqlx::Result<Json> {
    let sql = format!("explain (verbose, format json) {}", statement.sql());
    let row = statement.query(sql, as_of, subjects).persistent(false).fetch_one(&mut **transaction).await?;
    let document: Json = row.try_get(0)?;
    Ok(document[0]["Plan"].clone())
}

/// The scans of whole tables below a node, each with whether it is made for
/// every subject.
fn collect<'p>(node: &'p Json, for_each: bool, found: &mut Vec<(&'p Json, bool)>) {
    let for_each = for_each || node["Parent Relationship"] == "SubPlan";
    if node["Node Type"] == "Seq Scan" {
        found.push((node, for_each));
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        collect(below, for_each, found);
    }
}

/// What a scan reads in vain; `None` where that is little, or no index of
/// columns would help.
async fn dear(
    transaction: &mut Transaction<'static, Postgres>,
    scan: &Json,
    for_each: bool,
) -> sqlx::Result<Option<DearRead>> {
    let word = |key: &str| scan[key].as_str().unwrap_or_default();
    let (schema, table, filter) = (word("Schema"), word("Relation Name"), word("Filter"));
    let known: Option<(f64, Vec<String>)> = sqlx::query_as(
        "select c.reltuples::float8, array(
             select a.attname::text from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and a.atttypid in ('varchar'::regtype, 'bpchar'::regtype)
         )
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relname = $2",
    )
    .bind(schema)
    .bind(table)
    .fetch_optional(&mut **transaction)
    .await?;
    let Some((rows, texts)) = known else { return Ok(None) };
    let kept = scan["Plan Rows"].as_f64().unwrap_or(rows);
    let columns = compared(filter, word("Alias"), &texts);
    let is_dear = rows >= LARGE && kept <= rows * FEW && !columns.is_empty();
    let table = format!("{schema}.{table}");
    Ok(is_dear.then_some(DearRead { table, rows: rows as u64, columns, for_each }))
}

/// The columns that a filter compares as they are: those that have to be equal,
/// then one that has to lie in a range. `texts` are columns whose type is
/// compared as text in any case.
fn compared(filter: &str, alias: &str, texts: &[String]) -> Vec<String> {
    let (mut equal, mut ranges): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    // Of alternatives an index serves only some.
    if filter.contains(" OR ") {
        return equal;
    }
    let start = format!("{alias}.");
    for (at, _) in filter.match_indices(&start) {
        let before = filter[..at].trim_end_matches('(');
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
            continue;
        }
        let rest = &filter[at + start.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, mut after) = rest.split_at(end);
        if texts.iter().any(|text| text == name) {
            after = after.strip_prefix(")::text").unwrap_or(after);
        }
        let after = after.trim_start();
        let begins = |signs: &[&str]| signs.iter().any(|sign| after.starts_with(sign));
        let ends = |signs: &[&str]| after.starts_with(')') && signs.iter().any(|sign| before.ends_with(sign));
        let list = match () {
            () if begins(&["<> "]) || ends(&[" <> "]) => continue,
            () if begins(&["= "]) || ends(&[" = "]) => &mut equal,
            () if begins(&["< ", "<= ", "> ", ">= "]) || ends(&[" < ", " <= ", " > ", " >= "]) => &mut ranges,
            () => continue,
        };
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
    ranges.retain(|name| !equal.contains(name));
    equal.extend(ranges.into_iter().take(1));
    equal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_are_compared_as_they_are_make_an_index() {
        let columns = |filter: &str| compared(filter, "e", &["kind".to_owned()]).join(",");
        for (filter, expected) in [
            (
                "((e.account_id = a.id) AND (e.name = 'login'::text) AND (e.at >= $1) AND (e.at < $2))",
                "account_id,name,at",
            ),
            ("((e.at >= $1) AND (a.id = e.account_id))", "account_id,at"),
            ("(((e.kind)::text = 'x'::text) AND ((e.number)::text = a.id))", "kind"),
            ("((e.name <> 'x'::text) AND (timezone('UTC'::text, e.at) >= $1))", ""),
            ("((e.name = 'x'::text) OR (e.at > $1))", ""),
            ("((some.account_id = a.id) AND (e.a > 1) AND (e.b > 1))", "a"),
        ] {
            assert_eq!(columns(filter), expected, "{filter}");
        }
    }
}
