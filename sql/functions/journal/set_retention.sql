-- Sets how long the events of the journal are kept and how many, and returns what holds from now
-- on. What is left out keeps its value, so that a call without arguments only shows.
-- Locks: the row of settings, which pruning reads without waiting.
create or replace function ampsync.set_retention(
  inout event_age  interval default null,
  inout event_rows bigint   default null
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if event_age < interval '1 day' or event_rows < 10000 then
    raise exception using
      errcode = 'SY004',
      message = 'events are kept for at least one day, and at least 10,000 of them',
      detail  = format('event_age is %s, event_rows is %s.', coalesce(event_age::text, 'left out'),
                       coalesce(event_rows::text, 'left out')),
      hint    = 'select * from ampsync.set_retention(event_age => interval ''30 days'', event_rows => 1000000);';
  end if;

  update ampsync_private.retention r
     set event_age  = coalesce(set_retention.event_age, r.event_age),
         event_rows = coalesce(set_retention.event_rows, r.event_rows)
  returning r.event_age, r.event_rows
       into event_age, event_rows;
end;
$$;

comment on function ampsync.set_retention(interval, bigint)
  is 'Set how long and how many events are kept; returns the settings. Without arguments it only shows them.';
