-- A shape by its name: SY413 if there is none.
create or replace function ampsync_private.find_shape(
  p_name text
)
  returns ampsync_private.shape
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_shape ampsync_private.shape;
begin
  select * into v_shape
    from ampsync_private.shape s
   where s.name = p_name;
  if not found then
    raise exception using
      errcode = 'SY413',
      message = format('there is no shape %s', coalesce(quote_literal(p_name), 'null')),
      detail  = coalesce((select 'Shapes: ' || string_agg(quote_literal(s.name), ', ' order by s.name) || '.'
                            from ampsync_private.shape s), 'There are no shapes.'),
      hint    = 'select * from ampsync.shapes;';
  end if;
  return v_shape;
end;
$$;

comment on function ampsync_private.find_shape(text)
  is 'A shape by its name.';
