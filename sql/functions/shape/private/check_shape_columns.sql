-- Refuses, with SY413, columns that a shape cannot have: those that are not there, without the key or the bound ones,
-- or generated ones without what they are generated of.
create or replace function ampsync_private.check_shape_columns(
  p_shape    ampsync_private.shape,
  p_relation regclass,
  p_columns  jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_hint text;
begin
  if p_shape.columns is null then
    return;
  end if;
  v_hint := format('The columns of %s: %s.', p_relation,
                   (select string_agg(quote_ident(c.col ->> 'name'), ', ' order by c.n)
                      from jsonb_array_elements(p_columns) with ordinality c(col, n)));
  select n.name into v_name
    from unnest(p_shape.columns) n(name)
   where n.name is null
      or not exists (select from jsonb_array_elements(p_columns) c(col) where c.col ->> 'name' = n.name)
   limit 1;
  if found then
    perform ampsync_private.raise_shape(p_shape.name, format('there is no column %s', coalesce(quote_ident(v_name),
                                                                                               'null')),
      format('%s has no such column.', p_relation), v_hint);
  end if;

  select c.col ->> 'name' into v_name
    from jsonb_array_elements(p_columns) c(col)
   where ((c.col ->> 'key')::boolean or p_shape.bind ? (c.col ->> 'name'))
     and c.col ->> 'name' <> all (p_shape.columns)
   limit 1;
  if found then
    perform ampsync_private.raise_shape(p_shape.name, format('its columns lack %I', v_name),
      'They must hold the primary key and the bound columns: by these clients find the rows that change.', v_hint);
  end if;

  select g.attname into v_name
    from pg_attribute g
    join pg_attrdef d on d.adrelid = g.attrelid and d.adnum = g.attnum
    join pg_depend e on e.classid = 'pg_attrdef'::regclass and e.objid = d.oid
                    and e.refclassid = 'pg_class'::regclass and e.refobjid = g.attrelid
    join pg_attribute s on s.attrelid = g.attrelid and s.attnum = e.refobjsubid
   where g.attrelid = p_relation
     and g.attgenerated <> ''
     and g.attname = any (p_shape.columns)
     and s.attname <> all (p_shape.columns || g.attname::text)
   limit 1;
  if found then
    perform ampsync_private.raise_shape(p_shape.name, format('its columns lack what %I is generated of', v_name),
      'Clients generate the column themselves.', v_hint);
  end if;
end;
$$;

comment on function ampsync_private.check_shape_columns(ampsync_private.shape, regclass, jsonb)
  is 'Refuse columns that a shape cannot have.';
