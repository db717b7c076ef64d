-- The outbox: messages, what is kept about addresses, and what came back.

create table keepwell.messages (
    account_id     text not null,
    contact_id     text not null default '',
    id             uuid not null,
    -- Which step wrote it; no enrollment and no revision for digests and for alerts of the machine.
    enrollment_id  uuid,
    playbook       text not null,
    revision       text,
    step           text not null,

    -- `none`: a step that failed and would have sent nothing.
    channel        text not null check (channel in ('email', 'notice', 'webhook', 'slack', 'none')),
    class          text not null check (class in ('lifecycle', 'marketing', 'transactional', 'internal')),
    -- Of a notice: csm, manager, alerts_to or slack:NAME.
    audience       text,
    -- Where it goes: an address, or the variable that has a URL.
    to_address     text,
    message_id     text not null,
    -- Whether it is only recorded.
    shadow         boolean not null,

    subject        text,
    -- What a script wrote in place of the step's templates.
    words          jsonb,
    -- As it left; a notice has its text from the beginning.
    body_text      text,
    body_html      text,
    -- Whether words and bodies were removed after their time. A column of its own,
    -- since an index on them would be written at every change of them.
    forgotten      boolean not null default false,

    state          text not null check (state in
                       ('planned', 'deferred', 'sending', 'accepted', 'captured', 'rejected', 'failed', 'unknown',
                        'expired', 'suppressed', 'skipped', 'cancelled', 'bounced', 'complained', 'shadow')),
    reason         text,

    -- When it is its turn: those of a higher priority first, and never after valid_until.
    priority       int not null,
    attempts       int not null default 0,
    next_at        timestamptz not null,
    valid_until    timestamptz not null,

    -- Why it waits: not before the end of its undo window, the end of the quiet hours
    -- that held it last, and whether the budget is what it waits for.
    leaves_at      timestamptz,
    held_until     timestamptz,
    over_budget    boolean not null default false,
    -- When it got its place in the budget, which it uses while it is on its way, was
    -- sent, or nobody knows. Taken back by the next claim.
    reserved_at    timestamptz,

    -- Who works on it, and until when they must have renewed that.
    token          uuid,
    lease_until    timestamptz,
    -- The marker, written right before the first byte of the body: it may have left
    -- since then. What is known of it by the server's answer; null: nothing yet.
    marked_at      timestamptz,
    outcome        text check (outcome in ('accepted', 'rejected', 'deferred', 'unknown')),
    -- When its second body began; null: there is none. A mail that has one goes
    -- nowhere any more: what a server says late of the first must not set it free.
    again_at       timestamptz,

    created_at     timestamptz not null,
    sent_at        timestamptz,
    ended_at       timestamptz,

    primary key (account_id, id),

    -- What belongs together, whoever writes it; src/message/state.rs has what each
    -- state means. What waits is in nobody's hands and nothing of it has left.
    constraint messages_waiting check (state not in ('planned', 'deferred')
        or (token is null and marked_at is null and outcome is null and sent_at is null)),
    -- Only what is claimed has a lease.
    constraint messages_claimed check ((state = 'sending') = (lease_until is not null)
        and (state <> 'sending' or (token is not null and outcome is null and sent_at is null))),
    constraint messages_ended check ((ended_at is null) = (state in ('planned', 'deferred', 'sending'))),
    -- Nothing left without its marker. Of a webhook that went twice, the first
    -- answer may come when the second waits, whose marker is still to come.
    constraint messages_left check (state not in ('accepted', 'bounced', 'complained')
        or (sent_at is not null and (marked_at is not null or channel = 'webhook'))),
    constraint messages_lost check (state <> 'unknown'
        or (marked_at is not null and sent_at is null and outcome is not distinct from 'unknown'))
) with (
    -- The row is written five times on its way. With room left in a page its new
    -- version stays beside the old one; only its claim and its end touch an index,
    -- and what is written in between names no indexed column. Bodies stand beside
    -- the rows, which are written again after they got theirs.
    fillfactor = 50, toast_tuple_target = 512,
    -- Each mail leaves about five dead rows, most of which its page gets rid of by
    -- itself; see keepwell.enrollments for the numbers.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500
);
comment on table keepwell.messages is
    'by account: the outbox. Written in the transaction of the decision; then by the deliverer, by what came back, and by people who settle what is unknown.';
-- The promise "at most once", kept by the database: nothing else has the same Message-ID.
create unique index messages_at_most_once on keepwell.messages (account_id, message_id);
create index messages_due on keepwell.messages (next_at) where state in ('planned', 'deferred');
-- A claim takes the first of all that are due: read from here, it does not sort the others.
create index messages_in_turn on keepwell.messages (priority desc, valid_until, account_id, id, next_at)
    where state in ('planned', 'deferred');
create index messages_claimed on keepwell.messages (lease_until) where state = 'sending';
create index messages_of_account_waiting on keepwell.messages (account_id)
    where state in ('planned', 'deferred', 'sending');
-- What used a budget was valid then, so the end of its validity bounds it. A
-- complaint counts: the mail was read.
create index messages_in_budget on keepwell.messages (account_id, valid_until)
    where state in ('sending', 'accepted', 'captured', 'unknown', 'complained') and class in ('lifecycle', 'marketing');
-- What gathers for an address.
create index messages_gathered on keepwell.messages (lower(trim(to_address)))
    where channel = 'notice' and state in ('planned', 'deferred');
create index messages_of_enrollment on keepwell.messages (account_id, enrollment_id);
create index messages_by_id on keepwell.messages (id);
create index messages_latest on keepwell.messages (created_at desc);
create index messages_tripping on keepwell.messages (playbook, coalesce(sent_at, ended_at))
    where channel = 'email' and class <> 'internal' and not shadow and ended_at is not null;
create index messages_to_forget on keepwell.messages (ended_at) where ended_at is not null and not forgotten;

create table keepwell.attempts (
    account_id  text not null,
    message     uuid not null,
    n           int not null,
    started_at  timestamptz not null,
    ended_at    timestamptz not null,
    -- The state that the message got by it.
    outcome     text not null,
    -- The server's words.
    reply       text,
    primary key (account_id, message, n)
) with (
    -- Written once; see keepwell.enrollments for the numbers.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500
);
comment on table keepwell.attempts is 'by account: each try at sending a message. Written by the deliverer, with the outcome.';

create table keepwell.copies (
    account_id     text not null,
    contact_id     text not null default '',
    message        uuid not null,
    -- The mail as it went over the wire, and its envelope.
    bytes          bytea not null,
    envelope_from  text not null,
    to_address     text not null,
    -- null: an hour after the first.
    next_at        timestamptz,
    token          uuid,
    lease_until    timestamptz,
    -- When the second body began. There is no third.
    marked_at      timestamptz,
    primary key (account_id, message)
);
comment on table keepwell.copies is
    'by account: mails of steps with `if_unknown: send_again`, which may leave a second time, unchanged, as long as nobody knows whether the first arrived. Written by the deliverer before the first leaves, then by the worker `resend`.';

create table keepwell.budgets (
    account_id  text primary key
) with (
    -- Locked for every mail to its account, and never grows.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000
);
comment on table keepwell.budgets is
    'by account: the row that is locked while mails get their place in the attention budget. Written by the deliverer.';

create table keepwell.recipients (
    address_hash  text primary key,
    -- Class, or `all`, to when and by what.
    suppressed    jsonb not null default '{}'
);
comment on table keepwell.recipients is
    'by address: what an address does not want. Written by links in mail, bounces and people; the deliverer makes sure of the row that the marker locks.';

create table keepwell.address_guard (
    address_hash  text not null,
    playbook      text not null,
    step          text not null,
    message       uuid not null,
    at            timestamptz not null,
    primary key (address_hash, playbook, step)
);
comment on table keepwell.address_guard is
    'by address: the last mail of a step to an address, whatever its contact. Written by the deliverer.';
create index address_guard_of_playbook on keepwell.address_guard (playbook, at);

create table keepwell.bounces (
    -- The file's name, which a Maildir makes unique.
    name          text primary key,
    at            timestamptz not null,
    -- delivered, delayed, soft, policy, hard, complaint or unclear.
    verdict       text not null,
    detail        text,
    -- The mail that it is about; empty where there is none.
    account_id    text not null default '',
    message       uuid,
    address_hash  text not null default ''
);
comment on table keepwell.bounces is
    'coordinator: each mail to the bounce address, and what it said; the primary key decides who takes it. Written by the worker `bounce_collector`.';
create index bounces_of_address on keepwell.bounces (address_hash, at) where verdict = 'soft';
create index bounces_of_account on keepwell.bounces (account_id) where account_id <> '';
create index bounces_latest on keepwell.bounces (at);

-- The customer store is never written, so answers are no scores there.
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
comment on table keepwell.answers is
    'by account: the latest answer to each survey mail. Written by the pages that the links in it open.';
create index answers_of_enrollment on keepwell.answers (account_id, enrollment_id);

create table keepwell.trips (
    playbook  text not null,
    at        timestamptz not null,
    reason    text not null,
    primary key (playbook, at)
);
comment on table keepwell.trips is
    'coordinator: when a playbook was stopped by what came of its mail; what was before does not count again. Written by the worker `auto_stop`.';

create table keepwell.digests (
    recipient   text primary key,
    told_until  timestamptz not null
);
comment on table keepwell.digests is
    'coordinator: up to when the digests of each colleague were written; decides who writes the next. Written by the digester.';
