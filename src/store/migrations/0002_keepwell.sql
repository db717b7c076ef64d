-- Keepwell's own state. The customer store is never written by the engine.
--
-- Three classes of table, named in each comment: by account (the account comes
-- first in every key), small shared, and coordinator state. No foreign key
-- joins two classes. Mail that belongs to no account has account_id ''.

create schema keepwell;

create table keepwell.installation (
    only_one  boolean primary key default true check (only_one),
    id        uuid not null,
    secret    bytea not null
);
comment on table keepwell.installation is 'coordinator: who this installation is, and the key of its address hashes and links';

create table keepwell.sample (
    only_one  boolean primary key default true check (only_one),
    anchor    timestamptz not null
);
comment on table keepwell.sample is 'coordinator: the instant the sample company of the demo is a function of';

create table keepwell.revisions (
    playbook      text not null,
    revision      text not null,
    file          text not null,
    text          text not null,
    scripts       jsonb not null,
    published_at  timestamptz not null,
    primary key (playbook, revision)
);
comment on table keepwell.revisions is 'small shared: every published text of every playbook, never changed';

create table keepwell.playbooks (
    id            text primary key,
    revision      text not null,
    file          text not null,
    present       boolean not null,
    slots_after   timestamptz not null,
    problems      jsonb not null default '[]',
    published_at  timestamptz not null
);
comment on table keepwell.playbooks is 'coordinator: the current revision of each playbook, and up to when its slots are settled';

create table keepwell.runs (
    playbook     text not null,
    slot         timestamptz not null,
    kind         text not null check (kind in ('scheduled', 'manual')),
    revision     text not null,
    state        text not null check (state in ('running', 'done', 'held', 'skipped', 'failed')),
    reason       text,
    verdict      text check (verdict in ('go', 'hold')),
    ceiling      bigint,
    candidates   bigint not null default 0,
    enrolled     bigint not null default 0,
    skipped      jsonb not null default '{}',
    details      jsonb not null default '[]',
    approved_at  timestamptz,
    approved_by  text,
    started_at   timestamptz not null,
    ended_at     timestamptz,
    token        uuid,
    lease_until  timestamptz,
    primary key (playbook, slot)
);
comment on table keepwell.runs is 'coordinator: one evaluation per playbook and slot; the primary key decides who runs it';
create index runs_open on keepwell.runs (state, lease_until) where state in ('running', 'held');

create table keepwell.control (
    scope  text primary key,
    at     timestamptz not null,
    by     text not null
);
comment on table keepwell.control is 'coordinator: what is stopped: all, or playbook:ID';

create table keepwell.enrollments (
    account_id  text not null,
    contact_id  text not null default '',
    id          uuid not null,
    playbook    text not null,
    revision    text not null,
    entry_key   text not null,
    state       text not null check (state in
                    ('active', 'completed', 'goal', 'exited', 'blocked', 'held', 'cancelled', 'failed', 'ghost')),
    reason      text,
    step        text,
    phase       text not null check (phase in ('begin', 'waiting', 'sending')),
    step_at     timestamptz not null,
    due_at      timestamptz,
    look_at     timestamptz,
    started_at  timestamptz not null,
    ended_at    timestamptz,
    entry       jsonb not null,
    evidence    jsonb not null,
    shadow      boolean not null,
    run_slot    timestamptz not null,
    version     bigint not null default 0,
    primary key (account_id, id),
    unique (account_id, contact_id, playbook, entry_key)
);
comment on table keepwell.enrollments is 'by account: one subject''s way through one playbook';
create unique index enrollments_one_active on keepwell.enrollments (account_id, contact_id, playbook)
    where state = 'active';
create index enrollments_due on keepwell.enrollments (look_at) where state = 'active';
create index enrollments_of_playbook on keepwell.enrollments (playbook, account_id);
create index enrollments_of_account on keepwell.enrollments (account_id, playbook);

create table keepwell.tasks (
    account_id     text not null,
    contact_id     text not null default '',
    id             uuid not null,
    enrollment_id  uuid not null,
    playbook       text not null,
    revision       text not null,
    step           text not null,
    -- A script may ask for several tasks in one step.
    ordinal        int not null default 0,
    title          text not null,
    description    text,
    assignee       text,
    due_at         timestamptz,
    priority       text not null check (priority in ('low', 'normal', 'high', 'urgent')),
    checklist      jsonb not null,
    outcomes       jsonb not null,
    keep           boolean not null,
    state          text not null check (state in ('open', 'done', 'dismissed', 'closed', 'shadow')),
    reason         text,
    outcome        text,
    evidence       jsonb not null,
    snoozed_until  timestamptz,
    look_at        timestamptz,
    created_at     timestamptz not null,
    refreshed_at   timestamptz not null,
    ended_at       timestamptz,
    primary key (account_id, id)
);
comment on table keepwell.tasks is 'by account: what a colleague should do';
create unique index tasks_one_open on keepwell.tasks (account_id, contact_id, playbook, step, ordinal)
    where state = 'open';
create index tasks_due on keepwell.tasks (look_at) where state = 'open';
create index tasks_by_id on keepwell.tasks (id);
create index tasks_of_enrollment on keepwell.tasks (account_id, enrollment_id);
create index tasks_of_assignee on keepwell.tasks (assignee, due_at) where state = 'open';

create table keepwell.messages (
    account_id     text not null,
    contact_id     text not null default '',
    id             uuid not null,
    enrollment_id  uuid,
    playbook       text not null,
    revision       text,
    step           text not null,
    channel        text not null check (channel in ('email', 'notice')),
    class          text not null check (class in ('lifecycle', 'marketing', 'transactional', 'internal')),
    audience       text,
    to_address     text,
    subject        text,
    words          jsonb,
    body_text      text,
    body_html      text,
    state          text not null check (state in
                       ('planned', 'deferred', 'sending', 'accepted', 'captured', 'rejected', 'failed', 'unknown',
                        'expired', 'suppressed', 'skipped', 'cancelled', 'bounced', 'complained', 'shadow')),
    reason         text,
    attempts       int not null default 0,
    priority       int not null,
    valid_until    timestamptz not null,
    next_at        timestamptz not null,
    token          uuid,
    lease_until    timestamptz,
    marked_at      timestamptz,
    outcome        text,
    message_id     text not null,
    shadow         boolean not null,
    created_at     timestamptz not null,
    sent_at        timestamptz,
    ended_at       timestamptz,
    primary key (account_id, id)
);
comment on table keepwell.messages is 'by account: the outbox, written in the transaction of the decision';
-- The promise "at most once", kept by the database.
create unique index messages_at_most_once on keepwell.messages (account_id, message_id)
    where marked_at is not null and (outcome is null or outcome in ('accepted', 'unknown'));
create index messages_due on keepwell.messages (next_at) where state in ('planned', 'deferred');
create index messages_claimed on keepwell.messages (lease_until) where state = 'sending';
create index messages_by_id on keepwell.messages (id);
create index messages_latest on keepwell.messages (created_at desc);
create index messages_of_enrollment on keepwell.messages (account_id, enrollment_id);

create table keepwell.attempts (
    account_id  text not null,
    message     uuid not null,
    n           int not null,
    started_at  timestamptz not null,
    ended_at    timestamptz not null,
    outcome     text not null,
    reply       text,
    primary key (account_id, message, n)
);
comment on table keepwell.attempts is 'by account: one try at sending';

create table keepwell.recipients (
    address_hash  text primary key,
    suppressed    jsonb not null default '{}'
);
comment on table keepwell.recipients is 'by address: what an address does not want; reached only by its hash';

create table keepwell.address_guard (
    address_hash  text not null,
    playbook      text not null,
    step          text not null,
    message       uuid not null,
    at            timestamptz not null,
    primary key (address_hash, playbook, step)
);
comment on table keepwell.address_guard is 'by address: the last mail of a step to an address, whatever its contact';
