-- Which database this is, told apart from every copy of it.

alter table keepwell.installation add column identity jsonb;
comment on column keepwell.installation.identity is
    'keepwell.new_identity() of the database that sending is allowed from, as migrate recorded it at first or a person last confirmed it; null where nobody did';

-- As its owner, so that everybody gets the same answer: not every user may read
-- where the files are.
create function keepwell.identity() returns jsonb language plpgsql stable
    security definer set search_path = pg_catalog, pg_temp as $$
begin
    return jsonb_build_object(
        'cluster', keepwell.cluster(),
        'database', (select oid::text from pg_database where datname = current_database()),
        'port', current_setting('port'),
        'directory', case when pg_has_role('pg_read_all_settings', 'usage') then current_setting('data_directory') end);
end $$;
comment on function keepwell.identity() is
    'What this database can know of itself: the cluster; the database''s oid, which differs after each create database; the server''s port and directory, the directory null where the owner may not read it';

create function keepwell.new_identity() returns jsonb language sql volatile as $$
    select keepwell.identity() || jsonb_build_object('transaction', pg_current_xact_id()::xid::text)
$$;
comment on function keepwell.new_identity() is
    'The identity to record, with the number of the transaction that records it. Postgres keeps that number in xmin of the row, too, which no dump contains: after a restore the two differ. So nothing else may update the row or rewrite its table.';

create function keepwell.identity_mismatch(recorded jsonb, written_by xid) returns text language plpgsql stable as $$
declare
    here jsonb := keepwell.identity();
begin
    if recorded = here || jsonb_build_object('transaction', written_by::text) then
        return null;
    end if;
    return case
        when recorded is null then 'this database has no record of which one it is'
        when split_part(recorded ->> 'cluster', '/', 1) is distinct from split_part(here ->> 'cluster', '/', 1)
            then 'this database was copied or restored to another server, or upgraded with it'
        when recorded ->> 'cluster' is distinct from here ->> 'cluster'
            then 'this database was recovered from a backup, or its standby was promoted'
        when recorded ->> 'transaction' is distinct from written_by::text
            then 'this database was restored from a dump'
        when recorded ->> 'database' is distinct from here ->> 'database'
            then 'this database is a copy of another one'
        when recorded ->> 'port' is distinct from here ->> 'port'
            or recorded ->> 'directory' <> here ->> 'directory'
            then 'the files of this database were copied or moved, or its port was changed'
    end;
end $$;
comment on function keepwell.identity_mismatch(jsonb, xid) is
    'How this database differs from the one whose identity was recorded, by the transaction that wrote the record; null where it is the same';

-- A database of before is taken for the one that was confirmed if all that it
-- has recorded says so. One that was made from a template is younger than the
-- tables in it.
update keepwell.installation set identity = keepwell.new_identity()
where cluster = keepwell.cluster()
    and (select oid from pg_database where datname = current_database()) < 'keepwell.installation'::regclass::oid;

create or replace view keepwell.stops as
    select scope, by, reason from keepwell.control
    union all
    select 'all', 'keepwell', mismatch || '; see `keepwell confirm-epoch`'
    from (select keepwell.identity_mismatch(recorded.identity, recorded.xmin) as mismatch
          from (values (true)) here (only_one) left join keepwell.installation recorded using (only_one)
          offset 0) identities
    where mismatch is not null;
