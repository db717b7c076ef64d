-- Pages of accounts and of the audit in stores of any size.

-- The list of accounts is in this order.
create index accounts_by_name on customers.accounts (lower(left(coalesce(btrim(name), ''), 200)), id);

-- The words of a name or an address, divided by signs; of scripts without spaces each letter is a word.
create function customers.search_words(words text) returns tsvector
    language plpgsql immutable strict parallel safe as $$
begin
    words := translate(left(words, 1000), E'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', repeat(' ', 32));
    if octet_length(words) > length(words) then
        words := regexp_replace(words, '([\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff])', ' \1 ', 'g');
    end if;
    return to_tsvector('pg_catalog.simple', words);
end $$;
comment on function customers.search_words(text) is 'what a name or an address is found by';

create function customers.search_query(words text) returns tsquery
    language plpgsql immutable strict parallel safe as $$
begin
    -- No sign is left in them.
    return (select string_agg('''' || lexeme || ''':*', ' & ')::tsquery from unnest(customers.search_words(words)));
end $$;
comment on function customers.search_query(text) is 'what has, for each of these words, one that begins with it';

-- Searches by the beginnings of words. Written when a row is new or its name changes; of
-- contacts that costs about 10 microseconds a row.
create index accounts_words on customers.accounts using gin (customers.search_words(name));
create index contacts_words on customers.contacts using gin (customers.search_words(name || ' ' || coalesce(email, '')));

-- The audit of one person, of one kind of deeds, and of a day. People do things seldom enough.
create index audit_by on keepwell.audit (by, n);
create index audit_of_deed on keepwell.audit (deed, n);
create index audit_at on keepwell.audit (at);
