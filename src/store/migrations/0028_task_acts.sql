-- What people do with tasks: who did what and when, with what it takes to undo it;
-- what they tick and what they note.

alter table keepwell.enrollments
    -- Nothing of it moves before: what a person did with one of its tasks can be undone
    -- until then. Null or past: nothing is in the way.
    add column undo_until timestamptz,
    -- Why a person ends it with a task; carried out once that cannot be undone any more.
    add column stop_reason text;
create index enrollments_to_stop on keepwell.enrollments (undo_until) where stop_reason is not null;

alter table keepwell.tasks
    -- The items of the checklist that are ticked, as a list of their texts.
    add column ticked jsonb not null default '[]';
-- Open tasks in the order of the days.
create index tasks_open on keepwell.tasks (due_at, account_id, id) where state = 'open';

create table keepwell.task_acts (
    account_id  text not null,
    contact_id  text not null default '',
    task_id     uuid not null,
    -- The same for all tasks of one form.
    act         uuid not null,
    kind        text not null check (kind in ('complete', 'dismiss', 'stop', 'snooze', 'reassign')),
    by          text not null,
    at          timestamptz not null,
    -- The first instant at which it cannot be undone any more.
    undo_until  timestamptz not null,
    -- The task, its enrollment and its mail as they were.
    before      jsonb not null,
    -- When it was undone; null: it holds.
    undone_at   timestamptz,
    primary key (account_id, task_id, act)
);
comment on table keepwell.task_acts is
    'by account: what people did with tasks, and how each was before. Written by people, who may undo it for half a minute; the janitor deletes what is older than `retention.evidence`.';
create index task_acts_of_act on keepwell.task_acts (act);
create index task_acts_at on keepwell.task_acts (at);

create table keepwell.task_notes (
    account_id  text not null,
    contact_id  text not null default '',
    task_id     uuid not null,
    id          uuid not null,
    by          text not null,
    at          timestamptz not null,
    note        text not null,
    primary key (account_id, task_id, id)
);
comment on table keepwell.task_notes is
    'by account: what people note on tasks. Written by people and never changed.';
