-- Refuses, with SY413, a shape that looks at more than the key of a table whose old rows are their key alone.
create or replace function ampsync_private.check_shape_identity(
  p_shape   ampsync_private.shape,
  p_table   ampsync_private.published,
  p_columns jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  if p_table.identity is distinct from 'key' then
    return;
  end if;
  select c.col ->> 'name' into v_name
    from jsonb_array_elements(p_columns) c(col)
   where not (c.col ->> 'key')::boolean
     and (p_shape.bind ? (c.col ->> 'name') or c.col ->> 'name' = any (p_shape.filter_columns))
   limit 1;
  if found then
    perform ampsync_private.raise_shape(p_shape.name, format('it looks at %I, which is not in the primary key', v_name),
      'The table is published with identity => ''key'': of a row that leaves, only its key would be known.',
      format('select ampsync.publish(%L, identity => ''full'');', format('%I.%I', p_table.schema_name,
                                                                         p_table.table_name)));
  end if;
end;
$$;

comment on function ampsync_private.check_shape_identity(ampsync_private.shape, ampsync_private.published, jsonb)
  is 'Refuse a shape that looks at more than the key of a table whose old rows are their key alone.';
