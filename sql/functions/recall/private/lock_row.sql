-- Locks a row of a table, waiting for who writes it, and returns it as the log would have it; null if there is none.
-- 25001 if this transaction has written it: the log does not know that yet. No code of the table's owner runs
-- with our rights: see trusted_type. Locks: the row.
create or replace function ampsync_private.lock_row(
  p_table ampsync_private.published,
  p_key   text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set "TimeZone" = 'UTC'
  set "DateStyle" = 'ISO, MDY'
  set "IntervalStyle" = 'postgres'
  set bytea_output = 'hex'
  set extra_float_digits = 1
as $$
declare
  v_sql   record := ampsync_private.row_as_text(p_table.relation);
  v_where text;
  v_row   jsonb;
  v_xmin  bigint;
begin
  select string_agg(case when t.name is null
                           then format('concat(r.%I) = $1 ->> %s', c.value ->> 'name', c.n - 1)
                         else format('r.%I = ($1 ->> %s)::%s', c.value ->> 'name', c.n - 1, t.name) end, ' and ')
    into strict v_where
    from (select k.value, row_number() over (order by k.n) as n
            from jsonb_array_elements(p_table.columns) with ordinality k(value, n)
           where (k.value -> 'key')::boolean) c
    join pg_attribute a on a.attrelid = p_table.relation and a.attname = c.value ->> 'name' and not a.attisdropped
   cross join lateral ampsync_private.trusted_type(a.atttypid, a.atttypmod) t(name);
  execute format('select %s, r.xmin::text::bigint from %s r where %s for update', v_sql.data_sql, p_table.relation,
                 v_where)
     into v_row, v_xmin
    using p_key::jsonb;
  if v_xmin > 2 and pg_xact_status(ampsync_private.nearest_xid8(v_xmin, pg_current_xact_id())) = 'in progress' then
    perform ampsync_private.raise_row_written(p_table, p_key);
  end if;
  return v_row;
end;
$$;

comment on function ampsync_private.lock_row(ampsync_private.published, text)
  is 'Lock a row of a table; returns it as the log would have it.';
