-- Where the secrets of a source go, as a list: see full_source.
create or replace function ampsync_private.full_auth(
  p_source jsonb
)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'kind', k.kind, 'name', a.value ->> k.kind, 'prefix', coalesce(a.value ->> 'prefix', ''),
             'secret', a.value ->> 'secret') order by a.n), '[]')
      from jsonb_array_elements(ampsync_private.as_list(p_source -> 'auth')) with ordinality a (value, n)
      join unnest('{header,query,body,basic}'::text[]) k (kind) on a.value ? k.kind);
end;
$$;

comment on function ampsync_private.full_auth(jsonb)
  is 'Where the secrets of a source go, as a list.';
