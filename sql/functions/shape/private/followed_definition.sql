-- The definition by which a client has a shape, as it would be named today: where it has the table in a form that the
-- log leads on from by statements, that of the present form. So a column that came is no reason to load the table.
--
-- p_given    what the client says; p_definition the one of now (wished_shapes)
-- p_after    where the client stands
create or replace function ampsync_private.followed_definition(
  p_shape_id   integer,
  p_given      text,
  p_definition text,
  p_after      bigint
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_prefix  text := split_part(p_given, '-', 1);
  v_shape   ampsync_private.shape;
  v_table   ampsync_private.published;
  v_without text[] := '{}';
  v_entry   record;
begin
  if coalesce(v_prefix, '') in ('', split_part(p_definition, '-', 1)) or p_after is null then
    return p_given;
  end if;
  select * into v_shape from ampsync_private.shape s where s.shape_id = p_shape_id;
  select * into v_table from ampsync_private.published p where p.published_id = v_shape.published_id;
  if v_prefix = ampsync_private.form_definition(v_shape, v_table, v_table.columns) then -- The log is behind its table.
    return split_part(p_definition, '-', 1) || '-' || split_part(p_given, '-', 2);
  end if;
  for v_entry in
    select f.* from ampsync_private.forms_to_come(v_table.published_id, p_after) f order by f.position desc
  loop
    exit when not v_entry.followed;
    v_without := v_without || v_entry.added;
    if v_prefix = ampsync_private.form_definition(v_shape, v_table, v_table.columns, v_without) then
      return split_part(p_definition, '-', 1) || '-' || split_part(p_given, '-', 2);
    end if;
  end loop;
  return p_given;
end;
$$;

comment on function ampsync_private.followed_definition(integer, text, text, bigint)
  is 'The definition by which a client has a shape, as it would be named today.';
