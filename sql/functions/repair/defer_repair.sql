-- Postpones a repair that could not be done now by a minute, and shows why in ampsync.repairs
-- and in the journal. No effect without the lease, or if the repair was cancelled. Locks:
-- repair row.
create or replace function ampsync_worker.defer_repair(
  p_stream_id   bigint,
  p_epoch       bigint,
  p_first_block bigint,
  p_error       jsonb
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with hinted as (
    select ampsync_private.add_hint(p_stream_id, p_error) as error
  ),
  deferred as (
    update ampsync_private.repair r
       set due_at = ampsync_private.now() + interval '1 min',
           error  = h.error
      from hinted h, ampsync_private.lease l
     where r.stream_id = p_stream_id
       and r.first_block = p_first_block
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
    returning r.first_block, r.last_block, h.error
  )
  select ampsync_private.journal(p_stream_id, 'repair_deferred',
           d.error || jsonb_build_object('from_block', d.first_block, 'to_block', d.last_block))
    from deferred d;
$$;

comment on function ampsync_worker.defer_repair(bigint, bigint, bigint, jsonb)
  is 'Postpone a repair that could not be done now, and show why.';
