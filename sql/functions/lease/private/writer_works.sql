-- Whether a backend is working for the writer of a lease epoch, however slowly, or waits for a
-- lock or the disk. A backend that waits for its client does not count: if that client waits
-- for PostgreSQL, the network between them has lost a message. Nor is there a backend if
-- PostgreSQL has ended it, or never heard of it.
create or replace function ampsync_private.writer_works(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select 1
      from ampsync_private.fence_holders(p_stream_id, p_epoch) f
      join pg_stat_activity a using (pid)
     where f.mode = 'ShareLock'
       and a.wait_event is distinct from 'ClientRead'
  );
end;
$$;

comment on function ampsync_private.writer_works(bigint, bigint)
  is 'Whether a backend is working for the writer of a stream and lease epoch.';
