//! Functions that are carried out whenever customers are read.
//!
//! A read-only transaction takes the role of the reader, but a role that was
//! taken can be laid down again: a function of a mapped view is called inside
//! the statement and may say `reset role`. What it then does it does as the user
//! of the connection. Postgres has no way to forbid that but a login of its own
//! (`reader_login`).

use crate::store::Store;

impl Store {
    /// What of the relations that customers are read from calls a function that
    /// is able to leave the reader's role, such as `crm.companies calls
    /// crm.score(text)`; at most five. Functions of Postgres and of extensions
    /// count as harmless, apart from those of Postgres that set a parameter or run
    /// a text.
    pub async fn functions_called_by_reading(&self) -> sqlx::Result<Vec<String>> {
        let tables: Vec<&String> = self.relations().tables.iter().flatten().collect();
        sqlx::query_scalar(
            "with recursive reached (relation) as (
                 select to_regclass(name)::oid from unnest($1::text[]) as n (name) where to_regclass(name) is not null
                 union
                 select d.refobjid
                 from reached r
                 join pg_class c on c.oid = r.relation and c.relkind = 'v'
                 join pg_rewrite w on w.ev_class = c.oid
                 join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
                     and d.refclassid = 'pg_class'::regclass
             ),
             texts (relation, class, object) as (
                 select c.oid, 'pg_rewrite'::regclass::oid, w.oid
                 from reached r join pg_class c on c.oid = r.relation and c.relkind = 'v'
                 join pg_rewrite w on w.ev_class = c.oid
                 union all
                 select r.relation, 'pg_policy'::regclass::oid, p.oid from reached r join pg_policy p on p.polrelid = r.relation
             ),
             called (relation, function) as (
                 select t.relation, coalesce(o.oprcode::oid, d.refobjid)
                 from texts t
                 join pg_depend d on d.classid = t.class and d.objid = t.object
                 left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
                 where d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
                 union
                 select c.relation, d.refobjid
                 from called c
                 join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = c.function
                     and d.refclassid = 'pg_proc'::regclass
             )
             select told from (
                 select format('%s calls %s', c.relation::regclass, c.function::regprocedure) as told
                 from called c join pg_proc p on p.oid = c.function join pg_language l on l.oid = p.prolang
                 where l.lanname not in ('internal', 'c') and not exists (
                     select from pg_depend e
                     where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
                 union
                 select format('%s calls %s', r.relation::regclass, word[1])
                 from reached r join pg_class c on c.oid = r.relation and c.relkind = 'v',
                     regexp_matches(pg_get_viewdef(c.oid), '\\m(set_config|(?:query|table|schema|database)_to_xml\\w*)\\(', 'g') as word
             ) as all_of_them
             order by told limit 5",
        )
        .bind(tables)
        .fetch_all(self.pool())
        .await
    }
}
