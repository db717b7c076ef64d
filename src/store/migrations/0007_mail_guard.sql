-- A step does not mail the same words about an account to one address twice in a
-- day. Other words, and words about another account, are no repetition.

create table keepwell.mail_guard (
    account_id    text not null,
    address_hash  text not null,
    playbook      text not null,
    step          text not null,
    -- Of subject and text, as they were rendered.
    fingerprint   uuid not null,
    message       uuid not null,
    at            timestamptz not null,
    primary key (account_id, address_hash, playbook, step, fingerprint)
);
comment on table keepwell.mail_guard is
    'by account: what a step mailed to an address within a day, as a hash of its words. Written by the deliverer, forgotten by the worker `janitor`.';
-- Rows are added in the order of time, and forgotten by it.
create index mail_guard_by_age on keepwell.mail_guard using brin (at);

comment on table keepwell.address_guard is
    'by address: the last mail of a step to an address, whatever its account and contact. Written by the deliverer.';
