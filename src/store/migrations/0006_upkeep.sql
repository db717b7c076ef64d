-- The house itself: which database this is, what is stopped, who looks at what,
-- what people did, and what is forgotten.

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

create table keepwell.installation (
    only_one  boolean primary key default true check (only_one),
    id        uuid not null,
    -- The key of address hashes, Message-IDs and links.
    secret    bytea not null,
    -- The database that sending is allowed from: keepwell.cluster() as a person last
    -- confirmed it, and when. A restored backup, a copy or a promoted standby may have
    -- forgotten what was sent, and must not send it again by itself.
    cluster   text not null,
    epoch     timestamptz not null default to_timestamp(0)
);
comment on table keepwell.installation is
    'coordinator: who this installation is, in one row. Written by `keepwell migrate`, and by people who confirm the database.';

create sequence keepwell.marks;
comment on sequence keepwell.marks is
    'coordinator: counts markers; a daemon that remembers a higher number knows that this database has forgotten some';

create table keepwell.control (
    -- all, playbook:ID, channel:NAME or account:ID.
    scope   text primary key,
    at      timestamptz not null,
    by      text not null,
    -- A person's words, or what the machine found.
    reason  text
);
comment on table keepwell.control is
    'coordinator: what is stopped: all, or one playbook, channel or account. Written by people, by the automatic stop, and where the database was set back.';

-- What must not act now. Everything, as long as nobody has confirmed that this
-- database may send.
create view keepwell.stops as
    select scope, by, reason from keepwell.control
    union all
    select 'all', 'keepwell', 'this database was restored, copied or promoted; see `keepwell confirm-epoch`'
    from keepwell.installation where cluster is distinct from keepwell.cluster();

create table keepwell.resting (
    process  uuid primary key,
    -- When it last said so, by the database's clock.
    seen     timestamptz not null default clock_timestamp(),
    -- How far its clock is ahead; negative when it is behind.
    seconds  bigint not null
);
comment on table keepwell.resting is
    'coordinator: daemons that do nothing, since their clock and that of the database disagree; a row counts for a minute. Written by these daemons.';

create table keepwell.looks (
    what       text primary key,
    looked_at  timestamptz not null
);
comment on table keepwell.looks is
    'coordinator: the instant at which somebody last looked at something; decides who looks at the next. Written by workers of which one of several daemons acts.';

-- It names ids and never people, so that nothing in it has to be erased.
create table keepwell.audit (
    n      bigint generated always as identity primary key,
    at     timestamptz not null,
    by     text not null,
    deed   text not null,
    about  jsonb not null
);
comment on table keepwell.audit is
    'coordinator: the deeds of people; rows are only ever added. Written in the transaction of each deed.';
create index audit_of_account on keepwell.audit ((about ->> 'account'));

create function keepwell.keep_audit() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is only ever added to' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_is_kept before update or delete or truncate on keepwell.audit
    for each statement execute function keepwell.keep_audit();

-- Removes a person's words from texts about somebody else.
create function keepwell.scrubbed(value jsonb, pattern text) returns jsonb language plpgsql immutable as $$
begin
    return case jsonb_typeof(value)
        when 'string' then to_jsonb(regexp_replace(value #>> '{}', pattern, '[erased]', 'gi'))
        when 'array' then (select coalesce(jsonb_agg(keepwell.scrubbed(item, pattern) order by n), '[]')
                           from jsonb_array_elements(value) with ordinality as items (item, n))
        when 'object' then (select coalesce(jsonb_object_agg(regexp_replace(key, pattern, '[erased]', 'gi'),
                                                             keepwell.scrubbed(item, pattern)), '{}')
                            from jsonb_each(value) as pairs (key, item))
        else value
    end;
end $$;
comment on function keepwell.scrubbed(jsonb, text) is 'the same with every string''s matches replaced';

create table keepwell.sample (
    only_one  boolean primary key default true check (only_one),
    anchor    timestamptz not null
);
comment on table keepwell.sample is
    'coordinator: the instant that the sample company of the demo is a function of. Written by `keepwell demo`.';
