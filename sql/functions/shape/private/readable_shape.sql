-- A shape that gives rows, its table, and the columns of that in the caller's snapshot. The error of shape_error where
-- it gives none.
create or replace function ampsync_private.readable_shape(
  in  p_shape_id integer,
  out shape      ampsync_private.shape,
  out published  ampsync_private.published,
  out columns    jsonb
)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_error jsonb;
begin
  select s.* into shape from ampsync_private.shape s where s.shape_id = p_shape_id;
  if not found then
    raise exception using
      errcode = 'SY413',
      message = format('there is no shape with the id %s', coalesce(p_shape_id::text, 'null')),
      detail  = 'It was dropped, or never made.',
      hint    = 'select * from ampsync.shapes;';
  end if;
  select p.* into published from ampsync_private.published p where p.published_id = (shape).published_id;
  columns := ampsync_private.present_columns(published);
  v_error := ampsync_private.shape_error(shape, published);
  if v_error is null and columns <> published.columns then
    v_error := ampsync_private.shape_error(shape, published, columns);
  end if;
  if v_error is not null then
    raise exception using
      errcode = v_error ->> 'code',
      message = v_error ->> 'message',
      detail  = v_error ->> 'detail',
      hint    = coalesce(v_error ->> 'hint', 'select * from ampsync.shapes;');
  end if;
end;
$$;

comment on function ampsync_private.readable_shape(integer)
  is 'A shape that gives rows, its table, and the columns of that; its error where it gives none.';
