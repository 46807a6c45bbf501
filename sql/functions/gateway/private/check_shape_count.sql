-- Refuses (SY416) more than 64 shapes, or 256 instances, of one client.
create or replace function ampsync_private.check_shape_count(
  p_shapes    bigint,
  p_instances bigint
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_shapes > 64 or p_instances > 256 then
    raise exception using
      errcode = 'SY416',
      message = case when p_shapes > 64 then format('%s shapes are more than a client may have', p_shapes)
                     else format('%s instances of shapes are more than a client may have', p_instances) end,
      detail  = 'At most 64 shapes, in 256 instances together.',
      hint    = 'select * from ampsync.shapes;';
  end if;
end;
$$;

comment on function ampsync_private.check_shape_count(bigint, bigint)
  is 'Refuse more shapes or instances than a client may have.';
