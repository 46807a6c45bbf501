-- Has the next poll of a dataset due after the given time at the latest. No effect on a dataset
-- that is not polled. Locks: dataset row.
create or replace function ampsync_private.start_polling(
  p_dataset_id bigint,
  p_pause      interval
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with polled as (
    update ampsync_private.dataset d
       set poll_due      = least(d.poll_due, ampsync_private.now() + p_pause),
           poll_attempts = 0
     where d.dataset_id = p_dataset_id
       and ampsync_private.is_polled(d)
    returning d.dataset_id, d.poll_due
  )
  select ampsync_private.schedule_poll(p.dataset_id, p.poll_due) from polled p;
$$;

comment on function ampsync_private.start_polling(bigint, interval)
  is 'Have the next poll of a dataset due after the given time at the latest.';
