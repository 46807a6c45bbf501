-- Raises what it means that the name of a stream's target no longer refers to its table: SY205
-- if the next pass follows, else SY201.
create or replace procedure ampsync_private.raise_target_moved(
  p_stream_id bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_place record;
begin
  select * into strict v_place
    from ampsync_private.find_target(p_stream_id);

  if v_place.fault is not null then
    raise exception using
      errcode = 'SY201',
      message = v_place.fault,
      detail  = 'Nothing was written. A target is identified by its OID; rows of its stream never go elsewhere.',
      hint    = v_place.hint;
  end if;

  raise exception using
    errcode = 'SY205',
    message = (select format('table %I.%I is called %I.%I now',
                             s.target_schema, s.target_table, v_place.target_schema, v_place.target_table)
                 from ampsync_private.stream s where s.stream_id = p_stream_id),
    detail  = 'Nothing was written. The next pass continues under the new name.',
    hint    = 'Retried automatically: select * from ampsync.streams;';
end;
$$;

comment on procedure ampsync_private.raise_target_moved(bigint)
  is 'Raise SY205 for a target that was renamed, SY201 for one that is gone or was replaced.';
