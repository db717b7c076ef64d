-- Trips: stops by the machine, because of what came of a playbook's mail.

create table keepwell.trips (
    playbook  text not null,
    at        timestamptz not null,
    reason    text not null,
    primary key (playbook, at)
);
comment on table keepwell.trips is 'coordinator: when a playbook was stopped by what came of its mail; what was before does not count again';

create index messages_tripping on keepwell.messages (playbook, coalesce(sent_at, ended_at))
    where channel = 'email' and class <> 'internal' and not shadow and ended_at is not null;
create index address_guard_of_playbook on keepwell.address_guard (playbook, at);

-- What one daemon of several does once in a while.
drop table keepwell.hindsight;
create table keepwell.looks (
    what       text primary key,
    looked_at  timestamptz not null
);
comment on table keepwell.looks is 'coordinator: the instant at which somebody last looked at something; decides who looks at the next';
