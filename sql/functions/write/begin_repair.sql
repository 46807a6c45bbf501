-- Opens the transaction of a repair: fence and lease as in begin_apply, then the
-- rows of exactly these blocks go. COPY of the new ones follows, then
-- commit_repair. Locks: fence (shared), target rows, repair row.
create or replace procedure ampsync.begin_repair(
  p_stream_id   bigint,
  p_epoch       bigint,
  p_first_block bigint,
  p_last_block  bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_deleted bigint;
begin
  call ampsync.begin_apply(p_stream_id, p_epoch);

  v_deleted := ampsync_private.delete_blocks(p_stream_id, p_first_block, p_last_block);

  update ampsync_private.repair r
     set rows_before = v_deleted
   where r.stream_id = p_stream_id
     and r.first_block = p_first_block
     and r.last_block = p_last_block;
  if not found then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
end;
$$;

comment on procedure ampsync.begin_repair(bigint, bigint, bigint, bigint)
  is 'First statement of a repair: fence, lease, removal of the rows of its blocks.';
