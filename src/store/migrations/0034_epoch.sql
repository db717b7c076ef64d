-- Which database this is: a restored backup, a copy or a promoted standby may
-- have forgotten what was sent, and must not send it again by itself.

create function keepwell.cluster() returns text language plpgsql stable as $$
begin
    -- A provider may keep this from us; then only regressions are seen.
    if not has_function_privilege('pg_control_system()', 'execute') then
        return 'unknown';
    end if;
    return (select system_identifier from pg_control_system()) || '/'
        || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
end $$;
comment on function keepwell.cluster() is
    'The system identifier, which initdb draws, and the timeline, which grows when a backup is recovered or a standby promoted';

alter table keepwell.installation
    add column cluster text,
    add column epoch timestamptz not null default to_timestamp(0);
comment on column keepwell.installation.cluster is 'the database that sending is allowed from';
comment on column keepwell.installation.epoch is 'when a person last confirmed it';
update keepwell.installation set cluster = keepwell.cluster();

create sequence keepwell.marks;
comment on sequence keepwell.marks is
    'coordinator: counts markers; a daemon that remembers a higher number knows that this database has forgotten some';

-- What must not act now. Everything, as long as nobody has confirmed that this
-- database may send.
create view keepwell.stops as
    select scope, by, reason from keepwell.control
    union all
    select 'all', 'keepwell', 'this database was restored, copied or promoted; see `keepwell confirm-epoch`'
    from keepwell.installation where cluster <> keepwell.cluster();
