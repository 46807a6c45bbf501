-- What keeps rows of the planned columns from being written into the target of a stream, as
-- text; null if they fit. Compared are the columns as we created them, as the server plans to
-- send them now, and as the table has them.
create or replace function ampsync_private.column_differences(
  p_stream        ampsync_private.stream,
  p_has_block_num boolean,
  p_columns       jsonb
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with created as (
    select m.value ->> 'name' as name, (m.value ->> 'not_null')::boolean as not_null
      from jsonb_array_elements(p_stream.columns) m
  ),
  planned as (
    select p.value ->> 'name' as name, p.value ->> 'type' as type, (p.value ->> 'not_null')::boolean as not_null
      from jsonb_array_elements(p_columns) p
  ),
  actual as (
    select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as not_null
      from pg_attribute a
     where a.attrelid = p_stream.target and a.attnum > 0 and not a.attisdropped
  ),
  fault (n, text) as (
    select 1, 'Columns dropped from schema (unsupported): ' || string_agg(m.name, ', ')
      from created m where not exists (select 1 from planned p where p.name = m.name)
    union all
    select 2, 'Columns added to schema (unsupported): ' || string_agg(p.name, ', ')
      from planned p where not exists (select 1 from created m where m.name = p.name)
    union all
    select 3, 'Columns missing in the table: ' || string_agg(p.name, ', ')
      from planned p join created m using (name) where not exists (select 1 from actual a where a.name = p.name)
    union all
    select 4, 'Type changes detected (unsupported): ' || string_agg(format('%s %s -> %s', a.name, a.type, p.type), ', ')
      from planned p join actual a using (name) where a.type <> p.type
    union all
    select 5, 'Columns that may now be null: ' || string_agg(p.name, ', ')
      from planned p join created m using (name) join actual a using (name)
     where m.not_null and a.not_null and not p.not_null -- A NOT NULL of the user is left to value_policy.
  )
  select case when p_has_block_num <> p_stream.has_block_num
                then format('the server %s _block_num',
                            case when p_has_block_num then 'now offers' else 'no longer offers' end)
              else (select string_agg(f.text, '; ' order by f.n) from fault f) end;
$$;

comment on function ampsync_private.column_differences(ampsync_private.stream, boolean, jsonb)
  is 'What keeps rows of the planned columns out of a stream''s target; null if they fit.';
