-- Gives streams of a dataset another from_block, if nothing is loaded for them yet. A pass that
-- loads the first blocks with the old one is ended; the next one is queued. Streams that have
-- loaded something keep theirs, or blocks between the two would be missing.
--
-- p_table_name: null for all tables.
--
-- Locks: for each stream that changes fence (exclusive), stream row, lease row.
create or replace function ampsync_private.apply_from_block(
  p_dataset_id bigint,
  p_table_name text,
  p_from_block bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
begin
  for v_stream in
    select s.*
      from ampsync_private.stream s
     where s.dataset_id = p_dataset_id
       and s.table_name = coalesce(p_table_name, s.table_name)
       and s.shadow_of is null
       and s.checkpoint_block is null
       and s.from_block <> p_from_block
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream.stream_id);
    update ampsync_private.stream s
       set from_block = p_from_block
     where s.stream_id = v_stream.stream_id
       and s.checkpoint_block is null; -- It may have committed before its lease was revoked.
    if not ampsync_private.is_halted(v_stream.state) then
      perform ampsync_private.schedule_stream(v_stream.stream_id);
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.apply_from_block(bigint, text, bigint)
  is 'Give another from_block to streams that have loaded nothing yet.';
