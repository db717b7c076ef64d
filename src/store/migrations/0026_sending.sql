-- How messages leave: a step that failed and would have sent nothing has no
-- channel, and what is due is claimed in the order of an index.

alter table keepwell.messages drop constraint messages_channel_check;
alter table keepwell.messages add constraint messages_channel_check
    check (channel in ('email', 'notice', 'webhook', 'slack', 'none'));

-- A claim takes the first of all that are due: read from here, it does not
-- sort the others.
create index messages_in_turn on keepwell.messages (priority desc, valid_until, account_id, id, next_at)
    where state in ('planned', 'deferred');

