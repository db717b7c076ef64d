-- The step `survey`: what people answered. The customer store is never
-- written, so that these answers are no scores there.

create table keepwell.answers (
    account_id     text not null,
    contact_id     text not null default '',
    -- The mail that asked.
    message        uuid not null,
    enrollment_id  uuid not null,
    playbook       text not null,
    step           text not null,
    score          text,
    value          int,
    comment        text,
    answered_at    timestamptz not null,
    primary key (account_id, message)
);
comment on table keepwell.answers is 'by account: the latest answer to each survey mail';
create index answers_of_enrollment on keepwell.answers (account_id, enrollment_id);
