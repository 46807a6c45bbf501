-- Those of the records that were refused which were not set aside before with the same text; of equal
-- ones the first. A poll meets the same bad record again and again.
create or replace function ampsync_private.new_rejects(
  p_stream_id bigint,
  p_rejected  jsonb[]
)
  returns jsonb[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array(select f.value
                 from (select distinct on (r.value -> 'values') r.value, r.n
                         from unnest(p_rejected) with ordinality r(value, n)
                        order by r.value -> 'values', r.n) f
                where not exists (select 1
                                    from ampsync_private.reject x
                                   where x.stream_id = p_stream_id
                                     and md5(x.row_values::text) = md5((f.value -> 'values')::text)
                                     and x.row_values = f.value -> 'values')
                order by f.n);
$$;

comment on function ampsync_private.new_rejects(bigint, jsonb[])
  is 'Those of the refused records that were not set aside before.';
