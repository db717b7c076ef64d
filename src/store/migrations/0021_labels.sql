-- The step `set`: our own labels of accounts and contacts, with their past.

create table keepwell.labels (
    account_id     text not null,
    contact_id     text not null default '',
    name           text not null,
    at             timestamptz not null,
    shadow         boolean not null,
    value          text,
    enrollment_id  uuid not null,
    playbook       text not null,
    step           text not null,
    primary key (account_id, name, contact_id, at, shadow)
);
comment on table keepwell.labels is 'by account: what each label was set to and when, or removed where there is no value; the latest holds';
create index labels_of_enrollment on keepwell.labels (account_id, enrollment_id);
