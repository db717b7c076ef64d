-- Since when a playbook's condition has been true for a subject. There are rows
-- only where the playbook asks for it and the condition is true, or fell a
-- moment ago.

create table keepwell.edges (
    account_id    text not null,
    contact_id    text not null default '',
    playbook      text not null,
    true_since    timestamptz,
    existing      boolean not null default false,
    last_slot     timestamptz not null,
    was_since     timestamptz,
    was_existing  boolean not null default false,
    primary key (account_id, contact_id, playbook)
);
comment on table keepwell.edges is 'by account: since when the condition of a playbook has been true for a subject';
comment on column keepwell.edges.true_since is 'the slot that first saw it true; null: it fell at last_slot';
comment on column keepwell.edges.existing is 'whether that was the very first run of a playbook that says existing: skip';
comment on column keepwell.edges.last_slot is 'the slot of the latest turn; an earlier one cannot change the row any more';
comment on column keepwell.edges.was_since is
    'true_since before last_slot, so that whoever takes a run over decides as its predecessor did';
create index edges_of_playbook on keepwell.edges (playbook, account_id);
