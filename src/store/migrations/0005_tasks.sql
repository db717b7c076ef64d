-- Tasks: what colleagues should do.

create table keepwell.tasks (
    account_id     text not null,
    contact_id     text not null default '',
    id             uuid not null,
    enrollment_id  uuid not null,
    playbook       text not null,
    revision       text not null,
    step           text not null,
    -- A script may ask for several tasks in one step.
    ordinal        int not null default 0,

    title          text not null,
    description    text,
    due_at         timestamptz,
    priority       text not null check (priority in ('low', 'normal', 'high', 'urgent')),
    checklist      jsonb not null,
    -- Those that a person may choose from.
    outcomes       jsonb not null,
    -- Whether it stays open when its enrollment is stopped.
    keep           boolean not null,
    -- What the condition read: fact to value.
    evidence       jsonb not null,

    state          text not null check (state in ('open', 'done', 'dismissed', 'closed', 'shadow')),
    reason         text,
    outcome        text,

    -- Whose it is, and the pool that they were chosen from.
    assignee       text,
    pool           text,
    -- Who had it before, and since when they have it no more.
    handed_from    text,
    handed_at      timestamptz,

    snoozed_until  timestamptz,
    -- When to look next whether it closes by itself; null: never again.
    look_at        timestamptz,
    -- When the manager hears that it is overdue; null once that was said.
    escalate_at    timestamptz,
    escalated_at   timestamptz,
    -- When a digest first listed it.
    told_at        timestamptz,

    created_at     timestamptz not null,
    refreshed_at   timestamptz not null,
    ended_at       timestamptz,

    primary key (account_id, id)
);
comment on table keepwell.tasks is
    'by account: what a colleague should do. Written by the advancer; then by the workers that close, escalate, hand over and list tasks, and by people who do them.';
-- The same step of the same subject refreshes the open one.
create unique index tasks_one_open on keepwell.tasks (account_id, contact_id, playbook, step, ordinal)
    where state = 'open';
create index tasks_due on keepwell.tasks (look_at) where state = 'open';
create index tasks_to_escalate on keepwell.tasks (escalate_at) where state = 'open' and escalate_at is not null;
create index tasks_of_assignee on keepwell.tasks (assignee, due_at) where state = 'open';
create index tasks_handed on keepwell.tasks (handed_from, handed_at) where handed_from is not null;
create index tasks_of_enrollment on keepwell.tasks (account_id, enrollment_id);
create index tasks_by_id on keepwell.tasks (id);
create index tasks_completed on keepwell.tasks (account_id, ended_at) where state = 'done';
create index tasks_ended on keepwell.tasks (playbook, ended_at) where state in ('done', 'dismissed', 'closed');
create index tasks_to_forget on keepwell.tasks (ended_at) where ended_at is not null and evidence <> '{}';
