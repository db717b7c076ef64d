-- What the customer store was seen to hold: a playbook that reads an event, a score
-- or an attribute that never was in it is most likely misspelt, and waits for a person.

create table keepwell.inventory (
    -- events, scores, roles, account_attributes and so on.
    kind        text not null,
    name        text not null,
    -- In how many rows it stood at the last look that found it.
    rows        bigint not null,
    -- Of an attribute: JSON types, their share and examples that are about nobody.
    shapes      jsonb not null default '[]',
    first_seen  timestamptz not null,
    last_seen   timestamptz not null,
    primary key (kind, name)
);
comment on table keepwell.inventory is
    'small shared: the names that the customer store was seen to hold; none is ever forgotten. Written by the worker `inventory_recorder`, by `keepwell migrate` and by imports.';

create table keepwell.inventory_kinds (
    kind         text primary key,
    looked_at    timestamptz not null,
    -- Whether these are all names there are: false where there were too many of them,
    -- or too many rows to look at each.
    is_complete  boolean not null
);
comment on table keepwell.inventory_kinds is
    'small shared: when each kind of names of the customer store was last looked at. Written with keepwell.inventory.';
