-- What is forgotten: a person's words in texts about somebody else, and bodies
-- and evidence after their time.

create function keepwell.scrubbed(value jsonb, pattern text) returns jsonb language plpgsql immutable as $$
begin
    return case jsonb_typeof(value)
        when 'string' then to_jsonb(regexp_replace(value #>> '{}', pattern, '[erased]', 'gi'))
        when 'array' then (select coalesce(jsonb_agg(keepwell.scrubbed(item, pattern) order by n), '[]')
                           from jsonb_array_elements(value) with ordinality as items (item, n))
        when 'object' then (select coalesce(jsonb_object_agg(regexp_replace(key, pattern, '[erased]', 'gi'),
                                                             keepwell.scrubbed(item, pattern)), '{}')
                            from jsonb_each(value) as pairs (key, item))
        else value
    end;
end $$;
comment on function keepwell.scrubbed(jsonb, text) is 'the same with every string''s matches replaced';

create index messages_to_forget on keepwell.messages (ended_at)
    where ended_at is not null and (words is not null or body_text is not null or body_html is not null);
create index enrollments_to_forget on keepwell.enrollments (ended_at)
    where ended_at is not null and (entry <> '{}' or evidence <> '{}');
create index tasks_to_forget on keepwell.tasks (ended_at) where ended_at is not null and evidence <> '{}';
