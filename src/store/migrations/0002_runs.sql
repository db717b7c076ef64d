-- Keepwell's own state, one file per room. It begins with what is to be run:
-- playbooks, and their runs.
--
-- The comment on each table begins with its class, which says where its rows
-- would live if the database were spread over several machines:
--
--   by account    the account comes first in every primary key and unique index;
--                 '' stands for no account, and a contact_id of '' for the account itself
--   by address    reached by the keyed hash of a mail address alone, never joined
--   small shared  the same few rows everywhere
--   coordinator   one place decides
--
-- No foreign key joins two classes. After the class the comment says what the
-- table holds and who writes it.

create schema keepwell;

create table keepwell.revisions (
    playbook      text not null,
    revision      text not null,
    file          text not null,
    text          text not null,
    -- Script modules: name to text.
    scripts       jsonb not null,
    published_at  timestamptz not null,
    primary key (playbook, revision)
);
comment on table keepwell.revisions is
    'small shared: every published text of every playbook. Written once by the publisher and never changed.';

create table keepwell.playbooks (
    id            text primary key,
    -- The revision in force.
    revision      text not null,
    file          text not null,
    -- Whether the file is still there; without it the playbook is paused.
    present       boolean not null,
    -- Slots up to this instant are settled: they have a run, or were missed for good.
    slots_after   timestamptz not null,
    -- Diagnostics of a broken file, whose earlier revision stays in force.
    problems      jsonb not null default '[]',
    published_at  timestamptz not null
);
comment on table keepwell.playbooks is
    'coordinator: the revision of each playbook that is in force. Written by the publisher; the scheduler moves slots_after.';

create table keepwell.runs (
    playbook     text not null,
    slot         timestamptz not null,
    kind         text not null check (kind in ('scheduled', 'manual')),
    revision     text not null,
    state        text not null check (state in ('running', 'done', 'held', 'skipped', 'failed')),
    reason       text,

    -- The breaker's decision, and how many may be enrolled by it.
    verdict      text check (verdict in ('go', 'hold')),
    ceiling      bigint,

    -- What the run counted: subjects of the store at the slot, those whose condition
    -- was true, those it enrolled, and of these the ones that are held out.
    subjects     bigint,
    candidates   bigint not null default 0,
    enrolled     bigint not null default 0,
    ghosts       bigint not null default 0,
    -- Why others were not enrolled: reason to number.
    skipped      jsonb not null default '{}',
    -- Subjects that could not be decided, with why.
    details      jsonb not null default '[]',

    -- What a person said to a held run, and how it then goes out: how many batches
    -- were released, and when the next is due (null: nothing waits for time).
    approved_at  timestamptz,
    approved_by  text,
    ramp_batch   int not null default 0,
    ramp_at      timestamptz,

    -- How many it may have enrolled altogether on the day that began then, while
    -- somebody works on it: other runs of its playbook leave it that much of `max_per_day`.
    may_enter    bigint,
    day_began    timestamptz,

    started_at   timestamptz not null,
    ended_at     timestamptz,

    -- Who works on it, and until when they must have renewed that.
    token        uuid,
    lease_until  timestamptz,

    primary key (playbook, slot)
) with (
    -- A run renews its row again and again, and every slot has one; see
    -- keepwell.enrollments for the numbers.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500
);
comment on table keepwell.runs is
    'coordinator: one evaluation per playbook and slot; the primary key decides who runs it. Written by the scheduler, by the run itself and its release, and by people who approve or discard.';
create index runs_open on keepwell.runs (state, lease_until) where state in ('running', 'held');
create index runs_started on keepwell.runs (started_at);
