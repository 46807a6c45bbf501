-- What a poll has to ask the Admin API for, and when it began. No row if the dataset is gone,
-- paused or of a fixed version: then polling has ended. Reads only, so that a poll waits for
-- nobody's transaction before it asks.
create or replace function ampsync_worker.begin_poll(
  p_dataset_id bigint
)
  returns table (
    namespace  text,
    name       text,
    revision   text,
    begun_at   timestamptz,
    failures   integer,
    admin_addr text
  )
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.namespace, d.name, d.revision, ampsync_private.now(), d.poll_attempts, d.admin_addr
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and ampsync_private.is_polled(d);
$$;

comment on function ampsync_worker.begin_poll(bigint)
  is 'The reference that a poll looks up.';
