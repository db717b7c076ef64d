-- One attention budget per account and its contacts, and why a mail waits.

create table keepwell.budgets (
    account_id  text primary key
);
comment on table keepwell.budgets is 'by account: the row that is locked while mails get their place in the budget';

alter table keepwell.messages
    -- When it passed the gate; counts in the budget while the mail is on its
    -- way, sent, or nobody knows. Taken back by the next claim.
    add column reserved_at timestamptz,
    -- Not before this: the undo window.
    add column leaves_at timestamptz,
    -- The end of the quiet hours that held it last.
    add column held_until timestamptz,
    -- Whether the budget is what it waits for.
    add column over_budget boolean not null default false;

create index messages_in_budget on keepwell.messages (account_id, coalesce(reserved_at, sent_at, ended_at))
    where state in ('sending', 'accepted', 'captured', 'unknown') and class in ('lifecycle', 'marketing');
create index messages_of_account_waiting on keepwell.messages (account_id)
    where state in ('planned', 'deferred', 'sending');
create index tasks_completed on keepwell.tasks (account_id, ended_at) where state = 'done';
create index runs_started on keepwell.runs (started_at);
