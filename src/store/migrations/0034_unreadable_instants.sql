-- An instant beyond what can be read counts as missing. So `activated_at == none` asks for three things: null, before
-- the first year and after the last. Where an index answers the first, such as one of those that were never activated,
-- this one answers the others; without it, all accounts would be read. It is nearly always empty.
create index accounts_unreadable on customers.accounts (id)
    where activated_at < '0001-01-01 00:00:00+00' or activated_at >= '10000-01-01 00:00:00+00'
       or renewal_at < '0001-01-01 00:00:00+00' or renewal_at >= '10000-01-01 00:00:00+00'
       or churned_at < '0001-01-01 00:00:00+00' or churned_at >= '10000-01-01 00:00:00+00';
