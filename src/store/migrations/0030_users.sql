-- Who uses the pages, what they may do, and how they log in.

create table keepwell.users (
    -- In lower case; never another's again.
    name         text primary key check (name = lower(name) and name <> ''),
    role         text not null check (role in ('viewer', 'csm', 'operator', 'admin')),
    -- Whose inbox is theirs.
    csm_id       text,
    email        text,
    -- An argon2id hash as text; null: none is set.
    password     text,
    created_at   timestamptz not null,
    -- null: may log in.
    disabled_at  timestamptz
);
comment on table keepwell.users is
    'coordinator: colleagues who may use the pages. Written by admins, on the page or the command line; never deleted, since deeds name them.';

create table keepwell.sessions (
    -- SHA-256 of the token in the cookie.
    token_hash  bytea primary key,
    user_name   text not null references keepwell.users (name) on delete cascade,
    since       timestamptz not null,
    -- When it was last used, to the minute.
    seen_at     timestamptz not null
);
comment on table keepwell.sessions is
    'coordinator: who is logged in. Written by logins and by pages; deleted by logouts, by what changes the user, and by the first login after its time.';
create index sessions_of_user on keepwell.sessions (user_name);

create table keepwell.password_links (
    -- SHA-256 of the token in the link.
    token_hash  bytea primary key,
    user_name   text not null unique references keepwell.users (name) on delete cascade,
    expires_at  timestamptz not null
);
comment on table keepwell.password_links is
    'coordinator: links that set a password once, the latest of each user. Written by admins; deleted when used.';

create table keepwell.login_attempts (
    -- user:NAME or address:ADDRESS.
    scope     text primary key,
    -- Attempts that were not found to be right; one under way counts.
    failures  integer not null,
    last_at   timestamptz not null,
    -- Further attempts are refused until then.
    free_at   timestamptz not null
);
comment on table keepwell.login_attempts is
    'coordinator: failed logins, which make the next ones wait. Written by logins; deleted by one that succeeds, and an hour after the last.';
create index login_attempts_last on keepwell.login_attempts (last_at);
