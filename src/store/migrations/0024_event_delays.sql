-- The `after` of `on:`, by which the events of a playbook were looked at.

alter table keepwell.playbooks add column on_after bigint;
comment on column keepwell.playbooks.on_after is
    'the `after` of `on:`, in seconds, by which events_since and events_after count; null before it was kept';
