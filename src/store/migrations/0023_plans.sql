-- Success plans: which accounts have which, and how far their goals are.

create table keepwell.plans (
    account_id   text not null,
    plan         text not null,
    -- What the time of its goals counts from.
    since        timestamptz not null,
    -- Who gave it: an evaluation of the plan, for whose slot it counts at that very
    -- instant, or a step of a playbook.
    origin       text not null check (origin in ('when', 'step')),
    primary key (account_id, plan)
);
comment on table keepwell.plans is
    'by account: the success plans that an account has. Written by the evaluations of documents `plan:` and by the advancer, for the step `plan`; never changed.';
create index plans_named on keepwell.plans (plan, account_id);

create table keepwell.goals (
    account_id   text not null,
    plan         text not null,
    goal         text not null,
    -- The slot that it was measured for; it counts from then on, itself included.
    at           timestamptz not null,
    -- What is agreed, in words.
    about        text,
    state        text not null check (state in ('open', 'reached', 'missed', 'withdrawn')),
    -- null: nothing was measured yet.
    value        double precision,
    start        double precision,
    target       double precision not null,
    -- The share of the way from the start to the target; null: nothing was measured yet.
    progress     double precision check (progress between 0 and 100),
    -- null: the goal has no date.
    due_at       timestamptz,
    reached_at   timestamptz,
    missed_at    timestamptz,
    -- When each milestone was reached first, by its name.
    milestones   jsonb not null default '{}',
    primary key (account_id, plan, goal, at)
);
comment on table keepwell.goals is
    'by account: how far each goal of a success plan is, one row for each change. Written by the evaluations of documents `plan:` and never changed; the janitor deletes what is older than `retention.evidence`, but for the latest of each goal.';
create index goals_at on keepwell.goals (at);
create index goals_named on keepwell.goals (plan, account_id);
