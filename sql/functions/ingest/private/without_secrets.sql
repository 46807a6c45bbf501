-- A definition with its secrets taken out, and their names in `auth` instead: what may be shown.
create or replace function ampsync_private.without_secrets(
  p_source jsonb
)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_url  constant text := p_source ->> 'url';
  v_auth jsonb := ampsync_private.as_list(p_source -> 'auth');
  v_item record;
begin
  for v_item in
    select s.path, s.auth from ampsync_private.source_secrets(p_source) s
  loop
    if v_item.path <> '{url}' then
      p_source := p_source #- v_item.path;
    end if;
    if jsonb_array_length(v_auth) < 3 and not v_auth @> jsonb_build_array(v_item.auth) then
      v_auth := v_auth || v_item.auth;
    end if;
  end loop;

  if v_auth <> ampsync_private.as_list(p_source -> 'auth') then
    p_source := p_source || jsonb_build_object('auth', case jsonb_array_length(v_auth) when 1 then v_auth -> 0
                                                                                      else v_auth end);
  end if;
  if exists (select from ampsync_private.source_secrets(p_source)) then -- Left are those of the address.
    p_source := p_source || jsonb_build_object('url', concat_ws('?',
      regexp_replace(substring(v_url from '^[^?#]*'), '://[^/]*@', '://'),
      (select string_agg(q.text, '&' order by q.n)
         from ampsync_private.url_parameters(v_url) q
        where not ampsync_private.names_secret(q.name))));
  end if;
  return p_source;
end;
$$;

comment on function ampsync_private.without_secrets(jsonb)
  is 'A definition with its secrets taken out, and their names in auth instead.';
