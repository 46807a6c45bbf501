-- What record_values is told of a commit: the records that were set aside, the values that became NULL
-- by column, and what the caller did to U+0000; null if there is nothing.
--
-- p_rejected, p_nulled: see insert_records
create or replace function ampsync_private.value_report(
  p_rejected jsonb[],
  p_nulled   jsonb[],
  p_values   jsonb
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_rejected <> '{}' or p_nulled <> '{}' or p_values is not null
    then jsonb_build_object(
           'rejected', to_jsonb(p_rejected), 'nuls', coalesce(p_values -> 'nuls', '[]'),
           'nulled', (select coalesce(jsonb_agg(c.first || jsonb_build_object('count', c.count) order by c.column_name),
                                      '[]')
                        from (select n.value ->> 'column' as column_name, count(*) as count,
                                     (array_agg(n.value - '{sqlstate,value}'::text[] order by n.n))[1] as first
                                from unnest(p_nulled) with ordinality n(value, n)
                               group by 1) c)) end;
$$;

comment on function ampsync_private.value_report(jsonb[], jsonb[], jsonb)
  is 'What record_values is told of a commit of an HTTP source.';
