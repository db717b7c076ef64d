-- The step `enroll`: a playbook asks that its subject enters another one.

create table keepwell.referrals (
    account_id     text not null,
    contact_id     text not null default '',
    id             uuid not null,
    enrollment_id  uuid not null,
    playbook       text not null,
    step           text not null,
    target         text not null,
    at             timestamptz not null,
    state          text not null check (state in ('planned', 'enrolled', 'skipped', 'shadow')),
    reason         text,
    enrolled_id    uuid,
    decided_at     timestamptz,
    primary key (account_id, id)
);
comment on table keepwell.referrals is 'by account: a step''s wish that its subject enters another playbook, and what became of it';
create index referrals_open on keepwell.referrals (at) where state = 'planned';
create index referrals_of_enrollment on keepwell.referrals (account_id, enrollment_id);

-- An enrollment that a step or a person asked for belongs to no run.
alter table keepwell.enrollments alter column run_slot drop not null;
