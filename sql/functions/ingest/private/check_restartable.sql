-- Refuses to read a source from its beginning again that has no key: its records would be stored twice.
-- One that has not read anything, or whose table is gone, may begin again.
create or replace function ampsync_private.check_restartable(
  p_dataset ampsync_private.dataset,
  p_source  jsonb
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
begin
  select s.* into v_stream
    from ampsync_private.stream s
    join pg_class c on c.oid = s.target
   where s.dataset_id = p_dataset.dataset_id
     and ampsync_private.has_position(s.stream_id);
  if found and not p_dataset.definition ? 'key' then
    raise exception using
      errcode = 'SY004',
      message = format('%s has no key, so it cannot be read again from the beginning', p_dataset.label),
      detail  = format('Nothing was changed: all records that are in table %s already would be stored a second time.',
                       v_stream.target),
      hint    = ampsync_private.restart_statement(p_dataset, ampsync_private.as_change(p_dataset.definition, p_source));
  end if;
end;
$$;

comment on function ampsync_private.check_restartable(ampsync_private.dataset, jsonb)
  is 'Raise SY004 if reading a source again from its beginning would store its records twice.';
