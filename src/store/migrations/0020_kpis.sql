-- The figures of documents `kpi:`.

create table keepwell.kpis (
    id        text not null,
    -- The slot that it was made for.
    at        timestamptz not null,
    -- That of the document whose definition it has.
    revision  text not null,
    -- Null: there is none, and `missing` says why.
    value     double precision,
    unit      text not null,
    missing   text,
    primary key (id, at),
    check ((value is null) <> (missing is null))
);
comment on table keepwell.kpis is
    'small shared: what documents `kpi:` found, each at its slot. Written by their evaluations and never changed; the janitor deletes what is older than `retention.evidence`.';
create index kpis_at on keepwell.kpis (at);
