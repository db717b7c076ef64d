-- A complaint uses attention: the mail was read.
drop index keepwell.messages_in_budget;
create index messages_in_budget on keepwell.messages (account_id, coalesce(reserved_at, sent_at, ended_at))
    where state in ('sending', 'accepted', 'captured', 'unknown', 'complained') and class in ('lifecycle', 'marketing');

-- A database that does not say which one it was confirmed as may not send.
update keepwell.installation set cluster = '' where cluster is null;
alter table keepwell.installation alter column cluster set not null;
create or replace view keepwell.stops as
    select scope, by, reason from keepwell.control
    union all
    select 'all', 'keepwell', 'this database was restored, copied or promoted; see `keepwell confirm-epoch`'
    from keepwell.installation where cluster is distinct from keepwell.cluster();

-- What a person names by its id alone; who has entered on a day; what gathers
-- for an address.
create index enrollments_by_id on keepwell.enrollments (id);
create index enrollments_entered on keepwell.enrollments (playbook, started_at);
drop index keepwell.messages_gathered;
create index messages_gathered on keepwell.messages (lower(trim(to_address)))
    where channel = 'notice' and state in ('planned', 'deferred');

comment on table keepwell.control is 'coordinator: what is stopped: all, or one playbook, channel or account';
