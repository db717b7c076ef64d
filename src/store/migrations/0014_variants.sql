-- Which of several texts a mail has, so that their effect can be compared.

alter table keepwell.messages add column variant text;
comment on column keepwell.messages.variant is
    'of a mail whose step has variants: the one that was drawn for its account, also where the mail did not leave';
create index messages_by_variant on keepwell.messages (playbook, account_id) where variant is not null;
