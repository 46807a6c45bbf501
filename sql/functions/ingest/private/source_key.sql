-- The columns of the key of an HTTP source: as they are given, `_id` for "content", none without.
create or replace function ampsync_private.source_key(
  p_source jsonb
)
  returns text[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case jsonb_typeof(p_source -> 'key')
           when 'array' then array(select k.name
                                     from jsonb_array_elements_text(p_source -> 'key') with ordinality k(name, n)
                                    order by k.n)
           when 'string' then '{_id}'::text[]
           else '{}'::text[] end;
$$;

comment on function ampsync_private.source_key(jsonb)
  is 'The columns of the key of an HTTP source.';
