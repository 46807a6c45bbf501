-- The stamp of a position: when its entry was recorded, in microseconds. Null where there is no such entry, or none any
-- more. Who has read the log to a position with that stamp has read this log, and not that of another life of the
-- database.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.log_stamp(
  p_position bigint
)
  returns bigint
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select (extract(epoch from t.recorded_at) * 1000000)::bigint
      from ampsync_private.change_tx t
     where t.position = p_position);
end;
$$;

comment on function ampsync_private.log_stamp(bigint)
  is 'When the entry at a position was recorded, in microseconds; null where it is not there.';
