//! What the roles of an installation may do beyond what they need.

use sqlx::FromRow;
use sqlx::postgres::PgPool;

use super::reader_role::READER;
use crate::store::Store;

/// What the roles may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The user of the connections.
    pub user: String,
    pub is_superuser: bool,
    /// What the role that reads may do more than read: `writes customers.accounts`,
    /// at most five. Empty as well without such a role.
    pub of_reader: Vec<String>,
}

/// Something that whoever reads customers has no need to do.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct ExcessRight {
    /// Whether it leads to Keepwell's own state.
    pub is_grave: bool,
    /// As in `writes keepwell.messages`.
    pub what: String,
}

/// What a role may do beyond reading, itself or as another role that it may
/// become: at most five, the grave ones first.
pub(super) async fn excess_rights(pool: &PgPool, role: &str) -> sqlx::Result<Vec<ExcessRight>> {
    sqlx::query_as(
        "with roles as (
             select m.* from pg_roles r
             join pg_roles m on m.oid = r.oid or (not r.rolsuper and pg_has_role(r.oid, m.oid, 'member'))
             where r.rolname = $1),
         schemas as (
             select n.oid, n.nspname from pg_namespace n
             where n.nspname !~ '^pg_' and n.nspname <> 'information_schema')
         select is_grave, what from (
             select 1 as place, true as is_grave, 'is a superuser' as what from roles where rolsuper
             union
             select 2, true, 'may make roles or databases, or passes row security' from roles
             where rolcreaterole or rolcreatedb or rolbypassrls or rolreplication
             union
             select 3, true, 'runs programs or writes files of the server' from roles
             where rolname in ('pg_execute_server_program', 'pg_write_server_files')
             union
             select 4, s.nspname = 'keepwell', format('creates in %s', s.nspname) from schemas s, roles r
             where has_schema_privilege(r.oid, s.oid, 'create')
             union
             select 5, s.nspname = 'keepwell', format('writes %s.%s', s.nspname, c.relname)
             from pg_class c join schemas s on s.oid = c.relnamespace, roles r
             where case
                 when c.relkind in ('r', 'p', 'v', 'm', 'f')
                     then has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate')
                         or has_any_column_privilege(r.oid, c.oid, 'insert, update')
                 when c.relkind = 'S' then has_sequence_privilege(r.oid, c.oid, 'usage, update')
                 else false end
             union
             select 6, false, 'reads keepwell.installation, which has the key of all links' from roles r
             where has_table_privilege(r.oid, to_regclass('keepwell.installation'), 'select')
         ) found order by not is_grave, place, what limit 5",
    )
    .bind(role)
    .fetch_all(pool)
    .await
}

impl Store {
    /// Looks at what the roles may do.
    pub async fn rights(&self) -> sqlx::Result<Rights> {
        let (user, is_superuser) =
            sqlx::query_as("select current_user::text, rolsuper from pg_roles where rolname = current_user")
                .fetch_one(self.pool())
                .await?;
        let of_reader = excess_rights(self.pool(), READER).await?;
        Ok(Rights { user, is_superuser, of_reader: of_reader.into_iter().map(|right| right.what).collect() })
    }
}
