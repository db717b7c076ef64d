-- Where accounts stand: the stages and tiers that documents `lifecycle:` and
-- `tiers:` find for them, one row for each move.

create table keepwell.standings (
    account_id   text not null,
    standing     text not null check (standing in ('stage', 'tier')),
    -- The slot of the evaluation that moved it; it counts from then on, itself included.
    at           timestamptz not null,
    -- Where it stands from then on, and where it stood before; null: nowhere.
    value        text,
    was          text,
    document     text not null,
    -- The clause that moved it: `enter` and `fall` of a stage, `when` of a tier, or
    -- `none` where no clause holds any more; and the values that the clause read, in words.
    clause       text not null check (clause in ('enter', 'fall', 'when', 'none')),
    reason       text not null,
    primary key (account_id, standing, at)
);
comment on table keepwell.standings is
    'by account: each move of an account to another stage or tier, with its reason. Written by the evaluations of documents and never changed; the janitor deletes moves older than `retention.evidence`, but for the latest of each account.';
create index standings_at on keepwell.standings (at);
