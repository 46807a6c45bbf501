-- How far a pass has received WAL, though it has not stored it yet, and how long a look takes in mode poll; for
-- `ampsync.capture` alone. Waits for nothing.
--
-- p_lsn      null: no further than is stored
-- p_look_ms  null: not long
create or replace function ampsync_worker.report_capture(
  p_generation bigint,
  p_lsn        pg_lsn,
  p_look_ms    integer
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
begin
  perform ampsync_private.commit_async();
  update ampsync_private.capture c
     set received_lsn = greatest(c.received_lsn, p_lsn),
         look_ms      = p_look_ms,
         received_at  = ampsync_private.now()
   where c.generation = p_generation;
  if not found then
    call ampsync_private.raise_capture_lost(p_generation);
  end if;
end;
$$;

comment on function ampsync_worker.report_capture(bigint, pg_lsn, integer)
  is 'Report how far a pass of capture has received WAL, and how long its looks take.';
