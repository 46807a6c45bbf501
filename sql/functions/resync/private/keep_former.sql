-- Keeps what a stream was until now beside it: its records, and a table with the rows that it
-- had. Such a stream is in state `former`, has no lease and no job, and is shown by
-- ampsync.former_tables only. One that was kept before must be dropped already. Returns its id.
--
-- Locks: stream row; the records of the stream.
create or replace function ampsync_private.keep_former(
  p_stream_id bigint,
  p_table     regclass
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_former_id bigint;
begin
  insert into ampsync_private.stream
         (dataset_id, table_name, shadow_of, target_schema, target_table, identity, target, columns, has_block_num,
          network, version, manifest_hash, version_since, from_block, state, since, origin, checkpoint_block,
          checkpoint_hash, block_time, committed_at, row_total, rewrites, nul_counts, nulled_counts)
  select s.dataset_id, s.table_name, s.stream_id, n.nspname, c.relname, s.identity, c.oid, s.columns, s.has_block_num,
         s.network, s.version, s.manifest_hash, s.version_since, s.from_block, 'former', ampsync_private.now(),
         s.origin, s.checkpoint_block, s.checkpoint_hash, s.block_time, s.committed_at,
         s.row_total, s.rewrites, s.nul_counts,
         s.nulled_counts
    from ampsync_private.stream s
    join pg_class c on c.oid = p_table
    join pg_namespace n on n.oid = c.relnamespace
   where s.stream_id = p_stream_id
  returning stream_id into strict v_former_id;

  perform ampsync_private.move_records(p_stream_id, v_former_id);
  return v_former_id;
end;
$$;

comment on function ampsync_private.keep_former(bigint, regclass)
  is 'Keep the records of a stream, with a table that has its rows, as a stream in state former.';
