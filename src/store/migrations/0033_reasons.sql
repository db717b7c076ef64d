-- Why people did what they did, and how fast an approved run goes on.

create table keepwell.audit_reasons (
    -- Of the deed.
    n       bigint primary key,
    -- A person's words, which may name somebody.
    reason  text not null
);
comment on table keepwell.audit_reasons is
    'coordinator: why people did what they did, in their own words; the audit itself names nobody. Written in the transaction of each deed; an erasure takes names out.';

-- What was said of one run.
create index audit_of_run on keepwell.audit ((about ->> 'playbook'), (about ->> 'slot'))
    where deed in ('approve', 'discard');

-- Whether a person lets all of an approved run in at once, without its ramp.
alter table keepwell.runs add column at_once boolean not null default false;
