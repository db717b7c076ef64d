-- Long lists of messages, of suppressions and of those in a playbook, a page at a time.

alter table keepwell.messages add column redirected_to text;
comment on column keepwell.messages.redirected_to is
    'where a mail went in place of its reader, as `mail.redirect_to` said then; null: to its reader';

-- The list is in order of both.
create index messages_newest on keepwell.messages (created_at, id);
drop index keepwell.messages_latest;
create index messages_of_playbook on keepwell.messages (playbook, created_at, id);
-- Written once: what waits has indexes of its own.
create index messages_by_state on keepwell.messages (state, created_at, id) where ended_at is not null;
create index messages_to_address on keepwell.messages (lower(trim(to_address)), created_at, id)
    where to_address is not null;

-- Most addresses refuse nothing. The latest word comes first; texts of instants are in the order of time.
create index recipients_suppressed on keepwell.recipients (
    greatest(suppressed -> 'all' ->> 'at', suppressed -> 'lifecycle' ->> 'at', suppressed -> 'marketing' ->> 'at',
             suppressed -> 'transactional' ->> 'at') collate "C" desc,
    address_hash)
    where suppressed <> '{}';

alter table keepwell.enrollments add column left_step text;
comment on column keepwell.enrollments.left_step is
    'of one that has ended: the step at which it stood before; null: it ended at its first look, or before that was kept';
-- How many stand at each step and have left there, and who. Reasons are long and stay out of it.
create index enrollments_by_step on keepwell.enrollments (playbook, state, (coalesce(step, left_step, '')), account_id)
    -- Without the columns themselves nothing is counted from the index alone.
    include (step, left_step);
