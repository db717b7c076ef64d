-- What was in force when: every publication is kept, so that a person can look
-- back, and go back.

create table keepwell.publications (
    playbook  text not null,
    -- In the order in which they came.
    number    bigint generated always as identity,
    revision  text not null,
    at        timestamptz not null,
    by        text not null,
    cause     text not null check (cause in ('files', 'apply', 'rollback')),
    primary key (playbook, number)
);
comment on table keepwell.publications is
    'coordinator: which revision of a playbook came into force when, by whom and how. Written by the publisher and by rollback.';

-- Of before only the first publication of each revision is known, and the last.
insert into keepwell.publications (playbook, revision, at, by, cause)
select playbook, revision, at, 'not recorded', 'files' from (
    select r.playbook, r.revision, r.published_at as at from keepwell.revisions r
    where not exists (select from keepwell.playbooks p where p.id = r.playbook and p.revision = r.revision)
    union all
    select id, revision, published_at from keepwell.playbooks) known
order by at, playbook, revision;

-- The file's revision that a rollback left out: it comes into force again when
-- the file changes, or by `keepwell apply`.
alter table keepwell.playbooks add column pinned text;
