-- What playbooks were called before: a rename takes the whole history along, and
-- texts of before may still say the old name.

create table keepwell.renames (
    was       text primary key,
    -- The name of now.
    playbook  text not null,
    at        timestamptz not null
);
comment on table keepwell.renames is
    'small shared: the earlier names of playbooks, whose history stands under the name of now. Written by the publisher.';
