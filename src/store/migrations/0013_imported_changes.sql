-- The past of accounts from before Keepwell knew them, which `keepwell import
-- changes` brings in. What the trigger has recorded is never made anew.

alter table customers.account_changes add column imported boolean not null default false;
comment on column customers.account_changes.imported is
    'written by `keepwell import changes`, which knows only the columns that its files name';
comment on column customers.account_changes.became is
    'the whole row after the change, of an imported one as far as it is known; null at a deletion';
