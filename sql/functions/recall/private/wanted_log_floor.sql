-- Up to which position the log need not be kept: what was committed before the retention began, and was read by each
-- client that was seen within 7 days. Null where everything is kept.
create or replace function ampsync_private.wanted_log_floor(
  p_retention interval
)
  returns bigint
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := ampsync_private.now();
begin
  if p_retention is null then
    return null;
  end if;
  return least(coalesce((select t.position - 1
                           from ampsync_private.change_tx t
                          where t.committed_at > v_now - p_retention
                          order by t.position
                          limit 1),
                        ampsync_private.log_head()),
               (select min(c.position) from ampsync_private.client c where c.seen_at > v_now - interval '7 days'));
end;
$$;

comment on function ampsync_private.wanted_log_floor(interval)
  is 'Up to which position the log need not be kept.';
