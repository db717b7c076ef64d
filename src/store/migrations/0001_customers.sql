-- The customer store. Its names are a contract: importers and other tools write
-- to these tables directly, and Keepwell only reads them. What they hold is
-- therefore said in comments of the catalogue, too.
--
-- The comment on each table begins with its class; see 0002_runs.sql. There are
-- no foreign keys: rows may arrive in any order.

create schema customers;
comment on schema customers is 'The customer store: written by importers, read by Keepwell.';

create table customers.accounts (
    id            text primary key,
    name          text not null,
    tier          text,
    status        text not null default 'active',
    stage         text,
    csm_id        text,
    -- No NaN: nothing compares with it.
    mrr           numeric(14, 2) not null default 0 check (mrr <> 'NaN'),
    seats         integer,
    seats_used    integer,
    signed_up_at  timestamptz not null,
    activated_at  timestamptz,
    renewal_at    timestamptz,
    churned_at    timestamptz,
    timezone      text,
    locale        text,
    traits        jsonb not null default '{}'
);
comment on table customers.accounts is 'by account: the customers. Written by importers.';
comment on column customers.accounts.status is 'active, trial or churned';

create table customers.contacts (
    account_id  text not null,
    id          text not null,
    email       text,
    name        text not null,
    first_name  text,
    role        text,
    timezone    text,
    locale      text,
    created_at  timestamptz not null default now(),
    left_at     timestamptz,
    traits      jsonb not null default '{}',
    primary key (account_id, id)
);
comment on table customers.contacts is 'by account: the people of each customer. Written by importers.';

create table customers.csms (
    id          text primary key,
    name        text not null,
    email       text not null,
    manager_id  text,
    timezone    text,
    capacity    integer,
    backup_id   text,
    away_from   date,
    away_until  date,
    traits      jsonb not null default '{}'
);
comment on table customers.csms is 'small shared: the customer success managers. Written by importers.';

create table customers.events (
    account_id  text not null,
    id          text not null,
    contact_id  text,
    name        text not null,
    -- Facts subtract instants, and a subtraction of infinity raises an error.
    at          timestamptz not null check (isfinite(at)),
    properties  jsonb not null default '{}',
    primary key (account_id, id, at)
) partition by range (at);
comment on table customers.events is 'by account: what customers did, and when. Written by importers.';
create index events_by_name on customers.events (account_id, name, at);

create table customers.events_2023 partition of customers.events
    for values from ('2023-01-01 00:00:00+00') to ('2024-01-01 00:00:00+00');
comment on table customers.events_2023 is 'by account: the events of 2023. Written by importers.';
create table customers.events_2024 partition of customers.events
    for values from ('2024-01-01 00:00:00+00') to ('2025-01-01 00:00:00+00');
comment on table customers.events_2024 is 'by account: the events of 2024. Written by importers.';
create table customers.events_2025 partition of customers.events
    for values from ('2025-01-01 00:00:00+00') to ('2026-01-01 00:00:00+00');
comment on table customers.events_2025 is 'by account: the events of 2025. Written by importers.';
create table customers.events_2026 partition of customers.events
    for values from ('2026-01-01 00:00:00+00') to ('2027-01-01 00:00:00+00');
comment on table customers.events_2026 is 'by account: the events of 2026. Written by importers.';
create table customers.events_2027 partition of customers.events
    for values from ('2027-01-01 00:00:00+00') to ('2028-01-01 00:00:00+00');
comment on table customers.events_2027 is 'by account: the events of 2027. Written by importers.';
create table customers.events_2028 partition of customers.events
    for values from ('2028-01-01 00:00:00+00') to ('2029-01-01 00:00:00+00');
comment on table customers.events_2028 is 'by account: the events of 2028. Written by importers.';
create table customers.events_default partition of customers.events default;
comment on table customers.events_default is 'by account: the events of all other years. Written by importers.';

create table customers.scores (
    account_id  text not null,
    id          text not null,
    contact_id  text,
    name        text not null,
    -- The bounds exclude NaN and infinity, too: no difference of two scores can overflow.
    value       double precision not null check (value between -1e15 and 1e15),
    at          timestamptz not null check (isfinite(at)),
    primary key (account_id, id)
);
comment on table customers.scores is 'by account: measurements such as nps, csat or health. Written by importers.';
comment on column customers.scores.contact_id is 'null: a score of the account as a whole';
create index scores_latest on customers.scores (account_id, name, at desc);

create table customers.tickets (
    account_id  text not null,
    id          text not null,
    contact_id  text,
    opened_at   timestamptz not null,
    closed_at   timestamptz,
    severity    text,
    primary key (account_id, id)
);
comment on table customers.tickets is 'by account: requests for support. Written by importers.';
create index tickets_by_opening on customers.tickets (account_id, opened_at);

create table customers.account_changes (
    account_id  text not null,
    at          timestamptz not null,
    -- Only separates changes of one account at one instant: the order is (at, id).
    id          bigint generated always as identity,
    was         jsonb,
    became      jsonb,
    primary key (account_id, at, id)
);
comment on table customers.account_changes is
    'by account: the past of account columns, from which a backtest reads them as they were. Written by the trigger record_account_change.';
comment on column customers.account_changes.was is
    'the columns that changed with their earlier values; the whole row at a deletion; null at an insertion';
comment on column customers.account_changes.became is
    'the whole row after the change; null at a deletion';

create function customers.record_account_change() returns trigger
    language plpgsql as $$
declare
    earlier jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    later   jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
    -- The wall clock and not the transaction's start: several changes in one
    -- transaction keep their order.
    if tg_op = 'UPDATE' and old.id = new.id then
        insert into customers.account_changes (account_id, at, was, became)
        select new.id, clock_timestamp(), jsonb_object_agg(column_.key, column_.value), later
          from jsonb_each(earlier) as column_
         where later -> column_.key is distinct from column_.value
        having count(*) > 0;
    else
        -- A new id is the end of one account and the beginning of another.
        if earlier is not null then
            insert into customers.account_changes (account_id, at, was, became)
            values (old.id, clock_timestamp(), earlier, null);
        end if;
        if later is not null then
            insert into customers.account_changes (account_id, at, was, became)
            values (new.id, clock_timestamp(), null, later);
        end if;
    end if;
    return null;
end
$$;

create trigger record_account_change
    after insert or update or delete on customers.accounts
    for each row execute function customers.record_account_change();

-- Append-only: history that can be edited proves nothing.
create function customers.refuse_change() returns trigger
    language plpgsql as $$
begin
    raise exception 'customers.account_changes is append-only';
end
$$;

create trigger append_only
    before update on customers.account_changes
    for each row execute function customers.refuse_change();
