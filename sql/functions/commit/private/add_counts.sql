-- Adds counts per column, [{"column", "count"}], to an object of counts.
create or replace function ampsync_private.add_counts(
  p_counts jsonb,
  p_more   jsonb
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_counts || coalesce(jsonb_object_agg(m.name, coalesce((p_counts ->> m.name)::bigint, 0) + m.count), '{}')
    from (select a.value ->> 'column' as name, sum((a.value ->> 'count')::bigint) as count
            from jsonb_array_elements(p_more) a
           group by 1) m;
$$;

comment on function ampsync_private.add_counts(jsonb, jsonb)
  is 'Add counts per column to an object of counts.';
