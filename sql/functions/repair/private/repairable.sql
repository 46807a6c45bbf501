-- Of a damaged range of blocks the part that can be fetched again; null if none can, so that only a
-- resync helps: if the table is gone, if the rows lie outside of what is loaded, or if
-- ampsync.repair would refuse it.
create or replace function ampsync_private.repairable(
  p_stream_id   bigint,
  p_finding     text,
  p_first_block bigint,
  p_last_block  bigint
)
  returns int8range
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select int8range(b.first_block, b.last_block, '[]')
    from ampsync_private.stream s
   cross join lateral (
      select greatest(p_first_block, s.origin, s.from_block) as first_block,
             least(p_last_block, s.checkpoint_block) as last_block
    ) b
   where s.stream_id = p_stream_id
     and p_finding not in ('table gone', 'rows outside')
     and ampsync_private.repair_obstacle(s.stream_id, b.first_block, b.last_block) is null;
$$;

comment on function ampsync_private.repairable(bigint, text, bigint, bigint)
  is 'The part of a damaged range of blocks that can be fetched again; null if only a resync helps.';
