-- Empties the staging table of a stream at the end of a commit. If somebody reads it, a pg_dump for
-- example, by DELETE, and for 30 s from then on without trying: TRUNCATE waits 100 ms for its lock.
--
-- Locks: the stream row, which the caller holds; the staging table (access exclusive).
create or replace function ampsync_private.empty_staging(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '100ms'
as $$
declare
  v_staging regclass := ampsync_private.staging_table(p_stream_id);
begin
  if exists (select 1
               from ampsync_private.stream s
              where s.stream_id = p_stream_id
                and s.truncate_at <= ampsync_private.now()) then
    begin
      execute format('truncate %s', v_staging);
      return;
    exception
      when lock_not_available then
        update ampsync_private.stream s
           set truncate_at = ampsync_private.now() + interval '30 s'
         where s.stream_id = p_stream_id;
    end;
  end if;
  execute format('delete from %s', v_staging);
end;
$$;

comment on function ampsync_private.empty_staging(bigint)
  is 'Empty the staging table of a stream, by TRUNCATE, or by DELETE while somebody reads it.';
