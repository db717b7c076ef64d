-- Tasks that fit people: pools, escalation and digests.

alter table keepwell.tasks
    -- The pool that the assignee was chosen from.
    add column pool          text,
    -- When the manager hears that it is overdue; none once that was said.
    add column escalate_at   timestamptz,
    add column escalated_at  timestamptz,
    -- When a digest first listed it.
    add column told_at       timestamptz;

-- Two business days at most, but for holidays.
update keepwell.tasks set escalate_at = due_at + interval '4 days' where state = 'open';

create index tasks_to_escalate on keepwell.tasks (escalate_at) where state = 'open' and escalate_at is not null;
create index tasks_ended on keepwell.tasks (playbook, ended_at) where state in ('done', 'dismissed', 'closed');
create index messages_gathered on keepwell.messages (to_address)
    where channel = 'notice' and state in ('planned', 'deferred');

create table keepwell.digests (
    recipient   text primary key,
    told_until  timestamptz not null
);
comment on table keepwell.digests is 'coordinator: up to when each colleague''s digests were written; decides who writes the next';
