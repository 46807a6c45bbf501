-- Of a shape whose table a client has another shape of.
create or replace function ampsync_private.second_shape_error(
  p_name     text,
  p_shape_id integer
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
           'code', 'SY412',
           'message', format('shape %s is of the same table as %s', left(p_name, 100), s.name),
           'detail', 'A client has one shape of a table, in as many instances as it likes.',
           'hint', format('Unsubscribe from %s first, or ask for %s in another client.', s.name, left(p_name, 100)))
    from ampsync_private.shape s
   where s.shape_id = p_shape_id;
$$;

comment on function ampsync_private.second_shape_error(text, integer)
  is 'The error of a shape whose table a client has another shape of.';
