-- What the breaker remembers: how an approved run goes out, and how large the
-- store was.

alter table keepwell.runs
    add column subjects    bigint,
    add column ramp_batch  int not null default 0,
    add column ramp_at     timestamptz;
comment on column keepwell.runs.subjects is 'how many subjects the store had at the slot';
comment on column keepwell.runs.ramp_batch is 'batches of the approved run that have been released';
comment on column keepwell.runs.ramp_at is 'when the next batch is due; null when nothing waits for time';
