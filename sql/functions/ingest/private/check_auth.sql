-- Refuses a definition whose `auth` does not say, for up to three secrets, where each goes and by which
-- name workers know it.
create or replace function ampsync_private.check_auth(
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
  v_kinds   constant text[] := '{header,query,body,basic}';
  v_example constant jsonb := '{"header": "Authorization", "prefix": "Bearer ", "secret": "API_TOKEN"}';
  v_path    text[];
  v_place   jsonb;
  v_kind    text;
begin
  if jsonb_typeof(p_source -> 'auth') not in ('object', 'array')
     or jsonb_typeof(p_source -> 'auth') = 'array' and jsonb_array_length(p_source -> 'auth') not between 1 and 3 then
    perform ampsync_private.raise_source(
      p_dataset, '{auth}', 'is not one place of a secret, nor a list of up to 3 of them',
      ampsync_private.found_value(p_source, '{auth}'), jsonb_set(p_source, '{auth}', v_example));
  end if;

  for v_path, v_place in
    select case jsonb_typeof(p_source -> 'auth') when 'array' then array['auth', (a.n - 1)::text] else '{auth}' end,
           a.value
      from jsonb_array_elements(ampsync_private.as_list(p_source -> 'auth')) with ordinality a (value, n)
     order by a.n
  loop
    perform ampsync_private.check_value(p_dataset, p_source, v_path, 'object', v_example);
    select k.kind into v_kind from unnest(v_kinds) k (kind) where v_place ? k.kind;
    if v_kind is null or (select count(*) from unnest(v_kinds) k (kind) where v_place ? k.kind) > 1 then
      perform ampsync_private.raise_source(
        p_dataset, v_path, 'does not have one of header, query, body, basic',
        format('It has: %s.', (select coalesce(string_agg(n.name, ', '), 'nothing')
                                 from jsonb_object_keys(v_place) n (name))),
        jsonb_set(p_source, v_path, v_example));
    end if;
    perform ampsync_private.check_members(
      p_dataset, p_source, v_path, array[v_kind, 'secret'] || case v_kind when 'header' then '{prefix}'::text[] end);
    perform ampsync_private.check_value(p_dataset, p_source, v_path || '{secret}', 'secret', '"API_KEY"', true);
    perform ampsync_private.check_value(
      p_dataset, p_source, v_path || v_kind,
      case v_kind when 'header' then 'header' when 'body' then 'pointer' else 'text' end,
      case v_kind when 'body' then '"/key"'::jsonb when 'header' then '"Authorization"' else '"key"' end);
    perform ampsync_private.check_value(p_dataset, p_source, v_path || '{prefix}', 'text');
    if v_kind = 'basic' and v_place ->> 'basic' like '%:%' then
      perform ampsync_private.raise_source(
        p_dataset, v_path || '{basic}', 'is a user with a colon, which ends its name',
        'The password is the secret alone.',
        jsonb_set(p_source, v_path || '{basic}', to_jsonb(split_part(v_place ->> 'basic', ':', 1))));
    elsif v_kind = 'body' and not p_source ? 'body' then
      perform ampsync_private.raise_source(
        p_dataset, v_path || '{body}', 'has no body to go into', 'Without a body the request is a GET.',
        p_source || '{"body": {}}');
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.check_auth(text, jsonb)
  is 'Raise SY004 if a definition does not say where secrets go, and by which names.';
