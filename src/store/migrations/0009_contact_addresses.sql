-- Which addresses a contact had, so that what a reader does not want holds at
-- the next one, too.

create table keepwell.contact_addresses (
    account_id    text not null,
    contact_id    text not null,
    address_hash  text not null,
    -- The latest of a contact is where mail to it goes now.
    since         timestamptz not null default clock_timestamp(),
    primary key (account_id, contact_id, address_hash)
);
comment on table keepwell.contact_addresses is
    'by account: the addresses that a contact has had when a mail to it was about to leave, as keyed hashes. Written by the deliverer.';
create index contact_addresses_by_address on keepwell.contact_addresses (address_hash);

-- What is known of before. An address that many contacts share is none of
-- theirs: redirected mail went there.
insert into keepwell.contact_addresses (account_id, contact_id, address_hash, since)
select account_id, contact_id, address_hash, max(at)
from (select m.account_id, m.contact_id, g.address_hash, g.at,
             count(*) over (partition by g.address_hash) as mails
      from keepwell.address_guard g join keepwell.messages m on m.id = g.message
      where m.contact_id <> '') mailed
where mails <= 20
group by account_id, contact_id, address_hash;
