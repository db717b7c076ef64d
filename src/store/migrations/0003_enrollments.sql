-- The ways of subjects through playbooks, and what their steps leave behind
-- apart from messages and tasks.

create table keepwell.enrollments (
    account_id  text not null,
    contact_id  text not null default '',
    -- Derived from the playbook, the subject and the entry key.
    id          uuid not null,
    playbook    text not null,
    -- The revision that it started with and keeps, unless a person moves it.
    revision    text not null,
    -- Under which it may enter only once.
    entry_key   text not null,
    -- The slot of its run; null when a step or a person asked for it.
    run_slot    timestamptz,
    -- Whether its effects are only recorded.
    shadow      boolean not null,

    -- `ghost` from beginning to end for one that is held out: it goes its way and
    -- nothing comes of it.
    state       text not null check (state in
                    ('active', 'completed', 'goal', 'exited', 'blocked', 'held', 'cancelled', 'failed', 'ghost')),
    reason      text,
    started_at  timestamptz not null,
    ended_at    timestamptz,

    -- Where it stands: the step (null before the first and at the end), since when,
    -- when the step is due if that is known, and when to look next.
    step        text,
    phase       text not null check (phase in ('begin', 'waiting', 'sending')),
    step_at     timestamptz not null,
    due_at      timestamptz,
    look_at     timestamptz,

    -- Columns as they were at the enrollment, and what the condition read: fact to value.
    entry       jsonb not null,
    evidence    jsonb not null,

    -- When the goal was seen to hold, and until when the goal of an ended one still
    -- counts (null: nobody looks any more).
    goal_at     timestamptz,
    goal_until  timestamptz,

    -- Its side of the comparison; null without a holdout, and while it is held.
    arm         text check (arm in ('treated', 'ghost')),
    -- Of a ghost: the state in which it would have ended, and what it did without
    -- (kind to step to number).
    outcome     text,
    counted     jsonb,

    -- How a person took it to a later revision: when, which steps it had acted on
    -- before, and every move with who and why. Null in its first revision.
    moved       jsonb,

    -- Counts commits; a commit names the version that it saw.
    version     bigint not null default 0,

    primary key (account_id, id),
    unique (account_id, contact_id, playbook, entry_key),
    constraint enrollments_ghosts check ((state = 'ghost') = (arm is not distinct from 'ghost'))
) with (
    -- Autovacuum comes after threshold + scale factor * rows dead rows (PostgreSQL,
    -- section 25.1.6): with the usual 50 + 20 % the queue beside a history of a
    -- million rows would be swept once in 200,000. A number instead of a share is
    -- what tables are told that grow while the same few rows of them are hot
    -- (T. Vondra, "Autovacuum tuning basics", 2ndQuadrant). The planner is to know
    -- a table of some thousand rows as well, so the analyze factor is a share,
    -- though a smaller one than the usual 10 %.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500
);
comment on table keepwell.enrollments is
    'by account: the way of one subject through one playbook. Written by runs, releases and the step `enroll`, then by the workers `advancer` and `late_goals`, and by people who enroll, end or move.';
-- At most one on its way in a playbook.
create unique index enrollments_one_active on keepwell.enrollments (account_id, contact_id, playbook)
    where state = 'active' or (state = 'ghost' and ended_at is null);
-- All of a run are due at the same instant: in this order a batch of them is
-- read from the index alone, without sorting the others.
create index enrollments_due on keepwell.enrollments (look_at, account_id, id) where state in ('active', 'ghost');
create index enrollments_of_run on keepwell.enrollments (playbook, run_slot);
-- Who has entered on a day.
create index enrollments_entered on keepwell.enrollments (playbook, started_at);
create index enrollments_compared on keepwell.enrollments (playbook, account_id) where arm is not null;
create index enrollments_in_hindsight on keepwell.enrollments (playbook, revision, account_id, id)
    where goal_until is not null;
-- What a person names by its id alone.
create index enrollments_by_id on keepwell.enrollments (id);
create index enrollments_to_forget on keepwell.enrollments (ended_at)
    where ended_at is not null and (entry <> '{}' or evidence <> '{}');

-- There are rows only where the playbook asks since when its condition has been
-- true, and the condition is true or fell a moment ago.
create table keepwell.edges (
    account_id    text not null,
    contact_id    text not null default '',
    playbook      text not null,
    -- The slot that first saw it true; null: it fell at last_slot.
    true_since    timestamptz,
    -- Whether that was the very first run of a playbook that says `existing: skip`.
    existing      boolean not null default false,
    -- The slot of the latest turn; an earlier one cannot change the row any more.
    last_slot     timestamptz not null,
    -- true_since and existing before last_slot: whoever takes a run over decides as
    -- its predecessor did.
    was_since     timestamptz,
    was_existing  boolean not null default false,
    primary key (account_id, contact_id, playbook)
);
comment on table keepwell.edges is
    'by account: since when the condition of a playbook has been true for a subject. Written by runs.';
create index edges_of_playbook on keepwell.edges (playbook, account_id);

create table keepwell.labels (
    account_id     text not null,
    contact_id     text not null default '',
    name           text not null,
    at             timestamptz not null,
    shadow         boolean not null,
    -- null: removed.
    value          text,
    enrollment_id  uuid not null,
    playbook       text not null,
    step           text not null,
    primary key (account_id, name, contact_id, at, shadow)
);
comment on table keepwell.labels is
    'by account: what each label was set to and when; the latest holds. Written by the advancer, for the step `set`.';
create index labels_of_enrollment on keepwell.labels (account_id, enrollment_id);

create table keepwell.referrals (
    account_id     text not null,
    contact_id     text not null default '',
    id             uuid not null,
    -- Who asks, and for which playbook.
    enrollment_id  uuid not null,
    playbook       text not null,
    step           text not null,
    target         text not null,
    at             timestamptz not null,
    state          text not null check (state in ('planned', 'enrolled', 'skipped', 'shadow')),
    reason         text,
    enrolled_id    uuid,
    decided_at     timestamptz,
    -- Not before this; null as long as nothing has kept it from being decided.
    look_at        timestamptz,
    primary key (account_id, id)
);
comment on table keepwell.referrals is
    'by account: the wish of a step that its subject enters another playbook, and what became of it. Written by the advancer, for the step `enroll`; decided by the worker `enroll_requests`.';
create index referrals_open on keepwell.referrals (at) where state = 'planned';
create index referrals_of_enrollment on keepwell.referrals (account_id, enrollment_id);
