-- Who else looks after an account, by what they do for it.

create table customers.account_owners (
    account_id  text not null,
    role        text not null,
    csm_id      text not null,
    primary key (account_id, role)
);
comment on table customers.account_owners is
    'by account: colleagues who look after it, by role such as inside or outside. Written by importers.';
comment on column customers.account_owners.role is
    'csm: in place of the csm_id of the account; any other word is your own';
