//! Columns that were added to a relation of the default store.

use sqlx::FromRow;

use crate::import::relation::{Column, Kind, Need, Relation};
use crate::store::Store;

#[derive(FromRow)]
struct AddedColumn {
    name: String,
    /// The type's name in the catalogue, domains resolved.
    base: String,
    is_enum: bool,
    /// As a statement names the type.
    ty: String,
    nullable: bool,
    has_default: bool,
}

impl Store {
    /// A relation with all columns that it has in the database and that a file
    /// can fill: those that are calculated, and kinds of values that conditions
    /// do not know, are left out.
    pub async fn importable(&self, relation: &Relation) -> sqlx::Result<Relation> {
        // A text type is named without its length: a cast would cut what is too
        // long, where storing it is refused.
        let found: Vec<AddedColumn> = sqlx::query_as(
            "select a.attname::text as name, coalesce(b.typname, t.typname)::text as base,
                    coalesce(b.typtype, t.typtype) = 'e' as is_enum,
                    format_type(a.atttypid, case when t.typname = 'numeric' then a.atttypmod else -1 end) as ty,
                    not (a.attnotnull or t.typnotnull) as nullable,
                    a.atthasdef or a.attidentity <> '' as has_default
             from pg_attribute a
             join pg_type t on t.oid = a.atttypid
             left join pg_type b on t.typtype = 'd' and b.oid = t.typbasetype
             where a.attrelid = to_regclass('customers.' || $1) and a.attnum > 0 and not a.attisdropped
               and a.attgenerated = '' and a.attidentity <> 'a'
             order by a.attnum",
        )
        .bind(relation.name)
        .fetch_all(self.pool())
        .await?;
        Ok(relation.with_columns(found.into_iter().filter_map(column)))
    }
}

fn column(found: AddedColumn) -> Option<Column> {
    let kind = match found.base.as_str() {
        "bool" => Kind::Bool,
        "int2" | "int4" | "int8" => Kind::Long,
        "numeric" => Kind::Decimal,
        "float4" | "float8" => Kind::Float,
        "timestamptz" | "timestamp" => Kind::Time,
        "date" => Kind::Date,
        "text" | "varchar" | "bpchar" | "citext" | "name" | "uuid" => Kind::Text,
        _ if found.is_enum => Kind::Text,
        _ => return None,
    };
    let need = match (found.nullable, found.has_default) {
        (true, _) => Need::Nullable,
        (false, true) => Need::Default,
        (false, false) => Need::New,
    };
    Some(Column { name: found.name.into(), kind, need, ty: Some(found.ty) })
}
