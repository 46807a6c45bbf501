-- Whether what a client has read up to a position is of another past than this log: its epoch is unknown, or ended
-- below that position; the position is above the head; or the entry there has another stamp. At or below the floor of
-- the log the floor decides.
--
-- In PL/pgSQL, which keeps plans; without force_generic_plan it would plan each time all the same.
create or replace function ampsync_private.is_forked(
  p_epoch    uuid,
  p_position bigint,
  p_stamp    bigint
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select p_position is not null
       and (k.epoch is null
            or p_position > ampsync_private.log_head()
            or exists (select from ampsync_private.log_epoch e
                        where e.number > k.number and e.forked_at < p_position)
            or p_position > coalesce((select c.log_floor from ampsync_private.capture c), 0)
               and p_stamp is distinct from ampsync_private.log_stamp(p_position))
      from (select 1) once
      left join ampsync_private.log_epoch k on k.epoch = p_epoch);
end;
$$;

comment on function ampsync_private.is_forked(uuid, bigint, bigint)
  is 'Whether what a client has read up to a position is of another past than this log.';
