-- Documents beside playbooks: what kind each published text is of, their
-- evaluations, and the scores that they make.

alter table keepwell.playbooks add column kind text not null default 'playbook';
comment on column keepwell.playbooks.kind is 'the first key of its file: `playbook`, or that of a document';

create table keepwell.evaluations (
    document     text not null,
    slot         timestamptz not null,
    kind         text not null check (kind in ('scheduled', 'manual')),
    revision     text not null,
    state        text not null check (state in ('running', 'done', 'skipped', 'failed')),
    reason       text,

    -- What it counted: subjects looked at, results written, subjects that could not
    -- be decided; and of some of these why.
    subjects     bigint not null default 0,
    written      bigint not null default 0,
    undecided    bigint not null default 0,
    details      jsonb not null default '[]',

    started_at   timestamptz not null,
    ended_at     timestamptz,

    -- Who works on it, and until when they must have renewed that.
    token        uuid,
    lease_until  timestamptz,

    primary key (document, slot)
);
comment on table keepwell.evaluations is
    'coordinator: one evaluation per document and slot; the primary key decides who does it. Written by the scheduler and by the evaluation itself.';
create index evaluations_open on keepwell.evaluations (lease_until) where state = 'running';
create index evaluations_started on keepwell.evaluations (started_at);

create table keepwell.scores (
    account_id   text not null,
    contact_id   text not null default '',
    name         text not null,
    -- The slot that it was made for; it counts from then on, itself included.
    at           timestamptz not null,
    value        double precision not null check (value between 0 and 100),
    -- The range that the value is in; null: in none.
    band         text,
    -- Each factor that had a value, by its id: 0 to 100.
    factors      jsonb not null,
    primary key (account_id, name, contact_id, at)
);
comment on table keepwell.scores is
    'by account: what documents `score:` found, each at its slot. Written by their evaluations and never changed; the janitor deletes what is older than `retention.evidence`.';
create index scores_at on keepwell.scores (at);
create index scores_named on keepwell.scores (name, at);
