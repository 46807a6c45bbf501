-- Rows and sums of instances of shapes in the caller's snapshot, as clients compute them of their tables: by these a
-- table that differs is found.
--
-- Of a captured table the sum over rows of ('x' || left(md5(row(<columns>)::text), 15))::bit(60)::bigint; of a
-- dataset's table, whose key is a hash, that of ('x' || right(encode(_id, 'hex'), 16))::bit(64)::bigint. `expression`
-- is that summand, over a row `r` of the table.
--
-- p_instances  [{"shape": 7, "keys": ["[]"]}]
create or replace function ampsync_worker.check_sums(
  p_instances jsonb
)
  returns table (
    shape_id integer, table_name text, columns text[], low bigint, expression text, "rows" bigint, sum text
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set row_security = off
  set jit = off
  set "TimeZone" = 'UTC'
  set "DateStyle" = 'ISO, MDY'
  set "IntervalStyle" = 'postgres'
  set bytea_output = 'hex'
  set extra_float_digits = 1
as $$
declare
  v_item  record;
  v_found record;
begin
  for v_item in
    select (i.item ->> 'shape')::integer as id, array(select jsonb_array_elements_text(i.item -> 'keys')) as keys
      from jsonb_array_elements(p_instances) i(item)
     order by 1
  loop
    v_found := ampsync_private.readable_shape(v_item.id);
    shape_id := v_item.id;
    table_name := format('%I.%I', (v_found.published).schema_name, (v_found.published).table_name);
    low := (v_found.shape).low;
    select array_agg(c.name order by c.n),
           case when (v_found.published).mode = 'blocks' and bool_or(c.name = '_id')
                  then '(''x'' || right(encode(r._id, ''hex''), 16))::bit(64)::bigint'
                else format('(''x'' || left(md5(row(%s)::text), 15))::bit(60)::bigint',
                            string_agg(format('r.%I', c.name), ', ' order by c.n)) end
      into columns, expression
      from ampsync_private.shape_columns(v_found.shape, v_found.columns) c
     where c.generated is null;
    execute format('select count(*), coalesce(sum(%s), 0)::text from (%s) r', expression,
                   ampsync_private.shape_select(v_found.shape, v_found.published, v_found.columns, null, v_item.keys))
       into "rows", sum;
    return next;
  end loop;
end;
$$;

comment on function ampsync_worker.check_sums(jsonb)
  is 'Rows and sums of instances of shapes in the caller''s snapshot, as clients compute them of their tables.';
