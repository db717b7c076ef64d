-- Daemons that do nothing, since their clock and the database's disagree.

create table keepwell.resting (
    process uuid primary key,
    -- When it last said so, by the database's clock.
    seen    timestamptz not null default clock_timestamp(),
    -- How far its clock is ahead; negative when it is behind.
    seconds bigint not null
);
comment on table keepwell.resting is 'coordinator: daemons whose clock is wrong; a row counts for a minute after it was last written';
