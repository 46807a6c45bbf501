-- Refuses, with SY413, a filter over generated columns, which the log does not have.
create or replace function ampsync_private.check_filter_columns(
  p_shape   ampsync_private.shape,
  p_columns jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_column jsonb;
begin
  select c.col into v_column
    from jsonb_array_elements(p_columns) c(col)
   where c.col ->> 'name' = any (p_shape.filter_columns)
     and c.col ->> 'generated' is not null
   limit 1;
  if found then
    perform ampsync_private.raise_shape(p_shape.name,
      format('its filter looks at the generated column %I', v_column ->> 'name'), 'The log does not have it.',
      format('Write what it is generated of into the filter: %s.', v_column ->> 'expression'));
  end if;
end;
$$;

comment on function ampsync_private.check_filter_columns(ampsync_private.shape, jsonb)
  is 'Refuse a filter over generated columns.';
