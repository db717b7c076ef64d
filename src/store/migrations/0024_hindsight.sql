-- Goals that come true after an enrollment has ended still count for a while.

alter table keepwell.enrollments
    -- When the goal was seen to hold.
    add column goal_at     timestamptz,
    -- Until when the goal of an ended one still counts; null where nobody looks any more.
    add column goal_until  timestamptz;
update keepwell.enrollments set goal_at = ended_at where state = 'goal' or outcome = 'goal';

create index enrollments_in_hindsight on keepwell.enrollments (playbook, revision, account_id, id)
    where goal_until is not null;

create table keepwell.hindsight (
    only_one   boolean primary key default true check (only_one),
    looked_at  timestamptz not null
);
comment on table keepwell.hindsight is 'coordinator: the quarter hour at which ended enrollments were last looked at; decides who looks at the next';
