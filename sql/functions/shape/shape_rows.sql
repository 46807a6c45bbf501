-- The rows that a shape holds, each behind the key of its instance: what `row_type` of shape_definitions names, after
-- `as r(…)`. In the order of the primary key, and not below the window of the shape.
--
-- p_ranges  of blocks, [["100", "101"], ["105", null]]: the last one to the end; null: all
-- p_keys    of instances; null: all
--
-- With the rights of the role that publishes, whom row level security does not restrict: what it would cut is refused
-- (42501), never an empty shape. SY414 where the filter fails on a row; DETAIL has the key of that row.
create or replace function ampsync_worker.shape_rows(
  p_shape  integer,
  p_ranges jsonb,
  p_keys   text[] default null
)
  returns setof record
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
  v_found record;
  v_key   text;
begin
  v_found := ampsync_private.readable_shape(p_shape);
  begin
    return query execute ampsync_private.shape_select(v_found.shape, v_found.published, v_found.columns, p_ranges,
                                                      p_keys);
  exception
    when others then
      if ampsync_private.is_error_of_row(sqlstate) then
        v_key := ampsync_private.failing_row(v_found.shape, v_found.published);
      end if;
      if v_key is null then
        raise;
      end if;
      raise exception using
        errcode = 'SY414',
        message = format('the filter of the shape %L failed on a row (%s)', (v_found.shape).name, sqlstate),
        detail  = v_key,
        hint    = format('select ampsync.retry_shape(%L); -- once that row, or the filter, is another one',
                         (v_found.shape).name);
  end;
end;
$$;

comment on function ampsync_worker.shape_rows(integer, jsonb, text[])
  is 'The rows that a shape holds, each behind the key of its instance.';
