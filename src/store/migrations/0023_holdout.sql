-- The holdout: accounts that get nothing, for comparison. Their enrollments
-- have the state `ghost` from beginning to end.

alter table keepwell.enrollments
    -- The side of the comparison; null where there was no holdout, and while
    -- it is held.
    add column arm      text check (arm in ('treated', 'ghost')),
    -- What the state of a ghost would be; null on its way.
    add column outcome  text,
    -- What a ghost did without: kind to step to number.
    add column counted  jsonb;
alter table keepwell.enrollments add constraint enrollments_ghosts
    check ((state = 'ghost') = (arm is not distinct from 'ghost'));

drop index keepwell.enrollments_one_active;
create unique index enrollments_one_active on keepwell.enrollments (account_id, contact_id, playbook)
    where state = 'active' or (state = 'ghost' and ended_at is null);
drop index keepwell.enrollments_due;
create index enrollments_due on keepwell.enrollments (look_at, account_id, id) where state in ('active', 'ghost');
create index enrollments_compared on keepwell.enrollments (playbook, account_id) where arm is not null;

alter table keepwell.runs add column ghosts bigint not null default 0;
comment on column keepwell.runs.ghosts is 'how many of those it enrolled are held out';
