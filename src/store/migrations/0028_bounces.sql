-- What came back about mail: each file of the bounce mailbox is taken once.

create table keepwell.bounces (
    -- The file's name, which a Maildir makes unique.
    name          text primary key,
    at            timestamptz not null,
    -- What it said: delivered, delayed, soft, policy, hard, complaint, or
    -- unclear.
    verdict       text not null,
    detail        text,
    -- The mail that it is about; empty where there is none.
    account_id    text not null default '',
    message       uuid,
    address_hash  text not null default ''
);
comment on table keepwell.bounces is 'coordinator: each mail to the bounce address, and what it said; the primary key decides who takes it';
create index bounces_of_address on keepwell.bounces (address_hash, at) where verdict = 'soft';
create index bounces_of_account on keepwell.bounces (account_id) where account_id <> '';
create index bounces_latest on keepwell.bounces (at);
