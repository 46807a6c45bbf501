-- The fields of the records in staging that no column reads and that were not told before, of the pages
-- that are looked at: one more than are told at most. Records that are no JSON have none.
--
-- p_firsts, p_looked: see page_lists
create or replace function ampsync_private.ignored_fields(
  p_stream  ampsync_private.stream,
  p_staging regclass,
  p_firsts  integer[],
  p_looked  boolean[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fields text[];
begin
  execute format('select array_agg(f.name) '
                 'from (select distinct k.name '
                 'from (select case when jsonb_typeof(s.r) = ''object'' then s.r - $1 else ''{}'' end as rest '
                 'from (select ampsync_private.read_record(p.record) as r '
                 'from %s p where ($3)[width_bucket(p.n, $2)] offset 0) s offset 0) r '
                 'cross join lateral jsonb_object_keys(r.rest) k(name) where r.rest <> ''{}'' limit 201) f', p_staging)
     into v_fields
    using ampsync_private.known_fields(p_stream), p_firsts, p_looked;
  return coalesce(v_fields, '{}');
end;
$$;

comment on function ampsync_private.ignored_fields(ampsync_private.stream, regclass, integer[], boolean[])
  is 'The fields of the records in staging that no column reads.';
