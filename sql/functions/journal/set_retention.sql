-- Sets how long the events of the journal are kept and how many, and for how long the tables that
-- an upgrade replaced can be brought back; returns what holds from now on. What is left out keeps
-- its value, so that a call without arguments only shows.
-- Locks: the row of settings, which pruning reads without waiting.
create or replace function ampsync.set_retention(
  inout event_age  interval default null,
  inout event_rows bigint   default null,
  inout former_age interval default null
)
  language plpgsql
  volatile
  security definer
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

  if former_age < interval '0' then
    raise exception using
      errcode = 'SY004',
      message = format('former_age cannot be negative: %s', former_age),
      detail  = 'Nothing was changed. Zero drops former tables at once.',
      hint    = 'select * from ampsync.set_retention(former_age => interval ''7 days'');';
  end if;

  update ampsync_private.retention r
     set event_age  = coalesce(set_retention.event_age, r.event_age),
         event_rows = coalesce(set_retention.event_rows, r.event_rows),
         former_age = coalesce(set_retention.former_age, r.former_age)
  returning r.event_age, r.event_rows, r.former_age
       into event_age, event_rows, former_age;
end;
$$;

comment on function ampsync.set_retention(interval, bigint, interval)
  is 'Set how long and how many events, and how long former tables, are kept; without arguments it only shows that.';
