-- Moves a stream to where another one is, whose rows its target has by now: records, version,
-- columns, checkpoint and counters. The other stream is left without records. Requested repairs
-- are thereby done.
--
-- p_target  the table that the stream has from now on, under the name of its own
--
-- Locks: those records, the stream row.
create or replace function ampsync_private.take_over_stream(
  p_stream_id bigint,
  p_other_id  bigint,
  p_target    regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.forget_records(p_stream_id);
  perform ampsync_private.move_records(p_other_id, p_stream_id);

  update ampsync_private.stream s
     set target           = p_target,
         columns          = case when p_target = s.target then s.columns else o.columns end,
         has_block_num    = o.has_block_num,
         network          = o.network,
         version          = o.version,
         manifest_hash    = o.manifest_hash,
         version_since    = o.version_since,
         query            = o.query,
         from_block       = o.from_block,
         origin           = o.origin,
         checkpoint_block = o.checkpoint_block,
         checkpoint_hash  = o.checkpoint_hash,
         block_time       = o.block_time,
         committed_at     = ampsync_private.now(),
         load_started     = null,
         load_from        = null,
         row_total        = o.row_total,
         nul_counts       = o.nul_counts,
         nulled_counts    = o.nulled_counts,
         rewrites         = s.rewrites + 1,
         state            = case when s.state = 'paused' then s.state else 'backfill' end,
         since            = ampsync_private.now(),
         attempts         = 0,
         deaths           = 0,
         next_retry       = null,
         error            = null
    from ampsync_private.stream o
   where s.stream_id = p_stream_id
     and o.stream_id = p_other_id;
end;
$$;

comment on function ampsync_private.take_over_stream(bigint, bigint, regclass)
  is 'Move a stream to the records, version and checkpoint of another one.';
