//! What the database's catalogue says of relations and their columns.

use sqlx::{FromRow, PgPool};

/// A table, view, materialized view, partitioned or foreign table.
#[derive(Clone, Debug)]
pub(crate) struct FoundRelation {
    pub schema: String,
    pub table: String,
    /// Whether the connection's user may read it.
    pub readable: bool,
    pub columns: Vec<FoundColumn>,
}

/// One column, domains resolved.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct FoundColumn {
    pub name: String,
    /// The type's name in the catalogue: `int8`, `timestamptz`, `_text`.
    pub ty: String,
    pub is_enum: bool,
    pub is_array: bool,
    pub typmod: i32,
    pub nullable: bool,
}

#[derive(FromRow)]
struct ColumnRow {
    schema: String,
    relation: String,
    readable: bool,
    #[sqlx(flatten)]
    column: FoundColumn,
}

impl FoundRelation {
    pub fn column(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl FoundColumn {
    /// Digits before and after the point, where the type bounds them.
    pub fn digits(&self) -> Option<(i32, i32)> {
        let bounds = self.typmod - 4;
        (self.ty == "numeric" && bounds >= 0).then(|| {
            let scale = ((bounds & 0x7ff) ^ 1024) - 1024;
            ((bounds >> 16) - scale, scale)
        })
    }
}

/// The named relations that exist.
pub(crate) async fn relations(pool: &PgPool, wanted: &[(&str, &str)]) -> sqlx::Result<Vec<FoundRelation>> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = wanted.iter().copied().unzip();
    let rows: Vec<ColumnRow> = sqlx::query_as(
        "select n.nspname::text as schema, c.relname::text as relation,
            has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
            a.attname::text as name, coalesce(b.typname, t.typname)::text as ty,
            coalesce(b.typtype, t.typtype) = 'e' as is_enum, coalesce(b.typcategory, t.typcategory) = 'A' as is_array,
            case when t.typtype = 'd' then t.typtypmod else a.atttypmod end as typmod,
            not (a.attnotnull or t.typnotnull) as nullable
         from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         join pg_type t on t.oid = a.atttypid
         left join pg_type b on t.typtype = 'd' and b.oid = t.typbasetype
         where c.relkind in ('r', 'p', 'v', 'm', 'f')
           and (n.nspname::text, c.relname::text) in (select * from unnest($1::text[], $2::text[]))
         order by 1, 2, a.attnum",
    )
    .bind(schemas)
    .bind(names)
    .fetch_all(pool)
    .await?;
    let mut found: Vec<FoundRelation> = Vec::new();
    for ColumnRow { schema, relation, readable, column } in rows {
        match found.last_mut() {
            Some(last) if last.schema == schema && last.table == relation => last.columns.push(column),
            _ => found.push(FoundRelation { schema, table: relation, readable, columns: vec![column] }),
        }
    }
    Ok(found)
}

/// The names of all relations beside the database's own, to find what a
/// misspelt one means.
pub(crate) async fn names(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|information_schema$|keepwell$)'
         order by 1",
    )
    .fetch_all(pool)
    .await
}

/// The server's version: 170002 is 17.2.
pub(crate) async fn version(pool: &PgPool) -> sqlx::Result<i32> {
    sqlx::query_scalar("select current_setting('server_version_num')::int").fetch_one(pool).await
}
