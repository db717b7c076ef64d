-- What people did, for good: who, when, what. It names ids and never people,
-- so that nothing in it has to be erased.

create table keepwell.audit (
    n      bigint generated always as identity primary key,
    at     timestamptz not null,
    by     text not null,
    deed   text not null,
    about  jsonb not null
);
comment on table keepwell.audit is 'coordinator: the deeds of people; rows are only ever added';
create index audit_of_account on keepwell.audit ((about ->> 'account'));

create function keepwell.keep_audit() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is only ever added to' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_is_kept before update or delete or truncate on keepwell.audit
    for each statement execute function keepwell.keep_audit();
