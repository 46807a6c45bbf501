-- Refuses to write into a target that does not have the columns the server sends,
-- holds rows above the checkpoint, or was emptied. Types are compared by the
-- catalogue. Columns that a user added are left alone, and repairs that wait may fill
-- an emptied table.
create or replace function ampsync_private.check_target_fits(
  p_stream_id bigint,
  p_exact     boolean,
  p_columns   jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_stream ampsync_private.stream;
  v_fault  text;
  v_tail   boolean;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  if p_exact <> v_stream.exact then
    v_fault := format('the server %s _block_num', case when p_exact then 'now offers' else 'no longer offers' end);
  else
    v_fault := ampsync_private.column_differences(v_stream.target, v_stream.columns, p_columns);
  end if;

  if v_fault is not null then
    raise exception using
      errcode = 'SY201',
      message = format('target table of %s does not fit the schema: %s', v_stream.table_name, v_fault),
      detail  = 'Nothing was written. Schema changes of a running sync are not applied by this release.',
      hint    = format('select ampsync.resume_sync(%L); -- once the table fits again', ampsync_private.stream_label(p_stream_id));
  end if;

  execute format('select exists (select 1 from %s t where t._id >= $1 and t._id < $2)', v_stream.target)
     into v_tail
    using ampsync_private.block_prefix(coalesce(v_stream.checkpoint_block + 1, 0)), '\xffffffffffff'::bytea;
  if v_tail then
    raise exception using
      errcode = 'SY201',
      message = format('target table %s holds rows above the checkpoint', v_stream.target),
      detail  = format('The checkpoint is block %s; ampsync never leaves rows above it, so something else wrote them.',
                       coalesce(v_stream.checkpoint_block::text, 'none')),
      hint    = format('delete from %s where _block_num_end > %s; select ampsync.resume_sync(%L);', v_stream.target,
                       coalesce(v_stream.checkpoint_block, -1), ampsync_private.stream_label(p_stream_id));
  end if;

  if not exists (select 1 from ampsync_private.repair r where r.stream_id = p_stream_id) then
    perform ampsync_private.check_target_filled(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.check_target_fits(bigint, boolean, jsonb)
  is 'Raise SY201 unless a stream''s target has the columns the server sends and no row above the checkpoint.';
