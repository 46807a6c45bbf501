-- The staging table that the next commits of a stream copy into: the one there is, or a fresh one where
-- that is missing or larger than 64 MiB. It grows while somebody holds a snapshot of it, for then its
-- deleted records are only marked as such, and each commit reads all of them. Older ones are dropped
-- unless somebody reads them still.
--
-- Locks: staging tables (access exclusive), without waiting; the stream row, which the caller holds.
create or replace function ampsync_private.prepare_staging(
  p_stream_id bigint
)
  returns regclass
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_staging regclass := ampsync_private.staging_table(p_stream_id);
  v_old     regclass;
begin
  if v_staging is null or pg_total_relation_size(v_staging) > 67108864 then
    v_staging := ampsync_private.create_staging(p_stream_id);
    update ampsync_private.stream s set truncate_at = '-infinity' where s.stream_id = p_stream_id;
  end if;

  for v_old in select t.staging from ampsync_private.staging_tables(p_stream_id) t where t.staging <> v_staging
  loop
    begin
      execute format('lock table %s in access exclusive mode nowait', v_old);
      execute format('drop table %s', v_old);
    exception
      when lock_not_available then
        null; -- The next pass tries again.
    end;
  end loop;
  return v_staging;
end;
$$;

comment on function ampsync_private.prepare_staging(bigint)
  is 'The staging table of a stream; a fresh one where it has grown, and older ones dropped.';
