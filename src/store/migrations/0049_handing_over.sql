-- Open tasks go on to somebody else when whoever has them goes away.

alter table keepwell.tasks
    -- Who had it before, and since when they have it no more.
    add column handed_from  text,
    add column handed_at    timestamptz;

create index tasks_handed on keepwell.tasks (handed_from, handed_at) where handed_from is not null;

-- The quarter hour at which tasks were last handed over; decides who does it.
alter table keepwell.installation add column handed_over_at timestamptz;
