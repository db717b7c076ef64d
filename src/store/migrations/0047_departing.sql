-- A mail's row is written five times on its way. Only its claim and its end
-- touch an index: what is written in between names no indexed column.

-- What used a budget was valid then, so the end of its validity bounds it.
drop index keepwell.messages_in_budget;
create index messages_in_budget on keepwell.messages (account_id, valid_until)
    where state in ('sending', 'accepted', 'captured', 'unknown', 'complained') and class in ('lifecycle', 'marketing');

-- Whether there are words to forget would be asked at every change of them.
alter table keepwell.messages add column forgotten boolean not null default false;
update keepwell.messages set forgotten = true
    where ended_at is not null and words is null and body_text is null and body_html is null;
drop index keepwell.messages_to_forget;
create index messages_to_forget on keepwell.messages (ended_at) where ended_at is not null and not forgotten;

-- Bodies stand beside the rows, which are written again after they got theirs.
alter table keepwell.messages set (toast_tuple_target = 512);
