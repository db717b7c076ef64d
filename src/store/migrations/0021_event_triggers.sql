-- Playbooks that an event calls (`on:`): up to when their events were looked at,
-- and which of them.

-- Each minute all playbooks with `on:` ask who had their event just now.
create index events_by_time on customers.events (name, at);

alter table keepwell.playbooks
    add column on_event     text,
    add column events_since timestamptz,
    add column events_after timestamptz;
comment on column keepwell.playbooks.on_event is 'the event of `on:` whose instants the next two are about';
comment on column keepwell.playbooks.events_since is 'events that were due by then are never looked at: they are the past of the playbook';
comment on column keepwell.playbooks.events_after is 'events that were due by then have been looked at, but for those that came late';

alter table keepwell.runs add column events_from timestamptz;
comment on column keepwell.runs.events_from is
    'of a run that events have called: it is about events that became due after this, up to its slot';

create table keepwell.event_looks (
    account_id   text not null,
    contact_id   text not null default '',
    playbook     text not null,
    -- When the event happened.
    at           timestamptz not null,
    -- The run that looked at it last.
    slot         timestamptz not null,
    -- Whether what kept the subject out may end, so that it is looked at again.
    again        boolean not null,
    primary key (account_id, playbook, contact_id, at)
);
comment on table keepwell.event_looks is
    'by account: events that a playbook with `on:` has looked at, so that none counts twice. Written by runs; the janitor deletes them once no run could find the event any more.';
create index event_looks_slot on keepwell.event_looks (slot);
