-- Refuses a definition in which two things would be sent under one name, in the query, the headers or
-- the body: what workers set is set once, and never added to a constant. In a body it must find
-- objects on its way.
create or replace function ampsync_private.check_parameters(
  p_dataset text,
  p_source  jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_item  record;
  v_other text[];
  v_fixed jsonb;
begin
  for v_item in
    select s.* from ampsync_private.source_parameters(p_source) s
  loop
    v_fixed := null;
    if v_item.place = 'headers' then
      select array['headers', k.name], p_source #- array['headers', k.name] into v_other, v_fixed
        from jsonb_object_keys(p_source -> 'headers') k (name)
       where lower(k.name) = v_item.name;
    elsif v_item.place = 'query' and p_source -> 'query' ? v_item.name then
      v_other := array['query', v_item.name];
      v_fixed := p_source #- v_other;
    elsif v_item.place = 'query' then
      select '{url}', p_source || jsonb_build_object('url', concat_ws('?', split_part(p_source ->> 'url', '?', 1),
               string_agg(u.text, '&' order by u.n) filter (where u.name <> v_item.name)))
        into v_other, v_fixed
        from ampsync_private.url_parameters(p_source ->> 'url') u
      having bool_or(u.name = v_item.name);
    else
      v_other := ampsync_private.occupied_path(p_source -> 'body', v_item.name);
      if v_other is not null then
        v_other := '{body}' || v_other;
        v_fixed := p_source #- v_other;
      end if;
    end if;
    if v_fixed is not null then
      perform ampsync_private.raise_source(
        p_dataset, v_item.path, 'sets what is a constant as well',
        format('It goes to %s, which is also at %s.', v_item.name, ampsync_private.pointer_to(v_other)), v_fixed);
    end if;

    select s.path into v_other
      from ampsync_private.source_parameters(p_source) s
     where s.path <> v_item.path
       and s.place = v_item.place
       and (s.name = v_item.name or s.place = 'body' and starts_with(s.name, v_item.name || '/'))
     order by s.path[1] = 'auth' -- Last: then it is an order of both.
     limit 1;
    if found then
      perform ampsync_private.raise_source(
        p_dataset, v_item.path, 'sets what another part of the definition sets as well',
        format('Both go to %s: see %s.', v_item.name, ampsync_private.pointer_to(v_other)),
        case when v_other[1] <> 'auth'
               then jsonb_set(p_source, v_item.path, to_jsonb(v_item.name || '_' || v_item.path[2]))
             when jsonb_typeof(p_source -> 'auth') = 'array' then p_source #- v_other
             else ampsync_private.without_member(p_source, '{auth}') end);
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.check_parameters(text, jsonb)
  is 'Raise SY004 if a definition sends two things under one name.';
