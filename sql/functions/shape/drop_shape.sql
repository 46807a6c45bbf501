-- Ends a shape: gateways tell its clients, who drop its rows. Of one that is not there a notice, and nothing changes.
create or replace function ampsync.drop_shape(
  name text
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from ampsync_private.shape s where s.name = drop_shape.name;
  if not found then
    raise notice using
      message = format('there is no shape %L, nothing was changed', drop_shape.name),
      hint    = 'select * from ampsync.shapes;';
    return;
  end if;
  perform ampsync_private.journal(null, 'shape_dropped', jsonb_build_object('shape', drop_shape.name));
  notify ampsync_log;
end;
$$;

comment on function ampsync.drop_shape(text)
  is 'End a shape: its clients drop its rows.';
