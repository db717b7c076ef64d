-- Mail that may leave a second time, unchanged, when nobody knows whether the
-- first arrived: only where its step asks for that.

create table keepwell.copies (
    account_id    text not null,
    contact_id    text not null default '',
    message       uuid not null,
    -- The mail as it went over the wire, and its envelope.
    bytes         bytea not null,
    envelope_from text not null,
    to_address    text not null,
    -- `null`: an hour after the first.
    next_at       timestamptz,
    token         uuid,
    lease_until   timestamptz,
    -- When the second body began. There is no third.
    marked_at     timestamptz,
    primary key (account_id, message)
);
comment on table keepwell.copies is 'by account: mails of steps with `if_unknown: send_again`, as long as nobody knows what became of them';
